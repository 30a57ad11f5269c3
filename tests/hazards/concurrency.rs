//! Many clients on the same keys: every command happens at once or not at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;

use crate::start;

/// Runs `work` on connections of their own, each with its number, and returns what they return.
fn on_connections<T: Send>(
    server: &Server,
    count: usize,
    work: impl Fn(&mut Client, usize) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            (0..count).map(|number| scope.spawn(move || work(&mut server.connect(), number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
    })
}

#[test]
fn no_increment_is_lost() {
    const CONNECTIONS: usize = 16;
    const ROUNDS: usize = 50;
    let server = start(&[]);
    let requests: Vec<Request> = (0..100)
        .map(|number| Request::from_line(if number % 2 == 0 { "INCR a" } else { "INCRBY b 3" }))
        .collect();
    on_connections(&server, CONNECTIONS, |client, _| {
        for _ in 0..ROUNDS {
            client.pipeline(&requests).expect("replies");
        }
    });
    let mut client = server.connect();
    let increments = CONNECTIONS * ROUNDS * 50;
    assert_eq!(client.command("GET a").text(), increments.to_string());
    assert_eq!(client.command("GET b").text(), (3 * increments).to_string());
}

#[test]
fn only_one_client_sets_a_key_that_must_not_exist() {
    const KEYS: usize = 2000;
    let server = start(&[]);
    let wins = on_connections(&server, 16, |client, number| {
        let requests: Vec<Request> = (0..KEYS)
            .map(|key| match key % 2 {
                0 => Request::from_line(&format!("SETNX key:{key} {number}")),
                _ => Request::from_line(&format!("SET key:{key} {number} NX")),
            })
            .collect();
        let replies = client.pipeline(&requests).expect("replies");
        replies.iter().map(|reply| reply == b":1\r\n" || reply == b"+OK\r\n").collect::<Vec<bool>>()
    });
    let mut client = server.connect();
    for key in 0..KEYS {
        let winners: Vec<usize> = (0..wins.len()).filter(|number| wins[*number][key]).collect();
        assert_eq!(winners.len(), 1, "key:{key} was set by {winners:?}");
        assert_eq!(client.command(&format!("GET key:{key}")).text(), winners[0].to_string());
    }
}

#[test]
fn nobody_sees_half_of_several_keys_set_together() {
    const KEYS: usize = 12;
    let server = start(&[]);
    let writing = AtomicUsize::new(2);
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key:{key}")).collect();
    let read = Request::new([&["MGET".to_owned()], &keys[..]].concat());
    on_connections(&server, 6, |client, number| {
        if number < 2 {
            for round in 0..1000 {
                // In another order each time: the order of locks must not depend on it.
                let mut words = vec!["MSET".to_owned()];
                for position in 0..KEYS {
                    words.extend([keys[(position + round) % KEYS].clone(), format!("{number}-{round}")]);
                }
                assert_eq!(client.call(&words).text(), "OK");
            }
            writing.fetch_sub(1, Ordering::SeqCst);
        } else {
            while writing.load(Ordering::SeqCst) > 0 {
                let values = client.call(&read.0).into_elements();
                assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
            }
        }
    });
}

#[test]
fn a_key_that_is_renamed_is_never_missing_nor_there_twice() {
    let server = start(&[]);
    server.connect().command("SET here x");
    let renaming = AtomicBool::new(true);
    on_connections(&server, 4, |client, number| {
        if number == 0 {
            for _ in 0..2000 {
                assert_eq!(client.command("RENAME here there").text(), "OK");
                assert_eq!(client.command("RENAME there here").text(), "OK");
            }
            renaming.store(false, Ordering::SeqCst);
        } else {
            while renaming.load(Ordering::SeqCst) {
                assert_eq!(client.command("EXISTS here there"), Reply::Integer(1));
            }
        }
    });
}

#[test]
fn a_value_is_taken_away_by_one_client_only() {
    const KEYS: usize = 2000;
    let server = start(&[]);
    let set: Vec<Request> = (0..KEYS).map(|key| Request::from_line(&format!("SET key:{key} x"))).collect();
    server.connect().pipeline(&set).expect("replies");
    let taken = on_connections(&server, 8, |client, _| {
        let take: Vec<Request> =
            (0..KEYS).map(|key| Request::from_line(&format!("GETDEL key:{key}"))).collect();
        let replies = client.pipeline(&take).expect("replies");
        replies.iter().filter(|reply| reply.starts_with(b"$1")).count()
    });
    assert_eq!(taken.iter().sum::<usize>(), KEYS);
    assert_eq!(server.connect().command("DBSIZE"), Reply::Integer(0));
}

#[test]
fn databases_are_swapped_and_emptied_between_commands_never_within() {
    let server = start(&[]);
    let swapping = AtomicBool::new(true);
    let mut client = server.connect();
    client.command("MSET a 0 b 0 c 0 d 0");
    client.command("SELECT 1");
    client.command("MSET a 1 b 1 c 1 d 1");
    on_connections(&server, 4, |client, number| {
        if number == 0 {
            for _ in 0..500 {
                assert_eq!(client.command("SWAPDB 0 1").text(), "OK");
            }
            swapping.store(false, Ordering::SeqCst);
        } else {
            while swapping.load(Ordering::SeqCst) {
                let values = client.command("MGET a b c d").into_elements();
                assert!(
                    values.iter().all(|value| *value == values[0] && *value != Reply::Null),
                    "{values:?}"
                );
            }
        }
    });
}
