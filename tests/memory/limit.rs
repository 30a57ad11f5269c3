//! The limit holds whatever is written, by however many.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::server::{Server, wait_until};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::{info, run, set, start, used};

const MIB: u64 = 1 << 20;

/// What it takes to ask how much is used, in bytes.
const ASKING: u64 = 64 * 1024;

/// Values are not longer than this, in bytes.
const VALUE_BYTES_MAX: usize = MIB as usize;

/// A length from 1 to the greatest, where small ones are as frequent as big ones.
fn length(random: &mut Pcg64) -> usize {
    let power = random.random_range(0.0..(VALUE_BYTES_MAX as f64).ln());
    power.exp() as usize
}

/// Something that needs memory: a new value, another one in its place, or more of one.
fn write(random: &mut Pcg64) -> Vec<Vec<u8>> {
    let value = vec![b'v'; length(random)];
    let number = random.random_range(0..2000);
    let words = match random.random_range(0..20) {
        0 => vec!["APPEND".into(), format!("string:{}", number % 10), String::new()],
        1 => vec!["RPUSH".into(), format!("list:{}", number % 50), String::new()],
        2 => vec!["LPUSH".into(), format!("list:{}", number % 50), String::new()],
        3 => vec!["HSET".into(), format!("hash:{}", number % 20), format!("field:{number}"), String::new()],
        4 => vec!["ZADD".into(), format!("zset:{}", number % 20), number.to_string(), String::new()],
        5 => vec!["SADD".into(), format!("set:{}", number % 20), String::new()],
        6 => vec!["XADD".into(), format!("stream:{}", number % 20), "*".into(), "f".into(), String::new()],
        7 => vec!["SETRANGE".into(), format!("string:{}", number % 10), "10".into(), String::new()],
        // Tables grow.
        8..12 => vec!["SET".into(), format!("key:{}", random.random::<u64>()), "small".into()],
        _ => vec!["SET".into(), format!("key:{number}"), String::new()],
    };
    let fill = |word: String| if word.is_empty() { value.clone() } else { word.into_bytes() };
    words.into_iter().map(fill).collect()
}

/// Asks how much memory is used until all is done, and returns the most.
fn watch(client: &mut Client, done: &AtomicBool) -> u64 {
    let mut most = 0;
    while !done.load(Ordering::SeqCst) {
        most = most.max(used(client));
    }
    most
}

/// Several clients write at once. Returns how many bytes beyond the limit were used at most.
fn excess_of_writers(server: &Server, limit: u64, commands: usize) -> u64 {
    const WRITERS: u64 = 4;
    let done = AtomicBool::new(false);
    let done = &done;
    thread::scope(|scope| {
        let mut observer = server.connect();
        let watched = scope.spawn(move || watch(&mut observer, done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let mut client = server.connect();
                scope.spawn(move || {
                    let mut random = Pcg64::seed_from_u64(Extent::from_environment().seed + writer);
                    for _ in 0..commands {
                        let request = write(&mut random);
                        let reply = client.call(&request);
                        assert!(!reply.is_error(), "{}", reply.text());
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        let most = watched.join().expect("somebody watches");
        assert!(outcomes.iter().all(Result::is_ok), "a writer failed");
        most.saturating_sub(limit)
    })
}

/// A request is read into one buffer and its value copied into another one; four clients do so at once.
const EXCESS_MAX: u64 = 4 * 3 * MIB;

/// As much more may be used for a moment where a command need not wait for long until what has gone is released.
const IMPATIENT_EXCESS_MAX: u64 = LIMIT;

const LIMIT: u64 = 48 * MIB;

fn check_writers(policy: &str, tenacity: &str, excess_max: u64) {
    let limit = LIMIT;
    let limits = ["--maxmemory", &limit.to_string(), "--maxmemory-policy", policy];
    let arguments = [&limits[..], &["--maxmemory-eviction-tenacity", tenacity, "--io-threads", "2"]].concat();
    let server = start(&arguments);
    let commands = Extent::from_environment().commands / 15;
    let excess = excess_of_writers(&server, limit, commands);
    println!("{policy}: {excess} bytes beyond {limit}");
    assert!(excess <= excess_max, "{policy}: {excess} bytes too many were used");
    let mut client = server.connect();
    assert!(info(&mut client, "evicted_keys") > 100, "{policy}: nothing had to go");
    assert!(used(&mut client) > limit / 2, "{policy}: too much is gone");
    assert!(wait_until(|| used(&mut client) <= limit + ASKING), "{policy}: {} are used", used(&mut client));
    assert_eq!(info(&mut client, "current_eviction_exceeded_time"), 0);
}

#[test]
fn writers_stay_below_the_limit_and_none_is_refused_while_any_key_may_go() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-lrm"] {
        check_writers(policy, "100", EXCESS_MAX);
    }
    check_writers("allkeys-random", "10", IMPATIENT_EXCESS_MAX);
}

/// What the check above sees where there is no limit.
#[test]
fn writers_without_a_limit_use_more() {
    let server = start(&["--io-threads", "2"]);
    let excess = excess_of_writers(&server, LIMIT, Extent::from_environment().commands / 15);
    assert!(excess > IMPATIENT_EXCESS_MAX, "they only write {excess} bytes more");
}

#[test]
fn a_limit_of_a_tenth_is_met_while_clients_are_served() {
    const KEYS: usize = 100_000;
    /// A server with assertions takes far longer than one without.
    const WAIT_MAX: Duration = Duration::from_secs(2);
    let server = start(&["--maxmemory-policy", "allkeys-lru", "--io-threads", "2"]);
    let mut client = server.connect();
    let before = used(&mut client);
    let value = "v".repeat(100);
    run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value}")));
    // The buffers of those who ask are no part of it, and tables keep what they have for a while.
    let limit = before + (used(&mut client) - before) / 10 + MIB;
    let done = AtomicBool::new(false);
    let longest_us = AtomicU64::new(0);
    thread::scope(|scope| {
        for reader in 0..4 {
            let mut client = server.connect();
            let (done, longest_us) = (&done, &longest_us);
            scope.spawn(move || {
                let mut number = reader;
                while !done.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    let line = if number % 2 == 0 { "GET" } else { "EXISTS" };
                    let reply = client.command(&format!("{line} key:{}", number % KEYS));
                    longest_us.fetch_max(begun.elapsed().as_micros() as u64, Ordering::SeqCst);
                    assert!(!reply.is_error(), "{}", reply.text());
                    number += 7919;
                }
            });
        }
        set(&mut client, "maxmemory", limit);
        let is_met = wait_until(|| used(&mut client) <= limit + ASKING);
        done.store(true, Ordering::SeqCst);
        assert!(is_met, "{} instead of {limit}", used(&mut client));
    });
    let longest = Duration::from_micros(longest_us.load(Ordering::SeqCst));
    assert!(longest < WAIT_MAX, "somebody waited for {longest:?}");
    assert!(info(&mut client, "evicted_keys") > KEYS as u64 / 2);
    assert_eq!(info(&mut client, "current_eviction_exceeded_time"), 0);
}

/// Without anybody who sends commands, too.
#[test]
fn a_lower_limit_is_met_by_a_server_that_nobody_asks_for_anything() {
    const KEYS: u64 = 20_000;
    let arguments = ["--maxmemory-policy", "allkeys-random", "--maxmemory-eviction-tenacity", "0"];
    let server = start(&[&arguments[..], &["--notify-keyspace-events", "Ee"]].concat());
    let mut client = server.connect();
    let before = used(&mut client);
    let value = "v".repeat(200);
    run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value}")));
    let limit = u64::midpoint(before, used(&mut client));
    let mut listener = server.connect();
    listener.command("SUBSCRIBE __keyevent@0__:evicted");
    set(&mut client, "maxmemory", limit);
    let mut heard = 0;
    while heard < KEYS / 4 {
        listener.read_reply().expect("keys go on going");
        heard += 1;
    }
    assert!(wait_until(|| used(&mut client) <= limit + ASKING));
}

