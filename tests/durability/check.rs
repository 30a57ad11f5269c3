//! `nuthatch check-rdb` tells of files what the stock tool tells.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use crate::saved;

fn check(directory: &Path, file: &[u8]) -> Output {
    let path = directory.join("checked.rdb");
    fs::write(&path, file).expect("a file can be written");
    let run = Command::new(Program::nuthatch().path).arg("check-rdb").arg(&path).output();
    run.expect("the program can be run")
}

/// What the stock tool beside a stock server says of the same file, if it is there.
fn check_by(program: &Program, directory: &Path) -> Option<Output> {
    let tool = program.path.with_file_name("redis-check-rdb");
    Command::new(tool).arg(directory.join("checked.rdb")).output().ok()
}

#[test]
fn a_file_is_described_as_by_the_stock_tool() {
    let server = Server::start(&Program::nuthatch(), &[]);
    let mut client = server.connect();
    for line in ["SET a 1", "SET b 2 EX 1000", "RPUSH c 1 2 3", "SELECT 3", "SADD d x y"] {
        assert!(!client.command(line).is_error(), "{line}");
    }
    let mut file = saved(&server);
    // As Redis 7.0 would have written it.
    file[5..9].copy_from_slice(b"0010");
    let behind = file.len() - 8;
    file[behind..].fill(0);
    let at =
        file.windows(9).position(|part| part == b"\x14\x01d\x0d\x0d\0\0\0\x02").expect("the set is there");
    file.splice(at..behind - 1, *b"\x02\x01d\x02\x01x\x01y");
    let output = check(server.directory(), &file);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for line in ["AUX FIELD redis-ver", "Selecting DB ID 3", "[info] 4 keys read", "[info] 1 expires"] {
        assert!(text.contains(line), "{text}");
    }
    if let Some(stock) = check_by(&Program::redis_7(), server.directory()) {
        let stock = String::from_utf8_lossy(&stock.stdout).into_owned();
        let ours = text.replace("[info] 0 subexpires\n", "");
        assert_eq!(ours, stock.replace("[info] 0 subexpires\n", ""));
    }
    // Cut off anywhere, it is no such file any more.
    for end in 0..file.len() {
        let output = check(server.directory(), &file[..end]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("--- RDB ERROR DETECTED ---") && text.contains(&format!("[offset {end}]")),
            "{text}"
        );
    }
}

#[test]
fn a_value_that_no_server_here_can_load_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = b"REDIS0011\x00\x01k\x01v\x07\x01m\x81\0\0\0\0\0\0\0\0\0\xff\0\0\0\0\0\0\0\0";
    let output = check(directory.path(), file);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in [
        "--- RDB ERROR DETECTED ---\n",
        "[offset 14] The RDB file contains module data I can't load: no matching module type 'AAAAAAAAA'\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("looks OK"), "{text}");
}

#[test]
fn the_help_names_both_checks() {
    let output =
        Command::new(Program::nuthatch().path).arg("--help").output().expect("the program can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("nuthatch check-rdb ") && text.contains("nuthatch check-aof "), "{text}");
}

#[test]
fn without_a_file_it_fails() {
    let run = |arguments: &[&str]| {
        let output = Command::new(Program::nuthatch().path).arg("check-rdb").args(arguments).output();
        output.expect("the program can be run").status.code()
    };
    assert_eq!(run(&[]), Some(1));
    assert_eq!(run(&["/nonexistent/file.rdb"]), Some(1));
    assert_eq!(run(&["one", "two"]), Some(1));
    assert_eq!(run(&["--version"]), Some(0));
}
