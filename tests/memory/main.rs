//! How much memory is used and told, and what goes where that is too much: writes, keys, clients.

mod clients;
mod drift;
mod figures;
mod following;
mod leftovers;
mod limit;
mod policies;
mod refusals;
mod sampling;
mod saving;
mod sizes;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;

/// Starts Nuthatch with `arguments`.
#[track_caller]
fn start(arguments: &[&str]) -> Server {
    Server::start(&Program::nuthatch(), arguments)
}

/// The number in a line of INFO.
#[track_caller]
fn info(client: &mut Client, name: &str) -> u64 {
    let text = client.command("INFO").text();
    number_in(&text, name)
}

/// The number in a line of what INFO tells.
#[track_caller]
fn number_in(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name} is no number in {text}"))
}

/// Memory in use, in bytes.
#[track_caller]
fn used(client: &mut Client) -> u64 {
    info(client, "used_memory")
}

/// What the allocator says that it has given out, in bytes: what threads keep for what they ask for next included.
#[track_caller]
fn given_out(client: &mut Client) -> u64 {
    let report = client.command("MEMORY MALLOC-STATS").text();
    let number = report.split(" allocated ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no number in {report}"))
}

#[track_caller]
fn set(client: &mut Client, directive: &str, value: impl ToString) {
    assert_eq!(client.call(["CONFIG", "SET", directive, &value.to_string()]).text(), "OK", "{directive}");
}

/// Sends lines of commands at once. None may be refused.
#[track_caller]
fn run(client: &mut Client, lines: impl IntoIterator<Item = String>) -> Vec<Vec<u8>> {
    const LINES_AT_ONCE: usize = 500;
    let requests: Vec<Request> = lines.into_iter().map(|line| Request::from_line(&line)).collect();
    let mut replies = Vec::new();
    for batch in requests.chunks(LINES_AT_ONCE) {
        let some = client.pipeline(batch).expect("replies");
        for (request, reply) in batch.iter().zip(&some) {
            assert!(!reply.starts_with(b"-"), "{request}: {}", reply.escape_ascii());
        }
        replies.extend(some);
    }
    replies
}

/// Which of these keys are there.
#[track_caller]
fn which_exist(client: &mut Client, keys: impl IntoIterator<Item = String>) -> Vec<bool> {
    let asked = keys.into_iter().map(|key| format!("EXISTS {key}"));
    run(client, asked).iter().map(|reply| reply == b":1\r\n").collect()
}

fn count(of: &[bool], value: bool) -> usize {
    of.iter().filter(|one| **one == value).count()
}
