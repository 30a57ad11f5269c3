//! The append-only file: what was acknowledged is there again, here and with stock servers.

mod crashes;
mod damage;
mod file_names;
mod first_base;
mod full_disk;
mod generated;
mod longer;
mod natural;
mod switching;
mod telling;

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use nuthatch_testkit::state::State;

/// The directory of the files.
const DIRECTORY: &str = "appendonlydir";

/// What may end so soon is not compared, in milliseconds.
const ENDS_SOON_MS: u64 = 60_000;

/// The arguments of a server with an append-only file, and others.
fn arguments<'a>(others: &[&'a str]) -> Vec<&'a str> {
    [&["--appendonly", "yes"], others].concat()
}

/// Waits until all is loaded.
#[track_caller]
fn await_loading(server: &Server) {
    let is_loaded = || server.connect().command("INFO persistence").text().contains("\nloading:0\r\n");
    assert!(wait_until(is_loaded), "it goes on loading");
}

/// Ends the server as a crash would, and starts it again.
#[track_caller]
fn crash(server: Server, others: &[&str]) -> Server {
    let server = server.crash_and_restart(&Program::nuthatch(), &arguments(others));
    await_loading(&server);
    server
}

/// A field of INFO.
#[track_caller]
fn info(client: &mut Client, name: &str) -> String {
    let text = client.command("INFO persistence").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).to_owned()
}

/// What the server holds that does not end soon.
fn state(server: &Server) -> State {
    let mut state = State::read(&mut server.connect()).expect("the server answers");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() as u64;
    state.forget_before(now + ENDS_SOON_MS);
    state
}

/// The names of the files, but for the manifest.
fn names(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.directory().join(DIRECTORY)).expect("the directory is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".manifest"))
        .collect();
    names.sort();
    names
}

/// Has the server rewrite its file.
#[track_caller]
fn rewrite(client: &mut Client) {
    let before: u64 = info(client, "aof_rewrites").parse().expect("a number");
    let started = client.command("BGREWRITEAOF");
    assert!(!started.is_error(), "{}", started.text());
    let is_done = || {
        info(client, "aof_rewrites").parse().is_ok_and(|rewrites: u64| rewrites > before)
            && info(client, "aof_rewrite_in_progress") == "0"
    };
    assert!(wait_until(is_done), "the rewrite does not end");
    assert_eq!(info(client, "aof_last_bgrewrite_status"), "ok");
}

/// Copies the files of one server to where another one starts.
fn copy(from: &Path, to: &Path) {
    let target = to.join(DIRECTORY);
    fs::create_dir(&target).expect("a directory can be made");
    for entry in fs::read_dir(from.join(DIRECTORY)).expect("the directory is there") {
        let entry = entry.expect("an entry can be read");
        fs::copy(entry.path(), target.join(entry.file_name())).expect("a file can be copied");
    }
}
