//! Manifests that somebody else has written, with whatever names: a file that counts is neither removed nor made anew.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use super::{DIRECTORY, arguments, await_loading, crash, rewrite};

const COMMAND: &str = "*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$1\r\n1\r\n";

/// Starts with one file of this name and a manifest, rewrites, and sees that everything is there.
#[track_caller]
fn keep(name: &str, manifest: &str) {
    let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
        let directory = directory.join(DIRECTORY);
        fs::create_dir(&directory).expect("a directory can be made");
        fs::write(directory.join(name), COMMAND).expect("a file can be written");
        fs::write(directory.join("appendonly.aof.manifest"), manifest).expect("a file can be written");
    });
    await_loading(&server);
    let server = crash(server, &[]);
    let mut client = server.connect();
    assert_eq!(client.command("GET kept").text(), "1", "{manifest}");
    for round in ["first", "second"] {
        client.call(["SET", round, "1"]);
        rewrite(&mut client);
    }
    client.command("SET after 1");
    let server = crash(server, &[]);
    assert_eq!(server.connect().command("EXISTS kept first second after").integer(), Some(4), "{manifest}");
}

#[test]
fn a_base_has_the_name_that_would_come_next() {
    keep("appendonly.aof.2.base.aof", "file appendonly.aof.2.base.aof seq 1 type b\n");
    keep("appendonly.aof.2.base.rdb", "file appendonly.aof.2.base.rdb seq 1 type b\n");
}

#[test]
fn an_incremental_file_has_the_name_that_would_come_next() {
    keep("appendonly.aof.2.incr.aof", "file appendonly.aof.2.incr.aof seq 1 type i\n");
}

#[test]
fn a_file_counts_and_is_history() {
    keep("any.aof", "file any.aof seq 1 type h\nfile any.aof seq 1 type i\n");
}

#[test]
fn history_that_cannot_be_removed_does_not_matter() {
    let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
        let directory = directory.join(DIRECTORY);
        fs::create_dir_all(directory.join("old")).expect("directories can be made");
        fs::write(directory.join("any.aof"), COMMAND).expect("a file can be written");
        let manifest = "file old seq 1 type h\nfile any.aof seq 1 type i\n";
        fs::write(directory.join("appendonly.aof.manifest"), manifest).expect("a file can be written");
    });
    await_loading(&server);
    assert_eq!(server.connect().command("GET kept").text(), "1");
    assert!(server.log().contains("Can't remove the history of the append-only file"), "{}", server.log());
}

#[test]
fn a_number_that_has_no_next_one_is_refused() {
    let (status, log) = Server::fail_to_start(&Program::nuthatch(), &arguments(&[]), |directory| {
        let directory = directory.join(DIRECTORY);
        fs::create_dir(&directory).expect("a directory can be made");
        fs::write(directory.join("any.aof"), COMMAND).expect("a file can be written");
        let manifest = format!("file any.aof seq {} type i\n", u64::MAX);
        fs::write(directory.join("appendonly.aof.manifest"), manifest).expect("a file can be written");
    });
    assert!(status.is_some_and(|status| !status.success()), "{log}");
    assert!(log.contains("Invalid AOF manifest file format"), "{log}");
}

#[test]
fn what_is_no_file_is_not_read() {
    let link = |place: &Path| symlink("/dev/zero", place).expect("a link can be made");
    // Whoever opens it waits for one who writes.
    let pipe = |place: &Path| {
        let made = Command::new("mkfifo").arg(place).status();
        assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    };
    let kinds: [&dyn Fn(&Path); 2] = [&link, &pipe];
    for (name, kind) in
        ["appendonly.aof.manifest", "other"].into_iter().flat_map(|name| kinds.map(|kind| (name, kind)))
    {
        let (status, log) = Server::fail_to_start(&Program::nuthatch(), &arguments(&[]), |directory| {
            let directory = directory.join(DIRECTORY);
            fs::create_dir(&directory).expect("a directory can be made");
            kind(&directory.join(name));
            if name == "other" {
                let manifest = directory.join("appendonly.aof.manifest");
                fs::write(manifest, "file other seq 1 type i\n").expect("a file can be written");
            }
        });
        assert!(status.is_some_and(|status| !status.success()), "{name}: {log}");
    }
}
