//! Values go from Nuthatch to stock servers and back by DUMP and RESTORE, and stay what they were.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::Server;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Values that are sent each way.
const VALUES: usize = 400;

/// A deadline that does not come while the test runs.
const DEADLINE: &str = "4000000000000";

/// Version and checksum at the end of a payload.
const FOOTER_BYTES: usize = 10;

fn text(random: &mut Pcg64) -> Vec<u8> {
    let mut bytes = |max: usize, letters: std::ops::RangeInclusive<u8>| -> Vec<u8> {
        let length = random.random_range(0..max);
        (0..length).map(|_| random.random_range(letters.clone())).collect()
    };
    let (noise, words, long) = (bytes(30, 0..=255), bytes(400, b'a'..=b'e'), bytes(3000, 0..=255));
    match random.random_range(0..8) {
        0 => random.random_range(-300..300).to_string().into_bytes(),
        1 => random.random_range(-1_i64 << 40..1 << 40).to_string().into_bytes(),
        2 => noise,
        3 => words,
        4 => format!("abc{}", random.random_range(0..50)).repeat(random.random_range(1..20)).into_bytes(),
        5 if random.random_ratio(1, 5) => long,
        6 => [&b""[..], b"9223372036854775807", b"-9223372036854775808", b"01", b"1.5"]
            .choose(random)
            .map_or_else(Vec::new, |text| text.to_vec()),
        _ => short_text(random),
    }
}

fn short_text(random: &mut Pcg64) -> Vec<u8> {
    let number = random.random_range(0..1_000_000);
    if random.random_bool(0.5) { format!("m{number}").into_bytes() } else { number.to_string().into_bytes() }
}

fn score(random: &mut Pcg64) -> Vec<u8> {
    match random.random_range(0..5) {
        0 => random.random_range(-50..50).to_string().into_bytes(),
        1 => [&b"inf"[..], b"-inf", b"1e300", b"3.0e-5", b"1e17"]
            .choose(random)
            .map_or_else(Vec::new, |it| it.to_vec()),
        _ => random.random_range(-100.0..100.0_f64).to_string().into_bytes(),
    }
}

/// Commands that make a value of any type and size at `key`.
fn commands(random: &mut Pcg64) -> Vec<Vec<Vec<u8>>> {
    let count = *[1, 2, 5, 20, 100, 200, 600, 2000].choose(random).unwrap_or(&1);
    let make = if random.random_bool(0.4) { text } else { short_text };
    let command = |name: &str, rest: Vec<Vec<u8>>| {
        [name.as_bytes().to_vec(), b"key".to_vec()].into_iter().chain(rest).collect::<Vec<_>>()
    };
    let mut texts = |count: usize| (0..count).map(|_| make(random)).collect::<Vec<_>>();
    let (left, right) = (texts(count), texts(count / 2 + 1));
    match random.random_range(0..7) {
        0 => vec![command("SET", left[..1].to_vec())],
        1 => {
            let big = random.random_ratio(1, 5).then(|| vec![b'z'; 9000]);
            vec![command("RPUSH", left.into_iter().chain(big).collect()), command("LPUSH", right)]
        }
        2 => vec![command("SADD", left)],
        3 => {
            let digits = random.random_range(1..12);
            let number = |_| random.random_range(-(10_i64.pow(digits))..1_000_000).to_string().into_bytes();
            vec![command("SADD", (0..count).map(number).collect())]
        }
        4 => {
            let pairs = left.into_iter().flat_map(|member| [score(random), member]).collect();
            vec![command("ZADD", pairs)]
        }
        5 => stream(random, &left),
        _ => vec![command("HSET", left.into_iter().flat_map(|field| [field.clone(), field]).collect())],
    }
}

/// Commands that make a stream with groups, whose ids do not depend on the clock. Trimming is exact, because servers divide
/// streams into nodes differently.
fn stream(random: &mut Pcg64, texts: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let command = |line: &str| -> Vec<Vec<u8>> { line.split(' ').map(|word| word.into()).collect() };
    let mut commands = Vec::new();
    let mut ms = 0;
    for text in texts {
        let magnitude = random.random_range(1..20);
        ms += random.random_range(1..3_u64.pow(magnitude));
        let mut add = command(&format!("XADD key {ms}-{}", random.random_range(0..3)));
        add.extend([b"name".to_vec(), text.clone()]);
        if random.random_ratio(1, 4) {
            add.extend([text.clone(), b"other".to_vec()]);
        }
        commands.push(add);
    }
    commands.push(command("XGROUP CREATE key group 0 ENTRIESREAD 0"));
    commands.push(command("XGROUP CREATE key idle $"));
    if random.random_bool(0.5) {
        commands.push(command("XREADGROUP GROUP group one COUNT 3 STREAMS key >"));
        commands.push(command("XREADGROUP GROUP group two COUNT 2 STREAMS key >"));
        commands.push(command(&format!("XACK key group {ms}-0 1-0 1-1")));
    }
    if random.random_bool(0.3) {
        commands.push(command("XTRIM key MAXLEN 50"));
        commands.push(command(&format!("XSETID key {}-5", u64::MAX)));
    }
    commands
}

/// What a key holds: its type, its elements in an order of their own, and its deadline.
fn content(client: &mut Client, key: &str) -> (String, Vec<Reply>, Reply) {
    let kind = client.call(["TYPE", key]).text();
    let (words, is_ordered): (&[&str], bool) = match kind.as_str() {
        "string" => (&["GET", key], true),
        "list" => (&["LRANGE", key, "0", "-1"], true),
        "set" => (&["SMEMBERS", key], false),
        "zset" => (&["ZRANGE", key, "0", "-1", "WITHSCORES"], true),
        "stream" => (&["XRANGE", key, "-", "+"], true),
        _ => (&["HGETALL", key], false),
    };
    let reply = client.call(words);
    let mut elements = if kind == "string" { vec![reply] } else { reply.into_elements() };
    if kind == "hash" {
        elements = elements.chunks(2).map(|pair| Reply::Array(pair.to_vec())).collect();
    }
    if kind == "zset" {
        // Redis 7.0 shows 17 digits where others show as many as are needed.
        elements.iter_mut().skip(1).step_by(2).for_each(|score| {
            let number: f64 = score.text().parse().expect("a score is a number");
            *score = Reply::Bulk(number.to_string().into_bytes());
        });
    }
    if kind == "stream" {
        elements.push(client.call(["XPENDING", key, "group"]));
        let groups = client.call(["XINFO", "GROUPS", key]).into_elements();
        // Only recent servers tell how far groups are behind when entries are gone.
        elements.extend(groups.into_iter().map(|group| Reply::Array(group.into_elements()[..8].to_vec())));
    }
    if !is_ordered {
        elements.sort();
    }
    (kind, elements, client.call(["PEXPIRETIME", key]))
}

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
            let commands = commands(&mut random);
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
