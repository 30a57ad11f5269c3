//! Files that are damaged or incomplete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use super::{DIRECTORY, arguments, await_loading, copy, crash, names};

const INCREMENT: &str = "appendonly.aof.1.incr.aof";
const MANIFEST: &str = "appendonly.aof.manifest";

/// A server with some commands in its file, and a transaction at the end.
fn server() -> Server {
    let server = Server::start(&Program::nuthatch(), &arguments(&["--aof-timestamp-enabled", "yes"]));
    let mut client = server.connect();
    for line in ["SET a 1", "RPUSH list x y", "MULTI", "INCR a", "RPUSH list z", "EXEC", "SET b 2"] {
        assert!(!client.command(line).is_error(), "{line}");
    }
    server
}

fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(DIRECTORY).join(name)
}

fn start(from: &Server, change: impl FnOnce(&Path)) -> Server {
    let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
        copy(from.directory(), directory);
        change(directory);
    });
    await_loading(&server);
    server
}

#[track_caller]
fn fail(from: &Server, others: &[&str], change: impl FnOnce(&Path), reason: &str) {
    let (status, log) = Server::fail_to_start(&Program::nuthatch(), &arguments(others), |directory| {
        copy(from.directory(), directory);
        change(directory);
    });
    assert!(status.is_some_and(|status| !status.success()), "it starts\n{log}");
    assert!(log.contains(reason), "{log}");
}

#[test]
fn whatever_is_missing_at_the_end_is_cut_off() {
    let before = server();
    let whole = fs::read(file(before.directory(), INCREMENT)).expect("the file is there");
    let mut seen = Vec::new();
    for length in 0..whole.len() {
        let server = start(&before, |directory| {
            fs::write(file(directory, INCREMENT), &whole[..length]).expect("a file can be written");
        });
        let mut client = server.connect();
        let found = ["a", "b"].map(|key| client.call(["GET", key]).text());
        let list = client.command("LLEN list").integer().unwrap_or(-1);
        let is_possible = match (found[0].as_str(), found[1].as_str()) {
            ("nil" | "", "nil" | "") => list == 0,
            ("1", "nil" | "") => list == 0 || list == 2,
            ("2", "nil" | "") => list == 3,
            _ => false,
        };
        assert!(is_possible, "{found:?} and {list} with {length} bytes");
        seen.push((found, list));
        // What is appended then follows what is whole.
        client.command("SET c 3");
        let kept = fs::read(file(server.directory(), INCREMENT)).expect("the file is there");
        let common = kept.iter().zip(&whole[..length]).take_while(|(kept, before)| kept == before).count();
        assert!(length - common < 200 && common <= length, "{common} of {length}");
        let server = super::crash(server, &[]);
        assert_eq!(server.connect().command("GET c").text(), "3", "with {length} bytes");
    }
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn an_end_that_is_missing_is_refused_where_it_may_not_be() {
    let before = server();
    let cut = |directory: &Path| {
        let path = file(directory, INCREMENT);
        let whole = fs::read(&path).expect("the file is there");
        fs::write(&path, &whole[..whole.len() - 1]).expect("a file can be written");
    };
    let refusal = "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof";
    fail(&before, &["--aof-load-truncated", "no"], cut, refusal);
    let not_last = |directory: &Path, second: &str| {
        cut(directory);
        let text = fs::read_to_string(file(directory, MANIFEST)).expect("the manifest is there");
        let text = format!("{text}file second seq 2 type i\n");
        fs::write(file(directory, MANIFEST), text).expect("a file can be written");
        fs::write(file(directory, "second"), second).expect("a file can be written");
    };
    let full = |directory: &Path| not_last(directory, "*1\r\n$4\r\nPING\r\n");
    fail(&before, &[], full, "the truncated file is not the last file");
    // The next file is made before what is in the one before is on the disk.
    start(&before, |directory| not_last(directory, ""));
}

#[test]
fn what_is_no_command_is_refused_with_the_place() {
    let before = server();
    let with = |text: &'static str| {
        move |directory: &Path| {
            let path = file(directory, INCREMENT);
            let mut whole = fs::read(&path).expect("the file is there");
            whole.splice(0..0, text.bytes());
            fs::write(&path, whole).expect("a file can be written");
        }
    };
    fail(&before, &[], with("nonsense\r\n"), "Bad file format reading the append only file");
    fail(&before, &[], with("*1\r\n$3\r\nXYZ\r\n"), "Unknown command 'XYZ' reading the append only file");
    fail(&before, &[], with("*1\r\n$3\r\nSET\r\n"), "(at offset 0)");
    fail(&before, &[], with("*0\r\n"), "(at offset 0)");
    fail(&before, &[], with("*1\r\n$-1\r\n"), "Bad file format");
    // Announced lengths are not believed.
    fail(&before, &["--aof-load-truncated", "no"], with("*2000000000\r\n"), "append only file");
    fail(&before, &["--aof-load-truncated", "no"], with("*1\r\n$2000000000\r\n"), "append only file");
}

