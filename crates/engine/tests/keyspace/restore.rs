//! Whatever bytes RESTORE is given, it loads a value that is sound, or refuses.

use std::env;

use fastrand::Rng;
use nuthatch_engine::rdb::payload;

use crate::support::{Server, bulk};

/// Commands that make a value at `key` of each type and encoding.
const VALUES: &[&str] = &[
    "SET key 12",
    "SET key -70000",
    "SET key some-text",
    "SET key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabcabcabcabcabcabcabcabcabcabcabc",
    "RPUSH key a 1 -5 bcd 70000 5000000000 -9223372036854775808 text",
    "SADD key 1 2 300 -7",
    "SADD key 1 70000",
    "SADD key 5000000000 1",
    "SADD key a 1 b 22 cc",
    "SADD key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 5 b 70000",
    "ZADD key 1 a 2.5 b -inf c inf d 2.5 e",
    "ZADD key 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 2.5 b inf 7",
    "HSET key a 1 b text c 70000",
    "HSET key a 1 b aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Values in encodings that this server reads but does not write.
const OLD_ENCODINGS: &[&[u8]] = &[
    b"\x01\x03\x01a\xc0\x05\xc1\x10\x27",
    b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff",
    b"\x09\x0e\x02\x01a\x01\x00b\x02cd\x01\x01ex\xff",
    b"\x0a\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\x01b\xff",
    b"\x0d\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\x01b\xff",
    b"\x0c\x10\x10\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\xf3\xff",
    b"\x0e\x01\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\x01b\xff",
    b"\x12\x02\x01\x05plain\x02\x0c\x0c\x00\x00\x00\x02\x00\x81a\x02\x01\x01\xff",
    b"\x16\x02\x01a\xc0\x01\x00 J\xa9\xd1\x01\x00\x00\x01b\xc0\x02\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x00\x81\x00\x00\x00\x00\x00\x00\x00\x03abc",
];

/// The value behind `key`, without version and checksum.
pub(crate) fn dump(server: &mut Server, key: &[u8]) -> Vec<u8> {
    let reply = server.call(&[b"DUMP", key]);
    payload::open(bulk(&reply).unwrap_or_default()).unwrap_or_default().to_vec()
}

/// Values of every type and encoding.
pub(crate) fn corpus(server: &mut Server) -> Vec<Vec<u8>> {
    let mut dumps: Vec<Vec<u8>> = OLD_ENCODINGS.iter().map(|value| value.to_vec()).collect();
    for line in VALUES {
        server.run("DEL key");
        server.run(line);
        dumps.push(dump(server, b"key"));
        if line.starts_with("HSET") {
            server.run("HPEXPIREAT key 2000000000000 FIELDS 1 a");
            dumps.push(dump(server, b"key"));
        }
    }
    server.run("DEL key");
    let elements: Vec<String> = (0..3000).map(|number| format!("element:{number}")).collect();
    server.run(&format!("RPUSH key {} {}", elements.join(" "), "x".repeat(9000)));
    dumps.push(dump(server, b"key"));
    dumps.extend(streams(server));
    assert!(dumps.iter().all(|value| !value.is_empty()));
    dumps
}

/// Streams without and with groups, consumers and entries that are delivered; some entries have other fields, and one
/// is deleted.
fn streams(server: &mut Server) -> Vec<Vec<u8>> {
    /// Differs in what it tells of consumers only.
    const BEFORE_REDIS_7_2: u8 = 19;
    let mut dumps = Vec::new();
    server.run("DEL key");
    for number in 1..8 {
        server.run(&format!("XADD key {number}-{number} name {number} other text"));
    }
    server.run("XADD key 9-0 alone 70000");
    server.run("XDEL key 3-3");
    let value = dump(server, b"key");
    dumps.push([&[BEFORE_REDIS_7_2], &value[1..]].concat());
    dumps.push(value);
    server.run("XGROUP CREATE key group 0");
    server.run("XGROUP CREATE key idle 5-0 ENTRIESREAD 4");
    server.run("XREADGROUP GROUP group one COUNT 3 STREAMS key >");
    server.run("XREADGROUP GROUP group two COUNT 2 STREAMS key >");
    dumps.push(dump(server, b"key"));
    dumps
}

/// Changes some bytes, mostly in ways that keep the rest in its place.
pub(crate) fn mutate(value: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Rng) {
    const TELLING: [u8; 12] = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfe, 0xff];
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..value.len().max(1));
        // Headers are at the beginning; there changes mean most.
        let at = if random.bool() { at.min(random.usize(..24)) } else { at };
        match random.u8(..8) {
            0 | 1 => value.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.u8(..8)),
            2 | 3 => {
                value.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.choice(TELLING).unwrap_or(0))
            }
            4 => value.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
            5 => value.truncate(at),
            6 => value.insert(at.min(value.len()), random.u8(..)),
            _ => {
                let other = &others[random.usize(..others.len())];
                let (start, length) = (random.usize(..other.len()), random.usize(..40));
                let part = other.iter().copied().skip(start).take(length);
                let at = at.min(value.len());
                value.splice(at..(at + length).min(value.len()), part);
            }
        }
    }
}

