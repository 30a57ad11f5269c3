//! Many, odd and idle connections.

use std::net::{Ipv6Addr, TcpListener};
use std::time::{Duration, Instant};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit, setrlimit};

use crate::start;

#[test]
fn a_half_closed_connection_still_gets_its_replies() {
    const COMMANDS: usize = 5000;
    let server = start(&[]);
    let mut client = server.connect();
    client
        .send(&Request::encode_all(&vec![Request::from_line("INCR a"); COMMANDS]))
        .expect("the server reads");
    client.finish_sending().expect("a connection can be half closed");
    let replies = client.read_to_end().expect("replies and an end");
    assert_eq!(replies.iter().filter(|byte| **byte == b'\n').count(), COMMANDS);
}

#[test]
fn a_client_that_goes_away_in_the_middle_of_a_request_leaves_nothing_behind() {
    let server = start(&[]);
    for _ in 0..100 {
        let mut client = server.connect();
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000\r\nhalf").expect("the server reads");
    }
    let mut client = server.connect();
    let alone = || client.command("CLIENT LIST").text().lines().count() == 1;
    assert!(wait_until(alone), "connections of clients that went away are still listed");
    assert_eq!(client.command("EXISTS a").integer(), Some(0));
}

#[test]
fn ten_thousand_connections_are_all_served() {
    const WANTED: u64 = 10_000;
    const OTHER_FILES: u64 = 500;
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let allowed = limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES);
    let count = WANTED.min(allowed);
    if count < WANTED {
        eprintln!("only {count} connections: the limit of open files allows no more");
    }
    let server = start(&["--maxclients", "10100", "--tcp-backlog", "511"]);
    let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    for round in 0..2 {
        for client in &mut clients {
            client.send(b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n").expect("the server reads");
        }
        let mut numbers: Vec<i64> = clients
            .iter_mut()
            .map(|client| client.read_reply().expect("a reply").integer().expect("a number"))
            .collect();
        numbers.sort_unstable();
        let first = round * count as i64 + 1;
        assert!(numbers.into_iter().eq(first..first + count as i64), "some increments are missing");
    }
}

#[test]
fn one_client_too_many_is_told_so() {
    let server = start(&["--maxclients", "10"]);
    // The connection that waited for the start may still be counted.
    let mut clients = Vec::new();
    assert!(
        wait_until(|| {
            let mut client = server.connect();
            let accepted = client.try_call(["PING"]).is_ok_and(|reply| reply.text() == "PONG");
            clients.extend(accepted.then_some(client));
            clients.len() == 10
        }),
        "ten clients are not accepted"
    );
    let mut refused = server.connect();
    assert_eq!(refused.read_to_end().expect("an answer"), b"-ERR max number of clients reached\r\n");
    clients.pop();
    assert!(
        wait_until(|| server.connect().try_call(["PING"]).is_ok_and(|reply| reply.text() == "PONG")),
        "the place that became free is not given away"
    );
}

#[test]
fn clients_wait_while_the_system_has_no_descriptors_for_them_and_others_are_served() {
    let server = start(&[]);
    let mut client = server.connect();
    client.command("PING");
    // Those that are open stay so.
    limit_files(&server, 1);
    let mut late = server.connect();
    late.send(b"*1\r\n$4\r\nPING\r\n").expect("the system accepts it");
    let refusals =
        || server.log().matches("Accepting client connection: accept: Too many open files").count();
    assert!(wait_until(|| refusals() >= 2), "it does not try again");
    for _ in 0..1000 {
        assert_eq!(client.command("PING").text(), "PONG");
    }
    limit_files(&server, 1000);
    assert_eq!(late.read_reply().expect("it is served").text(), "PONG");
    let refusals = refusals();
    assert!(refusals < 20, "it tried {refusals} times, all the time");
}

/// Has no more files than that be open in a server's process.
fn limit_files(server: &Server, files: u64) {
    let process = i32::try_from(server.process_id()).ok().and_then(Pid::from_raw);
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(process, Resource::Nofile, Rlimit { current: Some(files), maximum })
        .expect("a child can be limited");
}

#[test]
fn an_idle_client_is_disconnected_and_a_busy_one_is_not() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let server = start(&["--timeout", "1"]);
    let mut busy = server.connect();
    let mut idle = server.connect();
    idle.command("PING");
    let began = Instant::now();
    idle.set_timeout(Duration::from_millis(100)).expect("a timeout can be set");
    assert!(
        wait_until(|| {
            busy.command("PING");
            idle.read_to_end().is_ok()
        }),
        "the idle client stays connected"
    );
    assert!(
        began.elapsed() >= TIMEOUT - Duration::from_millis(50),
        "disconnected after {:?}",
        began.elapsed()
    );
    assert_eq!(busy.command("PING").text(), "PONG");
}

#[test]
fn a_unix_socket_serves_and_goes_away_with_the_server() {
    let mut server = Server::start_on_unix_socket(&Program::nuthatch(), &["--unixsocketperm", "700"]);
    assert_eq!(server.connect().command("SET a b").text(), "OK");
    assert_eq!(server.connect().command("GET a").text(), "b");
    assert!(server.log().contains("Ready to accept connections unix"), "{}", server.log());
    let path = server.socket_path();
    assert!(server.end_with(Signal::TERM).is_some_and(|status| status.success()));
    assert!(!path.exists(), "the socket's file is still there");
}

#[test]
fn version_six_of_the_internet_protocol_is_served() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("not checked: this machine has no IPv6");
        return;
    }
    let server = start(&["--bind", "127.0.0.1", "::1"]);
    let mut client =
        Client::connect((Ipv6Addr::LOCALHOST, server.port())).expect("the server listens on ::1");
    assert_eq!(client.command("PING").text(), "PONG");
    assert!(client.command("CLIENT INFO").text().contains("addr=[::1]:"));
}
