//! Clients that make the server keep bytes for them.

use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::wait_until;

use crate::start;

#[test]
fn a_client_that_does_not_read_its_replies_is_cut_off() {
    const VALUE_BYTES: usize = 1 << 20;
    const REPLIES: usize = 200;
    let server = start(&["--client-output-buffer-limit", "normal 8mb 0 0"]);
    let mut client = server.connect();
    client.call([&b"SET"[..], b"big", &vec![b'x'; VALUE_BYTES]]);
    client
        .send(&Request::encode_all(&vec![Request::from_line("GET big"); REPLIES]))
        .expect("the requests are small");
    assert!(
        wait_until(|| server.log().contains("output buffer limits")),
        "the server does not say that it closed the connection"
    );
    let received = client.read_to_end().expect("the connection ends").len();
    assert!(received < VALUE_BYTES * REPLIES, "all replies came although they exceeded the limit");
    assert_eq!(server.connect().command("STRLEN big").integer(), Some(VALUE_BYTES as i64));
}

#[test]
fn a_client_that_reads_slowly_within_the_limit_gets_everything() {
    const VALUE_BYTES: usize = 1 << 20;
    const REPLIES: usize = 40;
    let server = start(&["--client-output-buffer-limit", "normal 0 0 0"]);
    let mut client = server.connect();
    client.call([&b"SET"[..], b"big", &vec![b'x'; VALUE_BYTES]]);
    client
        .send(&Request::encode_all(&vec![Request::from_line("GET big"); REPLIES]))
        .expect("the requests are small");
    // The others go on while these replies wait.
    assert_eq!(server.connect().command("PING").text(), "PONG");
    for _ in 0..REPLIES {
        assert_eq!(client.read_reply().expect("a reply").bytes().map(<[u8]>::len), Some(VALUE_BYTES));
    }
}

#[test]
fn a_request_beyond_the_query_buffer_limit_ends_the_connection() {
    let server = start(&["--client-query-buffer-limit", "1mb"]);
    let mut client = server.connect();
    let mut request = b"*2\r\n$4\r\nECHO\r\n$100000000\r\n".to_vec();
    request.resize(8 << 20, b'x');
    // The server may end the connection while this is still being sent.
    let _ = client.send(&request);
    assert_eq!(client.read_to_end().expect("the connection ends"), b"");
    assert_eq!(server.connect().command("PING").text(), "PONG");
}

#[test]
fn an_announced_length_takes_no_memory() {
    const BYTES_MAX: u64 = 64 << 20;
    let server = start(&[]);
    let before = server.resident_bytes();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = server.connect();
        client.send(b"*1000000\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nx").expect("the server reads");
        clients.push(client);
    }
    // Answered after what came before it.
    assert_eq!(server.connect().command("PING").text(), "PONG");
    let taken = server.resident_bytes().saturating_sub(before);
    assert!(taken < BYTES_MAX, "{} unfinished requests took {taken} bytes", clients.len());
}

/// Replies to clients that have not authenticated must not fill the memory.
#[test]
fn a_client_without_the_password_that_does_not_read_is_cut_off() {
    const REQUESTS_MAX: usize = 5_000_000;
    let server = start(&["--requirepass", "secret"]);
    let mut client = server.connect();
    let requests = b"*1\r\n$3\r\nGET\r\n".repeat(1000);
    let cut_off = (0..REQUESTS_MAX / 1000).any(|_| client.send(&requests).is_err());
    assert!(cut_off, "{REQUESTS_MAX} replies are waiting");
}
