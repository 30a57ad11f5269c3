//! What was flushed does not come back from the file, and a save goes on where it was begun.

use std::fs;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::Signal;

use crate::FILE;

fn programs() -> impl Iterator<Item = Program> {
    std::iter::once(Program::nuthatch()).chain(Program::references())
}

#[test]
fn flushall_is_saved_at_once_if_there_are_save_points() {
    for program in programs() {
        for (points, left) in [("3600 1000000", 0), ("", 1)] {
            let arguments = ["--save", points];
            let mut server = Server::start(&program, &arguments);
            let mut client = server.connect();
            client.command("SET a 1");
            assert_eq!(client.command("SAVE").text(), "OK");
            assert_eq!(client.command("FLUSHALL").text(), "OK");
            assert!(server.end_with(Signal::KILL).is_some());
            server.start_again(&program, &arguments);
            assert_eq!(server.connect().command("DBSIZE").integer(), Some(left), "{}", program.name);
        }
    }
}

#[test]
fn a_flush_during_a_save_is_saved_after_it() {
    let program = Program::nuthatch();
    let arguments = ["--save", "3600 1000000", "--rdb-key-save-delay", "1000"];
    let mut server = Server::start(&program, &arguments);
    let mut client = server.connect();
    let words = (0..2000).flat_map(|number| [format!("key:{number}"), "1".to_owned()]);
    client.call(["MSET".to_owned()].into_iter().chain(words));
    assert_eq!(client.command("BGSAVE").text(), "Background saving started");
    assert_eq!(client.command("FLUSHALL").text(), "OK");
    let is_saved = || {
        let info = client.command("INFO persistence").text();
        info.contains("rdb_bgsave_in_progress:0\r") && info.contains("rdb_changes_since_last_save:0\r")
    };
    assert!(wait_until(is_saved), "{}", server.log());
    assert!(server.end_with(Signal::KILL).is_some());
    server.start_again(&program, &["--save", ""]);
    assert_eq!(server.connect().command("DBSIZE").integer(), Some(0));
}

#[test]
fn a_save_ends_in_the_directory_that_it_has_begun_in() {
    let server = Server::start(
        &Program::nuthatch(),
        &["--rdb-key-save-delay", "1000", "--enable-protected-configs", "yes"],
    );
    let other = server.directory().join("other");
    fs::create_dir(&other).expect("a directory can be made");
    let mut client = server.connect();
    let words = (0..500).flat_map(|number| [format!("key:{number}"), "1".to_owned()]);
    client.call(["MSET".to_owned()].into_iter().chain(words));
    assert_eq!(client.command("BGSAVE").text(), "Background saving started");
    let is_begun = || {
        fs::read_dir(server.directory()).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("temp-"))
            })
        })
    };
    assert!(wait_until(is_begun), "{}", server.log());
    assert_eq!(client.call(["CONFIG", "SET", "dir", other.to_str().expect("it is a text")]).text(), "OK");
    let is_over = || client.command("INFO persistence").text().contains("rdb_bgsave_in_progress:0\r");
    assert!(wait_until(is_over), "{}", server.log());
    assert!(
        client.command("INFO persistence").text().contains("rdb_last_bgsave_status:ok\r"),
        "{}",
        server.log()
    );
    assert!(server.directory().join(FILE).exists() && !other.join(FILE).exists());
}
