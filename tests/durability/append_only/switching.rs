//! Switched on and off, rewritten, taken over, waited for.

use std::fs;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::Signal;

use super::{DIRECTORY, arguments, await_loading, crash, info, names, rewrite};

#[test]
fn it_is_switched_on_and_off_while_the_server_runs() {
    let server = Server::start(&Program::nuthatch(), &[]);
    let mut client = server.connect();
    client.command("SET a 1");
    assert_eq!(client.command("CONFIG SET appendonly yes").text(), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "1");
    client.command("SET b 2");
    let is_there = || server.directory().join(DIRECTORY).join("appendonly.aof.manifest").exists();
    assert!(wait_until(is_there), "{}", server.log());
    assert_eq!(client.command("WAITAOF 1 0 0").into_elements()[0].integer(), Some(1));
    client.command("SET c 3");
    let server = crash(server, &[]);
    let mut client = server.connect();
    assert_eq!(client.command("MGET a b c").into_elements().len(), 3);
    for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
        assert_eq!(client.call(["GET", key]).text(), value);
    }
    assert_eq!(names(&server), ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"]);
    assert_eq!(client.command("CONFIG SET appendonly no").text(), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "0");
    client.command("SET lost 1");
    assert!(client.command("WAITAOF 1 0 0").is_error());
    assert_eq!(client.command("CONFIG SET appendonly yes").text(), "OK");
    client.command("DEL a");
    let is_rewritten = || names(&server) == ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"];
    assert!(wait_until(is_rewritten), "{:?} {}", names(&server), server.log());
    let server = crash(server, &[]);
    assert_eq!(server.connect().command("EXISTS a b c lost").integer(), Some(3));
}

#[test]
fn switching_again_and_again_ends_as_it_was_asked_for() {
    let mut server = Server::start(&Program::nuthatch(), &[]);
    for _ in 0..3 {
        let mut client = server.connect();
        for step in 0..20 {
            let is_on = if step % 2 == 1 { "yes" } else { "no" };
            assert_eq!(client.call(["CONFIG", "SET", "appendonly", is_on]).text(), "OK");
            client.command("INCR counter");
        }
        let counter = client.command("GET counter").text();
        assert_eq!(client.command("WAITAOF 1 0 0").into_elements()[0].integer(), Some(1));
        server = crash(server, &[]);
        assert_eq!(server.connect().command("GET counter").text(), counter);
        assert_eq!(names(&server).len(), 2, "{:?}", names(&server));
    }
}

#[test]
fn a_rewrite_leaves_a_base_and_an_empty_file() {
    for (preamble, base) in [("yes", "appendonly.aof.2.base.rdb"), ("no", "appendonly.aof.2.base.aof")] {
        let others = ["--aof-use-rdb-preamble", preamble];
        let server = Server::start(&Program::nuthatch(), &arguments(&others));
        let mut client = server.connect();
        for step in 0..1000 {
            client.call(["SET", "key", &step.to_string()]);
        }
        rewrite(&mut client);
        assert_eq!(names(&server), [base, "appendonly.aof.2.incr.aof"]);
        assert_eq!(info(&mut client, "aof_current_size"), info(&mut client, "aof_base_size"));
        client.command("APPEND key x");
        let server = crash(server, &others);
        assert_eq!(server.connect().command("GET key").text(), "999x");
    }
}

#[test]
fn it_is_rewritten_when_it_has_grown() {
    let others = ["--auto-aof-rewrite-min-size", "10kb"];
    let server = Server::start(&Program::nuthatch(), &arguments(&others));
    let mut client = server.connect();
    let has_happened = || {
        client.call(["SET", "key", &"x".repeat(1000)]);
        info(&mut client, "aof_rewrites") != "0" && info(&mut client, "aof_rewrite_in_progress") == "0"
    };
    assert!(wait_until(has_happened), "{}", server.log());
    assert!(server.log().contains("Starting automatic rewriting of AOF"), "{}", server.log());
}

#[test]
fn a_single_file_of_older_versions_is_taken_over() {
    let snapshot = {
        let server = Server::start(&Program::nuthatch(), &[]);
        server.connect().command("SET saved 1");
        crate::saved(&server)
    };
    let commands = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".to_vec();
    for old in [commands.clone(), [snapshot, commands].concat()] {
        let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
            fs::write(directory.join("appendonly.aof"), &old).expect("a file can be written");
        });
        await_loading(&server);
        assert_eq!(server.connect().command("GET a").text(), "1");
        server.connect().command("SET b 2");
        assert!(!server.directory().join("appendonly.aof").exists());
        assert_eq!(names(&server), ["appendonly.aof", "appendonly.aof.1.incr.aof"]);
        let server = crash(server, &[]);
        assert_eq!(server.connect().command("EXISTS a b").integer(), Some(2));
        assert_eq!(
            server.connect().command("EXISTS saved").integer(),
            Some(i64::from(old.starts_with(b"REDIS")))
        );
    }
}

#[test]
fn names_are_as_the_settings_say() {
    let others = ["--appendfilename", "my log.aof", "--appenddirname", "my files"];
    let server = Server::start(&Program::nuthatch(), &arguments(&others));
    server.connect().command("SET a 1");
    assert!(server.directory().join("my files/my log.aof.1.incr.aof").exists());
    let server = crash(server, &others);
    assert_eq!(server.connect().command("GET a").text(), "1");
}

