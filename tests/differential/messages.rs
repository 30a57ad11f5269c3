//! Several connections at once: transactions that watch each other's writes, and who is told what.

use nuthatch_testkit::conversation::Topic;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::families::{
    BLOCKING_ON_SEVERAL_KEYS, CONCURRENT_TRANSACTIONS, HASHES, KEYS, LISTS, MONITOR, NOTIFICATIONS,
    PUBLICATIONS, SETS, SORTED_SETS, STRINGS, TRACKING,
};
use nuthatch_testkit::generator::Family;

/// Commands on values of all types, and waits for several keys.
const OTHERS: &[&Family] =
    &[&STRINGS, &KEYS, &HASHES, &LISTS, &SETS, &SORTED_SETS, &BLOCKING_ON_SEVERAL_KEYS];

/// Those that Redis 7.0 executes alike: it lacks an option for ranks, and serves who waits for several keys otherwise.
const OTHERS_OF_REDIS_7: &[&Family] = &[&STRINGS, &KEYS, &HASHES, &LISTS, &SETS];

/// Compares over conversations of a family, in which so many of a hundred commands belong to other families.
#[track_caller]
fn compare(family: Family, percent_of_others: usize) {
    let mut extent = Extent::from_environment();
    // Each step waits for all connections.
    extent.commands /= 10;
    crate::compare_with_each(|pair| {
        let others = if pair.reference.name() == "redis-7.0" { OTHERS_OF_REDIS_7 } else { OTHERS };
        pair.converse(&Topic { family, others, percent_of_others }, extent)
    });
}

#[test]
fn transactions_of_several_clients_answer_as_by_the_stock_servers() {
    compare(CONCURRENT_TRANSACTIONS, 40);
}

#[test]
fn publications_are_heard_as_from_the_stock_servers() {
    compare(PUBLICATIONS, 0);
}

#[test]
fn notifications_are_heard_as_from_the_stock_servers() {
    compare(NOTIFICATIONS, 80);
}

#[test]
fn invalidations_are_heard_as_from_the_stock_servers() {
    compare(TRACKING, 30);
}

#[test]
fn monitoring_clients_see_what_they_see_on_the_stock_servers() {
    compare(MONITOR, 20);
}
