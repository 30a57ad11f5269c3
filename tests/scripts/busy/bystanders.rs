//! Clients that wait, listen, come or leave while a script runs for too long.

use std::time::{Duration, Instant};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use super::{BUSY, ENDLESS, KILLED, THREADS, await_busy, await_idle, begins, kill, run_endless, send, start};

fn nuthatch(threads: &str) -> Server {
    start(&Program::nuthatch(), threads)
}

/// A number that INFO tells.
#[track_caller]
fn info(server: &Server, name: &str) -> u64 {
    let info = server.connect().command("INFO").text();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("INFO tells no {name}"))
}

#[track_caller]
fn await_figure(server: &Server, name: &str, expected: u64) {
    assert!(wait_until(|| info(server, name) == expected), "{name} is not {expected}");
}

/// Waits until `count` clients have had `command` as their last one.
#[track_caller]
fn await_last_commands(server: &Server, command: &str, count: usize) {
    let last = format!(" cmd={command} ");
    let reached =
        wait_until(|| server.connect().command("CLIENT LIST").text().matches(&last).count() == count);
    assert!(reached, "not {count} clients have sent {command}");
}

#[test]
fn clients_come_and_leave_meanwhile() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let mut early: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        early.iter_mut().for_each(|client| assert_eq!(client.command("PING").text(), "PONG"));
        let mut client = run_endless(&server, &["EVAL", ENDLESS, "1", "key"]);
        for number in 0..100 {
            let mut late = server.connect();
            assert!(begins(&late.try_call(["PING"]), BUSY), "the one that came as number {number}");
            // Half of them leave in the middle of a request.
            if number % 2 == 0 {
                late.send(b"*2\r\n$3\r\nGET\r\n$3\r\nk").expect("the server reads");
            }
        }
        early.truncate(10);
        assert!(begins(&Ok(kill(&server, &mut client)), KILLED));
        // Those that are left, the script's, and the one that asks.
        await_figure(&server, "connected_clients", 12);
        early.iter_mut().for_each(|client| assert_eq!(client.command("PING").text(), "PONG"));
    }
}

#[test]
fn the_script_s_own_client_may_leave() {
    for threads in THREADS {
        let server = nuthatch(threads);
        drop(run_endless(&server, &["EVAL", "redis.call('GET', ARGV[1]) while true do end", "1", "a", "b"]));
        await_busy(&server);
        assert_eq!(server.connect().command("SCRIPT KILL").text(), "OK");
        await_idle(&server);
        assert_eq!(server.connect().command("MSET a 1 b 2").text(), "OK");
        await_figure(&server, "connected_clients", 1);
    }
}

#[test]
fn the_script_s_own_client_may_be_killed_while_it_runs() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let mut client = server.connect();
        let id = client.command("CLIENT ID").integer().expect("a number").to_string();
        assert_eq!(server.connect().command("CONFIG SET busy-reply-threshold 0").text(), "OK");
        let script = "for i = 1, 10000000 do end return redis.call('SET', KEYS[1], 'done')";
        send(&mut client, ["EVAL", script, "1", "key"]);
        assert_eq!(server.connect().call(["CLIENT", "KILL", "ID", &id]), Reply::Integer(1));
        client.read_to_end().expect("the connection ends");
        // It has run to its end or, where the client was killed first, not at all.
        let value = server.connect().command("GET key");
        assert!(value == Reply::Null || value.text() == "done", "{value:?}");
        await_figure(&server, "connected_clients", 1);
    }
}

