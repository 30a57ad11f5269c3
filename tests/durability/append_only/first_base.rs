//! The time between the wish for an append-only file and its first base: nothing relies on a file that is not there yet.

use std::fs;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::Signal;

use super::{arguments, await_loading, crash, info};

/// With it, a base of some thousand keys takes a while.
const SLOW: [&str; 2] = ["--rdb-key-save-delay", "1000"];

const KEYS: usize = 2000;

fn fill(server: &Server) {
    let pairs = (0..KEYS).flat_map(|number| [format!("key:{number}"), "1".to_owned()]);
    let words = ["MSET".to_owned()].into_iter().chain(pairs);
    assert_eq!(server.connect().call(words).text(), "OK");
}

#[test]
fn the_server_does_not_end_before_there_is_a_base() {
    let mut server = Server::start(&Program::nuthatch(), &SLOW);
    fill(&server);
    let mut client = server.connect();
    assert_eq!(client.command("CONFIG SET appendonly yes").text(), "OK");
    assert_eq!(info(&mut client, "aof_rewrite_in_progress"), "1", "it is told at once");
    for command in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE"] {
        assert_eq!(client.command(command).text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    }
    assert!(server.log().contains("# Writing initial AOF, can't exit."), "{}", server.log());
    client.command("CONFIG SET rdb-key-save-delay 0");
    assert!(wait_until(|| info(&mut client, "aof_rewrite_in_progress") == "0"), "{}", server.log());
    assert!(server.end_with(Signal::TERM).is_some_and(|status| status.success()));
    server.start_again(&Program::nuthatch(), &arguments(&[]));
    await_loading(&server);
    assert_eq!(server.connect().command("DBSIZE").integer(), Some(KEYS as i64));
}

#[test]
fn the_server_ends_before_there_is_a_base_if_it_must() {
    let mut server = Server::start(&Program::nuthatch(), &SLOW);
    fill(&server);
    let mut client = server.connect();
    assert_eq!(client.command("CONFIG SET appendonly yes").text(), "OK");
    // The connection ends instead of a reply.
    assert!(client.try_call(["SHUTDOWN", "NOSAVE", "FORCE"]).is_err());
    assert!(server.wait_for_end().is_some_and(|status| status.success()), "{}", server.log());
    assert!(server.log().contains("# Writing initial AOF. Exit anyway."), "{}", server.log());
}

#[test]
fn the_base_has_all_if_it_is_wished_while_a_file_is_loaded() {
    let program = Program::nuthatch();
    let mut server = Server::start(&program, &[]);
    fill(&server);
    assert_eq!(server.connect().command("SAVE").text(), "OK");
    assert!(server.end_with(Signal::KILL).is_some());
    server.start_again(&program, &["--key-load-delay", "300"]);
    let mut client = server.connect();
    assert_eq!(info(&mut client, "loading"), "1", "it has loaded too soon");
    assert_eq!(client.command("CONFIG SET appendonly yes").text(), "OK");
    await_loading(&server);
    client.command("SET later 1");
    assert_eq!(client.command("WAITAOF 1 0 0").into_elements()[0].integer(), Some(1));
    let server = crash(server, &[]);
    assert_eq!(server.connect().command("DBSIZE").integer(), Some(KEYS as i64 + 1));
}

#[test]
fn a_rewrite_that_is_asked_for_meanwhile_takes_nothing_away() {
    let mut server = Server::start(&Program::nuthatch(), &arguments(&["--appendfsync", "always"]));
    for round in 0..10 {
        let mut client = server.connect();
        client
            .send(b"CONFIG SET appendonly no\r\nCONFIG SET appendonly yes\r\nBGREWRITEAOF\r\n")
            .expect("it is sent");
        for _ in 0..3 {
            client.read_reply().expect("the server answers");
        }
        assert!(!client.call(["SET", &format!("key:{round}"), "1"]).is_error());
        assert_eq!(client.command("WAITAOF 1 0 0").into_elements()[0].integer(), Some(1));
        assert!(!client.call(["SET", &format!("other:{round}"), "1"]).is_error());
        server = crash(server, &["--appendfsync", "always"]);
        assert_eq!(server.connect().command("DBSIZE").integer(), Some(2 * (round + 1)));
    }
}

#[test]
fn without_a_file_a_rewrite_leaves_a_base_alone() {
    let program = Program::nuthatch();
    let mut server = Server::start(&program, &[]);
    fill(&server);
    let mut client = server.connect();
    for base in ["appendonly.aof.1.base.rdb", "appendonly.aof.2.base.rdb"] {
        super::rewrite(&mut client);
        assert_eq!(super::names(&server), [base]);
    }
    client.command("CONFIG SET rdb-key-save-delay 100");
    assert_eq!(client.command("BGSAVE").text(), "Background saving started");
    let reply = client.command("BGREWRITEAOF").text();
    assert_eq!(reply, "Background append only file rewriting scheduled");
    assert!(wait_until(|| super::names(&server) == ["appendonly.aof.3.base.rdb"]), "{}", server.log());
    assert!(server.end_with(Signal::KILL).is_some());
    server.start_again(&program, &arguments(&[]));
    await_loading(&server);
    assert_eq!(server.connect().command("DBSIZE").integer(), Some(KEYS as i64));
}

#[test]
fn a_rewrite_goes_to_the_directory_that_the_server_has_turned_to() {
    let program = Program::nuthatch();
    let mut server = Server::start(&program, &arguments(&["--enable-protected-configs", "yes"]));
    let other = server.directory().join("other");
    fs::create_dir(&other).expect("a directory can be made");
    let other = other.to_str().expect("the path is a text").to_owned();
    let mut client = server.connect();
    client.command("SET before 1");
    assert_eq!(client.call(["CONFIG", "SET", "dir", &other]).text(), "OK");
    super::rewrite(&mut client);
    client.command("SET after 1");
    assert!(server.end_with(Signal::KILL).is_some());
    server.start_again(&program, &arguments(&["--dir", &other]));
    await_loading(&server);
    assert_eq!(server.connect().command("EXISTS before after").integer(), Some(2));
}
