//! Several connections at once: transactions that watch each other's writes, and who is told what.

use nuthatch_testkit::conversation::Topic;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::families::{
    BLOCKING_ON_SEVERAL_KEYS, BLOCKING_STREAMS, CONCURRENT_TRANSACTIONS, HASHES, KEYS, LISTS, MONITOR,
    NOTIFICATIONS, PUBLICATIONS, SETS, SORTED_SETS, STREAMS, STRINGS, TRACKING,
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

/// Those that Redis 7.0 executes alike: it lacks an option for ranks and serves who
/// waits for several keys otherwise, and its streams differ.
const OTHERS_OF_REDIS_7: &[&Family] = &[&STRINGS, &KEYS, &HASHES, &LISTS, &SETS];

/// What becomes of a key that is set with a deadline that has passed differs: Redis 7.0 keeps it until somebody looks at
/// it, and Valkey does not set it.
fn sets_a_deadline(request: &Request) -> bool {
    (1..request.0.len()).any(|word| matches!(request.upper(word).as_str(), "EXAT" | "PXAT"))
}

/// Redis 7.0 writes that a key is missing in between the elements of a reply to the client that looks for it.
fn asks_for_misses(request: &Request) -> bool {
    request.upper(0) == "CONFIG" && request.0.last().is_some_and(|classes| classes.contains(&b'm'))
}

/// After SWAPDB all that clients have read counts as out of date, also for clients that have stopped tracking.
fn swaps_databases(request: &Request) -> bool {
    request.upper(0) == "SWAPDB"
}

/// Compares over conversations of a family, in which so many of a hundred commands belong to other families.
#[track_caller]
fn compare(family: Family, percent_of_others: usize) {
    let mut extent = Extent::from_environment();
    // Each step waits for all connections.
    extent.commands /= 10;
    crate::compare_with_each(|pair| {
        let tracks = family.name == TRACKING.name;
        let others = if pair.reference.name() == "redis-7.0" { OTHERS_OF_REDIS_7 } else { OTHERS };
        let leaves_out: fn(&Request) -> bool = match (pair.reference.name(), tracks) {
            ("redis-8.0", false) => |_| false,
            ("redis-8.0", true) => swaps_databases,
            ("redis-7.0", false) => |request| sets_a_deadline(request) || asks_for_misses(request),
            (_, false) => sets_a_deadline,
            (_, true) => |request| sets_a_deadline(request) || swaps_databases(request),
        };
        pair.converse(&Topic { family, others, percent_of_others, leaves_out }, extent)
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
