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

/// Requests that are left out.
const LEFT_OUT: &[fn(&Request) -> bool] = &[sorts];

/// Those left out where clients are told what is out of date.
const LEFT_OUT_OF_TRACKING: &[fn(&Request) -> bool] = &[sorts, swaps_databases];

/// As [`LEFT_OUT`], for servers other than Redis 8.0.
const LEFT_OUT_OF_OTHERS: &[fn(&Request) -> bool] = &[sorts, sets_a_deadline];

/// As [`LEFT_OUT_OF_TRACKING`], for servers other than Redis 8.0.
const LEFT_OUT_OF_TRACKING_OF_OTHERS: &[fn(&Request) -> bool] = &[sorts, swaps_databases, sets_a_deadline];

/// What becomes of a key that is set with a deadline that has passed differs: Redis 7.0 keeps it until somebody looks at
/// it, and Valkey does not set it.
fn sets_a_deadline(request: &Request) -> bool {
    (1..request.0.len()).any(|word| matches!(request.upper(word).as_str(), "EXAT" | "PXAT"))
}

/// Stock servers change the encoding of a small sorted set that is sorted.
fn sorts(request: &Request) -> bool {
    request.upper(0).starts_with("SORT")
}

/// After SWAPDB all that clients have read counts as out of date, also for clients that have stopped tracking.
fn swaps_databases(request: &Request) -> bool {
    request.upper(0) == "SWAPDB"
}

/// Compares over conversations of a family, in which so many of a hundred commands belong to other families.
#[track_caller]
fn compare(family: Family, percent_of_others: usize) {
    let tracks = family.name == TRACKING.name;
    compare_each(|name| {
        let leaves_out = match (name, tracks) {
            ("redis-8.0", false) => LEFT_OUT,
            ("redis-8.0", true) => LEFT_OUT_OF_TRACKING,
            (_, false) => LEFT_OUT_OF_OTHERS,
            (_, true) => LEFT_OUT_OF_TRACKING_OF_OTHERS,
        };
        let others = if name == "redis-7.0" { OTHERS_OF_REDIS_7 } else { OTHERS };
        Some(Topic { family, others, percent_of_others, leaves_out })
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
    compare_each(|name| {
        // Redis 7.0 writes such a message in between the elements of the reply to the client that looks.
        let leaves_out = if name == "redis-8.0" { LEFT_OUT } else { LEFT_OUT_OF_OTHERS };
        let topic = Topic { family: MISSES, others, percent_of_others: 80, leaves_out };
        (name != "redis-7.0").then_some(topic)
    });
}

#[test]
fn invalidations_are_heard_as_from_the_stock_servers() {
    compare(TRACKING, 30);
}

#[test]
fn monitoring_clients_see_what_they_see_on_the_stock_servers() {
    compare(MONITOR, 20);
}
