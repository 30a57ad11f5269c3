//! Whatever bytes are taken for a file, they are loaded or refused, with the offset of what is wrong.

use std::env;
use std::io::Read;

use fastrand::Rng;
use nuthatch_engine::rdb::file::{Checked, FileError, Part, Problem, ScanOptions, Scanner};

use crate::restore::{corpus, dump, mutate};
use crate::support::{DATABASES, Server};

const LIBRARY: &str = "#!lua name=kept\nredis.register_function('kept', function() return 1 end)";

/// Gives a few bytes at a time, as a slow disk may.
struct Dribble<'b>(&'b [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(7);
        self.0.read(&mut buffer[..count])
    }
}

fn options(bytes: &[u8]) -> ScanOptions {
    ScanOptions { bytes: bytes.len() as u64, databases: DATABASES, verifies_checksum: true }
}

/// Loads a file into a server, and tells what is known of its checksum.
fn load_from(server: &Server, source: impl Read, options: ScanOptions) -> Result<Checked, FileError> {
    let mut scanner = Scanner::new(source, options)?;
    loop {
        match scanner.next_part()? {
            Part::Entries(batch) => server.engine.load_entries(&batch)?,
            Part::Library(text, offset) => server.engine.load_library(&text, offset)?,
            Part::End(checked) => return Ok(checked),
            Part::ModuleValue(name, offset) => {
                let problem = Problem::OfModule(name);
                return Err(FileError { offset, reading: String::new(), problem });
            }
            Part::Fact(..) | Part::Database(_) | Part::Module(_) => {}
        }
    }
}

pub(crate) fn load(server: &Server, bytes: &[u8]) -> Result<Checked, FileError> {
    load_from(server, bytes, options(bytes))
}

/// A file in which each of these values is twice, once with a deadline.
fn file_of(values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"REDIS0012\xfa\x03abc\x01d\xfe\x01\xfb\x10\x10".to_vec();
    for (number, value) in (10..).zip(values) {
        for (letter, before) in [(b'a', &[][..]), (b'b', b"\xfc\x00\x00\x00\x00\x00\x04\x00\x00")] {
            bytes.extend(
                [before, &value[..1], &[3, letter], format!("{number}").as_bytes(), &value[1..]].concat(),
            );
        }
    }
    bytes.extend(b"\xff\0\0\0\0\0\0\0\0");
    bytes
}

/// Values that a file of this version may hold.
fn values() -> Vec<Vec<u8>> {
    const OF_VALKEY: u8 = 22;
    let mut values = corpus(&mut Server::new(None));
    values.retain(|value| value[0] != OF_VALKEY);
    values
}

#[test]
fn what_is_saved_is_loaded() {
    let mut server = Server::new(None);
    let file = file_of(&values());
    assert_eq!(load(&server, &file).expect("the file is right"), Checked::Absent);
    server.call(&[b"FUNCTION", b"LOAD", LIBRARY.as_bytes()]);
    server.run("SET elsewhere 1");
    let saved = server.save();
    let again = Server::new(None);
    assert_eq!(load(&again, &saved).expect("the file is right"), Checked::Right);
    let slowly = Server::new(None);
    let checked = load_from(&slowly, Dribble(&saved), options(&saved)).expect("the file is right");
    assert_eq!(checked, Checked::Right);
    for mut other in [again, slowly] {
        assert_eq!(other.run("FCALL kept 0"), ":1\r\n");
        assert_eq!(other.run("GET elsewhere"), "$1\r\n1\r\n");
        for database in 0..DATABASES {
            let keys = server.call_in(database, &[b"DBSIZE"]);
            assert_eq!(other.call_in(database, &[b"DBSIZE"]), keys);
        }
        for number in 10..10 + values().len() {
            for letter in ["a", "b"] {
                let key = format!("{letter}{number}");
                let ask = |server: &mut Server, words: &[&[u8]]| server.call_in(1, words);
                for command in [&b"TYPE"[..], b"OBJECT", b"PEXPIRETIME"] {
                    let words = [command, b"ENCODING", key.as_bytes()];
                    let words = if command == b"OBJECT" { words.to_vec() } else { vec![words[0], words[2]] };
                    assert_eq!(ask(&mut server, &words), ask(&mut other, &words), "{key}");
                }
                let [expected, found] = [&mut server, &mut other].map(|server| {
                    server.call_in(1, &[b"COPY", key.as_bytes(), b"copy", b"DB", b"0", b"REPLACE"]);
                    let mut value = dump(server, b"copy");
                    server.run("DEL copy");
                    // The order in a table is chance.
                    value.sort_unstable();
                    value
                });
                assert!(!expected.is_empty() && expected == found, "{key}");
            }
        }
    }
}