#[test]
fn waits_end_and_nothing_is_given_to_those_who_left() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let (mut served, mut timed, mut left) = (server.connect(), server.connect(), server.connect());
        send(&mut left, ["BLPOP", "left", "0"]);
        send(&mut served, ["BLPOP", "served", "0"]);
        await_figure(&server, "blocked_clients", 2);
        send(&mut timed, ["BLPOP", "timed", "0.15"]);
        // Whether it still waits or not: it must have been read before the script makes others wait.
        await_last_commands(&server, "blpop", 3);
        let mut client = run_endless(&server, &["EVAL", ENDLESS, "3", "left", "served", "timed"]);
        drop(left);
        assert!(begins(&server.connect().try_call(["RPUSH", "left", "x"]), BUSY));
        assert!(begins(&Ok(kill(&server, &mut client)), KILLED));
        assert_eq!(timed.read_reply().expect("the wait ends"), Reply::NullArray);
        await_figure(&server, "blocked_clients", 1);
        let mut other = server.connect();
        assert_eq!(other.command("RPUSH left x"), Reply::Integer(1));
        assert_eq!(other.command("LLEN left"), Reply::Integer(1));
        assert_eq!(other.command("RPUSH served y"), Reply::Integer(1));
        let pair = [Reply::Bulk(b"served".to_vec()), Reply::Bulk(b"y".to_vec())];
        assert_eq!(served.read_reply().expect("an element"), Reply::Array(pair.to_vec()));
        await_figure(&server, "total_blocking_keys", 0);
    }
}

#[test]
fn what_a_script_adds_before_it_is_ended_serves_those_who_wait() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let mut waiting = server.connect();
        send(&mut waiting, ["BLPOP", "queue", "0"]);
        await_figure(&server, "blocked_clients", 1);
        // It has written, so it ends by itself, some time after others were told of it.
        let script =
            "redis.call('RPUSH', KEYS[1], 'x') local ends = os.clock() + 0.2 repeat until os.clock() > ends";
        let mut client = run_endless(&server, &["EVAL", script, "1", "queue"]);
        assert_eq!(client.read_reply().expect("the script ends"), Reply::Null);
        let pair = [Reply::Bulk(b"queue".to_vec()), Reply::Bulk(b"x".to_vec())];
        assert_eq!(waiting.read_reply().expect("an element"), Reply::Array(pair.to_vec()));
        await_idle(&server);
        assert_eq!(server.connect().command("EXISTS queue"), Reply::Integer(0));
    }
}

#[test]
fn subscribers_hear_what_is_published_before_and_after() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let message = |text: &str| {
            Reply::Array(
                [&b"message"[..], b"channel", text.as_bytes()].map(|part| Reply::Bulk(part.to_vec())).into(),
            )
        };
        let mut subscriber = server.connect();
        assert_eq!(subscriber.command("SUBSCRIBE channel").into_elements().len(), 3);
        let script = "redis.call('PUBLISH', 'channel', 'before') while true do end";
        let mut client = run_endless(&server, &["EVAL", script, "0"]);
        assert!(begins(&server.connect().try_call(["PUBLISH", "channel", "refused"]), BUSY));
        assert!(begins(&Ok(kill(&server, &mut client)), KILLED));
        assert_eq!(server.connect().command("PUBLISH channel after"), Reply::Integer(1));
        for text in ["before", "after"] {
            assert_eq!(subscriber.read_reply().expect("a message"), message(text));
        }
    }
}

#[test]
fn a_transaction_goes_on_behind_a_script_that_was_ended() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let mut client = server.connect();
        client.command("MULTI");
        client.command("SET a 1");
        client.call(["EVAL", ENDLESS, "0"]);
        client.command("SET b 2");
        send(&mut client, ["EXEC"]);
        await_busy(&server);
        let mut queued = server.connect();
        assert_eq!(queued.command("MULTI").text(), "OK");
        assert!(begins(&queued.try_call(["SET", "a", "3"]), BUSY));
        let results = kill(&server, &mut client).into_elements();
        assert!(begins(&Ok(results[1].clone()), KILLED), "{results:?}");
        assert_eq!([results[0].text(), results[2].text()], ["OK", "OK"]);
        let answer = queued.command("EXEC").text();
        assert!(answer.starts_with("EXECABORT "), "{answer}");
        let values = [Reply::Bulk(b"1".to_vec()), Reply::Bulk(b"2".to_vec())];
        assert_eq!(client.command("MGET a b"), Reply::Array(values.to_vec()));
    }
}

