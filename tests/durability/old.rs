//! Files as old servers wrote them, put together by hand from the public description of the format.

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use crate::start_with_file;

/// A string as a length of one byte, and its bytes.
fn string(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 64).expect("a short text");
    [&[length], text].concat()
}

/// A ziplist of short texts and of numbers of 16 bits.
fn ziplist(elements: &[&str]) -> Vec<u8> {
    let mut entries = Vec::new();
    let (mut before, mut last) = (0, 10);
    for element in elements {
        last = 10 + entries.len();
        let mut entry = vec![before];
        match element.parse::<i16>() {
            Ok(number) => {
                entry.push(0xc0);
                entry.extend(number.to_le_bytes());
            }
            Err(_) => entry.extend(string(element.as_bytes())),
        }
        before = u8::try_from(entry.len()).expect("a short entry");
        entries.extend(entry);
    }
    let length = u32::try_from(10 + entries.len() + 1).expect("a short list");
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(u32::try_from(last).expect("a short list").to_le_bytes());
    bytes.extend(u16::try_from(elements.len()).expect("a short list").to_le_bytes());
    bytes.extend(entries);
    bytes.push(0xff);
    bytes
}

/// Keys, each an encoding and a value.
fn file(version: u32, entries: &[(&str, u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = format!("REDIS{version:04}").into_bytes();
    bytes.extend([0xfe, 0]);
    for (key, encoding, value) in entries {
        bytes.push(*encoding);
        bytes.extend(string(key.as_bytes()));
        bytes.extend(value);
    }
    bytes.push(0xff);
    if version >= 5 {
        bytes.extend([0; 8]);
    }
    bytes
}

fn strings(count: u8, texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![count];
    texts.iter().for_each(|text| bytes.extend(string(text.as_bytes())));
    bytes
}

fn old_values() -> Vec<(&'static str, u8, Vec<u8>)> {
    let scores =
        [string(b"low"), vec![0xff], string(b"one"), string(b"1.5"), string(b"top"), vec![0xfe]].concat();
    let zipmap = [&[2][..], b"\x01a\x03\x00one", b"\x03two\x01\x02b\0\0", &[0xff]].concat();
    let integers = [&4_u32.to_le_bytes()[..], &3_u32.to_le_bytes()]
        .into_iter()
        .flatten()
        .copied()
        .chain([-70_000_i32, 5, 70_000].into_iter().flat_map(i32::to_le_bytes))
        .collect::<Vec<u8>>();
    let two_lists = [vec![2], string(&ziplist(&["a", "1"])), string(&ziplist(&["b"]))].concat();
    let compressed = b"\xc3\x06\x15\x01aa\xe0\x0a\x00".to_vec();
    vec![
        ("text", 0, string(b"value")),
        ("number", 0, vec![0xc1, 0x39, 0x30]),
        ("compressed", 0, compressed),
        ("list", 1, strings(3, &["a", "b", "a"])),
        ("set", 2, strings(2, &["x", "y"])),
        ("scores", 3, [vec![3], scores].concat()),
        ("hash", 4, strings(2, &["f", "1", "g", "2"])),
        ("zipmap", 9, string(&zipmap)),
        ("ziplist", 10, string(&ziplist(&["a", "300", "-5"]))),
        ("intset", 11, string(&integers)),
        ("zscores", 12, string(&ziplist(&["m", "1", "n", "2.5"]))),
        ("zhash", 13, string(&ziplist(&["f", "7", "g", "text"]))),
        ("quicklist", 14, two_lists),
    ]
}

/// What the values hold, by the commands that read them.
const HELD: &[(&str, &[&str])] = &[
    ("GET text", &["value"]),
    ("GET number", &["12345"]),
    ("GET compressed", &["aaaaaaaaaaaaaaaaaaaaa"]),
    ("LRANGE list 0 -1", &["a", "b", "a"]),
    ("SORT set ALPHA", &["x", "y"]),
    ("ZRANGE scores 0 -1 WITHSCORES", &["low", "-inf", "one", "1.5", "top", "inf"]),
    ("HMGET hash f g", &["1", "2"]),
    ("HMGET zipmap a two", &["one", "b"]),
    ("LRANGE ziplist 0 -1", &["a", "300", "-5"]),
    ("SORT intset", &["-70000", "5", "70000"]),
    ("ZRANGE zscores 0 -1 WITHSCORES", &["m", "1", "n", "2.5"]),
    ("HMGET zhash f g", &["7", "text"]),
    ("LRANGE quicklist 0 -1", &["a", "1", "b"]),
];

fn check(server: &Server) {
    let mut client = server.connect();
    for (line, expected) in HELD {
        let reply = client.command(line);
        let found: Vec<String> = match reply.bytes() {
            Some(text) => vec![String::from_utf8_lossy(text).into_owned()],
            None => reply.into_elements().iter().map(|element| element.text()).collect(),
        };
        assert_eq!(&found, expected, "{line} by {}", server.name());
    }
    assert_eq!(client.command("DBSIZE").integer(), Some(HELD.len() as i64));
}

#[test]
fn every_old_encoding_is_loaded_as_stock_servers_do() {
    // What Redis 2.4 to 7.0 would have written.
    for version in [3, 6, 7, 9, 10] {
        let bytes = file(version, &old_values());
        for program in [Program::redis_7(), Program::nuthatch()] {
            check(&start_with_file(&program, &[], &bytes));
        }
    }
}

#[test]
fn deadlines_in_seconds_and_idle_times_are_taken() {
    let mut bytes = b"REDIS0009\xfe\x02\xfb\x02\x01".to_vec();
    bytes.extend([&[0xfd][..], &2_000_000_000_i32.to_le_bytes(), b"\x00\x03sec\x01v"].concat());
    bytes.extend(
        [&[0xfc][..], &4_000_000_000_000_i64.to_le_bytes(), &[0xf8, 0x43, 0xe8], b"\x00\x02ms\x01v"].concat(),
    );
    bytes.extend([&[0xfc][..], &1_i64.to_le_bytes(), b"\x00\x04past\x01v"].concat());
    bytes.extend([0xff; 1]);
    bytes.extend([0; 8]);
    for program in [Program::redis_7(), Program::nuthatch()] {
        let server = start_with_file(&program, &["--maxmemory-policy", "allkeys-lru"], &bytes);
        let mut client = server.connect();
        client.command("SELECT 2");
        assert_eq!(client.command("DBSIZE").integer(), Some(2), "{}", program.name);
        assert_eq!(client.command("EXPIRETIME sec").integer(), Some(2_000_000_000));
        assert_eq!(client.command("PEXPIRETIME ms").integer(), Some(4_000_000_000_000));
        let idle = client.command("OBJECT IDLETIME ms").integer();
        assert!(idle.is_some_and(|idle| (1000..1060).contains(&idle)), "{}: {idle:?}", program.name);
        let info = client.command("INFO persistence").text();
        assert!(info.contains("rdb_last_load_keys_expired:1\r\nrdb_last_load_keys_loaded:2\r\n"), "{info}");
    }
}
