//! Settings: changed while the server runs, and those that would promise what is not kept.

use std::fs;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;

use crate::start;

#[test]
fn several_settings_are_changed_together_or_not_at_all() {
    let server = start(&["--maxmemory", "100mb", "--hz", "10"]);
    let mut client = server.connect();
    for line in [
        "CONFIG SET maxmemory 200mb hz nonsense",
        "CONFIG SET maxmemory 200mb nosuchsetting 1",
        "CONFIG SET maxmemory 200mb databases 20",
        "CONFIG SET maxmemory 200mb hz 20 hz 30",
    ] {
        assert!(client.command(line).is_error(), "{line}");
        assert_eq!(client.command("CONFIG GET maxmemory").into_elements()[1].text(), "104857600", "{line}");
        assert_eq!(client.command("CONFIG GET hz").into_elements()[1].text(), "10", "{line}");
    }
    assert_eq!(client.command("CONFIG SET maxmemory 200mb hz 20").text(), "OK");
    assert_eq!(client.command("CONFIG GET maxmemory").into_elements()[1].text(), "209715200");
    assert_eq!(client.command("CONFIG GET hz").into_elements()[1].text(), "20");
}

#[test]
fn a_setting_that_is_refused_only_when_it_is_to_take_effect_leaves_the_others_as_they_were() {
    let in_the_way = |directory: &std::path::Path| {
        fs::write(directory.join("appendonlydir"), "a file").expect("a file");
    };
    let server = Server::start_with(&Program::nuthatch(), &[], in_the_way);
    let mut client = server.connect();
    for names in ["appendonly yes maxmemory 1", "maxmemory 1 appendonly yes"] {
        assert!(client.command(&format!("CONFIG SET {names}")).is_error(), "{names}");
        assert_eq!(client.command("CONFIG GET maxmemory").into_elements()[1].text(), "0", "{names}");
        assert_eq!(client.command("SET key value").text(), "OK", "{names}");
    }
}

/// Each waits for nothing that it has itself.
#[test]
fn a_transaction_changes_the_policy_of_eviction() {
    let server = start(&["--io-threads", "2"]);
    for policy in ["allkeys-lfu", "allkeys-adaptive", "volatile-adaptive", "allkeys-lrm", "noeviction"] {
        let mut client = server.connect();
        let set = format!("CONFIG SET maxmemory-policy {policy}");
        let lines = ["WATCH watched", "MULTI", "SET key value", &set, "GET key", "EXEC"];
        let replies = client.pipeline(&lines.map(Request::from_line)).expect("replies");
        assert_eq!(replies[5], b"*3\r\n+OK\r\n+OK\r\n$5\r\nvalue\r\n", "{policy}");
    }
}

#[test]
fn renamed_commands_cannot_be_reached_by_their_old_names() {
    let server = start(&["--rename-command", "GET", "fetch", "--rename-command", "FLUSHALL", ""]);
    let mut client = server.connect();
    assert_eq!(client.command("SET key value").text(), "OK");
    assert_eq!(client.command("FETCH key").text(), "value");
    for line in ["GET key", "FLUSHALL"] {
        assert!(client.command(line).text().starts_with("ERR unknown command"), "{line}");
    }
}

#[test]
fn settings_without_effect_are_named_in_the_log() {
    let server = start(&["--rdb-del-sync-files", "yes"]);
    let log = server.log();
    let line = log.lines().find(|line| line.contains("have no effect in this version")).unwrap_or_default();
    assert!(line.contains("rdb-del-sync-files") && !line.contains("maxclients"), "{log}");
}
