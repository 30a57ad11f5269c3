//! Adaptive policies and sizes: big values go sooner if that is wanted, but not what clients build up and use.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::server::Server;

use crate::{count, info, run, start, which_exist};

/// Rounds in which a value that is used has seen many others come.
const ROUNDS: usize = 60;

/// A server with room for few of the values that a test writes.
fn start_small(with_sizes: &str) -> (Server, Client) {
    let arguments = [
        ["--maxmemory-policy", "allkeys-adaptive"],
        ["--adaptive-eviction-sizes", with_sizes],
        ["--maxmemory", "20mb"],
        // Evictions are not under way beside what is looked at.
        ["--io-threads", "1"],
    ];
    let server = start(arguments.as_flattened());
    let client = server.connect();
    (server, client)
}

/// Writes a thousand values that nobody reads.
fn write_others(client: &mut Client, round: usize) {
    let value = "v".repeat(600);
    run(client, (0..1000).map(|number| format!("SET {round}:{number} {value}")));
}

#[test]
fn a_collection_that_is_used_stays_however_big_it_is() {
    const MEMBERS: i64 = 20_000;
    let (_server, mut client) = start_small("yes");
    for first in (0..MEMBERS).step_by(1000) {
        let members = (first..first + 1000).map(|number| format!(" {number} member:{number}"));
        run(&mut client, [format!("ZADD board{}", members.collect::<String>())]);
    }
    for round in 0..ROUNDS {
        for _ in 0..5 {
            client.command("ZINCRBY board 1 member:7");
        }
        write_others(&mut client, round);
    }
    assert!(info(&mut client, "evicted_keys") > 10_000);
    assert_eq!(client.command("ZCARD board").integer(), Some(MEMBERS));
}

/// How many of fifty big values, and of fifty times as many small ones, are left that were used alike.
fn left_of_big_and_small(with_sizes: &str) -> (usize, usize) {
    let (_server, mut client) = start_small(with_sizes);
    let (big, small) = ("v".repeat(100_000), "v".repeat(300));
    let keys = |kind: &str, count: usize| -> Vec<String> {
        (0..count).map(|number| format!("{kind}:{number}")).collect()
    };
    let (all_big, all_small) = (keys("big", 50), keys("small", 2500));
    run(&mut client, all_big.iter().map(|key| format!("SET {key} {big}")));
    run(&mut client, all_small.iter().map(|key| format!("SET {key} {small}")));
    for round in 0..ROUNDS {
        for key in all_big.iter().chain(&all_small).skip(round % 5).step_by(5) {
            client.command(&format!("STRLEN {key}"));
        }
        write_others(&mut client, round);
    }
    (count(&which_exist(&mut client, all_big), true), count(&which_exist(&mut client, all_small), true))
}

#[test]
fn big_values_go_sooner_than_small_ones_only_if_that_is_wanted() {
    let (big, small) = left_of_big_and_small("yes");
    assert!(big < 20 && small > 2000, "{big} big and {small} small ones are left");
    let (big, small) = left_of_big_and_small("no");
    assert!(big > 40 && small > 2000, "without regard to sizes {big} big and {small} small ones are left");
}
