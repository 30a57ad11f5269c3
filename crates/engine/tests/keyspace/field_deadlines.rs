//! Fields of hashes die at their deadlines, touched or not, whatever happens to them and to their keys before.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use crate::support::{Server, colliding_keys};

/// The index looks at what falls into the same slot of so many milliseconds together.
const SLOT_MS: u64 = 64;

/// Small hashes have no more fields than this in these tests.
const PACKED_FIELDS_MAX: u64 = 3;

/// No deadline is further away than this.
const LIFETIME_MS_MAX: u64 = 10_000_000;

const FIELDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[derive(Debug, Clone)]
enum Step {
    Set { key: usize, field: usize },
    SetWithDeadline { key: usize, field: usize, lifetime_ms: u64 },
    Expire { key: usize, field: usize, lifetime_ms: u64 },
    Persist { key: usize, field: usize },
    Remove { key: usize, field: usize },
    ExpireKey { key: usize, lifetime_ms: u64 },
    PersistKey { key: usize },
    RemoveKey { key: usize },
    Overwrite { key: usize },
    Rename { from: usize, to: usize },
    Copy { from: usize, to: usize },
    Wait { milliseconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..colliding_keys().len();
    let field = || 0..FIELDS.len();
    // The clock stands still only between slots, and no deadline is there: all that is due is then removed, and a key
    // is gone with its last field rather than a little later.
    let lifetime = || {
        prop_oneof![4 => 1..300u64, 4 => 1..40_000u64, 1 => 1..LIFETIME_MS_MAX]
            .prop_map(|lifetime| lifetime | 1)
    };
    prop_oneof![
        6 => (key(), field()).prop_map(|(key, field)| Step::Set { key, field }),
        8 => (key(), field(), lifetime())
            .prop_map(|(key, field, lifetime_ms)| Step::SetWithDeadline { key, field, lifetime_ms }),
        8 => (key(), field(), lifetime())
            .prop_map(|(key, field, lifetime_ms)| Step::Expire { key, field, lifetime_ms }),
        3 => (key(), field()).prop_map(|(key, field)| Step::Persist { key, field }),
        3 => (key(), field()).prop_map(|(key, field)| Step::Remove { key, field }),
        2 => (key(), lifetime()).prop_map(|(key, lifetime_ms)| Step::ExpireKey { key, lifetime_ms }),
        1 => key().prop_map(|key| Step::PersistKey { key }),
        1 => key().prop_map(|key| Step::RemoveKey { key }),
        1 => key().prop_map(|key| Step::Overwrite { key }),
        2 => (key(), key()).prop_map(|(from, to)| Step::Rename { from, to }),
        2 => (key(), key()).prop_map(|(from, to)| Step::Copy { from, to }),
        8 => lifetime().prop_map(|milliseconds| Step::Wait { milliseconds }),
    ]
}

/// A key: its deadline, and the fields with theirs.
#[derive(Debug, Clone, Default)]
struct Hash {
    deadline: Option<u64>,
    fields: BTreeMap<usize, Option<u64>>,
}

/// The hashes that should be there.
#[derive(Default)]
struct Twin {
    hashes: BTreeMap<usize, Hash>,
    now_ms: u64,
}

impl Twin {
    /// Forgets what is over by now.
    fn settle(&mut self) {
        let now_ms = self.now_ms;
        let lies_ahead = |deadline: Option<u64>| deadline.is_none_or(|deadline| deadline > now_ms);
        for hash in self.hashes.values_mut() {
            hash.fields.retain(|_, deadline| lies_ahead(*deadline));
        }
        self.hashes.retain(|_, hash| lies_ahead(hash.deadline) && !hash.fields.is_empty());
    }

