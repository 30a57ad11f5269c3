//! Effects are physical: replayed on another engine, at any other time, they give the same data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use nuthatch_engine::access::AccessPolicy;
use nuthatch_engine::effect::{Change, Effect, EffectLog};
use nuthatch_engine::keyspace::Key;
use nuthatch_engine::keyspace::locked::Keys;
use nuthatch_engine::keyspace::strings::NewDeadline;
use nuthatch_engine::value::Kind;
use proptest::prelude::*;

use crate::support::{Content, DATABASES, Server, colliding_keys, content_of};

/// An effect that owns what it tells.
#[derive(Debug, Clone)]
struct Recorded {
    database: u32,
    key: Vec<u8>,
    change: RecordedChange,
}

#[derive(Debug, Clone)]
enum RecordedChange {
    Put(Content),
    Splice { offset: usize, bytes: Vec<u8> },
    Deadline(Option<u64>),
    Remove,
    Rename { database: u32, key: Vec<u8> },
    Flush,
    Swap(u32),
}

/// A log that keeps what it is told.
#[derive(Debug, Default, Clone)]
struct Recorder(Arc<Mutex<Vec<Recorded>>>);

impl EffectLog for Recorder {
    fn append(&self, effect: &Effect<'_>) {
        let change = match effect.change {
            Change::Put(record) => RecordedChange::Put(content_of(record)),
            Change::Splice { offset, bytes } => RecordedChange::Splice { offset, bytes: bytes.to_vec() },
            Change::Deadline(deadline) => RecordedChange::Deadline(deadline),
            Change::Remove => RecordedChange::Remove,
            Change::Rename { database, key } => RecordedChange::Rename { database, key: key.to_vec() },
            Change::Flush => RecordedChange::Flush,
            Change::Swap(other) => RecordedChange::Swap(other),
            Change::Part | Change::Request(_) | Change::Equivalent(_) => return,
        };
        let recorded = Recorded { database: effect.database, key: effect.key.to_vec(), change };
        self.0.lock().expect("no test panics while it holds the lock").push(recorded);
    }
}

/// Applies an effect to the data that was there before it. The time is the beginning of time, at which no key
/// has expired.
fn replay(server: &Server, effect: &Recorded) {
    let keyspace = &server.engine.keyspace;
    let access: AccessPolicy = server.engine.settings.access_policy(0);
    let mut keys = Keys::new(keyspace, keyspace.lock_all(), 0, access);
    let key_of = |bytes, database| Key { bytes, hash: keyspace.hash(bytes), database };
    let key = key_of(&effect.key, effect.database);
    match &effect.change {
        RecordedChange::Put((kind, text, deadline)) => {
            let deadline = deadline.map_or(NewDeadline::Clear, NewDeadline::At);
            match Kind::of(*kind) {
                Kind::StringInteger => keys.set_string(&key, text, deadline, ""),
                Kind::StringEmbedded => keys.set_text(&key, text, deadline, ""),
                _ => keys.set_raw_string(&key, text.clone(), deadline, ""),
            }
        }
        RecordedChange::Splice { offset, bytes } => {
            keys.splice(&key, *offset, bytes, "");
        }
        RecordedChange::Deadline(deadline) => assert!(keys.set_deadline(&key, *deadline, "")),
        RecordedChange::Remove => assert!(keys.remove(&key, "")),
        RecordedChange::Rename { database, key: to } => assert!(keys.rename(&key, &key_of(to, *database))),
        RecordedChange::Flush => {
            keys.flush(effect.database, true);
        }
        RecordedChange::Swap(other) => keys.swap_databases(effect.database, *other),
    }
}

/// Commands over a few keys that collide, with `<key>`, `<db>` and `<ms>` to be filled in.
const COMMANDS: &[&str] = &[
    "SET <key> text",
    "SET <key> 12345",
    "SET <key> text PX <ms>",
    "SET <key> a-text-that-is-too-long-to-be-embedded-in-the-value KEEPTTL",
    "SETNX <key> first",
    "GETEX <key> PX <ms>",
    "GETEX <key> PERSIST",
    "GETDEL <key>",
    "MSET <key> one <key> two",
    "MSETNX <key> one <key> two",
    "APPEND <key> tail",
    "SETRANGE <key> 10 middle",
    "SETRANGE <key> 20000 far",
    "INCRBY <key> 7",
    "INCRBYFLOAT <key> 1.5",
    "SETBIT <key> 100 1",
    "BITFIELD <key> SET u8 16 200 INCRBY i5 3 1",
    "BITOP NOT <key> <key>",
    "PFADD <key> one two three",
    "PFADD <key> four <ms>",
    "PFCOUNT <key>",
    "PFMERGE <key> <key>",
    "PFDEBUG TODENSE <key>",
    "DEL <key> <key>",
    "UNLINK <key>",
    "RENAME <key> <key>",
    "RENAMENX <key> <key>",
    "COPY <key> <key> DB <db>",
    "COPY <key> <key> REPLACE",
    "MOVE <key> <db>",
    "SWAPDB <db> <db>",
    "SELECT <db>",
    "FLUSHDB",
    "PEXPIRE <key> <ms>",
    "PEXPIRE <key> <ms> GT",
    "PEXPIRE <key> 0",
    "PERSIST <key>",
    "GET <key>",
];

fn request() -> impl Strategy<Value = (usize, Vec<usize>, u32, u64, u64)> {
    let keys = proptest::collection::vec(0..colliding_keys().len(), 2);
    (0..COMMANDS.len(), keys, 0..DATABASES, 1..5_000u64, 0..500u64)
}

fn fill(template: &str, keys: &[usize], database: u32, lifetime_ms: u64) -> String {
    let mut command = template.to_owned();
    for key in keys {
        command = command.replacen("<key>", &colliding_keys()[*key], 1);
    }
    let other = (database + 1) % DATABASES;
    command
        .replacen("<db>", &database.to_string(), 1)
        .replace("<db>", &other.to_string())
        .replace("<ms>", &lifetime_ms.to_string())
}

/// Texts and deadlines by database and key.
type Data = BTreeMap<(u32, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// All data. How texts are encoded may differ: a command that changes only that has no effect.
fn data(server: &Server) -> Data {
    server.content().into_iter().map(|(key, (_, text, deadline))| (key, (text, deadline))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replayed_effects_give_the_same_data(requests in proptest::collection::vec(request(), 1..100)) {
        let recorder = Recorder::default();
        let mut server = Server::new(Some(Box::new(recorder.clone())));
        let follower = Server::new(None);
        for (template, keys, database, lifetime_ms, wait_ms) in &requests {
            let command = fill(COMMANDS[*template], keys, *database, *lifetime_ms);
            server.run(&command);
            server.set_clock(server.now_ms() + wait_ms);
            if lifetime_ms % 4 == 0 {
                server.expire();
            }
            let effects = std::mem::take(&mut *recorder.0.lock().expect("no test panics with the lock"));
            for effect in &effects {
                replay(&follower, effect);
            }
            prop_assert_eq!(data(&server), data(&follower), "after {} with effects {:?}", command, effects);
        }
    }
}
