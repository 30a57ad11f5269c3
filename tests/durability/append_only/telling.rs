//! What the log says, in the words that whoever watches the log of a stock server looks for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use super::{DIRECTORY, arguments, await_loading, info, rewrite};

const MANIFEST: &str = "file increment seq 1 type i\n";

/// Makes files that have only effects.
fn put(directory: &Path, lines: &[&str]) {
    let all = directory.join(DIRECTORY);
    fs::create_dir(&all).expect("a directory can be made");
    let requests: Vec<Request> = lines.iter().map(|line| Request::from_line(line)).collect();
    fs::write(all.join("increment"), Request::encode_all(&requests)).expect("a file can be written");
    fs::write(all.join("appendonly.aof.manifest"), MANIFEST).expect("a file can be written");
}

fn load(lines: &[&str]) -> Server {
    let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| put(directory, lines));
    await_loading(&server);
    server
}

#[test]
fn errors_of_commands_that_are_loaded_are_logged() {
    let server = load(&[
        "SET text a",
        "LPUSH text b",
        "SELECT 99",
        "MULTI",
        "INCR text",
        "SET other 1",
        "EXEC",
        "EVALSHA none 0",
    ]);
    let log = server.log();
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            Some(
                line.split_once(
                    "== CRITICAL == This server is sending an error to its AOF-loading-client: ",
                )?
                .1,
            )
        })
        .collect();
    let expected = [
        "'-WRONGTYPE Operation against a key holding the wrong kind of value' after processing the command 'lpush'",
        "'DB index is out of range' after processing the command 'select'",
        "'value is not an integer or out of range' after processing the command 'exec'",
        "'-NOSCRIPT No matching script. Please use EVAL.' after processing the command 'evalsha'",
    ];
    assert_eq!(told, expected, "{log}");
    assert_eq!(server.connect().command("GET other").text(), "1");
}

#[test]
fn a_server_that_cannot_start_says_which_file_it_is() {
    /// A link to itself cannot be opened, whoever tries.
    fn make_unreadable(path: &Path) {
        // It may not be there.
        let _ = fs::remove_file(path);
        symlink(path, path).expect("a link can be made");
    }
    let refused = |prepare: &dyn Fn(&Path), expected: &str| {
        let (status, log) = Server::fail_to_start(&Program::nuthatch(), &arguments(&[]), prepare);
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{log}");
        assert!(log.contains(expected), "{expected}\n{log}");
    };
    let is_file = |directory: &Path| fs::write(directory.join(DIRECTORY), "").expect("a file can be written");
    refused(&is_file, "Can't open or create append-only dir appendonlydir: Not a directory");
    let without_manifest = |directory: &Path| {
        put(directory, &[]);
        make_unreadable(&directory.join(DIRECTORY).join("appendonly.aof.manifest"));
    };
    refused(
        &without_manifest,
        "Fatal error: can't open the AOF manifest file appendonlydir/appendonly.aof.manifest for reading: Too many",
    );
    let without_increment = |directory: &Path| {
        put(directory, &[]);
        make_unreadable(&directory.join(DIRECTORY).join("increment"));
    };
    refused(
        &without_increment,
        "Fatal error: can't open the append log file increment for reading: Too many",
    );
    let without_base = |directory: &Path| {
        fs::create_dir(directory.join(DIRECTORY)).expect("a directory can be made");
        let base = directory.join(DIRECTORY).join("appendonly.aof.1.base.rdb");
        fs::create_dir(base).expect("a directory can be made");
    };
    refused(&without_base, "Can't remove what is left of an append-only file: Is a directory");
}

#[test]
fn a_file_that_ends_too_early_but_is_not_the_last_is_told_as_by_stock_servers() {
    let prepare = |directory: &Path| {
        put(directory, &["SET a 1", "MULTI", "SET b 2"]);
        let all = directory.join(DIRECTORY);
        fs::write(all.join("appendonly.aof.manifest"), [MANIFEST, "file second seq 2 type i\n"].concat())
            .expect("a file can be written");
        fs::copy(all.join("increment"), all.join("second")).expect("a file can be copied");
    };
    let (_, log) = Server::fail_to_start(&Program::nuthatch(), &arguments(&[]), prepare);
    for line in [
        "# Revert incomplete MULTI/EXEC transaction in AOF file increment\n",
        "# The AOF file increment is whole up to offset 27 only\n",
        "# Fatal error: the truncated file is not the last file\n",
    ] {
        assert!(log.contains(line), "{line}{log}");
    }
}

