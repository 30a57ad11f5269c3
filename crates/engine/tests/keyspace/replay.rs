//! Replayed on another engine, at any other time, effects give the same data.

pub(crate) mod commands;
pub(crate) mod content;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{NewPayload, Payload, RecordRef};
use nuthatch_collections::stream::StreamId;
use nuthatch_engine::access::AccessPolicy;
use nuthatch_engine::effect::{Change, Effect, EffectLog};
use nuthatch_engine::keyspace::Key;
use nuthatch_engine::keyspace::locked::Keys;
use nuthatch_engine::keyspace::strings::NewDeadline;
use nuthatch_engine::value::Kind;
use proptest::prelude::*;

use self::commands::{Context, Sent, TEMPLATES, fill};
use self::content::{Data, data, without_signs};
use crate::files::load;
use crate::support::{Server, bulk, content_of};

/// An effect that owns what it tells.
#[derive(Debug, Clone)]
struct Recorded {
    database: u32,
    key: Vec<u8>,
    change: RecordedChange,
}

#[derive(Debug, Clone)]
enum RecordedChange {
    Put(Record),
    Splice {
        offset: usize,
        bytes: Vec<u8>,
    },
    Deadline(Option<u64>),
    Remove,
    Rename {
        database: u32,
        key: Vec<u8>,
    },
    Flush,
    Swap(u32),
    /// An event of another effect, or a key that a request changes.
    Named,
    Request(Vec<Vec<u8>>),
}

/// A record of its own.
#[derive(Debug, Clone)]
struct Record {
    kind: Kind,
    deadline: Option<u64>,
    /// The value, unless it is a collection apart from the record.
    bytes: Vec<u8>,
    collection: Option<Collection>,
}

impl Record {
    fn of(record: RecordRef<'_>) -> Self {
        let (kind, bytes, deadline) = content_of(record);
        let collection = match record.payload() {
            Payload::Collection(collection) => Some(collection.clone()),
            _ => None,
        };
        Self { kind: Kind::of(kind), deadline, bytes, collection }
    }
}

/// A log that keeps what it is told.
#[derive(Debug, Default, Clone)]
struct Recorder(Arc<Mutex<Vec<Recorded>>>);

impl Recorder {
    fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it holds the lock"))
    }
}

impl EffectLog for Recorder {
    fn append(&self, effect: &Effect<'_>) {
        let change = match effect.change {
            Change::Put(record) => RecordedChange::Put(Record::of(record)),
            Change::Splice { offset, bytes } => RecordedChange::Splice { offset, bytes: bytes.to_vec() },
            Change::Deadline(deadline) => RecordedChange::Deadline(deadline),
            Change::Remove => RecordedChange::Remove,
            Change::Rename { database, key } => RecordedChange::Rename { database, key: key.to_vec() },
            Change::Flush => RecordedChange::Flush,
            Change::Swap(other) => RecordedChange::Swap(other),
            Change::Event | Change::Part => RecordedChange::Named,
            Change::Request(arguments) => {
                RecordedChange::Request(arguments.from(0).map(<[u8]>::to_vec).collect())
            }
            Change::Equivalent(words) => RecordedChange::Request(words.to_vec()),
        };
        let recorded = Recorded { database: effect.database, key: effect.key.to_vec(), change };
        self.0.lock().expect("no test panics while it holds the lock").push(recorded);
    }

    fn begin_unit(&self) {}

    fn end_unit(&self) {}
}

