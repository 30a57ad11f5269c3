//! Whatever bytes are taken for an append-only file, they are refused with an offset in them, or run; what was run is
//! the same however the file is read, and what is appended of it gives the same data again, on top of a base of either
//! form.
//!
//! An input is the text of a manifest up to an empty line, if it begins with `file` or `#`, and then a file. A file that
//! begins with `:` is lines of words, which become commands, so that most of them are whole.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::{Corpus, fuzz_target};
use nuthatch_engine::Engine;
use nuthatch_engine::dispatch::{Halt, Replay};
use nuthatch_engine::persistence::append_only::{Manifest, Requests};
use nuthatch_engine::propagation;
use nuthatch_engine::rdb::file::{FileError, Part, Problem, ScanOptions, Scanner};
use nuthatch_fuzz::store::{DATABASES, Store};
use nuthatch_protocol::words::split_words;

/// Bytes that are read at once: requests and what is between them are cut everywhere.
const BLOCK_BYTES: [usize; 3] = [1, 100, 1 << 20];

/// The longest line of a manifest, in bytes.
const LINE_BYTES_MAX: usize = 1024;

/// What the names of commands begin with that run scripts or take in their texts.
const SCRIPTS: [&[u8]; 4] = [b"eval", b"fcall", b"function", b"script"];

/// Commands that copy values, how ever long they are.
const COPIES_MAX: usize = 30;

thread_local! {
    /// One for what an input gives, and one for what must be the same. They are never dropped: the tables of commands that
    /// they point to are not, either, and would be taken for leaks.
    static STORES: &'static RefCell<[Store; 2]> = Box::leak(Box::default());
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let file = after_manifest(bytes);
    STORES.with(|stores| {
        let mut stores = stores.borrow_mut();
        let kept = match file.strip_prefix(b":") {
            Some(lines) => check(&commands_of(lines), &mut stores),
            None => check(file, &mut stores),
        };
        // Whoever looks for leaks does not see what the tables of keys point to.
        stores.iter_mut().for_each(Store::clear);
        kept
    })
});

/// Checks what is read of a file.
fn check(file: &[u8], [first, other]: &mut [Store; 2]) -> Corpus {
    first.clear();
    let begins_with_base = [&b"REDIS"[..], b"VALKEY"].iter().any(|signature| file.starts_with(signature));
    let base = if begins_with_base { load_base(&first.engine, file) } else { Ok(0) };
    let base = match base {
        Ok(base) => base,
        Err(error) => {
            assert!(error.offset <= file.len() as u64, "{error}");
            return Corpus::Keep;
        }
    };
    let rest = &file[base as usize..];
    let requests = BLOCK_BYTES.map(|block_bytes| all(Requests::in_blocks(rest, base, block_bytes)));
    assert!(requests[0] == requests[1] && requests[1] == requests[2], "{requests:?}");
    if !is_bounded(&requests[0].0, base) {
        return Corpus::Reject;
    }
    // Somewhere in between, a server may have written a base, and gone on with another file.
    let places = requests[0].0.iter().map(|request| request.0).chain([file.len() as u64]);
    let places: Vec<u64> = places.collect();
    let middle = places[file.len() % places.len()];
    load(first, file, base, middle);
    let (saved, _) = (first.saved(), first.appended());
    let outcome = run(first, &file[middle as usize..], middle);
    let (appended, expected) = (first.appended(), first.content());
    // What the server had afterwards.
    if file.len().is_multiple_of(2) {
        load(other, &saved, saved.len() as u64, saved.len() as u64);
    } else {
        let commands = base_of_commands(&saved);
        other.clear();
        let outcome = run(other, &commands, 0);
        assert!(outcome.is_ok(), "{outcome:?} of {}", commands.escape_ascii());
    }
    let again = run(other, &appended, 0);
    assert!(again.is_ok(), "{again:?} of {}", appended.escape_ascii());
    assert_eq!(expected, other.content(), "of {}", appended.escape_ascii());
    match outcome {
        Ok(()) | Err(Halt::Unknown(_)) => {}
        Err(Halt::Malformed(offset)) => assert!(offset <= file.len() as u64),
        Err(Halt::Truncated { whole, .. }) => {
            load(other, file, base, middle);
            let shortened = run(other, &file[middle as usize..whole as usize], middle);
            assert!(shortened.is_ok(), "it is whole up to {whole}: {shortened:?}");
            assert_eq!(expected, other.content(), "it is whole up to {whole}");
        }
        Err(Halt::Unreadable(_) | Halt::Cancelled) => panic!("memory is read"),
    }
    Corpus::Keep
}

/// Loads a file up to a place between two of its requests, of which the base was loaded before.
fn load(store: &mut Store, file: &[u8], base: u64, end: u64) {
    store.clear();
    if base > 0 {
        load_base(&store.engine, file).expect("it was loaded before");
    }
    let outcome = run(store, &file[base as usize..end as usize], base);
    assert!(!matches!(outcome, Err(Halt::Unreadable(_) | Halt::Cancelled)), "{outcome:?}");
}

