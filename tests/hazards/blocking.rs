//! Clients that wait: nobody is forgotten, nothing is lost or handed out twice, and waits end when they should.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use crate::start;

fn send(client: &mut Client, line: &str) {
    client.send(&Request::encode_all(&[Request::from_line(line)])).expect("the server reads");
}

/// A number that INFO tells.
fn info(server: &Server, name: &str) -> u64 {
    let info = server.connect().command("INFO").text();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("INFO tells no {name}"))
}

#[track_caller]
fn await_blocked(server: &Server, count: u64) {
    assert!(wait_until(|| info(server, "blocked_clients") == count), "not {count} clients are blocked");
}

/// A client that waits, after all who waited before.
fn waiting(server: &Server, line: &str) -> Client {
    let before = info(server, "blocked_clients");
    let mut client = server.connect();
    send(&mut client, line);
    await_blocked(server, before + 1);
    client
}

fn pair(key: &str, element: &str) -> Reply {
    Reply::Array(vec![Reply::Bulk(key.into()), Reply::Bulk(element.into())])
}

#[test]
fn who_waited_first_is_served_first() {
    let server = start(&[]);
    let mut clients: Vec<Client> = (0..20).map(|_| waiting(&server, "BLPOP queue 0")).collect();
    for number in 0..20 {
        server.connect().command(&format!("RPUSH queue {number}"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_reply().expect("a reply"), pair("queue", &number.to_string()));
    }
}

#[test]
fn no_element_is_lost_or_handed_out_twice() {
    const CONSUMERS: usize = 40;
    const PRODUCERS: usize = 4;
    const EACH: usize = 2000;
    let server = start(&["--io-threads", "4"]);
    let taken: Vec<Vec<String>> = thread::scope(|scope| {
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    let mut taken = Vec::new();
                    loop {
                        let command = match number % 4 {
                            0 => "BLPOP one two three 0",
                            1 => "BRPOP three two one 0",
                            2 => "BLMPOP 0 3 two one three LEFT COUNT 3",
                            _ => "BLMOVE one three LEFT RIGHT 0",
                        };
                        let reply = client.command(command);
                        if number % 4 == 3 {
                            // Only moved: somebody else takes it.
                            if reply.text() == "end" {
                                return taken;
                            }
                            continue;
                        }
                        let elements = reply.into_elements().pop().expect("a key and what it had");
                        let elements = match elements {
                            Reply::Array(elements) => elements.iter().map(Reply::text).collect(),
                            element => vec![element.text()],
                        };
                        let is_end = elements.iter().any(|element| element == "end");
                        taken.extend(elements.into_iter().filter(|element| element != "end"));
                        if is_end {
                            return taken;
                        }
                    }
                })
            })
            .collect();
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    for number in 0..EACH {
                        let list = ["one", "two", "three"][number % 3];
                        client.command(&format!("RPUSH {list} {producer}-{number}"));
                    }
                })
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().expect("no producer fails"));
        let mut client = server.connect();
        assert!(wait_until(|| client.command("EXISTS one two three") == Reply::Integer(0)));
        // One `end` may end up with any consumer, and several of them with one: send more until all are gone.
        let mut left = consumers.iter().filter(|consumer| !consumer.is_finished()).count();
        assert!(wait_until(|| {
            if info(&server, "blocked_clients") > 0 {
                client.command("RPUSH one end");
            }
            left = consumers.iter().filter(|consumer| !consumer.is_finished()).count();
            left == 0
        }));
        consumers.into_iter().map(|consumer| consumer.join().expect("no consumer fails")).collect()
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    taken.into_iter().flatten().for_each(|element| *counts.entry(element).or_default() += 1);
    assert!(counts.values().all(|count| *count == 1), "some elements were handed out twice");
    assert_eq!(counts.len(), PRODUCERS * EACH);
}

#[test]
fn thousands_wait_and_all_are_served() {
    const CLIENTS: usize = 3000;
    let server = start(&[]);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    clients.iter_mut().enumerate().for_each(|(number, client)| {
        send(client, &format!("BLPOP own:{number} shared 0"));
    });
    await_blocked(&server, CLIENTS as u64);
    assert_eq!(info(&server, "total_blocking_keys"), CLIENTS as u64 + 1);
    let mut pusher = server.connect();
    // Half of them by their own keys, and the others, as they are left, by the shared one.
    let mut pushes: Vec<Request> =
        (0..CLIENTS).step_by(2).map(|number| Request::from_line(&format!("RPUSH own:{number} x"))).collect();
    pushes.extend((1..CLIENTS).step_by(2).map(|_| Request::from_line("RPUSH shared x")));
    pusher.pipeline(&pushes).expect("replies");
    for client in &mut clients {
        assert_eq!(client.read_reply().expect("a reply").into_elements().len(), 2);
    }
    await_blocked(&server, 0);
    assert!(wait_until(|| info(&server, "total_blocking_keys") == 0), "queues are left behind");
    assert_eq!(pusher.command("DBSIZE"), Reply::Integer(0));
}

#[test]
fn a_wait_ends_at_its_timeout_and_not_before() {
    let server = start(&[]);
    let mut client = server.connect();
    for (command, milliseconds) in
        [("BLPOP a b 0.05", 50), ("BLMOVE a b LEFT LEFT 0.123", 123), ("BLMPOP 0.01 1 a LEFT", 10)]
    {
        let began = Instant::now();
        assert_eq!(client.command(command), Reply::NullArray, "{command}");
        let took = began.elapsed();
        // The server's clock ticks in milliseconds: the first of them may have begun before.
        assert!(took > Duration::from_millis(milliseconds - 1), "{command} ended after {took:?}");
    }
    assert_eq!(info(&server, "total_blocking_keys"), 0);
    assert_eq!(client.command("PING").text(), "PONG");
}

