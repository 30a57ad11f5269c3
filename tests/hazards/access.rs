//! Who may talk to the server.

use std::net::{IpAddr, UdpSocket};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;

use crate::start;

/// An address of this machine that is not loopback, when it has one.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: it only chooses the interface towards an address that documentation reserves.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[test]
fn protected_mode_refuses_other_machines_until_there_is_a_password() {
    let Some(address) = outer_address() else {
        eprintln!("not checked: this machine has no address but loopback");
        return;
    };
    let server = start(&["--bind", "0.0.0.0"]);
    let mut outside = Client::connect((address, server.port())).expect("the server listens");
    let refusal = outside.read_reply().expect("the server says why");
    assert!(refusal.text().starts_with("DENIED "), "{refusal:?}");
    assert_eq!(outside.read_to_end().expect("the connection ends"), b"");

    assert_eq!(server.connect().command("CONFIG SET requirepass secret").text(), "OK");
    let mut outside = Client::connect((address, server.port())).expect("the server listens");
    assert_eq!(outside.command("AUTH secret").text(), "OK");
    assert_eq!(outside.command("PING").text(), "PONG");
}

#[test]
fn nothing_is_told_before_the_password() {
    let server = start(&["--requirepass", "secret"]);
    let mut client = server.connect();
    for line in ["GET a", "SET a b", "CONFIG GET requirepass", "CLIENT LIST", "FLUSHALL", "KEYS *"] {
        assert_eq!(client.command(line).text(), "NOAUTH Authentication required.", "{line}");
    }
    assert!(client.command("AUTH wrong").text().starts_with("WRONGPASS"));
    assert!(client.command("AUTH default wrong").text().starts_with("WRONGPASS"));
    assert!(client.command("AUTH nobody secret").text().starts_with("WRONGPASS"));
    assert!(client.command("HELLO 3 AUTH default wrong").text().starts_with("WRONGPASS"));
    assert_eq!(client.command("PING").text(), "NOAUTH Authentication required.");
    assert!(!client.command("HELLO 3 AUTH default secret").is_error());
    assert_eq!(client.command("SET a b").text(), "OK");
    assert_eq!(client.command("RESET").text(), "RESET");
    assert_eq!(client.command("GET a").text(), "NOAUTH Authentication required.");
}

#[test]
fn a_refused_password_within_a_pipeline_has_its_reply() {
    let server = start(&["--requirepass", "secret"]);
    let requests = ["PING", "AUTH wrong", "AUTH secret", "PING"].map(Request::from_line);
    let replies = server.connect().pipeline(&requests).expect("four replies");
    let kinds: Vec<u8> = replies.iter().map(|reply| reply[0]).collect();
    assert_eq!(kinds, *b"--++");
}

#[test]
fn large_requests_are_refused_before_the_password() {
    let server = start(&["--requirepass", "secret"]);
    for (request, error) in [
        (&b"*11\r\n"[..], "ERR Protocol error: unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nECHO\r\n$16385\r\n", "ERR Protocol error: unauthenticated bulk length"),
    ] {
        let mut client = server.connect();
        client.send(request).expect("the server reads");
        assert_eq!(client.read_reply().expect("the server says why").text(), error);
        assert_eq!(client.read_to_end().expect("the connection ends"), b"");
    }
}

#[test]
fn a_web_page_cannot_make_a_browser_send_commands() {
    let server = start(&[]);
    for request in [
        "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a b\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a b\r\n",
        "host: localhost\r\nSET a b\r\n",
    ] {
        let mut client = server.connect();
        client.send(request.as_bytes()).expect("the server reads");
        // Without this end the connection would stay open.
        client.read_to_end().expect("the connection ends");
        assert_eq!(server.connect().command("EXISTS a").integer(), Some(0), "{request}");
    }
    assert!(server.log().contains("SECURITY ATTACK"), "the log does not tell");
}
