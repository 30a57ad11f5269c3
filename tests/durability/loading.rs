//! What clients see while the data set is being loaded.

use std::fs;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::Signal;

use crate::{put, saved, start_with_file};

/// Enough keys that loading them slowly takes until it is ended.
const KEYS: &str = "20000";

fn big_file() -> Vec<u8> {
    let server = Server::start(&Program::nuthatch(), &["--enable-debug-command", "yes"]);
    assert_eq!(server.connect().call(["DEBUG", "POPULATE", KEYS]).text(), "OK");
    saved(&server)
}

/// The value of a line of INFO.
fn info(client: &mut Client, name: &str) -> String {
    let text = client.command("INFO persistence").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).to_owned()
}

#[test]
fn only_what_needs_no_data_is_answered_while_loading() {
    let file = big_file();
    let programs = [Program::nuthatch()].into_iter().chain(Program::references());
    for program in programs {
        // A stock server looks after its clients after so many bytes.
        let mut arguments = vec!["--key-load-delay", "2000"];
        arguments.extend(["--loading-process-events-interval-bytes", "1024"]);
        let file = if program.name == "redis-7.0" { as_version_10(&file) } else { file.clone() };
        let mut server = Server::start_with(&program, &arguments, |directory| put(directory, &file));
        let mut client = server.connect();
        let name = if program.name == "valkey-9.1" { "Valkey" } else { "Redis" };
        let refusal = format!("LOADING {name} is loading the dataset in memory");
        for line in
            ["PING", "GET key:1", "SET a b", "DBSIZE", "SAVE", "EVAL x 0", "FUNCTION LIST", "SCRIPT LOAD x"]
        {
            assert_eq!(client.command(line).text(), refusal, "{line} by {}", program.name);
        }
        for line in ["ECHO x", "INFO", "TIME", "LASTSAVE", "CONFIG GET dir", "CLIENT ID", "SELECT 1", "MULTI"]
        {
            assert!(!client.command(line).is_error(), "{line} by {}", program.name);
        }
        assert_eq!(client.command("GET a").text(), refusal, "{}", program.name);
        assert!(client.command("EXEC").text().starts_with("EXECABORT"), "{}", program.name);
        assert_eq!(info(&mut client, "loading"), "1");
        assert_eq!(info(&mut client, "loading_total_bytes"), file.len().to_string(), "{}", program.name);
        for name in ["loading_start_time", "loading_rdb_used_mem", "loading_eta_seconds"] {
            assert!(
                info(&mut client, name).parse::<u64>().is_ok_and(|number| number > 0),
                "{name} {}",
                program.name
            );
        }
        let mut loaded = 0;
        let is_seen = || {
            loaded = info(&mut client, "loading_loaded_bytes").parse().unwrap_or(0);
            loaded > 0
        };
        assert!(wait_until(is_seen), "{}", program.name);
        assert!(loaded < 64 * 1024, "{loaded} bytes are the first that are seen of {}", program.name);
        // Then the rest comes at once.
        assert_eq!(client.command("CONFIG SET key-load-delay 0").text(), "OK");
        assert!(wait_until(|| client.command("PING").text() == "PONG"), "{}", program.name);
        client.command("SELECT 0");
        assert_eq!(client.command("DBSIZE").integer(), KEYS.parse().ok());
        assert_eq!(info(&mut client, "loading"), "0");
        assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), KEYS);
        assert!(server.end_with(Signal::TERM).is_some_and(|status| status.success()));
    }
}

#[test]
fn commands_that_are_loaded_are_not_shown_to_those_who_see_all() {
    let file = big_file();
    let programs = [Program::nuthatch()].into_iter().chain(Program::references());
    for program in programs {
        let mut arguments = vec!["--key-load-delay", "2000", "--appendonly", "yes"];
        arguments.extend(["--loading-process-events-interval-bytes", "1024"]);
        let base = if program.name == "redis-7.0" { as_version_10(&file) } else { file.clone() };
        let server = Server::start_with(&program, &arguments, |directory| {
            let directory = directory.join("appendonlydir");
            let put = |name: &str, bytes: &[u8]| {
                fs::write(directory.join(name), bytes).expect("a file can be written");
            };
            fs::create_dir(&directory).expect("a directory can be made");
            put("base", &base);
            let commands =
                ["SET loaded 1", "EVAL redis.call('SET','by-script','1') 0", "MULTI", "INCR loaded", "EXEC"];
            put("increment", &Request::encode_all(&commands.map(Request::from_line)));
            put("appendonly.aof.manifest", b"file base seq 1 type b\nfile increment seq 1 type i\n");
        });
        let (mut client, mut monitor) = (server.connect(), server.connect());
        assert_eq!(monitor.command("MONITOR").text(), "OK", "{}", program.name);
        assert_eq!(info(&mut client, "loading"), "1", "{}", program.name);
        assert_eq!(client.command("CONFIG SET key-load-delay 0").text(), "OK");
        assert!(wait_until(|| client.command("PING").text() == "PONG"), "{}", program.name);
        assert_eq!(client.command("GET loaded").text(), "2");
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.ends_with("\"GET\" \"loaded\"")) {
            seen.push(monitor.read_reply().expect("the server goes on").text());
        }
        seen.pop();
        assert!(!seen.iter().any(|line| line.contains("loaded") || line.contains("EXEC")), "{seen:?}");
    }
}

