//! Bytes of all kinds from clients of all kinds: the server answers something and lives on.

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::families;
use nuthatch_testkit::generator::Generator;
use nuthatch_testkit::request::Request;
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