/// Reads and changes the value at `key` in the ways that walk all of it.
fn exercise(server: &mut Server) {
    for line in [
        "LRANGE key 0 -1",
        "SMEMBERS key",
        "ZRANGE key 0 -1 WITHSCORES",
        "HGETALL key",
        "GETRANGE key 0 100",
        "SORT key ALPHA",
        "LINSERT key BEFORE a x",
        "LPOP key",
        "RPUSH key y",
        "SADD key zz 99",
        "SREM key a 1",
        "ZADD key 3 zz",
        "ZINCRBY key 1 a",
        "ZREM key b",
        "HSET key zz 1",
        "HDEL key a",
        "HPEXPIRETIME key FIELDS 1 b",
        "APPEND key x",
        "XREVRANGE key + - COUNT 3",
        "XINFO STREAM key FULL",
        "XADD key * name value",
        "XREADGROUP GROUP group one COUNT 2 STREAMS key >",
        "XREADGROUP GROUP group two STREAMS key 0",
        "XPENDING key group - + 10",
        "XAUTOCLAIM key group two 0 0",
        "XACK key group 1-1 5-5",
        "XDEL key 2-2 9-0",
        "XTRIM key MAXLEN 3",
        "XGROUP DELCONSUMER key group two",
        "XGROUP DESTROY key idle",
        "COPY key other REPLACE",
    ] {
        server.run(line);
    }
}

#[test]
fn restore_loads_sound_values_or_refuses() {
    let mutations: u64 =
        env::var("NUTHATCH_MUTATIONS").map_or(20_000, |count| count.parse().expect("a number"));
    let seed: u64 = env::var("NUTHATCH_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut random = Rng::with_seed(seed);
    let mut server = Server::new(None);
    let corpus = corpus(&mut server);
    for value in &corpus {
        let reply = server.call(&[b"RESTORE", b"key", b"0", &payload::seal(value.clone()), b"REPLACE"]);
        assert_eq!(reply, b"+OK\r\n", "{}", value.escape_ascii());
    }
    let mut loaded = 0;
    for number in 0..mutations {
        let mut value = corpus[random.usize(..corpus.len())].clone();
        mutate(&mut value, &corpus, &mut random);
        server.run("FLUSHALL");
        let sealed = payload::seal(value.clone());
        let reply = server.call(&[b"RESTORE", b"key", b"0", &sealed]);
        let shown = || format!("mutation {number} of seed {seed}: {}", value.escape_ascii());
        if reply == b"-ERR Bad data format\r\n" {
            assert_eq!(server.run("DBSIZE"), ":0\r\n", "{}", shown());
            continue;
        }
        assert_eq!(reply, b"+OK\r\n", "{}", shown());
        // All fields of a hash may have ended.
        if server.run("EXISTS key") == ":0\r\n" {
            continue;
        }
        loaded += 1;
        let first = dump(&mut server, b"key");
        let reply = server.call(&[b"RESTORE", b"again", b"0", &payload::seal(first.clone())]);
        assert_eq!(reply, b"+OK\r\n", "{}", shown());
        let second = dump(&mut server, b"again");
        let same_type = server.run("TYPE key") == server.run("TYPE again");
        assert!(same_type && sorted(&first) == sorted(&second), "{}", shown());
        exercise(&mut server);
    }
    assert!(loaded > mutations / 50, "{loaded} of {mutations} were loaded: most of the code was not reached");
}

/// What a value holds, in an order that does not depend on that of a table.
fn sorted(value: &[u8]) -> (u8, usize, Vec<u8>) {
    const TABLES: [u8; 3] = [2, 4, 24];
    let mut bytes = value.to_vec();
    if TABLES.contains(&value[0]) {
        bytes.sort_unstable();
    }
    (value[0], value.len(), bytes)
}