/// Applies an effect to the data that was there before it. The time is the beginning of time, at which no key
/// has expired.
fn replay(server: &mut Server, effect: &Recorded) {
    if let RecordedChange::Request(words) = &effect.change {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        server.call_in(effect.database, &words);
        return;
    }
    let keyspace = &server.engine.keyspace;
    let access: AccessPolicy = server.engine.settings.access_policy(0);
    let mut keys = Keys::new(keyspace, keyspace.lock_all().expect("no script runs"), 0, access, 0);
    let key_of = |bytes, database| Key { bytes, hash: keyspace.hash(bytes), database };
    let key = key_of(&effect.key, effect.database);
    match &effect.change {
        RecordedChange::Put(Record { kind, deadline, bytes, collection }) => {
            let deadline = deadline.map_or(NewDeadline::Clear, NewDeadline::At);
            match (kind, collection) {
                (_, Some(collection)) => {
                    let payload = NewPayload::Collection(Box::new(collection.clone()));
                    keys.put(&key, *kind, payload, deadline);
                }
                (Kind::StringInteger, _) => keys.set_string(&key, bytes, deadline, ""),
                (Kind::StringEmbedded, _) => keys.set_text(&key, bytes, deadline, ""),
                (Kind::StringRaw, _) => keys.set_raw_string(&key, bytes.clone(), deadline, ""),
                _ => keys.put(&key, *kind, NewPayload::Inline(bytes), deadline),
            }
        }
        RecordedChange::Splice { offset, bytes } => {
            keys.splice(&key, *offset, bytes, "");
        }
        RecordedChange::Deadline(deadline) => assert!(keys.set_deadline(&key, *deadline, "")),
        RecordedChange::Remove => assert!(keys.remove(&key, "")),
        RecordedChange::Rename { database, key: to } => {
            assert!(keys.rename(&key, &key_of(to, *database), ["", ""]))
        }
        RecordedChange::Flush => {
            keys.flush(effect.database, true);
        }
        RecordedChange::Swap(other) => keys.swap_databases(effect.database, *other),
        RecordedChange::Named | RecordedChange::Request(_) => {}
    }
}

/// Which key `effects` do not name although `before` and `after` differ in it.
fn untold(before: &Data, after: &Data, effects: &[Recorded]) -> Option<(u32, Vec<u8>)> {
    let is_named = |place: &(u32, Vec<u8>)| {
        effects.iter().any(|effect| match &effect.change {
            RecordedChange::Flush => effect.database == place.0,
            RecordedChange::Swap(other) => [effect.database, *other].contains(&place.0),
            RecordedChange::Rename { database, key } if (*database, key) == (place.0, &place.1) => true,
            RecordedChange::Request(_) => false,
            _ => (effect.database, &effect.key) == (place.0, &place.1),
        })
    };
    let mut places = before.keys().chain(after.keys());
    places.find(|place| before.get(*place) != after.get(*place) && !is_named(place)).cloned()
}

/// An engine in which small collections have few elements.
fn server(log: Option<Box<dyn EffectLog>>) -> Server {
    let server = Server::new(log);
    let limits = &server.engine.settings.encodings;
    let counts = [&limits.hash_entries_max, &limits.set_entries_max, &limits.sorted_set_entries_max];
    counts.into_iter().for_each(|limit| limit.store(3, Ordering::Relaxed));
    let sizes =
        [&limits.hash_value_bytes_max, &limits.set_value_bytes_max, &limits.sorted_set_value_bytes_max];
    sizes.into_iter().for_each(|limit| limit.store(20, Ordering::Relaxed));
    limits.list_size_max.store(3, Ordering::Relaxed);
    limits.stream_block_entries_max.store(2, Ordering::Relaxed);
    server
}

/// An engine with what another one holds, through a file.
fn loaded(server: &mut Server) -> Server {
    let now_ms = server.now_ms();
    // Nothing has expired at the beginning of time.
    server.set_clock(0);
    let file = server.save();
    server.set_clock(now_ms);
    let other = self::server(None);
    other.set_clock(0);
    load(&other, &file).expect("what is saved is loaded");
    other
}