#[test]
fn an_element_is_not_given_to_a_client_that_has_left() {
    let server = start(&[]);
    drop(waiting(&server, "BLPOP queue 0"));
    await_blocked(&server, 0);
    let mut client = waiting(&server, "BLPOP queue 0");
    server.connect().command("RPUSH queue x");
    assert_eq!(client.read_reply().expect("a reply"), pair("queue", "x"));
}

#[test]
fn waits_are_ended_by_other_clients() {
    let server = start(&[]);
    let mut operator = server.connect();
    let mut blocked = server.connect();
    let id = blocked.command("CLIENT ID").integer().expect("the client's number");
    for (reason, reply) in [
        ("", Reply::NullArray),
        ("TIMEOUT", Reply::NullArray),
        ("ERROR", Reply::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into())),
    ] {
        send(&mut blocked, "BRPOP queue 0");
        await_blocked(&server, 1);
        let line = operator.command(&format!("CLIENT LIST ID {id}")).text();
        assert!(line.contains(" flags=b "), "{line}");
        assert_eq!(operator.command(&format!("CLIENT UNBLOCK {id} {reason}")), Reply::Integer(1));
        assert_eq!(blocked.read_reply().expect("a reply"), reply);
        assert_eq!(operator.command(&format!("CLIENT UNBLOCK {id} {reason}")), Reply::Integer(0));
    }
    send(&mut blocked, "BRPOP queue 0");
    await_blocked(&server, 1);
    assert_eq!(operator.command(&format!("CLIENT KILL ID {id}")), Reply::Integer(1));
    await_blocked(&server, 0);
    assert!(blocked.read_to_end().expect("the end").is_empty());
}

#[test]
fn nothing_is_taken_for_a_client_that_is_killed() {
    for threads in ["1", "2"] {
        let server = start(&["--io-threads", threads]);
        let mut operator = server.connect();
        for round in 0..50 {
            let mut blocked = waiting(&server, "BLPOP queue 0");
            let list = operator.command("CLIENT LIST").text();
            let line = list.lines().find(|line| line.contains(" flags=b ")).expect("it waits");
            let id = line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).expect("a number");
            let kill = format!("CLIENT KILL ID {id}");
            let lines = [&kill, "RPUSH queue x", "LRANGE queue 0 -1", "DEL queue"];
            let replies = operator.pipeline(&lines.map(Request::from_line)).expect("replies");
            assert_eq!(replies.concat(), b":1\r\n:1\r\n*1\r\n$1\r\nx\r\n:1\r\n", "{threads}, {round}");
            assert!(blocked.read_to_end().expect("the end").is_empty());
        }
    }
}

#[test]
fn requests_behind_a_wait_are_answered_after_it_and_in_order() {
    let server = start(&[]);
    let mut client = server.connect();
    client.send(b"BLPOP queue 0\r\nPING one\r\nBLPOP queue 0\r\nPING two\r\n").expect("the server reads");
    await_blocked(&server, 1);
    let mut pusher = server.connect();
    pusher.command("RPUSH queue x");
    assert_eq!(client.read_reply().expect("a reply"), pair("queue", "x"));
    assert_eq!(client.read_reply().expect("a reply").text(), "one");
    pusher.command("RPUSH queue y");
    assert_eq!(client.read_reply().expect("a reply"), pair("queue", "y"));
    assert_eq!(client.read_reply().expect("a reply").text(), "two");
}

#[test]
fn an_element_runs_through_a_chain_of_moves() {
    const LENGTH: usize = 50;
    let server = start(&["--io-threads", "4"]);
    let mut movers: Vec<Client> = (0..LENGTH)
        .map(|number| waiting(&server, &format!("BLMOVE list:{number} list:{} LEFT LEFT 0", number + 1)))
        .collect();
    server.connect().command("RPUSH list:0 x");
    for mover in &mut movers {
        assert_eq!(mover.read_reply().expect("a reply").text(), "x");
    }
    assert_eq!(server.connect().command(&format!("LRANGE list:{LENGTH} 0 -1")).into_elements().len(), 1);
}

#[test]
fn opposite_moves_on_many_threads_do_not_lock_each_other_out() {
    let server = start(&["--io-threads", "4"]);
    server.connect().command("RPUSH a x");
    thread::scope(|scope| {
        for number in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                let command =
                    if number % 2 == 0 { "BLMOVE a b LEFT RIGHT 0" } else { "BLMOVE b a LEFT RIGHT 0" };
                for _ in 0..500 {
                    assert_eq!(client.command(command).text(), "x");
                }
            });
        }
    });
    let mut client = server.connect();
    let left: usize =
        ["a", "b"].iter().map(|key| client.call(["LRANGE", key, "0", "-1"]).into_elements().len()).sum();
    assert_eq!(left, 1);
}

#[test]
fn a_client_that_leaves_with_much_unread_behind_its_wait_takes_nothing() {
    /// More than fits into the sockets' buffers.
    const REQUESTS: usize = 100_000;
    let server = start(&[]);
    let mut client = waiting(&server, "BLPOP queue 0");
    client.send(&b"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n".repeat(REQUESTS)).expect("the server reads");
    drop(client);
    await_blocked(&server, 0);
    let mut control = server.connect();
    control.command("LPUSH queue element");
    assert_eq!(control.command("LLEN queue"), Reply::Integer(1));
}
