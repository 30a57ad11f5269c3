//! A base of commands, and values that are appended as a whole: every stock server understands them.

use std::fs;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use super::{DIRECTORY, arguments, await_loading, copy, rewrite};
use crate::interchange::{assert_same, fill};

const OPTIONS: [&str; 4] = ["--enable-debug-command", "yes", "--aof-use-rdb-preamble", "no"];

/// A server with the files of another one.
fn with_files_of(program: &Program, other: &Server) -> Server {
    let server = Server::start_with(program, &arguments(&OPTIONS), |directory| {
        copy(other.directory(), directory);
    });
    await_loading(&server);
    server
}

/// The files with this in their names, one after another.
fn files(server: &Server, part: &str) -> Vec<u8> {
    let entries = fs::read_dir(server.directory().join(DIRECTORY)).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let paths = paths.filter(|path| path.to_string_lossy().contains(part));
    paths.flat_map(|path| fs::read(path).expect("a file can be read")).collect()
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_base_of_commands_goes_to_stock_servers_and_back() {
    for program in Program::references() {
        for seed in 20..23 {
            let case = format!("{} seed {seed}", program.name);
            let ours = Server::start(&Program::nuthatch(), &arguments(&OPTIONS));
            fill(&mut ours.connect(), seed, program.name != "redis-7.0");
            rewrite(&mut ours.connect());
            assert_eq!(files(&ours, ".incr.").len(), 0, "{case}");
            let base = files(&ours, ".base.");
            assert!(base.starts_with(b"*3\r\n$8\r\nFUNCTION\r\n") && !contains(&base, "RESTORE"), "{case}");

            let theirs = with_files_of(&program, &ours);
            assert_same(&ours, &theirs, &case);
            // Their own commands lose what is to be acknowledged of entries that are gone.
            theirs.connect().command("CONFIG SET aof-use-rdb-preamble yes");
            rewrite(&mut theirs.connect());
            assert_same(&ours, &with_files_of(&Program::nuthatch(), &theirs), &format!("{case}, back"));
        }
    }
}

#[test]
fn a_base_of_commands_is_loaded_here() {
    for seed in 30..33 {
        let ours = Server::start(&Program::nuthatch(), &arguments(&OPTIONS));
        fill(&mut ours.connect(), seed, true);
        rewrite(&mut ours.connect());
        assert_same(&ours, &with_files_of(&Program::nuthatch(), &ours), &format!("seed {seed}"));
    }
}

#[test]
fn values_that_are_stored_as_a_whole_are_understood_by_stock_servers() {
    for program in Program::references() {
        let with_fields = program.name != "redis-7.0";
        let ours = Server::start(&Program::nuthatch(), &arguments(&OPTIONS));
        let mut client = ours.connect();
        fill(&mut client, 40, with_fields);
        // All of it is appended anew, value by value.
        assert_eq!(client.command("DEBUG RELOAD").text(), "OK");
        for database in [0, 3, 15] {
            client.call(["SELECT", &database.to_string()]);
            for key in client.command("KEYS *").into_elements() {
                let key = key.bytes().expect("a key is a text");
                let dump = client.call([b"DUMP", key]);
                let dump = dump.bytes().expect("the key is there");
                let deadline = client.call([b"PEXPIRETIME", key]).integer().unwrap_or(0).max(0).to_string();
                let restored = client.call([
                    b"RESTORE",
                    &b"restored"[..],
                    deadline.as_bytes(),
                    dump,
                    b"REPLACE",
                    b"ABSTTL",
                ]);
                assert_eq!(restored.text(), "OK");
                client.call([&b"COPY"[..], b"restored", b"copied", b"REPLACE"]);
                client.call([&b"RENAME"[..], b"copied", key]);
            }
            client.command("DEL restored");
        }
        client.command("RPUSH sorted 2 1 3");
        client.command("SORT sorted STORE sorted");
        assert_eq!(client.command("LPOP sorted 3").into_elements().len(), 3);
        let appended = files(&ours, ".incr.");
        assert!(contains(&appended, "COPY") && !contains(&appended, "RESTORE"), "{}", program.name);
        assert_same(&ours, &with_files_of(&program, &ours), program.name);
    }
}
