//! DEBUG RELOAD brings back what there was, as stock servers do, and changes nothing where it cannot.

use std::fs;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};

use crate::FILE;
use crate::interchange::fill;

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

fn digest(client: &mut Client) -> String {
    let digest = client.command("DEBUG DIGEST").text();
    assert_eq!(digest.len(), 40, "{digest}");
    digest
}

fn libraries(client: &mut Client) -> Vec<String> {
    let libraries = client.command("FUNCTION LIST").into_elements();
    let mut names: Vec<_> = libraries.into_iter().map(|library| library.into_elements()[1].text()).collect();
    names.sort();
    names
}

fn load_library(client: &mut Client, name: &str) {
    let text = format!("#!lua name={name}\nredis.register_function('{name}', function() return 1 end)");
    assert_eq!(client.call(["FUNCTION", "LOAD", &text]).text(), name);
}

#[test]
fn what_was_there_is_there_again() {
    for program in [Program::nuthatch()].into_iter().chain(Program::references()) {
        let server = Server::start(&program, &DEBUG);
        let mut client = server.connect();
        fill(&mut client, 7, program.name != "redis-7.0");
        client.command("SELECT 0");
        let before = digest(&mut client);
        assert_eq!(client.command("DEBUG RELOAD").text(), "OK", "{}", program.name);
        assert_eq!(digest(&mut client), before, "{}", program.name);
        assert_eq!(libraries(&mut client), ["kept"], "{}", program.name);
        assert!(client.command("INFO persistence").text().contains("rdb_changes_since_last_save:0\r\n"));
        // What was changed since then is changed back.
        client.command("SET another key");
        client.command("FUNCTION FLUSH");
        load_library(&mut client, "other");
        assert_ne!(digest(&mut client), before, "{}", program.name);
        assert_eq!(client.command("DEBUG RELOAD NOSAVE").text(), "OK", "{}", program.name);
        assert_eq!(digest(&mut client), before, "{}", program.name);
        assert_eq!(libraries(&mut client), ["kept"], "{}", program.name);
        // Or kept, where the file says nothing of it.
        client.command("SET another key");
        client.command("FUNCTION FLUSH");
        load_library(&mut client, "other");
        assert_eq!(client.command("DEBUG RELOAD NOSAVE NOFLUSH MERGE").text(), "OK", "{}", program.name);
        assert_eq!(libraries(&mut client), ["kept", "other"], "{}", program.name);
        assert_eq!(client.command("DEL another").integer(), Some(1), "{}", program.name);
        assert_eq!(digest(&mut client), before, "{}", program.name);
        assert_eq!(
            client.command("DEBUG RELOAD TWICE").text(),
            "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            "{}",
            program.name
        );
    }
}

#[test]
fn the_log_tells_of_it_as_of_loading() {
    for program in [Program::nuthatch()].into_iter().chain(Program::references()) {
        let server = Server::start(&program, &DEBUG);
        let mut client = server.connect();
        client.command("MSET a 1 b 2");
        assert_eq!(client.command("DEBUG RELOAD").text(), "OK", "{}", program.name);
        let log = server.log();
        for line in [
            "Loading RDB produced by",
            "RDB age 0 seconds",
            "Done loading RDB, keys loaded: 2, keys expired: 0",
        ] {
            assert!(log.contains(line), "{} {line}\n{log}", program.name);
        }
    }
}

#[test]
fn a_rewrite_that_goes_on_keeps_nobody_from_saving() {
    for program in [Program::nuthatch()].into_iter().chain(Program::references()) {
        let is_ours = program.name == Program::nuthatch().name;
        // The process that rewrites the file outlives a stock server that is killed.
        let delay = if is_ours { "50000" } else { "10000" };
        let arguments = [&DEBUG[..], &["--appendonly", "yes", "--rdb-key-save-delay", delay]].concat();
        let server = Server::start(&program, &arguments);
        let mut client = server.connect();
        client.command("DEBUG POPULATE 1000");
        let before = digest(&mut client);
        assert!(!client.command("BGREWRITEAOF").is_error(), "{}", program.name);
        if !is_ours {
            // There it makes SAVE slow, too, and the process that rewrites the file keeps what it had.
            assert_eq!(client.command("CONFIG SET rdb-key-save-delay 0").text(), "OK");
        }
        for line in ["SAVE", "DEBUG RELOAD"] {
            assert_eq!(client.command(line).text(), "OK", "{line} by {}", program.name);
        }
        let goes_on = client.command("INFO persistence").text().contains("aof_rewrite_in_progress:1\r\n");
        assert!(goes_on, "{}", program.name);
        let has_come = || {
            let text = client.command("INFO persistence").text();
            text.contains("aof_rewrite_in_progress:1\r\n") && !text.contains("current_fork_perc:0.00\r\n")
        };
        assert!(wait_until(has_come), "{}", program.name);
        assert_eq!(digest(&mut client), before, "{}", program.name);
    }
}

#[test]
fn where_it_cannot_nothing_is_changed() {
    let server = Server::start(&Program::nuthatch(), &DEBUG);
    let mut client = server.connect();
    fill(&mut client, 8, true);
    let before = digest(&mut client);
    let error = "ERR Error trying to load the RDB dump, check server logs.";
    // There is no file.
    assert_eq!(client.command("DEBUG RELOAD NOSAVE").text(), error);
    assert_eq!(client.command("SAVE").text(), "OK");
    // All keys are there twice.
    assert_eq!(client.command("DEBUG RELOAD NOSAVE NOFLUSH").text(), error);
    // The file ends too early, or its sum is wrong.
    let path = server.directory().join(FILE);
    let file = fs::read(&path).expect("the file is there");
    for damaged in [&file[..file.len() / 2], &[&file[..file.len() - 1], b"x"].concat()] {
        fs::write(&path, damaged).expect("a file can be written");
        for options in ["NOSAVE", "NOSAVE NOFLUSH MERGE"] {
            assert_eq!(client.command(&format!("DEBUG RELOAD {options}")).text(), error);
        }
    }
    // It cannot be saved.
    fs::remove_file(&path).expect("a file can be removed");
    fs::create_dir(&path).expect("a directory can be made");
    assert_eq!(client.command("DEBUG RELOAD").text(), "ERR");
    assert_eq!(digest(&mut client), before);
    assert_eq!(libraries(&mut client), ["kept"]);
    assert!(server.log().contains("offset"), "the log says where");
}

#[test]
fn what_is_loaded_again_is_kept_by_deadlines_and_indexes_as_before() {
    let server = Server::start(&Program::nuthatch(), &DEBUG);
    let mut client = server.connect();
    client.command("SET ends soon PX 400");
    client.command("HSET hash field a other b");
    client.command("HPEXPIRE hash 400 FIELDS 1 field");
    client.command("SET stays here");
    assert_eq!(client.command("DEBUG RELOAD").text(), "OK");
    // Nobody looks at them.
    let is_over = || server.connect().command("INFO stats").text().contains("\nexpired_keys:1\r\n");
    assert!(wait_until(is_over), "the key does not expire");
    let fields = || server.connect().command("HLEN hash").integer() == Some(1);
    assert!(wait_until(fields), "the field does not expire");
    assert_eq!(client.command("DBSIZE").integer(), Some(2));
}