/// The lines of the log from a place on, without what is before the text.
fn texts(log: &str, from: usize) -> Vec<String> {
    let lines = log[from..].lines();
    lines.filter_map(|line| Some(line.split_once(['*', '#'])?.1.trim_start().to_owned())).collect()
}

#[test]
fn a_rewrite_is_told_as_by_stock_servers() {
    let server = Server::start(&Program::nuthatch(), &arguments(&[]));
    let mut client = server.connect();
    let before = server.log().len();
    rewrite(&mut client);
    let temporary = format!("temp-rewriteaof-bg-{}.aof", server.process_id());
    let expected = [
        "Creating AOF incr file appendonly.aof.2.incr.aof on background rewrite".to_owned(),
        format!("Successfully created the temporary AOF base file {temporary}"),
        "Background AOF rewrite terminated with success".to_owned(),
        format!(
            "Successfully renamed the temporary AOF base file {temporary} into appendonly.aof.2.base.rdb"
        ),
        "Removing the history file appendonly.aof.1.base.rdb in the background".to_owned(),
        "Removing the history file appendonly.aof.1.incr.aof in the background".to_owned(),
        "Background AOF rewrite finished successfully".to_owned(),
    ];
    let mut told = texts(&server.log(), before);
    // The thread that has started it says so, whatever the other has done by then.
    let count = told.len();
    told.retain(|line| line != "Background append only file rewriting started");
    assert_eq!((told.len() + 1, told.as_slice()), (count, expected.as_slice()));
    // A directory has the name of the next one.
    fs::create_dir(server.directory().join(DIRECTORY).join("appendonly.aof.3.incr.aof"))
        .expect("a directory can be made");
    let before = server.log().len();
    client.command("BGREWRITEAOF");
    assert!(wait_until(|| info(&mut client, "aof_last_bgrewrite_status") == "err"), "it does not fail");
    let told = texts(&server.log(), before);
    let failed = "Background AOF rewrite failed: Can't open the append-only file appendonly.aof.3.incr.aof: Is a directory";
    for line in [failed, "Background AOF rewrite terminated with error"] {
        assert!(told.iter().any(|told| told == line), "{line}\n{told:?}");
    }
}

#[test]
fn switching_it_on_is_told_as_by_stock_servers() {
    let server = Server::start(&Program::nuthatch(), &[]);
    let mut client = server.connect();
    assert_eq!(client.command("CONFIG SET appendonly yes").text(), "OK");
    assert_eq!(client.command("WAITAOF 1 0 0").into_elements()[0].integer(), Some(1));
    for line in [
        "Creating AOF incr file temp-appendonly.aof.incr on background rewrite",
        "Successfully renamed the temporary AOF incr file temp-appendonly.aof.incr into appendonly.aof.1.incr.aof",
    ] {
        assert!(server.log().contains(line), "{line}\n{}", server.log());
    }
}

#[test]
fn a_single_file_is_told_as_by_stock_servers() {
    let saved = Server::start(&Program::nuthatch(), &[]);
    saved.connect().command("SET saved 1");
    let base = crate::saved(&saved);
    let server = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
        fs::write(directory.join("appendonly.aof"), &base).expect("a file can be written");
    });
    await_loading(&server);
    for line in [
        "Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory (appendonlydir).",
        "Reading RDB preamble from AOF file...",
        "Reading the remaining AOF tail...",
    ] {
        assert!(server.log().contains(line), "{line}\n{}", server.log());
    }
}

/// Who sends nothing more has not left yet.
#[test]
fn who_has_sent_everything_is_told_when_the_disk_has_it() {
    let server = Server::start(&Program::nuthatch(), &arguments(&["--appendfsync", "always"]));
    for (request, replies) in [("SET key value\r\n", "+OK\r\n"), ("INCR n\r\nQUIT\r\n", ":1\r\n+OK\r\n")] {
        let mut client = server.connect();
        client.send(request.as_bytes()).expect("the server reads");
        client.finish_sending().expect("the server is there");
        assert_eq!(client.read_to_end().expect("the end"), replies.as_bytes(), "{request}");
    }
}
