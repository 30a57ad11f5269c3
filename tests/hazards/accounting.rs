//! What MEMORY USAGE tells, against what the allocator has given.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;

use crate::start;

/// What all values together take, in bytes.
fn allocated(client: &mut Client) -> i64 {
    let information = client.command("INFO memory").text();
    let line = information.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).expect("a number of bytes")
}

/// Adds `elements` elements to each of `keys` keys with commands that begin with `name`; `element` gives the words of one.
fn fill(client: &mut Client, name: &str, keys: usize, elements: usize, element: fn(usize) -> Vec<String>) {
    const ELEMENTS_AT_ONCE: usize = 100;
    let mut requests = Vec::new();
    for key in 0..keys {
        for first in (0..elements).step_by(ELEMENTS_AT_ONCE) {
            let last = elements.min(first + ELEMENTS_AT_ONCE);
            let words = (first..last).flat_map(element);
            requests.push(Request::new([name.to_owned(), format!("filled:{key}")].into_iter().chain(words)));
        }
    }
    for batch in requests.chunks(20) {
        let replies = client.pipeline(batch).expect("replies");
        assert!(replies.iter().all(|reply| reply.starts_with(b":")), "{name}");
    }
}

#[track_caller]
fn check(name: &str, keys: usize, elements: usize, element: fn(usize) -> Vec<String>) {
    let server = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    // So that the table of keys need not grow: a few keys would seem to cost what more have room in.
    assert_eq!(client.command("DEBUG POPULATE 100000").text(), "OK");
    let before = allocated(&mut client);
    fill(&mut client, name, keys, elements, element);
    let grown = allocated(&mut client) - before;
    let asked: Vec<Request> =
        (0..keys).map(|key| Request::from_line(&format!("MEMORY USAGE filled:{key} SAMPLES 0"))).collect();
    let told: i64 = client
        .pipeline(&asked)
        .expect("replies")
        .iter()
        .map(|reply| String::from_utf8_lossy(&reply[1..]).trim().parse::<i64>().expect("a number of bytes"))
        .sum();
    let ratio = told as f64 / grown as f64;
    assert!(
        (0.9..1.1).contains(&ratio),
        "{name}, {keys} keys of {elements} elements: told {told}, grown by {grown}"
    );
}

/// Checks keys of one, a hundred and a hundred thousand elements.
#[track_caller]
fn check_sizes(name: &str, element: fn(usize) -> Vec<String>) {
    check(name, 100_000, 1, element);
    check(name, 8000, 100, element);
    check(name, 8, 100_000, element);
}

#[test]
fn hashes_take_the_memory_that_is_told() {
    check_sizes("HSET", |index| vec![format!("field:{index}"), format!("value:{}", index * 7)]);
}

#[test]
fn lists_take_the_memory_that_is_told() {
    check_sizes("RPUSH", |index| vec![format!("element:{index}")]);
}

#[test]
fn sets_take_the_memory_that_is_told() {
    check_sizes("SADD", |index| vec![format!("member:{index}")]);
}

#[test]
fn sorted_sets_take_the_memory_that_is_told() {
    check_sizes("ZADD", |index| vec![format!("{}.5", index * 7919 % 100_003), format!("member:{index}")]);
}