#[test]
fn nothing_is_cut_off_where_a_command_is_damaged() {
    let before = server();
    for (from, to) in [("\r\n$3\r\nSET", "\r\n\x003\r\nSET"), ("*3\r\n", "*3\0\0"), ("$1\r\na", "$1\0\na")] {
        let damage = |directory: &Path| {
            let path = file(directory, INCREMENT);
            let whole = fs::read(&path).expect("the file is there");
            let place = whole.windows(from.len()).position(|bytes| bytes == from.as_bytes());
            let place = place.unwrap_or_else(|| panic!("{from:?} is not in the file"));
            let damaged = [&whole[..place], to.as_bytes(), &whole[place + from.len()..]].concat();
            fs::write(&path, damaged).expect("a file can be written");
        };
        fail(&before, &[], damage, "Bad file format reading the append only file");
    }
}

#[test]
fn commands_that_fail_are_told() {
    let before = server();
    let server = start(&before, |directory| {
        let path = file(directory, INCREMENT);
        let mut whole = fs::read(&path).expect("the file is there");
        whole.extend("*3\r\n$5\r\nlpush\r\n$1\r\na\r\n$1\r\nx\r\n".repeat(1000).bytes());
        whole.extend(b"*1\r\n$5\r\nMULTI\r\n*3\r\n$5\r\nLPUSH\r\n$1\r\na\r\n$1\r\nx\r\n*1\r\n$4\r\nEXEC\r\n");
        whole.extend(b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n");
        fs::write(&path, whole).expect("a file can be written");
    });
    assert_eq!(server.connect().command("GET a").text(), "3");
    let log = server.log();
    let told = "This server is sending an error to its AOF-loading-client: '-WRONGTYPE Operation against a key holding the \
                wrong kind of value' after processing the command 'lpush'";
    assert_eq!(log.matches(told).count(), 100, "{log}");
    assert!(log.contains("1001 commands of the append only file"), "{log}");
}

#[test]
fn a_damaged_manifest_is_refused_with_the_line() {
    let before = server();
    let texts = [
        ("", "empty AOF manifest"),
        ("nonsense\n", ">>> 'nonsense'"),
        ("file a seq 1 type b", "invalid line"),
        ("file ../a seq 1 type b\n", "can't be a path"),
        ("file a seq 1 type b\nfile b seq 1 type b\n", "at line 2"),
        ("file missing seq 1 type b\n", "can't open the append log file missing"),
    ];
    for (text, reason) in texts {
        let change =
            |directory: &Path| fs::write(file(directory, MANIFEST), text).expect("a file can be written");
        fail(&before, &[], change, reason);
    }
    let flipped = |directory: &Path| {
        let path = file(directory, "appendonly.aof.1.base.rdb");
        let mut base = fs::read(&path).expect("the base is there");
        let middle = base.len() / 2;
        base[middle] ^= 1;
        fs::write(&path, base).expect("a file can be written");
    };
    fail(&before, &[], flipped, "AOF loading aborted");
}

#[test]
fn what_a_crash_has_left_is_removed() {
    let before = server();
    let server = start(&before, |directory| {
        for name in [
            "temp-rewriteaof-bg-1.aof",
            "temp-appendonly.aof.manifest",
            "temp-appendonly.aof.incr",
            "appendonly.aof.2.base.rdb",
            "appendonly.aof.2.incr.aof",
        ] {
            fs::write(file(directory, name), "").expect("a file can be written");
        }
        let text = fs::read_to_string(file(directory, MANIFEST)).expect("the manifest is there");
        let text =
            text.replace("file appendonly.aof.1.incr", "file old seq 1 type h\nfile appendonly.aof.1.incr");
        fs::write(file(directory, MANIFEST), text).expect("a file can be written");
        fs::write(file(directory, "old"), "").expect("a file can be written");
    });
    assert_eq!(names(&server), ["appendonly.aof.1.base.rdb", INCREMENT]);
    assert_eq!(server.connect().command("GET b").text(), "2");
}

#[test]
fn what_the_manifest_names_is_kept_under_any_name() {
    let before = server();
    for name in ["temp-rewriteaof-bg-1.aof", "temp-appendonly.aof.incr", "appendonly.aof.2.base.rdb"] {
        let server = start(&before, |directory| {
            fs::rename(file(directory, INCREMENT), file(directory, name)).expect("a file can be renamed");
            let text = fs::read_to_string(file(directory, MANIFEST)).expect("the manifest is there");
            fs::write(file(directory, MANIFEST), text.replace(INCREMENT, name))
                .expect("a file can be written");
        });
        assert!(names(&server).iter().any(|found| found == name), "{:?}", names(&server));
        assert_eq!(server.connect().command("GET b").text(), "2", "{name}");
    }
}

#[test]
fn a_file_that_is_missing_is_told_as_by_the_stock_tool() {
    let before = server();
    for (missing, expected) in [
        (
            "appendonly.aof.1.base.rdb",
            "Start checking Multi Part AOF\n\
             Cannot open file ./appendonly.aof.1.base.rdb: No such file or directory\n",
        ),
        (
            INCREMENT,
            "Start to check INCR files.\n\
             Cannot open file ./appendonly.aof.1.incr.aof: No such file or directory, aborting...\n",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory can be made");
        copy(before.directory(), directory.path());
        fs::remove_file(file(directory.path(), missing)).expect("a file can be removed");
        let files = directory.path().join(DIRECTORY);
        let mut programs = vec![(Program::nuthatch().path, &["check-aof", MANIFEST][..])];
        let stock = Program::references().into_iter().find(|program| program.name == "redis-8.0");
        if let Some(stock) = stock {
            programs.push((stock.path.with_file_name("redis-check-aof"), &[MANIFEST]));
        }
        for (program, arguments) in programs {
            let run = Command::new(&program).args(arguments).current_dir(&files).output();
            let output = run.expect("the tool can be run");
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(1), "{} {text}", program.display());
            assert!(text.ends_with(expected), "{} {text}", program.display());
        }
    }
}

#[test]
fn a_file_that_was_shortened_by_check_aof_is_loaded() {
    let before = server();
    let server = start(&before, |directory| {
        let path = file(directory, INCREMENT);
        let mut whole = fs::read(&path).expect("the file is there");
        whole.extend(b"nonsense");
        fs::write(&path, whole).expect("a file can be written");
        let check = |arguments: &[&str]| {
            let mut command = Command::new(Program::nuthatch().path);
            command.arg("check-aof").args(arguments).arg(file(directory, MANIFEST));
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut process = command.spawn().expect("the tool starts");
            let mut input = process.stdin.take().expect("it has an input");
            // It may have ended without asking.
            let _ = std::io::Write::write_all(&mut input, b"y\n");
            drop(input);
            let output = process.wait_with_output().expect("the tool ends");
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (is_valid, text) = check(&[]);
        assert!(!is_valid && text.contains("AOF appendonly.aof.1.incr.aof format error"), "{text}");
        let (is_valid, text) = check(&["--fix"]);
        assert!(is_valid && text.contains("Successfully truncated AOF"), "{text}");
        assert!(check(&[]).0);
    });
    assert_eq!(server.connect().command("GET b").text(), "2");
}

#[test]
fn zeros_at_the_end_are_cut_off_like_an_end_that_is_missing() {
    let before = server();
    // More than is looked at together; an end within a command, and one behind it.
    for missing in [0, 3] {
        let whole = start(&before, |directory| {
            let path = file(directory, INCREMENT);
            let mut bytes = fs::read(&path).expect("the file is there");
            bytes.truncate(bytes.len() - missing);
            bytes.extend(vec![0; 200_000]);
            fs::write(path, bytes).expect("a file can be written");
        });
        assert_eq!(whole.connect().command("GET a").text(), "2");
        assert_eq!(whole.connect().command("EXISTS b").integer(), Some(i64::from(missing == 0)));
        whole.connect().command("SET c 3");
        let again = crash(whole, &[]);
        assert_eq!(again.connect().command("EXISTS a c").integer(), Some(2));
    }
    let between = |directory: &Path| {
        let path = file(directory, INCREMENT);
        let mut bytes = fs::read(&path).expect("the file is there");
        bytes.extend([0; 100]);
        bytes.extend(b"*2\r\n$3\r\nDEL\r\n$1\r\na\r\n");
        fs::write(path, bytes).expect("a file can be written");
    };
    fail(&before, &[], between, "Bad file format reading the append only file");
    let zeros = |directory: &Path| {
        let path = file(directory, INCREMENT);
        let mut bytes = fs::read(&path).expect("the file is there");
        bytes.extend([0; 100]);
        fs::write(path, bytes).expect("a file can be written");
    };
    fail(&before, &["--aof-load-truncated", "no"], zeros, "Bad file format reading the append only file");
}