    fn apply(&mut self, step: &Step) {
        let now_ms = self.now_ms;
        match *step {
            Step::Set { key, field } => {
                self.hashes.entry(key).or_default().fields.insert(field, None);
            }
            Step::SetWithDeadline { key, field, lifetime_ms } => {
                self.hashes.entry(key).or_default().fields.insert(field, Some(now_ms + lifetime_ms));
            }
            Step::Expire { key, field, lifetime_ms } => {
                if let Some(own) = self.hashes.get_mut(&key).and_then(|hash| hash.fields.get_mut(&field)) {
                    *own = Some(now_ms + lifetime_ms);
                }
            }
            Step::Persist { key, field } => {
                if let Some(own) = self.hashes.get_mut(&key).and_then(|hash| hash.fields.get_mut(&field)) {
                    *own = None;
                }
            }
            Step::Remove { key, field } => {
                if let Some(hash) = self.hashes.get_mut(&key) {
                    hash.fields.remove(&field);
                }
            }
            Step::ExpireKey { key, lifetime_ms } => {
                if let Some(hash) = self.hashes.get_mut(&key) {
                    hash.deadline = Some(now_ms + lifetime_ms);
                }
            }
            Step::PersistKey { key } => {
                if let Some(hash) = self.hashes.get_mut(&key) {
                    hash.deadline = None;
                }
            }
            Step::RemoveKey { key } | Step::Overwrite { key } => {
                self.hashes.remove(&key);
            }
            Step::Rename { from, to } => {
                if let Some(hash) = self.hashes.remove(&from) {
                    self.hashes.insert(to, hash);
                }
            }
            Step::Copy { from, to } => {
                if let Some(hash) = self.hashes.get(&from).cloned().filter(|_| from != to) {
                    self.hashes.insert(to, hash);
                }
            }
            Step::Wait { milliseconds } => {
                self.now_ms = (self.now_ms + milliseconds).next_multiple_of(SLOT_MS)
            }
        }
        self.settle();
    }
}

fn command(step: &Step) -> Option<String> {
    let name = |key: usize| colliding_keys()[key].as_str();
    Some(match *step {
        Step::Set { key, field } => format!("HSET {} {} v", name(key), FIELDS[field]),
        Step::SetWithDeadline { key, field, lifetime_ms } => {
            format!("HSETEX {} PX {lifetime_ms} FIELDS 1 {} v", name(key), FIELDS[field])
        }
        Step::Expire { key, field, lifetime_ms } => {
            format!("HPEXPIRE {} {lifetime_ms} FIELDS 1 {}", name(key), FIELDS[field])
        }
        Step::Persist { key, field } => format!("HPERSIST {} FIELDS 1 {}", name(key), FIELDS[field]),
        Step::Remove { key, field } => format!("HDEL {} {}", name(key), FIELDS[field]),
        Step::ExpireKey { key, lifetime_ms } => format!("PEXPIRE {} {lifetime_ms}", name(key)),
        Step::PersistKey { key } => format!("PERSIST {}", name(key)),
        Step::RemoveKey { key } => format!("DEL {}", name(key)),
        Step::Overwrite { key } => format!("SET {} v", name(key)),
        Step::Rename { from, to } => format!("RENAME {} {}", name(from), name(to)),
        Step::Copy { from, to } => format!("COPY {} {} REPLACE", name(from), name(to)),
        Step::Wait { .. } => return None,
    })
}

/// What clients see of each key.
fn check_seen(server: &mut Server, twin: &Twin) {
    for (key, name) in colliding_keys().iter().enumerate() {
        let hash = twin.hashes.get(&key);
        for (field, field_name) in FIELDS.iter().enumerate() {
            let expected = match hash.and_then(|hash| hash.fields.get(&field)) {
                None => -2,
                Some(None) => -1,
                Some(Some(deadline)) => i64::try_from(*deadline).unwrap(),
            };
            let seen = server.run(&format!("HPEXPIRETIME {name} FIELDS 1 {field_name}"));
            assert_eq!(seen, format!("*1\r\n:{expected}\r\n"), "{field_name} of {name}");
        }
    }
}

/// What is kept without having been touched: nothing else than what should be there.
fn check_kept(server: &mut Server, twin: &Twin) {
    let figures = server.keys().figures(0);
    assert_eq!(figures.keys, twin.hashes.len());
    let has_deadlines = |hash: &&Hash| hash.fields.values().any(Option::is_some);
    assert_eq!(figures.with_field_deadlines, twin.hashes.values().filter(has_deadlines).count());
    assert_eq!(
        figures.with_deadline.keys,
        twin.hashes.values().filter(|hash| hash.deadline.is_some()).count()
    );
    for (key, hash) in &twin.hashes {
        let seen = server.run(&format!("HLEN {}", colliding_keys()[*key]));
        assert_eq!(seen, format!(":{}\r\n", hash.fields.len()));
    }
}

proptest! {
    #[test]
    fn fields_die_at_their_deadlines(steps in proptest::collection::vec(step(), 1..80)) {
        let mut server = Server::new(None);
        server.engine.settings.encodings.hash_entries_max.store(PACKED_FIELDS_MAX, Ordering::Relaxed);
        let mut twin = Twin { now_ms: server.now_ms(), ..Twin::default() };
        for step in &steps {
            twin.apply(step);
            match command(step) {
                Some(command) => {
                    server.run(&command);
                    if let Step::Overwrite { key } = step {
                        // What took the hash's place is none, and shall not be in the way.
                        server.run(&format!("DEL {}", colliding_keys()[*key]));
                    }
                }
                None => {
                    server.set_clock(twin.now_ms);
                    server.expire();
                }
            }
            check_seen(&mut server, &twin);
            check_kept(&mut server, &twin);
        }
        // All deadlines have passed.
        twin.now_ms += LIFETIME_MS_MAX.next_multiple_of(SLOT_MS);
        twin.settle();
        server.set_clock(twin.now_ms);
        server.expire();
        check_kept(&mut server, &twin);
    }
}

/// Fields of one hash that are due at once are removed in short steps, and the key with the last of them.
fn expire_at_once(fields: u64, packed_fields_max: u64) {
    const STEP_FIELDS_MAX: u64 = 64;
    let mut server = Server::new(None);
    server.engine.settings.encodings.hash_entries_max.store(packed_fields_max, Ordering::Relaxed);
    let deadline = server.now_ms() + 1_000_000;
    for field in 0..fields {
        server.run(&format!("HSETEX hash PXAT {deadline} FIELDS 1 {field} v"));
    }
    server.set_clock(deadline - 1);
    server.expire();
    assert_eq!(server.run("HLEN hash"), format!(":{fields}\r\n"));
    server.set_clock(deadline);
    assert_eq!(server.run("HGET hash 0"), "$-1\r\n");
    server.set_clock(deadline + SLOT_MS);
    let mut removed = 0;
    for shard in 0..server.engine.keyspace.shards() {
        loop {
            let step = server.engine.keyspace.expire_step(shard, server.now_ms());
            assert!(step.expired_fields <= STEP_FIELDS_MAX, "{} fields in one step", step.expired_fields);
            removed += step.expired_fields;
            if !step.more_due {
                break;
            }
        }
    }
    assert_eq!(removed, fields);
    assert_eq!(server.keys().figures(0).keys, 0);
    assert_eq!(server.keys().figures(0).with_field_deadlines, 0);
}

#[test]
fn many_fields_of_a_table_expire_in_short_steps() {
    expire_at_once(1_000_000, 512);
}

#[test]
fn many_fields_of_a_small_hash_expire_in_short_steps() {
    expire_at_once(1000, 1000);
}

#[test]
fn fields_stay_while_active_expiry_is_held_back_but_nobody_sees_them() {
    let mut server = Server::new(None);
    server.run("HSETEX hash PX 100 FIELDS 1 field v");
    server.run("HSET hash other v");
    server.engine.keyspace.set_active_expiry(false);
    server.set_clock(server.now_ms() + 1000);
    server.expire();
    assert_eq!(server.run("HLEN hash"), ":2\r\n");
    assert_eq!(server.run("HGETALL hash"), "*2\r\n$5\r\nother\r\n$1\r\nv\r\n");
    server.engine.keyspace.set_active_expiry(true);
    server.expire();
    assert_eq!(server.run("HLEN hash"), ":1\r\n");
}
