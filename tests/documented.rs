//! Commands and options newer than the stock servers that the differential suites compare with, as
//! their public documentation describes them.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::Server;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn start() -> (Server, Client) {
    let server = Server::start(&Program::nuthatch(), &[]);
    let client = server.connect();
    (server, client)
}

#[track_caller]
fn check(client: &mut Client, exchange: &[(&str, &str)]) {
    for (line, expected) in exchange {
        let reply = match client.command(line) {
            Reply::Integer(number) => number.to_string(),
            Reply::Null => "nil".into(),
            other => other.text(),
        };
        assert_eq!(reply, *expected, "{line}");
    }
}

#[test]
fn a_value_is_set_if_it_equals_or_differs() {
    let (_server, mut client) = start();
    check(
        &mut client,
        &[
            ("SET a new IFEQ old", "nil"),
            ("EXISTS a", "0"),
            ("SET a old IFNE other", "OK"),
            ("SET a new IFEQ other", "nil"),
            ("GET a", "old"),
            ("SET a new IFEQ old", "OK"),
            ("SET a newer IFNE new", "nil"),
            ("SET a newer IFNE old", "OK"),
            ("GET a", "newer"),
            // The previous value is returned whether or not the condition holds.
            ("SET a newest IFEQ other GET", "newer"),
            ("SET a newest IFEQ newer GET EX 100", "newer"),
            ("GET a", "newest"),
            ("SET a x IFEQ newest NX", "ERR syntax error"),
        ],
    );
    assert!(client.command("TTL a").integer().is_some_and(|seconds| seconds > 90));
}

#[test]
fn a_digest_stands_for_the_value() {
    let (_server, mut client) = start();
    check(&mut client, &[("DIGEST a", "nil"), ("SET a value", "OK"), ("SET b value", "OK")]);
    assert_eq!(client.call(["SET", "documented", "Hello world"]).text(), "OK");
    check(&mut client, &[("DIGEST documented", "b6acb9d84a38ff74")]);
    let digest = client.command("DIGEST a").text();
    assert_eq!(digest.len(), 16, "{digest}");
    assert_eq!(client.command("DIGEST b").text(), digest);
    check(
        &mut client,
        &[
            (&format!("SET a other IFDNE {digest}"), "nil"),
            (&format!("SET a other IFDEQ {digest}"), "OK"),
            (&format!("SET a again IFDEQ {digest}"), "nil"),
            (&format!("SET a again IFDNE {digest}"), "OK"),
            (&format!("SET nosuchkey x IFDEQ {digest}"), "nil"),
            (&format!("SET created x IFDNE {digest}"), "OK"),
            (&format!("DELEX b IFDNE {digest}"), "0"),
            (&format!("DELEX b IFDEQ {digest}"), "1"),
            ("GET a", "again"),
            ("EXISTS b", "0"),
        ],
    );
}

#[test]
fn a_key_is_deleted_if_its_value_equals_or_differs() {
    let (_server, mut client) = start();
    check(
        &mut client,
        &[
            ("DELEX a", "0"),
            ("DELEX a IFEQ x", "0"),
            ("MSET a x b x c x", "OK"),
            ("DELEX a", "1"),
            ("DELEX b IFEQ y", "0"),
            ("DELEX b IFEQ x", "1"),
            ("DELEX c IFNE x", "0"),
            ("DELEX c IFNE y", "1"),
            ("DBSIZE", "0"),
        ],
    );
}

