//! Several connections at once: transactions that watch each other's writes, and who is told what.

use nuthatch_testkit::conversation::Topic;
use nuthatch_testkit::differential::{Extent, Report};
use nuthatch_testkit::families::{
    CONCURRENT_TRANSACTIONS, HASHES, KEYS, LISTS, MONITOR, NOTIFICATIONS, PUBLICATIONS, SETS, SORTED_SETS,
    STRINGS, TRACKING,
};
use nuthatch_testkit::generator::Family;

/// Commands on values of all types.
const OF_ALL_TYPES: &[&Family] = &[&STRINGS, &KEYS, &HASHES, &LISTS, &SETS, &SORTED_SETS];

/// Compares with those stock servers that `includes` accepts by their names.
#[track_caller]
fn compare(topic: &Topic, includes: impl Fn(&str) -> bool) {
    let mut extent = Extent::from_environment();
    // Each step waits for all connections.
    extent.commands /= 10;
    crate::compare_with_each(|pair| match pair.reference.name() {
        name if includes(name) => pair.converse(topic, extent),
        name => Report { heading: format!("{name}: left out"), findings: Vec::new() },
    });
}

#[test]
fn transactions_of_several_clients_answer_as_by_the_stock_servers() {
    let topic = Topic { family: CONCURRENT_TRANSACTIONS, others: OF_ALL_TYPES, percent_of_others: 40 };
    compare(&topic, |_| true);
}

#[test]
fn publications_are_heard_as_from_the_stock_servers() {
    compare(&Topic { family: PUBLICATIONS, others: &[], percent_of_others: 0 }, |_| true);
}

#[test]
fn notifications_are_heard_as_from_the_stock_servers() {
    compare(&Topic { family: NOTIFICATIONS, others: OF_ALL_TYPES, percent_of_others: 80 }, |_| true);
}

#[test]
fn invalidations_are_heard_as_from_the_stock_servers() {
    compare(&Topic { family: TRACKING, others: OF_ALL_TYPES, percent_of_others: 30 }, |_| true);
}

#[test]
fn monitoring_clients_see_what_they_see_on_the_stock_servers() {
    compare(&Topic { family: MONITOR, others: OF_ALL_TYPES, percent_of_others: 20 }, |_| true);
}
