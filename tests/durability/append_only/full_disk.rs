//! A disk that takes no more: nothing is acknowledged that is not kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};

use super::{DIRECTORY, arguments, info};

/// Files may have so many blocks of 512 bytes.
const BLOCKS: u32 = 64;

/// More than fits.
const STEPS: u32 = 4000;

/// A program that starts the server with a limit on the length of its files.
fn limited(directory: &Path) -> Program {
    let path = directory.join("limited");
    let server = Program::nuthatch().path;
    let text =
        format!("#!/bin/bash\nulimit -S -f {}\ntrap '' XFSZ\nexec {} \"$@\"\n", BLOCKS / 2, server.display());
    fs::write(&path, text).expect("a file can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file can be made executable");
    Program::at("nuthatch", path)
}

/// How often the server has had the system write something.
fn writes(server: &Server) -> u64 {
    let path = format!("/proc/{}/io", server.process_id());
    let text = fs::read_to_string(path).expect("the system tells");
    let count = text.lines().find_map(|line| line.strip_prefix("syscw: "));
    count.and_then(|count| count.parse().ok()).expect("it is a number")
}

fn refuse(fsync: &str) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let program = limited(directory.path());
    let all = arguments(&["--appendfsync", fsync]);
    let server = Server::start(&program, &all);
    let mut client = server.connect();
    let mut acknowledged = Vec::new();
    let mut was_refused = false;
    for step in 0..STEPS {
        let key = format!("key:{step}");
        match client.try_call(["SET", &key, &"x".repeat(100)]) {
            Ok(reply) if reply.text() == "OK" => acknowledged.push(key),
            Ok(reply) => {
                assert_eq!(reply.text(), "MISCONF Errors writing to the AOF file: File too large");
                was_refused = true;
                break;
            }
            // Whether this one is kept is not known.
            Err(_) => client = server.connect(),
        }
    }
    assert!(was_refused, "nothing was refused of {}", acknowledged.len());
    assert!(acknowledged.len() > 50, "{} were accepted", acknowledged.len());
    assert_eq!(client.command("GET key:0").text().len(), 100);
    // Who has written nothing loses nothing, and is told what is on the disk.
    let waited = server.connect().command("WAITAOF 1 0 10").into_elements();
    assert_eq!(waited.iter().map(|part| part.integer()).collect::<Vec<_>>(), [Some(0), Some(0)], "{fsync}");
    assert!(client.command("PING").text().starts_with("MISCONF"));
    assert!(client.command("EVAL return{redis.call('SET','a','1')} 0").text().contains("MISCONF"));
    client.command("MULTI");
    client.command("SET a 1");
    assert!(client.command("EXEC").is_error());
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    assert!(server.log().contains("Error writing to the AOF file: File too large"), "{}", server.log());
    // It is tried again and again, which the log need not say each time.
    let before = writes(&server);
    assert!(wait_until(|| writes(&server) > before + 20), "it is not tried again");
    assert!(
        server.log().matches("Short write while writing to the AOF file").count() <= 1,
        "{}",
        server.log()
    );
    let bytes = fs::metadata(server.directory().join(DIRECTORY).join("appendonly.aof.1.incr.aof"));
    assert!(bytes.expect("the file is there").len() <= u64::from(BLOCKS) * 512);
    // With room on the disk, all is there that was acknowledged, whether or not a last one is besides.
    let server = super::crash(server, &["--appendfsync", fsync]);
    let mut client = server.connect();
    for key in &acknowledged {
        assert_eq!(client.call(["STRLEN", key]).integer(), Some(100), "{key}");
    }
    assert!(!server.log().contains("Truncating"), "a whole number of commands was written: {}", server.log());
    assert_eq!(client.command("SET a 1").text(), "OK");
}

#[test]
fn writes_are_refused_when_the_disk_is_full() {
    refuse("everysec");
}

#[test]
fn writes_are_refused_when_the_disk_is_full_with_fsync_always() {
    refuse("always");
}

#[test]
fn writes_are_accepted_again_when_there_is_room() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let server = Server::start(&limited(directory.path()), &arguments(&["--appendfsync", "everysec"]));
    let mut client = server.connect();
    for step in 0..STEPS {
        match client.try_call(["SET", "key", &step.to_string()]) {
            Ok(reply) if reply.is_error() => break,
            Ok(_) => {}
            Err(_) => client = server.connect(),
        }
    }
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    // Another limit for the process, as if somebody had made room.
    let process = server.process_id().to_string();
    let status =
        std::process::Command::new("prlimit").args(["--pid", &process, "--fsize=unlimited"]).status();
    assert!(status.expect("prlimit is there").success());
    assert!(wait_until(|| info(&mut client, "aof_last_write_status") == "ok"), "{}", server.log());
    assert_eq!(client.command("SET after 1").text(), "OK");
    assert!(server.log().contains("AOF write error looks solved"), "{}", server.log());
    let server = super::crash(server, &[]);
    assert_eq!(server.connect().command("GET after").text(), "1");
}
