//! Scripts that run for too long are ended.

use std::time::Instant;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::{PATIENCE, Server, wait_until};

use super::{BUSY, ENDLESS, KILLED, THREADS, await_busy, begins, kill, run_endless, send, start};

/// Scripts that do not end by themselves, and some that catch whatever is to end them.
const LOOPS: &[&str] = &[
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "while true do pcall(table.sort, {3, 2, 1, 4}, function() while true do end end) end",
    "while true do pcall(string.gsub, 'aaa', 'a', function() while true do end end) end",
    "while true do redis.pcall('GET', KEYS[1]) end",
    "while true do pcall(redis.call, 'NOSUCH') end",
    "while true do redis.call('EXISTS', 'a' .. math.random(100)) end",
    "while true do pcall(function() return ('x'):rep(100000) .. {} end) end",
    "local function f() pcall(f) f() end while true do pcall(f) end",
];

#[test]
fn whatever_a_script_does_it_is_ended_and_its_keys_are_free() {
    for threads in THREADS {
        let server = start(&Program::nuthatch(), threads);
        for body in LOOPS {
            let script = format!("redis.call('GET', KEYS[1]) redis.call('GET', ARGV[1]) {body}");
            let mut client = run_endless(&server, &["EVAL", &script, "1", "declared", "undeclared"]);
            let reply = kill(&server, &mut client);
            assert!(begins(&Ok(reply.clone()), KILLED), "{reply:?}: {body}");
            let mut other = server.connect();
            for key in ["declared", "undeclared"] {
                assert_eq!(other.call(["SET", key, "value"]).text(), "OK", "{body}");
                let stray = "return redis.call('GET', ARGV[1])";
                assert_eq!(other.call(["EVAL", stray, "0", key]).text(), "value", "{body}");
                assert_eq!(client.call(["DEL", key]), Reply::Integer(1), "{body}");
            }
            assert!(other.command("SCRIPT KILL").text().starts_with("NOTBUSY "));
        }
    }
}

/// Waits until nobody answers any more.
#[track_caller]
fn await_end(server: &Server, mut client: Client) {
    send(&mut client, ["SHUTDOWN", "NOSAVE"]);
    client.read_to_end().expect("the connection ends");
    assert!(wait_until(|| server.try_connect().is_err()), "the server goes on");
}

#[test]
fn a_script_that_has_written_is_ended_with_the_server_only() {
    for (threads, body) in THREADS.iter().zip([LOOPS[0], LOOPS[1], LOOPS[2]]) {
        let server = start(&Program::nuthatch(), threads);
        let script = format!("redis.call('SET', KEYS[1], 'value') {body}");
        let _client = run_endless(&server, &["EVAL", &script, "1", "key"]);
        let mut other = server.connect();
        for command in ["SCRIPT KILL", "FUNCTION KILL"] {
            let answer = other.command(command).text();
            assert!(answer.starts_with("UNKILLABLE "), "{command}: {answer}");
        }
        assert!(begins(&other.try_call(["SHUTDOWN"]), BUSY));
        await_end(&server, other);
    }
}

#[test]
fn the_server_ends_whatever_a_script_catches() {
    for body in LOOPS {
        let server = start(&Program::nuthatch(), "2");
        let _client = run_endless(&server, &["EVAL", body, "1", "key"]);
        await_end(&server, server.connect());
    }
}

#[test]
fn functions_and_scripts_are_ended_each_by_their_own_command() {
    for threads in THREADS {
        let server = start(&Program::nuthatch(), threads);
        let mut other = server.connect();
        let library =
            "#!lua name=endless\nredis.register_function('endless', function() while true do end end)";
        assert_eq!(other.call(["FUNCTION", "LOAD", library]).text(), "endless");

        let mut client = run_endless(&server, &["FCALL", "endless", "0"]);
        let answer = other.command("SCRIPT KILL").text();
        assert_eq!(answer, format!("{BUSY}FUNCTION KILL or SHUTDOWN NOSAVE."));
        let stats = format!("{:?}", other.command("FUNCTION STATS"));
        let name = format!("{:?}", Reply::Bulk(b"endless".to_vec()));
        assert!(stats.contains(&name), "the function that runs is not told: {stats}");
        assert_eq!(other.command("FUNCTION KILL").text(), "OK");
        assert!(begins(&client.read_reply(), KILLED));

        let mut client = run_endless(&server, &["EVAL", ENDLESS, "0"]);
        let answer = other.command("FUNCTION KILL").text();
        assert_eq!(answer, format!("{BUSY}SCRIPT KILL or SHUTDOWN NOSAVE."));
        assert!(begins(&Ok(kill(&server, &mut client)), KILLED));
        for command in ["SCRIPT KILL", "FUNCTION KILL"] {
            assert!(other.command(command).text().starts_with("NOTBUSY "), "{command}");
        }
    }
}

#[test]
fn several_scripts_that_run_side_by_side_are_ended() {
    let server = start(&Program::nuthatch(), "4");
    let script = "redis.call('GET', KEYS[1]) while true do end";
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        send(client, ["EVAL", script, "1", &format!("key:{number}")]);
    }
    await_busy(&server);
    let mut other = server.connect();
    let began = Instant::now();
    for client in &mut clients {
        // One of them may begin only when another one was ended.
        let frame = loop {
            other.command("SCRIPT KILL");
            if let Some(frame) = client.poll_frame().expect("a connection") {
                break String::from_utf8_lossy(&frame).into_owned();
            }
            assert!(began.elapsed() < PATIENCE, "a script is not ended");
        };
        assert!(
            frame.starts_with(&format!("-{KILLED}")) || frame.starts_with(&format!("-{BUSY}")),
            "{frame}"
        );
    }
    super::await_idle(&server);
    for number in 0..8 {
        assert_eq!(other.command(&format!("SET key:{number} value")).text(), "OK");
    }
}