#[test]
fn places_within_a_polygon_are_found() {
    let (_server, mut client) = start();
    check(
        &mut client,
        &[
            ("GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "2"),
            ("GEOSEARCHSTORE found Sicily BYPOLYGON 3 13 38 14 38 13.5 39", "1"),
            ("ZSCORE found Palermo", "3479099956230698"),
            ("GEOSEARCHSTORE found Sicily BYPOLYGON 4 13 37 16 37 16 39 13 39", "2"),
            (
                "GEOSEARCH Sicily BYPOLYGON 3 13 38 14 38",
                "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices",
            ),
            ("GEOSEARCH Sicily FROMMEMBER Palermo BYPOLYGON 3 13 38 14 38 13.5 39", "ERR syntax error"),
        ],
    );
}

#[test]
fn fields_are_set_if_the_hash_exists_or_does_not() {
    let (_server, mut client) = start();
    check(
        &mut client,
        &[
            ("HSETEX a XX FIELDS 1 f 1", "0"),
            ("EXISTS a", "0"),
            ("HSETEX a NX EX 100 FIELDS 1 f 1", "1"),
            ("HSETEX a NX FIELDS 1 g 1", "0"),
            ("HSETEX a XX FNX FIELDS 1 f 2", "0"),
            ("HSETEX a FXX XX FIELDS 1 f 2", "1"),
            ("HGET a f", "2"),
            ("HLEN a", "1"),
            ("HSETEX a NX XX FIELDS 1 f 3", "ERR syntax error"),
            // Behind FIELDS they are fields like any others.
            ("HSETEX b FIELDS 1 NX XX", "1"),
            ("HGET b NX", "XX"),
        ],
    );
}

#[test]
fn several_keys_are_set_together_with_one_deadline() {
    let (_server, mut client) = start();
    check(
        &mut client,
        &[
            ("MSETEX 2 a 1 b 2 EX 100", "1"),
            ("GET a", "1"),
            ("GET b", "2"),
            ("MSETEX 2 a 3 c 3 NX", "0"),
            ("MSETEX 2 a 3 c 3 XX", "0"),
            ("EXISTS c", "0"),
            ("GET a", "1"),
            ("MSETEX 2 a 5 b 6 XX KEEPTTL", "1"),
            ("GET b", "6"),
            ("MSETEX 1 d 7", "1"),
            ("TTL d", "-1"),
        ],
    );
    for key in ["a", "b"] {
        assert!(client.command(&format!("TTL {key}")).integer().is_some_and(|seconds| seconds > 90), "{key}");
    }
}

#[test]
fn bitmaps_are_combined_as_sets() {
    type Model = fn(u8, &[u8]) -> u8;
    const OPERATIONS: &[(&str, Model)] = &[
        ("DIFF", |x, others| x & !others.iter().fold(0, |all, y| all | y)),
        ("DIFF1", |x, others| !x & others.iter().fold(0, |all, y| all | y)),
        ("ANDOR", |x, others| x & others.iter().fold(0, |all, y| all | y)),
        ("ONE", |x, others| {
            let all = [&[x], others].concat();
            (0..8)
                .filter(|bit| all.iter().filter(|byte| *byte >> bit & 1 == 1).count() == 1)
                .map(|bit| 1 << bit)
                .sum()
        }),
    ];
    const SEED: u64 = 1;
    let (_server, mut client) = start();
    let mut random = Pcg64::seed_from_u64(SEED);
    for round in 0..200 {
        let strings: Vec<Vec<u8>> = (0..random.random_range(2..6))
            .map(|_| (0..random.random_range(0..200)).map(|_| random.random()).collect())
            .collect();
        let longest = strings.iter().map(Vec::len).max().unwrap_or_default();
        let names: Vec<String> = (0..strings.len()).map(|number| format!("source:{number}")).collect();
        for (name, string) in names.iter().zip(&strings) {
            client.call([b"SET", name.as_bytes(), string]);
        }
        for (operation, model) in OPERATIONS {
            let words = ["BITOP".to_owned(), (*operation).to_owned(), "target".to_owned()];
            let length = client.call(words.iter().chain(&names));
            assert_eq!(length.integer(), Some(longest as i64), "{operation}, round {round}");
            let expected: Vec<u8> = (0..longest)
                .map(|position| {
                    let bytes: Vec<u8> = strings
                        .iter()
                        .map(|string| string.get(position).copied().unwrap_or_default())
                        .collect();
                    model(bytes[0], &bytes[1..])
                })
                .collect();
            let actual = client.command("GET target");
            assert_eq!(actual.bytes().unwrap_or_default(), expected, "{operation}, round {round}");
        }
    }
}

#[test]
fn overwriting_a_value_and_changing_its_type_are_events() {
    let (server, mut client) = start();
    check(&mut client, &[("CONFIG SET notify-keyspace-events Eoc", "OK")]);
    let mut subscriber = server.connect();
    subscriber.command("PSUBSCRIBE *");
    let overwriting = [
        ("SET", "SET text 1", ""),
        ("SET text 2", "SET text 3 KEEPTTL", "overwritten overwritten"),
        ("RPUSH list a b", "SET list 1", "overwritten type_changed"),
        ("SADD set a b", "APPEND text x", ""),
        ("INCR number", "INCR number", ""),
        ("SUNIONSTORE number set", "SUNIONSTORE number set", "overwritten type_changed overwritten"),
        ("RENAME set list", "COPY number text REPLACE", "overwritten type_changed overwritten type_changed"),
        ("BITOP NOT other missing", "SORT list ALPHA STORE number", "overwritten type_changed"),
    ];
    for (first, second, expected) in overwriting {
        client.command(first);
        client.command(second);
        client.command("PUBLISH end end");
        let events = std::iter::from_fn(|| {
            let message = subscriber.read_reply().expect("a message").into_elements();
            let event = message[2].text();
            (event != "end").then(|| event.trim_start_matches("__keyevent@0__:").to_owned())
        });
        assert_eq!(events.collect::<Vec<_>>().join(" "), expected, "{first}, {second}");
    }
}
