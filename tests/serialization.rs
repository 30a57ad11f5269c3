//! Values go from Nuthatch to stock servers and back by DUMP and RESTORE, and stay what they were.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::Server;
use nuthatch_testkit::values::{commands, content};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Values that are sent each way.
const VALUES: usize = 400;

/// A deadline that does not come while the test runs.
const DEADLINE: &str = "4000000000000";

/// Version and checksum at the end of a payload.
const FOOTER_BYTES: usize = 10;

fn restore(client: &mut Client, key: &str, payload: &[u8], deadline: &str) -> Reply {
    client.call(["DEL", key]);
    client.call([b"RESTORE", key.as_bytes(), deadline.as_bytes(), payload, b"ABSTTL"])
}

fn dump(client: &mut Client) -> Vec<u8> {
    client.call(["DUMP", "key"]).bytes().expect("the key is there").to_vec()
}

fn encoding(client: &mut Client, key: &str) -> String {
    client.call(["OBJECT", "ENCODING", key]).text()
}

#[test]
fn values_go_to_stock_servers_and_back() {
    for program in Program::references() {
        let (ours, theirs) = (Server::start(&Program::nuthatch(), &[]), Server::start(&program, &[]));
        let (mut ours, mut theirs) = (ours.connect(), theirs.connect());
        let is_redis_8 = program.name == "redis-8.0";
        let mut random = Pcg64::seed_from_u64(1);
        let (mut sent, mut equal_bytes) = (0, 0);
        for number in 0..VALUES {
            let deadline = if random.random_bool(0.3) { DEADLINE } else { "0" };
            let commands = commands(&mut random, "key");
            for client in [&mut ours, &mut theirs] {
                client.call(["DEL", "key"]);
                for command in &commands {
                    let reply = client.call(command);
                    assert!(!reply.is_error(), "{command:?}: {}", reply.text());
                }
            }
            let (our_dump, their_dump) = (dump(&mut ours), dump(&mut theirs));
            let shown = || format!("value {number} against {}: {}", program.name, their_dump.escape_ascii());

            assert_eq!(restore(&mut ours, "copy", &their_dump, deadline).text(), "OK", "{}", shown());
            assert_eq!(restore(&mut theirs, "copy", &their_dump, deadline).text(), "OK", "{}", shown());
            let expected = content(&mut theirs, "copy");
            assert!(content(&mut ours, "copy") == expected, "{}", shown());
            if is_redis_8 {
                assert_eq!(encoding(&mut ours, "copy"), encoding(&mut theirs, "copy"), "{}", shown());
            }

            let reply = restore(&mut theirs, "copy", &our_dump, deadline);
            // Redis 7.0 does not know packed sets, nor when consumers last got something.
            let is_packed_set = expected.0 == "set" && encoding(&mut ours, "key") == "listpack";
            if program.name == "redis-7.0" && (is_packed_set || expected.0 == "stream") {
                assert!(reply.is_error(), "{}", shown());
                continue;
            }
            assert_eq!(reply.text(), "OK", "{}", shown());
            assert!(content(&mut theirs, "copy") == expected, "{}", shown());
            sent += 1;

            // The order in a table is chance, and a stream has times and nodes of its own.
            if is_redis_8 && !["hashtable", "stream"].contains(&&*encoding(&mut ours, "key")) {
                let value = |payload: &[u8]| payload[..payload.len() - FOOTER_BYTES].to_vec();
                assert!(value(&our_dump) == value(&their_dump), "{}\n{}", shown(), our_dump.escape_ascii());
                equal_bytes += 1;
            }
        }
        println!("{}: {sent} of {VALUES} values sent, {equal_bytes} compared byte by byte", program.name);
        assert!(sent > VALUES / 2);
    }
}

#[test]
fn fields_keep_their_deadlines_on_the_way() {
    for program in Program::references().into_iter().filter(|program| program.name != "redis-7.0") {
        let (ours, theirs) = (Server::start(&Program::nuthatch(), &[]), Server::start(&program, &[]));
        let (mut ours, mut theirs) = (ours.connect(), theirs.connect());
        for value in ["text", &"long".repeat(50)] {
            for client in [&mut ours, &mut theirs] {
                client.call(["DEL", "key"]);
                client.call(["HSET", "key", "a", value, "b", value, "c", value]);
                client.call(["HPEXPIREAT", "key", "4000000000000", "FIELDS", "1", "b"]);
                client.call(["HPEXPIREAT", "key", "4000000000007", "FIELDS", "1", "a"]);
            }
            let deadlines =
                |client: &mut Client| client.call(["HPEXPIRETIME", "copy", "FIELDS", "3", "a", "b", "c"]);
            let (our_dump, their_dump) = (dump(&mut ours), dump(&mut theirs));
            assert_eq!(restore(&mut ours, "copy", &their_dump, "0").text(), "OK");
            let found = deadlines(&mut ours).into_elements();
            let numbers: Vec<Option<i64>> = found.iter().map(Reply::integer).collect();
            assert_eq!(numbers, [Some(4_000_000_000_007), Some(4_000_000_000_000), Some(-1)]);
            let reply = restore(&mut theirs, "copy", &our_dump, "0");
            if program.name == "redis-8.0" {
                assert_eq!(reply.text(), "OK");
                assert_eq!(deadlines(&mut theirs).into_elements(), found);
                assert_eq!(encoding(&mut theirs, "copy"), encoding(&mut ours, "key"));
            } else {
                assert!(reply.is_error(), "Valkey reads only its own form of such hashes");
            }
        }
    }
}