/// A template, the seed of what it is filled with, and how long the clock moves afterwards.
type Step = (&'static str, u64, u64);

/// Steps of which most are about one thing.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let templates = |group: usize| proptest::sample::select(TEMPLATES[group]);
    let any_template = move || (0..TEMPLATES.len()).prop_flat_map(templates);
    (0..TEMPLATES.len()).prop_flat_map(move |group| {
        let template = prop_oneof![3 => templates(group), 1 => any_template()];
        let step = (template, any::<u64>(), prop_oneof![3 => Just(0), 2 => 0..500u64]);
        proptest::collection::vec(step, 1..150)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replayed_effects_give_the_same_data(steps in steps()) {
        /// So many clients wait at most.
        const WAITING_MAX: usize = 4;
        // What is left to chance is the same when a case that failed runs again.
        fastrand::seed(7);
        let recorder = Recorder::default();
        let mut server = server(Some(Box::new(recorder.clone())));
        let mut follower = self::server(None);
        follower.set_clock(0);
        let mut dumps: Vec<Vec<u8>> = Vec::new();
        let mut before = Data::new();
        let mut keeps_signs = true;
        for (template, seed, wait_ms) in &steps {
            let context = Context { now_ms: server.now_ms(), lifetimes_ms: 1..3_000, dumps: &dumps };
            let Sent { waits, words } = fill(template, *seed, &context);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            if waits && server.waiting() < WAITING_MAX {
                server.call_waiting(&words);
            } else if !waits {
                let reply = server.call(&words);
                if template.starts_with("DUMP") {
                    dumps.extend(bulk(&reply).map(<[u8]>::to_vec));
                }
            }
            server.dismiss_served();
            server.set_clock(server.now_ms() + wait_ms);
            if wait_ms % 4 == 3 {
                server.expire();
            }
            let effects = recorder.take();
            let after = data(&server);
            let shown = || format!("after {} with {effects:?}", words.join(&b' ').escape_ascii());
            prop_assert_eq!(untold(&before, &after, &effects), None, "{}", shown());
            for effect in &effects {
                replay(&mut follower, effect);
            }
            // A base is written and loaded now and then: values are encoded by their sizes then, not by what they have been.
            if seed % 8 == 7 {
                follower = loaded(&mut server);
                keeps_signs = false;
            }
            let [expected, found] = [after.clone(), data(&follower)].map(|data| match keeps_signs {
                true => data,
                false => without_signs(data),
            });
            prop_assert_eq!(expected, found, "{}", shown());
            before = after;
        }
    }
}

#[test]
fn deliveries_are_replayed_with_their_times() {
    let recorder = Recorder::default();
    let mut server = server(Some(Box::new(recorder.clone())));
    let mut follower = self::server(None);
    follower.set_clock(server.now_ms() + 60_000);
    let steps: &[&str] = &[
        "XADD s 1-0 a b",
        "XADD s 2-0 a b",
        "XADD s 3-0 a b",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g one COUNT 2 STREAMS s >",
        "XREADGROUP GROUP g two STREAMS s >",
        "XREADGROUP GROUP g one STREAMS s 1",
        "XCLAIM s g two 0 1-0 IDLE 500",
        "XAUTOCLAIM s g one 0 3-0 JUSTID",
    ];
    let pending = |server: &Server| {
        let key = Key { bytes: b"s", hash: server.engine.keyspace.hash(b"s"), database: 0 };
        let access = server.engine.settings.access_policy(0);
        let keys = Keys::new(
            &server.engine.keyspace,
            server.engine.keyspace.lock_all().expect("no script runs"),
            0,
            access,
            0,
        );
        let stream = keys.peek_stream(&key).expect("a stream").expect("the key");
        stream
            .groups
            .get(&b"g"[..])
            .into_iter()
            .flat_map(|group| group.pending(StreamId::MIN))
            .collect::<Vec<_>>()
    };
    for step in steps {
        let words: Vec<&[u8]> = step.split(' ').map(str::as_bytes).collect();
        server.call(&words);
        server.set_clock(server.now_ms() + 10);
        recorder.take().iter().for_each(|effect| replay(&mut follower, effect));
        assert_eq!(pending(&server), pending(&follower), "{step}");
    }
    let delivered: Vec<u64> = pending(&server).iter().map(|(_, pending)| pending.delivered_ms).collect();
    assert_eq!(delivered.len(), 3);
    assert!(delivered.iter().all(|time| *time < server.now_ms()), "{delivered:?}");
}