#[test]
fn every_truncation_is_refused_where_the_file_ends() {
    let mut values = values();
    // Of the long ones one is enough, and that is in another test.
    values.retain(|value| value.len() < 300);
    let file = file_of(&values);
    for end in 0..file.len() {
        let server = Server::new(None);
        let error = load(&server, &file[..end]).expect_err("the end is missing");
        assert!(matches!(error.problem, Problem::Truncated), "{end}: {error}");
        assert_eq!(error.offset, end as u64, "{error}");
    }
}

#[test]
fn long_values_are_read_whatever_is_before_and_behind_them() {
    for length in [100_000, 131_050, 131_072, 140_000, 1_000_000] {
        let mut file = b"REDIS0011".to_vec();
        for (key, length) in [(b'a', 3_u32), (b'b', length), (b'c', length), (b'd', 5)] {
            file.extend([0, 1, key, 0x80]);
            file.extend(length.to_be_bytes());
            file.extend(std::iter::repeat_n(key, length as usize));
        }
        file.extend(b"\xff\0\0\0\0\0\0\0\0");
        let mut server = Server::new(None);
        load(&server, &file).expect("the file is right");
        for (key, expected) in [("a", 3), ("b", length), ("c", length), ("d", 5)] {
            assert_eq!(server.run(&format!("STRLEN {key}")), format!(":{expected}\r\n"));
        }
        // Each cut within the long value is found out.
        for end in [length as usize / 2, length as usize + 20] {
            let error = load(&Server::new(None), &file[..end]).expect_err("the end is missing");
            assert_eq!(error.offset, end as u64, "{error}");
        }
    }
}

#[test]
fn what_is_damaged_is_loaded_or_refused_where_it_is_damaged() {
    let rounds: u64 = env::var("NUTHATCH_MUTATIONS").map_or(5_000, |count| count.parse().expect("a number"));
    let seed: u64 = env::var("NUTHATCH_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut random = Rng::with_seed(seed);
    let values = values();
    let (mut loaded, mut refused) = (0, 0);
    for round in 0..rounds {
        let chosen: Vec<Vec<u8>> =
            (0..random.usize(1..4)).map(|_| values[random.usize(..values.len())].clone()).collect();
        let mut file = file_of(&chosen);
        mutate(&mut file, &values, &mut random);
        let mut server = Server::new(None);
        match load(&server, &file) {
            Ok(_) => {
                loaded += 1;
                // What was loaded is sound: it can be saved, and is loaded again.
                let saved = server.save();
                let again = load(&Server::new(None), &saved);
                assert!(again.is_ok(), "round {round} of seed {seed}: {}", file.escape_ascii());
            }
            Err(error) => {
                refused += 1;
                assert!(
                    error.offset <= file.len() as u64,
                    "round {round} of seed {seed}: {error}, {}",
                    file.escape_ascii()
                );
            }
        }
    }
    assert!(loaded > rounds / 50 && refused > rounds / 50, "{loaded} loaded, {refused} refused");
}

#[test]
fn a_changed_byte_anywhere_is_found_out_by_the_checksum() {
    let mut server = Server::new(None);
    for line in [
        "SET a 1",
        "RPUSH list a b c 1 2 3",
        "HSET hash a 1",
        "SET long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        server.run(line);
    }
    let saved = server.save();
    // A change of the version may make it one of a time without checksums.
    let version = 5..9;
    for place in (0..saved.len()).filter(|place| !version.contains(place)) {
        for bit in 0..8 {
            let mut damaged = saved.clone();
            damaged[place] ^= 1 << bit;
            assert!(load(&Server::new(None), &damaged).is_err(), "bit {bit} of byte {place}");
        }
    }
}