/// Runs what a file has from an offset on.
fn run(store: &mut Store, rest: &[u8], offset: u64) -> Result<(), Halt> {
    let outcome = Replay::new(&store.engine, Requests::new(rest, offset)).run();
    assert!(!store.engine.keyspace.is_busy(), "something is left running");
    outcome
}

/// Loads the base that a file begins with, and returns where it ends.
fn load_base(engine: &Engine, file: &[u8]) -> Result<u64, FileError> {
    let options = ScanOptions { bytes: file.len() as u64, databases: DATABASES, verifies_checksum: true };
    let mut scanner = Scanner::new(file, options)?;
    loop {
        match scanner.next_part()? {
            Part::Entries(batch) => engine.load_entries(&batch)?,
            Part::ModuleValue(name, offset) => {
                let problem = Problem::OfModule(name);
                return Err(FileError { offset, reading: String::new(), problem });
            }
            // What they hold is for the targets of scripts.
            Part::Library(..) | Part::Fact(..) | Part::Database(_) | Part::Module(_) => {}
            Part::End(_) => return Ok(scanner.position()),
        }
    }
}

/// The commands that give the data in a file, which was saved.
fn base_of_commands(file: &[u8]) -> Vec<u8> {
    let options = ScanOptions { bytes: file.len() as u64, databases: DATABASES, verifies_checksum: true };
    let mut scanner = Scanner::new(file, options).expect("what is saved is read");
    let mut commands = Vec::new();
    loop {
        match scanner.next_part().expect("what is saved is read") {
            Part::Entries(batch) => {
                for entry in batch.entries() {
                    propagation::select(entry.database(), &mut commands);
                    let key = entry.key().expect("what is saved is read");
                    if let Some(value) = entry.value().expect("what is saved is read") {
                        let mut leave = |_: &mut Vec<u8>| Ok::<(), ()>(());
                        let written =
                            propagation::value(&key, &value, entry.deadline(), &mut commands, &mut leave);
                        assert!(written.is_ok(), "nobody refuses it");
                    }
                }
            }
            Part::End(_) => return commands,
            _ => {}
        }
    }
}

/// The requests of a file with their places, and why there are no more.
fn all(mut requests: Requests<&[u8]>) -> (Vec<(u64, Vec<Vec<u8>>)>, String) {
    let mut found = Vec::new();
    loop {
        let before = requests.position();
        if let Err(stop) = requests.read() {
            return (found, format!("{stop:?}"));
        }
        assert!(requests.batch().len() > 0 && requests.position() > before);
        found.extend(
            requests
                .batch()
                .map(|request| (request.offset, request.arguments.from(0).map(<[u8]>::to_vec).collect())),
        );
    }
}

/// Whether a bound on what running requests takes follows from their length. Scripts have none; and each of some commands
/// can multiply what there is.
fn is_bounded(requests: &[(u64, Vec<Vec<u8>>)], base: u64) -> bool {
    let mut copies = 0;
    for (_, words) in requests {
        let name = words[0].to_ascii_lowercase();
        let gets = words.iter().filter(|word| word.eq_ignore_ascii_case(b"get")).count();
        if SCRIPTS.iter().any(|prefix| name.starts_with(prefix)) || name == b"sort" && gets > 1 {
            return false;
        }
        let copies_all = name == b"copy" || name == b"restore" || name.ends_with(b"store");
        copies += usize::from(copies_all || base > 0);
    }
    copies <= COPIES_MAX
}

/// Checks the manifest that an input begins with, if it does, and returns what follows.
fn after_manifest(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"file") && !bytes.starts_with(b"#") {
        return bytes;
    }
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").map_or(bytes.len(), |end| end + 1);
    let (text, rest) = bytes.split_at(end);
    match Manifest::parse(text) {
        Ok(manifest) => {
            assert!(manifest.next_base() > 0 && manifest.next_increment() > 0);
            let written = manifest.to_string();
            // Names are as long as the system lets them be, but here.
            if written.lines().all(|line| line.len() <= LINE_BYTES_MAX) && !written.is_empty() {
                assert_eq!(Manifest::parse(written.as_bytes()), Ok(manifest), "{written}");
            }
        }
        Err(error) => {
            let lines = text.iter().filter(|byte| **byte == b'\n').count();
            assert!(error.line <= lines + 1, "{error:?}");
        }
    }
    rest.strip_prefix(b"\n").unwrap_or(rest)
}

/// Commands of lines of words.
fn commands_of(lines: &[u8]) -> Vec<u8> {
    let mut commands = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let words = split_words(line).unwrap_or_default();
        if !words.is_empty() {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            propagation::command(&words, &mut commands);
        }
    }
    commands
}