/// The same file with the header of Redis 7.0 and without a checksum.
fn as_version_10(file: &[u8]) -> Vec<u8> {
    let behind = file.len() - 8;
    [b"REDIS0010", &file[9..behind], &[0; 8]].concat()
}

#[test]
fn a_server_that_loads_ends_when_it_is_told_to() {
    let file = big_file();
    let requests = [None, Some("SHUTDOWN"), Some("SHUTDOWN SAVE"), Some("SHUTDOWN NOSAVE")];
    for request in requests {
        // What is loaded so far must not take the place of the whole, although there is a save point.
        let arguments = ["--key-load-delay", "2000", "--save", "3600 1"];
        let mut server =
            Server::start_with(&Program::nuthatch(), &arguments, |directory| put(directory, &file));
        let status = match request {
            None => server.end_with(Signal::TERM),
            Some(line) => {
                // The connection ends instead of a reply.
                let _ = server.connect().try_call(line.split(' '));
                server.wait_for_end()
            }
        };
        assert!(status.is_some_and(|status| status.success()), "{}", server.log());
        assert_eq!(
            fs::read(server.directory().join(crate::FILE)).ok(),
            Some(file.clone()),
            "it stays as it is"
        );
    }
}

#[test]
fn the_file_is_where_the_settings_say() {
    let file = big_file();
    let server = Server::start_with(&Program::nuthatch(), &["--dbfilename", "other.rdb"], |directory| {
        put(directory, b"nonsense");
        fs::write(directory.join("other.rdb"), &file).expect("a file can be written");
    });
    let mut client = server.connect();
    assert!(wait_until(|| info(&mut client, "loading") == "0"), "it goes on loading");
    assert_eq!(client.command("DBSIZE").integer(), KEYS.parse().ok());
    client.command("SET another key");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "1");
    assert_eq!(client.command("SAVE").text(), "OK");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
    assert_eq!(
        info(&mut client, "rdb_last_save_time"),
        client.command("LASTSAVE").integer().unwrap_or(0).to_string()
    );
    assert_eq!(fs::read(server.directory().join(crate::FILE)).ok().as_deref(), Some(&b"nonsense"[..]));
    assert_ne!(fs::read(server.directory().join("other.rdb")).ok(), Some(file));
}

#[test]
fn a_save_that_fails_says_so_and_leaves_the_file_before() {
    let server = Server::start(&Program::nuthatch(), &[]);
    let mut client = server.connect();
    client.command("SET a 1");
    let before = saved(&server);
    client.command("SET a 2");
    // A directory has the name under which the new file is written.
    let temporary = server.directory().join(format!("temp-{}.rdb", server.process_id()));
    fs::create_dir(&temporary).expect("a directory can be made");
    assert_eq!(client.command("SAVE").text(), "ERR");
    assert!(server.log().contains("Failed opening the temp RDB file"), "{}", server.log());
    assert_eq!(fs::read(server.directory().join(crate::FILE)).ok(), Some(before.clone()));
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "1");
    fs::remove_dir(&temporary).expect("a directory can be removed");
    assert_ne!(saved(&server), before);
}

#[test]
fn a_shutdown_that_is_to_save_saves_or_is_refused() {
    let mut server = Server::start(&Program::nuthatch(), &[]);
    let mut client = server.connect();
    client.command("SET kept here");
    // A directory has the name of the file.
    let path = server.directory().join(crate::FILE);
    fs::create_dir(&path).expect("a directory can be made");
    assert_eq!(client.command("SHUTDOWN SAVE").text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(client.command("GET kept").text(), "here");
    fs::remove_dir(&path).expect("a directory can be removed");
    // The connection ends instead of a reply.
    let _ = client.try_call(["SHUTDOWN", "SAVE"]);
    assert!(server.wait_for_end().is_some_and(|status| status.success()), "{}", server.log());
    let file = fs::read(path).expect("the file is there");
    let again = start_with_file(&Program::nuthatch(), &[], &file);
    assert_eq!(again.connect().command("GET kept").text(), "here");
}
