//! The server ends at random moments while many clients write, and starts again: what was acknowledged is there, and no
//! transaction is torn.
//!
//! `NUTHATCH_ROUNDS` says how often; without it, it is a few times.

use std::env;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{arguments, crash, names};

/// Clients that write at once.
const CLIENTS: u64 = 12;

/// Rounds of each mode if nothing else is asked for.
const ROUNDS: u64 = 4;

/// The server ends after so many milliseconds of a round.
const LIFETIMES_MS: std::ops::Range<u64> = 20..250;

/// What a client has done.
#[derive(Debug, Default)]
struct Done {
    /// How many of its steps were begun.
    begun: AtomicU64,
    /// How many were acknowledged.
    acknowledged: AtomicU64,
}

/// Makes one step after another until the server is gone. A step is a transaction on keys in several shards.
fn write(client: &mut Client, number: u64, done: &Done) -> io::Result<()> {
    loop {
        let step = (done.begun.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        let [counter, copy, list] = ["counter", "copy", "list"].map(|kind| format!("{kind}:{number}"));
        let key = format!("key:{number}:{step}");
        match number % 3 {
            // Each is one command.
            0 => {
                client.try_call(["RPUSH", &list, &step])?;
                client.try_call(["MSET", &counter, &step, &copy, &step])?;
            }
            1 => {
                client.try_call(["MULTI"])?;
                client.try_call(["RPUSH", &list, &step])?;
                client.try_call(["INCR", &counter])?;
                client.try_call(["SET", &copy, &step])?;
                client.try_call(["SET", &key, &step, "PX", "100000"])?;
                let reply = client.try_call(["EXEC"])?;
                assert!(!reply.is_error(), "{}", reply.text());
            }
            _ => {
                let script = "redis.call('RPUSH', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) \
                              return redis.call('SET', KEYS[3], ARGV[1])";
                let reply = client.try_call(["EVAL", script, "3", &list, &counter, &copy, &step])?;
                assert!(!reply.is_error(), "{}", reply.text());
            }
        }
        done.acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

/// Checks what there is of a client's steps. Returns how many there are.
fn check(client: &mut Client, number: u64, done: &Done) -> u64 {
    let number_of = |text: String| text.parse::<u64>().unwrap_or(0);
    let counter = number_of(client.call(["GET", &format!("counter:{number}")]).text());
    let copy = number_of(client.call(["GET", &format!("copy:{number}")]).text());
    let list = client.call(["LRANGE", &format!("list:{number}"), "0", "-1"]).into_elements();
    let list: Vec<u64> = list.into_iter().map(|element| number_of(element.text())).collect();
    let (begun, acknowledged) = (done.begun.load(Ordering::SeqCst), done.acknowledged.load(Ordering::SeqCst));
    assert_eq!(counter, copy, "a step of client {number} is torn");
    let expected: Vec<u64> = (1..=list.len() as u64).collect();
    assert_eq!(list, expected, "steps of client {number} are missing or there twice");
    let steps = list.len() as u64;
    // The first of them makes a step of two commands, of which the second may be missing.
    let is_between = number.is_multiple_of(3) && counter + 1 == steps;
    assert!(counter == steps || is_between, "a step of client {number} is torn: {counter} of {steps}");
    assert!(
        (acknowledged..=begun).contains(&counter) || (is_between && counter >= acknowledged),
        "client {number}: {counter} steps are there of {acknowledged} acknowledged, {begun} begun"
    );
    counter
}

fn rounds() -> u64 {
    env::var("NUTHATCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// Lets a server end and start again under load. What is in the files is what the system has, as if it had gone on.
fn survive(others: &[&str], rewrites: bool) {
    let mut random = Pcg64::seed_from_u64(Extent::from_environment().seed);
    let mut all = vec!["--io-threads", "3"];
    all.extend(others);
    let mut server = Server::start(&Program::nuthatch(), &arguments(&all));
    let mut steps = 0;
    for _ in 0..rounds() {
        server.connect().command("FLUSHALL");
        let done: Vec<Done> = (0..CLIENTS).map(|_| Done::default()).collect();
        let is_over = AtomicBool::new(false);
        let mut clients: Vec<Client> = done.iter().map(|_| server.connect()).collect();
        let mut rewriter = server.connect();
        let lifetime = Duration::from_millis(random.random_range(LIFETIMES_MS));
        server = thread::scope(|scope| {
            for ((number, client), done) in (0..).zip(&mut clients).zip(&done) {
                scope.spawn(move || write(client, number, done));
            }
            let is_over = &is_over;
            scope.spawn(move || {
                while rewrites && !is_over.load(Ordering::SeqCst) {
                    if rewriter.try_call(["BGREWRITEAOF"]).is_err() {
                        return;
                    }
                    thread::yield_now();
                }
            });
            thread::sleep(lifetime);
            let server = crash(server, &all);
            is_over.store(true, Ordering::SeqCst);
            server
        });
        let mut client = server.connect();
        steps += (0..).zip(&done).map(|(number, done)| check(&mut client, number, done)).sum::<u64>();
        let names = names(&server);
        assert!(names.iter().all(|name| !name.starts_with("temp-")), "{names:?}");
    }
    assert!(steps > 0, "nothing was done");
}

#[test]
fn nothing_acknowledged_is_lost_with_fsync_every_second() {
    survive(&["--appendfsync", "everysec"], false);
}

#[test]
fn nothing_acknowledged_is_lost_with_fsync_always() {
    survive(&["--appendfsync", "always"], false);
}

#[test]
fn nothing_acknowledged_is_lost_without_fsync() {
    survive(&["--appendfsync", "no"], false);
}

#[test]
fn nothing_acknowledged_is_lost_during_rewrites() {
    survive(&["--appendfsync", "everysec"], true);
    survive(&["--appendfsync", "always", "--aof-use-rdb-preamble", "no"], true);
}