#[test]
fn keys_that_end_stay_until_a_later_command_has_kept_them() {
    let past = "1000000000000";
    let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
        let words: &[&[&str]] = &[
            &["SET", "kept", "1", "PXAT", past],
            &["SET", "ended", "1", "PXAT", past],
            &["HSET", "hash", "field", "1", "other", "2"],
            &["HPEXPIREAT", "hash", past, "FIELDS", "1", "field"],
            &["PERSIST", "kept"],
            &["HPERSIST", "hash", "FIELDS", "1", "field"],
        ];
        let mut text = String::new();
        for words in words {
            text.push_str(&format!("*{}\r\n", words.len()));
            words.iter().for_each(|word| text.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        }
        fs::write(directory.join("appendonly.aof"), text).expect("a file can be written");
    });
    await_loading(&server);
    let mut client = server.connect();
    assert_eq!(client.command("EXISTS kept ended").integer(), Some(1));
    assert_eq!(client.command("HGET hash field").text(), "1");
    assert!(wait_until(|| client.command("DBSIZE").integer() == Some(2)), "it is not removed");
}

#[test]
fn consumers_were_seen_when_the_file_was_loaded_and_entries_delivered_when_they_were() {
    let server = Server::start(&Program::nuthatch(), &arguments(&[]));
    let mut client = server.connect();
    for line in ["XADD s 1-1 a b", "XGROUP CREATE s g 0", "XGROUP CREATECONSUMER s g one"] {
        assert!(!client.command(line).is_error(), "{line}");
    }
    client.command("XREADGROUP GROUP g two STREAMS s >");
    let server = crash(server, &[]);
    let consumers = server.connect().command("XINFO CONSUMERS s g").into_elements();
    assert_eq!(consumers.len(), 2);
    for consumer in consumers {
        let fields = consumer.into_elements();
        let idle = fields.iter().position(|field| field.text() == "idle").expect("it is told");
        assert!(fields[idle + 1].integer().is_some_and(|idle| (0..60_000).contains(&idle)), "{fields:?}");
    }
    let pending = server.connect().command("XPENDING s g - + 10").into_elements();
    let fields = pending.into_iter().next().expect("an entry is pending").into_elements();
    assert!(fields[2].integer().is_some_and(|idle| (0..60_000).contains(&idle)), "{fields:?}");
}

#[test]
fn the_files_are_loaded_again_while_the_server_runs() {
    for preamble in ["yes", "no"] {
        let others = ["--aof-use-rdb-preamble", preamble, "--enable-debug-command", "yes"];
        let server = Server::start(&Program::nuthatch(), &arguments(&others));
        let mut client = server.connect();
        client.command("SET a 1");
        rewrite(&mut client);
        client.command("RPUSH list 1 2 3");
        client.command("SET gone 1 PX 1");
        let digest = |client: &mut nuthatch_testkit::client::Client| client.command("DEBUG DIGEST").text();
        assert!(wait_until(|| client.command("EXISTS gone").integer() == Some(0)));
        let before = digest(&mut client);
        assert_eq!(client.command("DEBUG LOADAOF").text(), "OK");
        assert_eq!(digest(&mut client), before);
        client.command("SET after 1");
        let before = digest(&mut client);
        let server = crash(server, &others);
        assert_eq!(digest(&mut server.connect()), before);
    }
}

#[test]
fn waitaof_answers_when_the_disk_has_it() {
    for fsync in ["always", "everysec"] {
        let server = Server::start(&Program::nuthatch(), &arguments(&["--appendfsync", fsync]));
        let mut client = server.connect();
        client.command("SET a 1");
        let reply = client.command("WAITAOF 1 0 0").into_elements();
        assert_eq!(reply.iter().map(|part| part.integer()).collect::<Vec<_>>(), [Some(1), Some(0)]);
        let reply = client.command("WAITAOF 1 1 10").into_elements();
        assert_eq!(reply[1].integer(), Some(0), "there are no replicas");
    }
    let server = Server::start(&Program::nuthatch(), &arguments(&["--appendfsync", "no"]));
    let mut client = server.connect();
    client.command("SET a 1");
    for (line, error) in [
        ("WAITAOF 1 x 0", "ERR value is out of range, must be positive"),
        ("WAITAOF 1 -1 0", "ERR value is out of range, must be positive"),
        ("WAITAOF x 0 0", "ERR value is not an integer or out of range"),
    ] {
        assert_eq!(client.command(line).text(), error, "{line}");
    }
    assert_eq!(client.command("WAITAOF 1 0 50").into_elements()[0].integer(), Some(0));
}

#[test]
fn an_end_that_is_asked_for_keeps_all() {
    let mut server = Server::start(&Program::nuthatch(), &arguments(&[]));
    server.connect().command("SET a 1");
    assert!(server.end_with(Signal::TERM).is_some_and(|status| status.success()));
    assert!(server.log().contains("Calling fsync() on the AOF file."), "{}", server.log());
    let server = crash(server, &[]);
    assert_eq!(server.connect().command("GET a").text(), "1");
}
