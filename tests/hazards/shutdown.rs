//! The end of the process.

use nuthatch_testkit::server::wait_until;
use rustix::process::Signal;

use crate::start;

#[test]
fn a_termination_signal_ends_the_server_cleanly() {
    let mut server = start(&["--pidfile", "./server.pid", "--daemonize", "no"]);
    let pidfile = server.directory().join("server.pid");
    let mut client = server.connect();
    client.command("SET a b");
    let status = server.end_with(Signal::TERM).expect("the server ends");
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(client.read_to_end().expect("the connection ends"), b"");
    assert!(!pidfile.exists(), "the file with the process number is still there");
    let log = server.log();
    for line in ["Received SIGTERM scheduling shutdown...", "User requested shutdown...", "bye bye..."] {
        assert!(log.contains(line), "{line} is missing");
    }
}

#[test]
fn an_interrupt_ends_the_server_cleanly() {
    let mut server = start(&[]);
    assert_eq!(server.end_with(Signal::INT).and_then(|status| status.code()), Some(0));
    assert!(server.log().contains("bye bye..."), "the server does not take its leave");
}

#[test]
fn clients_do_not_keep_the_server_from_ending() {
    let mut server = start(&[]);
    let mut idle: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.send(b"*3\r\n$3\r\nSET\r\n").expect("the server reads");
    }
    assert_eq!(server.end_with(Signal::TERM).and_then(|status| status.code()), Some(0));
}

#[test]
fn the_log_says_when_connections_are_accepted() {
    let server = start(&[]);
    for line in
        ["is starting", "Configuration loaded", "Server initialized", "Ready to accept connections tcp"]
    {
        // A connection may be accepted a moment before the log says so.
        assert!(wait_until(|| server.log().contains(line)), "{line} is missing");
    }
}
