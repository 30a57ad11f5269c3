//! Which commands are answered while a script runs for too long: those of Redis 8.0.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use super::{ENDLESS, THREADS, begins, kill, run_endless, send, start};

/// Requests on a connection of their own, and how the last reply begins.
const ANSWERS: &[(&[&str], &str)] = &[
    (&["PING"], "-BUSY "),
    (&["ECHO x"], "-BUSY "),
    (&["AUTH default x"], "+OK"),
    (&["HELLO"], "*14\r\n"),
    (&["HELLO 3"], "%7\r\n"),
    (&["HELLO 4"], "-NOPROTO "),
    (&["QUIT"], "+OK"),
    (&["RESET"], "+RESET"),
    (&["SELECT 0"], "-BUSY "),
    (&["GET key"], "-BUSY "),
    (&["SET key value"], "-BUSY "),
    (&["MGET a b c d e f g h"], "-BUSY "),
    (&["INFO"], "-BUSY "),
    (&["DBSIZE"], "-BUSY "),
    (&["SCAN 0"], "-BUSY "),
    (&["FLUSHALL"], "-BUSY "),
    (&["BLPOP key 1"], "-BUSY "),
    (&["TIME"], "-BUSY "),
    (&["COMMAND COUNT"], "-BUSY "),
    (&["CONFIG GET maxmemory"], "-BUSY "),
    (&["CLIENT ID"], "-BUSY "),
    (&["CLIENT LIST"], "-BUSY "),
    (&["CLIENT KILL ID 99999"], "-BUSY "),
    (&["CLIENT REPLY ON"], "-BUSY "),
    (&["SUBSCRIBE channel"], "-BUSY "),
    (&["UNSUBSCRIBE"], "-BUSY "),
    (&["PUBLISH channel message"], "-BUSY "),
    (&["MONITOR"], "-BUSY "),
    (&["EVAL return 0"], "-BUSY "),
    (&["SCRIPT LOAD return"], "-BUSY "),
    (&["SCRIPT EXISTS a"], "-BUSY "),
    (&["SCRIPT FLUSH"], "-BUSY "),
    (&["SCRIPT HELP"], "-BUSY "),
    (&["SCRIPT NOSUCH"], "-ERR unknown subcommand 'NOSUCH'. Try SCRIPT HELP."),
    (&["FUNCTION KILL"], "-BUSY "),
    (&["FUNCTION LIST"], "-BUSY "),
    (&["FUNCTION STATS"], "-BUSY "),
    (&["FCALL nosuch 0"], "-BUSY "),
    (&["SHUTDOWN"], "-BUSY "),
    (&["SHUTDOWN SAVE"], "-BUSY "),
    (&["SHUTDOWN NOSAVE X"], "-ERR syntax error"),
    (&["SHUTDOWN ABORT"], "-ERR No shutdown in progress."),
    // What is refused at all times is refused for its own reason.
    (&["NOSUCH"], "-ERR unknown command 'NOSUCH'"),
    (&["GET"], "-ERR wrong number of arguments for 'get' command"),
    (&["EXEC"], "-EXECABORT Transaction discarded because of: BUSY "),
    (&["DISCARD"], "-ERR DISCARD without MULTI"),
    (&["WATCH key"], "+OK"),
    (&["UNWATCH"], "+OK"),
    (&["MULTI"], "+OK"),
    (&["MULTI", "MULTI"], "-ERR MULTI calls can not be nested"),
    (&["MULTI", "WATCH key"], "-ERR WATCH inside MULTI is not allowed"),
    (&["MULTI", "GET key"], "-BUSY "),
    (&["MULTI", "GET key", "DISCARD"], "+OK"),
    (&["MULTI", "GET key", "EXEC"], "-EXECABORT Transaction discarded because of: BUSY "),
    (&["MULTI", "EXEC"], "-EXECABORT Transaction discarded because of: BUSY "),
    (&["MULTI", "UNWATCH"], "+QUEUED"),
    (&["MULTI", "UNWATCH", "EXEC"], "-EXECABORT Transaction discarded because of: BUSY "),
    (&["MULTI", "EXEC", "UNWATCH"], "+OK"),
    (&["MULTI", "HELLO 3", "EXEC"], "-EXECABORT Transaction discarded because of: BUSY "),
    (&["MULTI", "RESET", "GET key"], "-BUSY "),
    (&["WATCH key", "MULTI", "EXEC"], "-EXECABORT Transaction discarded because of: BUSY "),
    (&["HELLO 3", "RESET"], "+RESET"),
];

/// The beginning of the last reply to requests, as bytes.
fn last_frame(client: &mut Client, lines: &[&str]) -> String {
    let mut last = String::new();
    for line in lines {
        send(client, line.split_whitespace());
        last = match client.read_frame() {
            Ok(frame) => String::from_utf8_lossy(&frame).into_owned(),
            Err(error) => error.to_string(),
        };
    }
    last
}

/// The answers that are others than those of [`ANSWERS`], to requests that are `asked`.
fn differences(server: &Server, asked: impl Fn(&str) -> bool) -> Vec<String> {
    let answers = ANSWERS.iter().filter(|(lines, _)| lines.iter().all(|line| asked(line)));
    let answers = answers.filter_map(|(lines, expected)| {
        let answer = last_frame(&mut server.connect(), lines);
        (!answer.starts_with(expected)).then(|| format!("{lines:?}: {answer:?} instead of {expected:?}"))
    });
    answers.collect()
}

#[test]
fn those_commands_are_answered_that_redis_answers() {
    let mut servers: Vec<Server> =
        THREADS.iter().map(|threads| start(&Program::nuthatch(), threads)).collect();
    let references = Program::references().into_iter().filter(|program| program.name == "redis-8.0");
    servers.extend(references.map(|program| start(&program, "1")));
    for server in &servers {
        let mut client = run_endless(server, &["EVAL", ENDLESS, "0"]);
        assert_eq!(differences(server, |_| true), [""; 0], "{}", server.name());
        assert!(begins(&Ok(kill(server, &mut client)), super::KILLED));
        assert_eq!(server.connect().command("PING").text(), "PONG");
    }
}

#[test]
fn other_answers_are_found() {
    let server = start(&Program::nuthatch(), "2");
    let found = differences(&server, |line| !line.starts_with("SHUTDOWN"));
    assert!(found.iter().any(|difference| difference.contains("\"GET key\"")), "{found:?}");
}

#[test]
fn everybody_is_answered_on_every_thread() {
    for threads in THREADS {
        let server = start(&Program::nuthatch(), threads);
        let mut others: Vec<Client> = (0..16).map(|_| server.connect()).collect();
        let mut client = run_endless(&server, &["EVAL", ENDLESS, "1", "key"]);
        for round in 0..3 {
            for (number, other) in others.iter_mut().enumerate() {
                let line = ["GET key", "SET another value", "MGET a b c d", "EVAL return 0"][number % 4];
                let reply = other.try_call(line.split_whitespace());
                assert!(begins(&reply, super::BUSY), "round {round}, {line}, {threads} threads: {reply:?}");
            }
        }
        assert!(begins(&Ok(kill(&server, &mut client)), super::KILLED));
        for other in &mut others {
            assert_eq!(other.command("SET key value").text(), "OK");
        }
    }
}
