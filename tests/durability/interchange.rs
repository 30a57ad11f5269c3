//! Data sets go to stock servers and back in files.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::Server;
use nuthatch_testkit::values::{commands, content};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::{saved, start_with_file};

/// Keys in each data set.
const KEYS: usize = 300;

/// Seeds of the data sets.
const SEEDS: std::ops::Range<u64> = 1..4;

/// Lets the servers tell digests.
const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

/// The databases that they are in.
const DATABASES: [usize; 3] = [0, 3, 15];

/// A deadline that does not come while the test runs.
const DEADLINE: &str = "4000000000000";

const LIBRARY: &str = "#!lua name=kept\nredis.register_function('kept', function() return 'is there' end)";

/// Fills a server. Fields get deadlines if `with_fields`.
pub(crate) fn fill(client: &mut Client, seed: u64, with_fields: bool) {
    let mut random = Pcg64::seed_from_u64(seed);
    for number in 0..KEYS {
        let database = DATABASES[random.random_range(0..DATABASES.len())];
        client.call(["SELECT", &database.to_string()]);
        let key = key(&mut random, number);
        for command in commands(&mut random, &key) {
            let reply = client.call(&command);
            assert!(!reply.is_error(), "{command:?}: {}", reply.text());
        }
        if random.random_bool(0.3) {
            client.call(["PEXPIREAT", &key, DEADLINE]);
        }
        if with_fields && client.call(["TYPE", &key]).text() == "hash" && random.random_bool(0.5) {
            let field = client.call(["HKEYS", &key]).into_elements()[0].clone();
            let field = field.bytes().expect("a field is a text");
            client.call([b"HPEXPIREAT", key.as_bytes(), DEADLINE.as_bytes(), b"FIELDS", b"1", field]);
        }
    }
    assert_eq!(client.call(["FUNCTION", "LOAD", LIBRARY]).text(), "kept");
}

/// A name that may be kept as a number or compressed in a file.
fn key(random: &mut Pcg64, number: usize) -> String {
    match random.random_range(0..4) {
        0 => number.to_string(),
        1 => format!("{}{number}", "long".repeat(random.random_range(5..80))),
        _ => format!("key{number}"),
    }
}

/// What a server holds at a key.
#[derive(Debug)]
struct Entry {
    /// The database and the key.
    place: (usize, Vec<u8>),
    content: (String, Vec<Reply>, Reply),
    /// None from a server that does not know deadlines of fields.
    field_deadlines: Vec<Reply>,
}

impl Entry {
    fn is_same(&self, other: &Self) -> bool {
        let unknown = self.field_deadlines.is_empty() || other.field_deadlines.is_empty();
        self.content == other.content && (unknown || self.field_deadlines == other.field_deadlines)
    }
}

/// All that a server holds.
fn all(client: &mut Client) -> Vec<Entry> {
    let mut found = Vec::new();
    for database in DATABASES {
        client.call(["SELECT", &database.to_string()]);
        let mut keys = client.call(["KEYS", "*"]).into_elements();
        keys.sort();
        for key in keys {
            let text = key.text();
            let content = content(client, &text);
            let is_hash = content.0 == "hash";
            let field_deadlines = if is_hash { field_deadlines(client, &text) } else { Vec::new() };
            let place = (database, key.bytes().unwrap_or_default().to_vec());
            found.push(Entry { place, content, field_deadlines });
        }
    }
    found
}

/// The deadlines of a hash's fields, by the fields' names; none from a server that does not know such.
fn field_deadlines(client: &mut Client, key: &str) -> Vec<Reply> {
    let mut fields = client.call(["HKEYS", key]).into_elements();
    fields.sort();
    let names = fields.iter().map(|field| field.bytes().unwrap_or_default().to_vec());
    let head = [&b"HPEXPIRETIME"[..], key.as_bytes(), b"FIELDS"].map(<[u8]>::to_vec);
    let count = fields.len().to_string().into_bytes();
    let reply = client.call(head.into_iter().chain([count]).chain(names));
    if reply.is_error() { Vec::new() } else { reply.into_elements() }
}

/// Checks that two servers hold the same.
#[track_caller]
pub(crate) fn assert_same(one: &Server, other: &Server, case: &str) {
    let (mut one, mut other) = (one.connect(), other.connect());
    let (expected, found) = (all(&mut one), all(&mut other));
    let places = |entries: &[Entry]| entries.iter().map(|entry| entry.place.clone()).collect::<Vec<_>>();
    assert_eq!(places(&expected), places(&found), "{case}");
    assert_eq!(expected.len(), KEYS, "{case}");
    for (expected, found) in expected.iter().zip(&found) {
        assert!(expected.is_same(found), "{case}:\n{expected:?}\n{found:?}");
    }
    assert_same_digests(&expected, [&mut one, &mut other], case);
    for client in [&mut one, &mut other] {
        assert_eq!(client.command("FCALL kept 0").text(), "is there", "{case}");
        let code = client.command("FUNCTION LIST WITHCODE").into_elements().remove(0).into_elements();
        assert!(code.iter().any(|part| part.text() == LIBRARY), "{case}");
    }
}

