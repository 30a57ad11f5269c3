//! Those who want to know hear of the keys that go.

use std::collections::BTreeSet;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::Server;

use crate::{info, run, set, start, used, which_exist};

const KEYS: usize = 2000;

/// One thread, lest another one removes a key while it is looked which are there.
const ONE_THREAD: [&str; 2] = ["--io-threads", "1"];

fn start_with(arguments: &[&str]) -> Server {
    start(&[&ONE_THREAD[..], &["--maxmemory-policy", "allkeys-random"], arguments].concat())
}

/// Writes keys, and allows no more memory than is used.
fn fill(client: &mut Client) {
    let value = "v".repeat(1000);
    run(client, (0..KEYS).map(|number| format!("SET key:{number} {value}")));
}

/// Has keys go until so many are gone. Returns the names of those that were written before and are gone.
fn evict(client: &mut Client, keys: u64) -> BTreeSet<String> {
    let limit = used(client);
    set(client, "maxmemory", limit);
    let value = "n".repeat(10_000);
    let mut written = 0;
    while info(client, "evicted_keys") < keys {
        assert!(written < 10 * KEYS, "{} are gone", info(client, "evicted_keys"));
        run(client, [format!("SET new:{written} {value}")]);
        written += 1;
    }
    set(client, "maxmemory", 0);
    let names = |number| format!("key:{number}");
    let there = which_exist(client, (0..KEYS).map(names));
    (0..KEYS).filter(|number| !there[*number]).map(names).collect()
}

/// The names of keys in the messages that a client hears until it is answered.
fn heard(client: &mut Client) -> Vec<String> {
    client.send(b"PING until-here\r\n").expect("it is connected");
    let mut names = Vec::new();
    loop {
        let mut parts = match client.read_reply().expect("a message") {
            Reply::Bulk(end) if end == b"until-here" => return names,
            message => message.into_elements(),
        };
        match (parts.first().map(Reply::text).as_deref(), parts.pop()) {
            (Some("pong"), _) => return names,
            (Some("invalidate"), Some(Reply::Array(keys))) => names.extend(keys.iter().map(Reply::text)),
            (_, Some(key)) => names.push(key.text()),
            (_, None) => {}
        }
    }
}

#[test]
fn each_key_that_goes_is_told_of_once() {
    let server = start(&[
        "--io-threads",
        "1",
        "--maxmemory-policy",
        "allkeys-random",
        "--notify-keyspace-events",
        "KEe",
    ]);
    let (mut client, mut listener, mut by_key) = (server.connect(), server.connect(), server.connect());
    fill(&mut client);
    listener.command("SUBSCRIBE __keyevent@0__:evicted");
    by_key.command("PSUBSCRIBE __keyspace@0__:key:*");
    let gone = evict(&mut client, 500);
    let told = heard(&mut listener);
    assert_eq!(told.len() as u64, info(&mut client, "evicted_keys"));
    let old: Vec<&String> = told.iter().filter(|name| name.starts_with("key:")).collect();
    assert_eq!(old.len(), gone.len(), "a key is told of twice");
    assert!(old.iter().all(|name| gone.contains(*name)));
    let events = heard(&mut by_key);
    assert_eq!(events, vec!["evicted"; gone.len()]);
}

#[test]
fn a_key_that_goes_breaks_the_watch() {
    let server = start_with(&[]);
    let mut client = server.connect();
    fill(&mut client);
    let mut watchers: Vec<Client> = (0..KEYS)
        .step_by(50)
        .map(|number| {
            let mut watcher = server.connect();
            run(&mut watcher, [format!("WATCH key:{number}"), "MULTI".to_owned(), "PING".to_owned()]);
            watcher
        })
        .collect();
    let gone = evict(&mut client, KEYS as u64 / 2);
    let mut broken = 0;
    for (watcher, number) in watchers.iter_mut().zip((0..KEYS).step_by(50)) {
        let is_broken = watcher.command("EXEC") == Reply::NullArray;
        assert_eq!(is_broken, gone.contains(&format!("key:{number}")), "key:{number}");
        broken += usize::from(is_broken);
    }
    assert!((1..watchers.len()).contains(&broken), "{broken} of {} are broken", watchers.len());
}

#[test]
fn caches_of_clients_hear_of_keys_that_go() {
    let server = start_with(&[]);
    let (mut client, mut reader, mut by_prefix) = (server.connect(), server.connect(), server.connect());
    fill(&mut client);
    reader.command("HELLO 3");
    reader.command("CLIENT TRACKING ON");
    run(&mut reader, (0..KEYS).step_by(2).map(|number| format!("GET key:{number}")));
    by_prefix.command("HELLO 3");
    by_prefix.command("CLIENT TRACKING ON BCAST PREFIX key:");
    let gone = evict(&mut client, 500);
    let told = heard(&mut reader);
    let is_kept = |name: &&String| name[4..].parse::<usize>().is_ok_and(|number| number.is_multiple_of(2));
    let expected: BTreeSet<String> = gone.iter().filter(is_kept).cloned().collect();
    assert_eq!(told.len(), expected.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(heard(&mut by_prefix).into_iter().collect::<BTreeSet<_>>(), gone);
}

/// Somebody who waits for a key is not woken by one that goes.
#[test]
fn who_waits_for_a_key_goes_on_waiting() {
    let server = start_with(&[]);
    let (mut client, mut waiting) = (server.connect(), server.connect());
    fill(&mut client);
    waiting.send(b"BLPOP queue key:1 0\r\n").expect("it is connected");
    // A string in the place of a list is an error: it waits for none of those.
    assert!(waiting.read_reply().expect("an error").text().starts_with("WRONGTYPE"));
    waiting.send(b"BLPOP queue 0\r\n").expect("it is connected");
    evict(&mut client, 500);
    run(&mut client, ["RPUSH queue element".to_owned()]);
    assert_eq!(
        waiting.read_reply().expect("the element").into_elements().pop().map(|it| it.text()),
        Some("element".into())
    );
}