/// What is written while flushed keys are released takes their place, and no more than that.
#[test]
fn the_limit_holds_while_flushed_keys_are_released() {
    const KEYS: usize = 300_000;
    // Where all keys may go nothing is refused: a write has to wait instead, for as long as it takes with this tenacity.
    for (policy, tenacity) in [("noeviction", "10"), ("allkeys-lru", "100")] {
        let arguments = ["--maxmemory-policy", policy, "--maxmemory-eviction-tenacity", tenacity];
        let server = start(&[&arguments[..], &["--io-threads", "2"]].concat());
        let mut client = server.connect();
        run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} value:{number}")));
        let limit = used(&mut client);
        set(&mut client, "maxmemory", limit);
        assert_eq!(client.command("FLUSHALL ASYNC").text(), "OK");
        // There is room for one at once.
        assert_eq!(client.command("SET first there").text(), "OK", "{policy}");
        let value = vec![b'v'; 500_000];
        let mut most = 0;
        let mut refused = 0;
        for number in 0..2 * limit / 500_000 {
            let key = format!("big:{number}");
            let reply = client.call([b"SET", key.as_bytes(), &value]);
            assert!(!reply.is_error() || policy == "noeviction", "{policy}: {}", reply.text());
            refused += u64::from(reply.is_error());
            most = most.max(used(&mut client));
        }
        assert!(most < limit + limit / 3, "{policy}: {most} bytes used, {limit} are allowed");
        assert_eq!(refused > 0, policy == "noeviction", "twice as much is written as there is room");
        let is_released = || info(&mut client, "lazyfree_pending_objects") == 0;
        assert!(wait_until(is_released), "{policy}: it is not released");
        run(&mut client, ["DEL big:0 big:1 big:2".to_owned(), "SET last there".to_owned()]);
    }
}

/// After FLUSHALL there is room for as much as before: nothing of it goes.
#[test]
fn nothing_goes_for_what_is_being_released() {
    const KEYS: usize = 100_000;
    let server = start(&["--maxmemory-policy", "allkeys-lru", "--io-threads", "2"]);
    let mut client = server.connect();
    let line = |name: &str, number: usize| format!("SET {name}:{number} value:{number}");
    run(&mut client, (0..KEYS).map(|number| line("old", number)));
    let limit = used(&mut client);
    set(&mut client, "maxmemory", limit);
    run(&mut client, (0..100).map(|number| line("more", number)));
    assert_eq!(client.command("FLUSHALL ASYNC").text(), "OK");
    let evicted = info(&mut client, "evicted_keys");
    run(&mut client, (0..KEYS / 10).map(|number| line("new", number)));
    assert_eq!(client.command("DBSIZE").integer(), Some(KEYS as i64 / 10));
    assert_eq!(info(&mut client, "evicted_keys"), evicted);
}
