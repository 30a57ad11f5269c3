//! Several connections at once: transactions that watch each other's writes, and who is told what.

use nuthatch_testkit::conversation::Topic;
use nuthatch_testkit::differential::{Extent, Report};
use nuthatch_testkit::families::{
    BLOCKING_ON_SEVERAL_KEYS, BLOCKING_STREAMS, CONCURRENT_TRANSACTIONS, HASHES, KEYS, LISTS, MISSES,
    MONITOR, NOTIFICATIONS, PUBLICATIONS, SETS, SORTED_SETS, STREAMS, STRINGS, TRACKING,
};
use nuthatch_testkit::generator::Family;
use nuthatch_testkit::request::Request;

/// Commands on values of all types, and waits for several keys and for streams.
const OTHERS: &[&Family] = &[
    &STRINGS,
    &KEYS,
    &HASHES,
    &LISTS,
    &SETS,
    &SORTED_SETS,
    &STREAMS,
    &BLOCKING_ON_SEVERAL_KEYS,
    &BLOCKING_STREAMS,
];

/// Those that Redis 7.0 executes alike: it lacks an option for ranks, serves who waits for several keys otherwise, and
/// its streams differ.
const OTHERS_OF_REDIS_7: &[&Family] = &[&STRINGS, &KEYS, &HASHES, &LISTS, &SETS];

/// What becomes of a key that is set with a deadline that has passed differs: Redis 7.0 keeps it until somebody looks at
/// it, and Valkey does not set it.
fn sets_a_deadline(request: &Request) -> bool {
    (1..request.0.len()).any(|word| matches!(request.upper(word).as_str(), "EXAT" | "PXAT"))
}

/// After SWAPDB all that clients have read counts as out of date, also for clients that have stopped tracking.
fn swaps_databases(request: &Request) -> bool {
    request.upper(0) == "SWAPDB"
}

/// Compares over conversations of a family, in which so many of a hundred commands belong to other families.
#[track_caller]
fn compare(family: Family, percent_of_others: usize) {
    compare_each(|name| match name {
        "redis-8.0" => Some(Topic { family, others: OTHERS, percent_of_others, leaves_out: &[] }),
        "redis-7.0" => Some(Topic {
            family,
            others: OTHERS_OF_REDIS_7,
            percent_of_others,
            leaves_out: &[sets_a_deadline],
        }),
        _ => Some(Topic { family, others: OTHERS, percent_of_others, leaves_out: &[sets_a_deadline] }),
    });
}

/// Compares with each stock server, over conversations about what `topic` says for its name, if anything.
#[track_caller]
fn compare_each(topic: impl Fn(&str) -> Option<Topic>) {
    let mut extent = Extent::from_environment();
    // Each step waits for all connections.
    extent.commands /= 10;
    crate::compare_with_each(|pair| match topic(pair.reference.name()) {
        Some(topic) => pair.converse(&topic, extent),
        None => Report { heading: format!("{}: left out", pair.reference.name()), findings: Vec::new() },
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
fn keys_that_are_not_there_are_heard_of_as_from_recent_stock_servers() {
    // Without streams, of which stock servers tell as often as they look at them, and without waits, for which they look
    // again at each attempt.
    let others = &[&STRINGS, &KEYS, &HASHES, &LISTS, &SETS, &SORTED_SETS];
    compare_each(|name| match name {
        // It writes such a message in between the elements of the reply to the client that looks.
        "redis-7.0" => None,
        "redis-8.0" => Some(Topic { family: MISSES, others, percent_of_others: 80, leaves_out: &[] }),
        _ => Some(Topic { family: MISSES, others, percent_of_others: 80, leaves_out: &[sets_a_deadline] }),
    });
}

#[test]
fn invalidations_are_heard_as_from_the_stock_servers() {
    let (family, percent_of_others) = (TRACKING, 30);
    compare_each(|name| {
        let others = if name == "redis-7.0" { OTHERS_OF_REDIS_7 } else { OTHERS };
        let leaves_out: &[fn(&Request) -> bool] =
            if name == "redis-8.0" { &[swaps_databases] } else { &[swaps_databases, sets_a_deadline] };
        Some(Topic { family, others, percent_of_others, leaves_out })
    });
}

#[test]
fn monitoring_clients_see_what_they_see_on_the_stock_servers() {
    compare(MONITOR, 20);
}