#[test]
fn a_watch_that_begins_meanwhile_holds() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let (mut early, mut gone) = (server.connect(), server.connect());
        // One of them may be in the shard of the script's key, where nobody can watch anything meanwhile.
        let keys = ["key1", "key2", "key3"];
        for watching in [&mut early, &mut gone] {
            assert_eq!(watching.command(&format!("WATCH {}", keys.join(" "))).text(), "OK");
        }
        let mut client = run_endless(&server, &["EVAL", ENDLESS, "1", "other"]);
        assert_eq!(early.command("UNWATCH").text(), "OK");
        drop(gone);
        let mut late = server.connect();
        let mut watched = keys.into_iter().filter(|key| late.command(&format!("WATCH {key}")).text() == "OK");
        let key = watched.next().expect("a key in another shard than the script's");
        drop(watched);
        assert!(begins(&Ok(kill(&server, &mut client)), KILLED));
        assert_eq!(client.command(&format!("SET {key} changed")).text(), "OK");
        for (watching, expected) in [(&mut early, Reply::Array(Vec::new())), (&mut late, Reply::NullArray)] {
            assert_eq!(watching.command("MULTI").text(), "OK");
            assert_eq!(watching.command("EXEC"), expected);
        }
    }
}

#[test]
fn requests_behind_a_script_are_answered_in_order() {
    for threads in THREADS {
        let server = nuthatch(threads);
        let mut client = server.connect();
        let requests = [
            Request::from_line("SET key 1"),
            Request::new(["EVAL", ENDLESS, "1", "key"]),
            Request::from_line("INCR key"),
            Request::from_line("PING"),
        ];
        client.send(&Request::encode_all(&requests)).expect("the server reads");
        await_busy(&server);
        assert_eq!(server.connect().command("SCRIPT KILL").text(), "OK");
        assert_eq!(client.read_reply().expect("a reply").text(), "OK");
        assert!(begins(&client.read_reply(), KILLED));
        assert_eq!(client.read_reply().expect("a reply"), Reply::Integer(2));
        assert_eq!(client.read_reply().expect("a reply").text(), "PONG");
    }
}

#[test]
fn keys_expire_meanwhile_but_not_for_the_script() {
    const LIFE: Duration = Duration::from_millis(150);
    for threads in THREADS {
        let server = nuthatch(threads);
        let (mut other, mut listener) = (server.connect(), server.connect());
        other.command("CONFIG SET notify-keyspace-events Ex");
        listener.command("SUBSCRIBE __keyevent@0__:expired");
        let life = LIFE.as_millis().to_string();
        other.call(["SET", "key", "value", "PX", &life]);
        other.command("HSET hash field value");
        other.call(["HPEXPIRE", "hash", &life, "FIELDS", "1", "field"]);
        let set = Instant::now();
        let mut client = run_endless(&server, &["EVAL", ENDLESS, "2", "key", "hash"]);
        assert!(wait_until(|| set.elapsed() > LIFE + Duration::from_millis(1)));
        assert!(begins(&Ok(kill(&server, &mut client)), KILLED));
        assert_eq!(other.command("GET key"), Reply::Null);
        assert_eq!(other.command("HGET hash field"), Reply::Null);
        // A hash whose fields have all expired is there until they are removed.
        assert!(wait_until(|| other.command("EXISTS hash") == Reply::Integer(0)));
        let event = listener.read_reply().expect("an event").into_elements();
        assert_eq!(event.last().map(Reply::text).as_deref(), Some("key"));

        // A script sees one time from its beginning to its end.
        let script = "redis.call('SET', KEYS[1], 'value', 'PX', 20) local ends = os.clock() + 0.1 \
            repeat until os.clock() > ends return redis.call('EXISTS', KEYS[1])";
        assert_eq!(client.call(["EVAL", script, "1", "key"]), Reply::Integer(1));
        assert_eq!(client.command("EXISTS key"), Reply::Integer(0));
    }
}
