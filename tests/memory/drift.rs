//! However long a server runs, and whichever thread releases what another one has allocated: what is used is what the
//! allocator has given.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::server::{Server, wait_until};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::{given_out, info, run, start, used};

const MIB: i64 = 1 << 20;

/// What is kept for what is asked for next: by each of a dozen threads, and for each size of entries.
const CACHED: i64 = 24 * MIB;

/// By how much more the allocator has given than is used.
fn difference(client: &mut Client) -> i64 {
    given_out(client) as i64 - used(client) as i64
}

/// Keys that all writers share, so that each releases what others have allocated.
const KEYS: u64 = 40;

fn change(client: &mut Client, random: &mut Pcg64) {
    let number = random.random_range(0..KEYS);
    let bytes = match random.random_range(0..10) {
        0 => random.random_range(1..300_000),
        1..4 => random.random_range(1..5000),
        _ => random.random_range(1..100),
    };
    let value = "v".repeat(bytes);
    let words: Vec<String> = match random.random_range(0..16) {
        0..4 => vec!["SET".into(), format!("string:{number}"), value],
        4 => vec!["APPEND".into(), format!("string:{number}"), value],
        5 => vec!["RPUSH".into(), format!("list:{number}"), value],
        6 => vec!["LTRIM".into(), format!("list:{number}"), "-20".into(), "-1".into()],
        7 => vec!["HSET".into(), format!("hash:{number}"), bytes.to_string(), value],
        8 => vec!["SADD".into(), format!("set:{number}"), value, bytes.to_string()],
        9 => vec!["ZADD".into(), format!("zset:{number}"), bytes.to_string(), value],
        10 => ["UNLINK", "list:1", "hash:2", "set:3"].map(str::to_owned).into(),
        11 => {
            vec!["DEL".into(), format!("string:{number}"), format!("hash:{number}"), format!("set:{number}")]
        }
        12 => vec!["PUBLISH".into(), "channel".into(), value],
        13 => vec!["PEXPIRE".into(), format!("string:{number}"), "5".into()],
        14 => vec![
            "EVAL".into(),
            "return redis.call('GET', KEYS[1])".into(),
            "1".into(),
            format!("string:{number}"),
        ],
        _ => vec!["GET".into(), format!("string:{number}")],
    };
    let reply = client.call(&words);
    assert!(!reply.is_error(), "{}: {}", words[0], reply.text());
}

/// Several clients change data, publish and listen until each has sent so many commands.
fn work(server: &Server, commands: usize, seed: u64) {
    let done = AtomicBool::new(false);
    let done = &done;
    thread::scope(|scope| {
        for _ in 0..3 {
            let mut listener = server.connect();
            listener.command("SUBSCRIBE channel");
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    // The end is told, too.
                    listener.read_reply().expect("a message");
                }
            });
        }
        let mut helper = server.connect();
        scope.spawn(move || {
            while !done.load(Ordering::SeqCst) {
                // Refused while one goes on.
                for line in ["BGSAVE", "BGREWRITEAOF", "SCRIPT FLUSH", "FLUSHDB ASYNC"] {
                    helper.command(line);
                    let is_idle = |client: &mut Client| {
                        info(client, "rdb_bgsave_in_progress") + info(client, "aof_rewrite_in_progress") == 0
                    };
                    assert!(wait_until(|| is_idle(&mut helper)), "{line} does not end");
                }
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut client = server.connect();
                scope.spawn(move || {
                    let mut random = Pcg64::seed_from_u64(seed + writer);
                    (0..commands).for_each(|_| change(&mut client, &mut random));
                })
            })
            .collect();
        let outcomes: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        run(&mut server.connect(), ["PUBLISH channel end".to_owned()]);
        assert!(outcomes.iter().all(Result::is_ok), "a writer failed");
    });
}

fn check(arguments: &[&str]) {
    const ROUNDS: u64 = 6;
    let server = start(&[&["--io-threads", "2"], arguments].concat());
    let extent = Extent::from_environment();
    let mut client = server.connect();
    let mut differences = Vec::new();
    for round in 0..ROUNDS {
        work(&server, extent.commands / 40, extent.seed + 100 * round);
        // What is being released, and what waits for files, is soon gone.
        let agrees = wait_until(|| (-MIB / 4..CACHED).contains(&difference(&mut client)));
        differences.push(difference(&mut client));
        assert!(agrees, "{arguments:?}: {differences:?} by round");
    }
    // What is kept grows in the beginning, and then hardly more.
    let growth = differences[differences.len() - 1] - differences[1];
    assert!(growth < 4 * MIB, "{arguments:?}: {differences:?} by round");
    println!("{arguments:?}: {differences:?}");
}

#[test]
fn nothing_is_lost_where_threads_release_what_others_have_allocated() {
    check(&[]);
}

#[test]
fn nothing_is_lost_with_an_append_only_file() {
    check(&["--appendonly", "yes", "--appendfsync", "always"]);
    check(&["--appendonly", "yes", "--appendfsync", "everysec"]);
}

#[test]
fn nothing_is_lost_where_keys_and_clients_go() {
    check(&["--maxmemory", "12mb", "--maxmemory-policy", "allkeys-lru"]);
}
