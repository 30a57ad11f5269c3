//! What everybody else gets to see while a script runs for too long, and how it is ended.

mod answers;
mod bystanders;
mod ending;

use std::io;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

/// How the text of an answer begins that says that a script runs for too long.
const BUSY: &str = "BUSY Redis is busy running a script. You can only call ";

/// How the error of a script begins that was ended.
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL... script: ";

/// Runs until it is ended.
const ENDLESS: &str = "while true do end";

/// Numbers of event loops: the thread that runs the script serves all others, or some, or few.
const THREADS: [&str; 3] = ["1", "2", "4"];

/// Starts a server where a script runs for too long after 50 milliseconds.
#[track_caller]
fn start(program: &Program, threads: &str) -> Server {
    Server::start(program, &["--busy-reply-threshold", "50", "--io-threads", threads])
}

/// Sends a request whose reply comes later.
#[track_caller]
fn send<W: AsRef<[u8]>>(client: &mut Client, words: impl IntoIterator<Item = W>) {
    client.send(&Request::encode_all(&[Request::new(words)])).expect("the server reads");
}

/// Waits until commands are answered that a script runs for too long.
#[track_caller]
fn await_busy(server: &Server) {
    let mut client = server.connect();
    assert!(
        wait_until(|| client.command("EXISTS any").text().starts_with(BUSY)),
        "no script runs for too long"
    );
}

/// Waits until commands are run again.
#[track_caller]
fn await_idle(server: &Server) {
    let mut client = server.connect();
    assert!(wait_until(|| !client.command("EXISTS any").is_error()), "a script still runs for too long");
}

/// A client that runs a script that does not end, which everybody knows by now.
#[track_caller]
fn run_endless(server: &Server, request: &[&str]) -> Client {
    let mut client = server.connect();
    send(&mut client, request);
    await_busy(server);
    client
}

/// Ends the script that a client runs, and returns what the client is told.
#[track_caller]
fn kill(server: &Server, client: &mut Client) -> Reply {
    assert_eq!(server.connect().command("SCRIPT KILL").text(), "OK");
    let reply = client.read_reply().expect("the script ends");
    await_idle(server);
    reply
}

/// Whether the text of a reply begins like this.
fn begins(reply: &io::Result<Reply>, expected: &str) -> bool {
    reply.as_ref().is_ok_and(|reply| reply.text().starts_with(expected))
}