#[track_caller]
fn assert_same_digests(entries: &[Entry], mut clients: [&mut Client; 2], case: &str) {
    // Redis 7.0 writes scores in another way before it sums them up, and Valkey leaves the deadlines of fields out.
    let is_apart = |entry: &Entry| match entry.content.0.as_str() {
        "zset" => case.starts_with("redis-7.0"),
        "hash" => {
            let has_deadline = |deadline: &Reply| deadline.integer().is_some_and(|deadline| deadline > 0);
            case.starts_with("valkey-9.1") && entry.field_deadlines.iter().any(has_deadline)
        }
        _ => false,
    };
    let digests = clients.each_mut().map(|client| client.command("DEBUG DIGEST").text());
    assert!(digests[0].len() == 40 && digests[0] != "0".repeat(40), "{case}: {digests:?}");
    if digests[0] == digests[1] {
        return;
    }
    // Then some are apart, or one is wrong.
    for entry in entries.iter().filter(|entry| !is_apart(entry)) {
        let (database, key) = &entry.place;
        let digests = clients.each_mut().map(|client| {
            client.call(["SELECT", &database.to_string()]);
            client.call([&b"DEBUG"[..], b"DIGEST-VALUE", key]).into_elements()[0].text()
        });
        assert_eq!(digests[0], digests[1], "{case}: {}", key.escape_ascii());
    }
    assert!(entries.iter().any(is_apart), "{case}: {digests:?}");
}

#[test]
fn data_sets_of_stock_servers_are_loaded() {
    for program in Program::references() {
        for seed in SEEDS {
            let theirs = Server::start(&program, &DEBUG);
            fill(&mut theirs.connect(), seed, program.name != "redis-7.0");
            let ours = start_with_file(&Program::nuthatch(), &DEBUG, &saved(&theirs));
            assert_same(&theirs, &ours, &format!("{} seed {seed}", program.name));
            let again = start_with_file(&Program::nuthatch(), &DEBUG, &saved(&ours));
            assert_same(&ours, &again, &format!("{} seed {seed}, again", program.name));
        }
    }
}

#[test]
fn data_sets_are_loaded_by_stock_servers() {
    // Redis 7.0 does not know the format's version, nor sets in listpacks.
    for program in Program::references().into_iter().filter(|program| program.name != "redis-7.0") {
        for (seed, options) in SEEDS.zip([["yes", "yes"], ["no", "yes"], ["yes", "no"]]) {
            let with_fields = program.name == "redis-8.0" && seed % 2 == 0;
            let arguments = ["--rdbcompression", options[0], "--rdbchecksum", options[1], DEBUG[0], DEBUG[1]];
            let ours = Server::start(&Program::nuthatch(), &arguments);
            fill(&mut ours.connect(), seed, with_fields);
            let file = saved(&ours);
            assert_eq!(&file[..9], if with_fields { b"REDIS0012" } else { b"REDIS0011" });
            assert_eq!(file.ends_with(&[0; 8]), options[1] == "no");
            let theirs = start_with_file(&program, &DEBUG, &file);
            assert_same(&ours, &theirs, &format!("{} seed {seed}", program.name));
        }
    }
}

#[test]
fn a_file_saved_here_is_loaded_here() {
    for (seed, policy) in [(10, "noeviction"), (11, "allkeys-lru"), (12, "allkeys-lfu")] {
        // No counter falls when a minute ends between the two looks.
        let arguments = ["--maxmemory-policy", policy, "--lfu-decay-time", "0", DEBUG[0], DEBUG[1]];
        let ours = Server::start(&Program::nuthatch(), &arguments);
        let mut client = ours.connect();
        fill(&mut client, seed, true);
        client.command("SELECT 9");
        client.command("SET often used");
        for _ in 0..2000 {
            client.command("GET often");
        }
        let frequency = |client: &mut Client| client.command("OBJECT FREQ often").integer();
        let used = frequency(&mut client);
        let again = start_with_file(&Program::nuthatch(), &arguments, &saved(&ours));
        assert_same(&ours, &again, policy);
        let mut client = again.connect();
        client.command("SELECT 9");
        assert_eq!(frequency(&mut client), used, "{policy}");
        assert_eq!(used.is_some_and(|used| used > 5), policy == "allkeys-lfu");
    }
}
