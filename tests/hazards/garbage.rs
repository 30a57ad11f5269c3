//! Bytes of all kinds from clients of all kinds: the server answers something and lives on.

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::families;
use nuthatch_testkit::generator::Generator;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::wait_until;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::start;

#[test]
fn requests_with_changed_bytes_do_no_harm() {
    const ROUNDS: usize = 500;
    let seed = Extent::from_environment().seed;
    let mut random = Pcg64::seed_from_u64(seed);
    let mut generator = Generator::new(&families::STRINGS, seed, |_| true);
    let server = start(&["--proto-max-bulk-len", "1mb"]);
    for round in 0..ROUNDS {
        let requests: Vec<Request> = (0..20).map(|_| generator.request()).collect();
        let mut bytes = Request::encode_all(&requests);
        for _ in 0..random.random_range(1..20) {
            let position = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[position] = random.random(),
                1 => drop(bytes.remove(position)),
                _ => bytes.insert(position, random.random()),
            }
        }
        let mut client = server.connect();
        // The server may close the connection at the first malformed request.
        let _ = client.send(&bytes);
        let _ = client.finish_sending();
        client.read_to_end().unwrap_or_else(|error| panic!("seed {seed}, round {round}: {error}"));
    }
    assert_eq!(server.connect().command("PING").text(), "PONG");
}

#[test]
fn random_bytes_do_no_harm() {
    let seed = Extent::from_environment().seed;
    let mut random = Pcg64::seed_from_u64(seed);
    let server = start(&[]);
    for _ in 0..500 {
        let mut bytes = vec![0; random.random_range(1..5000)];
        random.fill(&mut bytes[..]);
        let mut client = server.connect();
        let _ = client.send(&bytes);
        let _ = client.finish_sending();
        client.read_to_end().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    assert_eq!(server.connect().command("PING").text(), "PONG");
}

/// The parser must not apply what it remembers of the long request to the bytes of the one that was held.
#[test]
fn a_long_request_that_arrives_in_parts_behind_a_held_one_stays_whole() {
    let server = start(&[]);
    let mut operator = server.connect();
    assert_eq!(operator.command("CLIENT PAUSE 600000 WRITE").text(), "OK");
    let words = (0..100).map(|_| "x");
    let requests = [
        Request::from_line("SET held 1"),
        Request::new(["MSET"].into_iter().chain(words)),
        Request::from_line("STRLEN x"),
    ];
    let bytes = Request::encode_all(&requests);
    let mut client = server.connect();
    client.send(&bytes[..bytes.len() - 100]).expect("the connection is open");
    assert!(wait_until(|| {
        let list = operator.command("CLIENT LIST").text().to_string();
        list.lines().any(|line| line.contains(" cmd=NULL ") && !line.contains(" qbuf=0 "))
    }));
    assert_eq!(operator.command("CLIENT UNPAUSE").text(), "OK");
    client.send(&bytes[bytes.len() - 100..]).expect("the connection is open");
    for expected in ["+OK\r\n", "+OK\r\n", ":1\r\n"] {
        assert_eq!(client.read_frame().expect("a reply"), expected.as_bytes());
    }
}

#[test]
fn held_inline_requests_are_unescaped_once() {
    let server = start(&[]);
    let mut operator = server.connect();
    assert_eq!(operator.command("CLIENT PAUSE 600000 WRITE").text(), "OK");
    let mut client = server.connect();
    client
        .send(b"SET 'it\\'s' \"v\\n w\"\r\nSET \"q\\x41\\\"b\" x\r\nPING\r\n")
        .expect("the connection is open");
    assert!(wait_until(|| operator
        .command("CLIENT LIST")
        .text()
        .lines()
        .any(|line| !line.contains(" qbuf=0 "))));
    assert_eq!(operator.command("CLIENT UNPAUSE").text(), "OK");
    for expected in ["+OK\r\n", "+OK\r\n", "+PONG\r\n"] {
        assert_eq!(client.read_frame().expect("a reply"), expected.as_bytes());
    }
    assert_eq!(client.call(["GET", "it's"]).text(), "v\n w");
    assert_eq!(client.call(["GET", "qA\"b"]).text(), "x");
}

#[test]
fn a_held_write_of_a_client_that_has_left_does_not_run() {
    let server = start(&[]);
    let mut operator = server.connect();
    assert_eq!(operator.command("CLIENT PAUSE 600000 WRITE").text(), "OK");
    let mut client = server.connect();
    client.send(&Request::encode_all(&[Request::from_line("SET gone 1")])).expect("the connection is open");
    assert!(wait_until(|| operator
        .command("CLIENT LIST")
        .text()
        .lines()
        .any(|line| !line.contains(" qbuf=0 "))));
    drop(client);
    assert!(wait_until(|| operator.command("CLIENT LIST").text().lines().count() == 1));
    assert_eq!(operator.command("CLIENT UNPAUSE").text(), "OK");
    assert_eq!(operator.command("EXISTS gone").integer(), Some(0));
}
