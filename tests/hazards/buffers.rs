//! Clients that make the server keep bytes for them.

use std::thread;

use nuthatch_testkit::client::Client;
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
fn messages_for_a_thread_that_is_busy_do_not_pile_up() {
    const MESSAGE_BYTES: usize = 1 << 20;
    const MESSAGES: usize = 100;
    // However long the script takes, others are not told that the server is busy.
    let never_busy = ["--busy-reply-threshold", "0"];
    let unlimited = ["--client-output-buffer-limit", "pubsub 0 0 0", "--io-threads", "2"];
    let server = start(&[never_busy.as_slice(), &unlimited].concat());
    // Threads get connections by turns.
    let [mut listener, mut sender, mut looper, mut observer] = [(); 4].map(|()| {
        let mut client = server.connect();
        assert_eq!(client.command("PING").text(), "PONG");
        client
    });
    listener.send(b"SUBSCRIBE channel\r\n").expect("it is sent");
    listener.read_frame().expect("it listens");
    let used = |client: &mut Client| {
        let information = client.command("INFO memory").text();
        let line = information.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|bytes| bytes.trim().parse::<usize>().ok()).expect("a number of bytes")
    };
    let before = used(&mut observer);
    // It needs no key, so that other threads go on.
    let script = "for round = 1, 100000000 do end";
    looper.send(&Request::encode_all(&[Request::new(["EVAL", script, "0"])])).expect("it is sent");
    let message = |number: usize| {
        let mut text = vec![b'x'; MESSAGE_BYTES];
        text[..3].copy_from_slice(format!("{number:03}").as_bytes());
        text
    };
    let sending = thread::spawn(move || {
        for number in 0..MESSAGES {
            let publish = Request::new([b"PUBLISH".to_vec(), b"channel".to_vec(), message(number)]);
            sender.send(&Request::encode_all(&[publish])).expect("it is sent");
        }
        (0..MESSAGES).for_each(|_| assert_eq!(sender.read_reply().expect("a reply").integer(), Some(1)));
    });
    let mut most = 0;
    assert!(
        wait_until(|| {
            most = most.max(used(&mut observer));
            looper.poll_frame().expect("the connection is there").is_some()
        }),
        "the script does not end"
    );
    assert!(most - before < 40 * MESSAGE_BYTES, "{} bytes of messages have piled up", most - before);
    assert!(most - before > 5 * MESSAGE_BYTES, "no message was sent meanwhile");
    for number in 0..MESSAGES {
        let frame = listener.read_frame().expect("a message");
        let start = frame.len() - MESSAGE_BYTES - 2;
        assert_eq!(frame[start..start + 3], *format!("{number:03}").as_bytes());
    }
    sending.join().expect("all are sent");
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
