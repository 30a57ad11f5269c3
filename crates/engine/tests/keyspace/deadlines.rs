//! Keys die at their deadlines, neither early nor late, whatever happens to them before.

use std::collections::BTreeMap;

use nuthatch_engine::keyspace::Deadlined;
use proptest::prelude::*;

use crate::support::{DATABASES, Server, colliding_keys};

/// The index looks at keys whose deadlines fall into the same slot of so many milliseconds together.
const SLOT_MS: u64 = 64;

/// What may happen to keys. Keys are places in the pool, times are milliseconds.
#[derive(Debug, Clone)]
enum Step {
    Set { key: usize, lifetime_ms: Option<u64> },
    Keep { key: usize },
    Append { key: usize },
    Expire { key: usize, lifetime_ms: u64, condition: &'static str },
    Persist { key: usize },
    Remove { key: usize },
    Rename { from: usize, to: usize },
    Copy { from: usize, to: usize, database: u32 },
    Move { key: usize, database: u32 },
    Select { database: u32 },
    Swap { one: u32, other: u32 },
    Flush,
    Wait { milliseconds: u64 },
}

/// Lifetimes around the widths of the index's slots: 64 ms, 16 s, 70 min, 12 days, and ten years.
fn lifetime_ms() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 1..300u64,
        8 => 1..40_000u64,
        4 => 1..10_000_000u64,
        1 => 1..2_000_000_000u64,
        1 => 1..400_000_000_000u64,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..colliding_keys().len();
    let database = || 0..DATABASES;
    let condition =
        prop_oneof![3 => Just(""), 1 => Just("NX"), 1 => Just("XX"), 1 => Just("GT"), 1 => Just("LT")];
    prop_oneof![
        6 => (key(), proptest::option::of(lifetime_ms()))
            .prop_map(|(key, lifetime_ms)| Step::Set { key, lifetime_ms }),
        1 => key().prop_map(|key| Step::Keep { key }),
        2 => key().prop_map(|key| Step::Append { key }),
        10 => (key(), lifetime_ms(), condition)
            .prop_map(|(key, lifetime_ms, condition)| Step::Expire { key, lifetime_ms, condition }),
        2 => key().prop_map(|key| Step::Persist { key }),
        2 => key().prop_map(|key| Step::Remove { key }),
        2 => (key(), key()).prop_map(|(from, to)| Step::Rename { from, to }),
        2 => (key(), key(), database()).prop_map(|(from, to, database)| Step::Copy { from, to, database }),
        1 => (key(), database()).prop_map(|(key, database)| Step::Move { key, database }),
        1 => database().prop_map(|database| Step::Select { database }),
        1 => (database(), database()).prop_map(|(one, other)| Step::Swap { one, other }),
        1 => Just(Step::Flush),
        8 => lifetime_ms().prop_map(|milliseconds| Step::Wait { milliseconds }),
    ]
}

/// The keys that should be there, with their deadlines.
#[derive(Default)]
struct Twin {
    keys: BTreeMap<(u32, String), Option<u64>>,
    database: u32,
    now_ms: u64,
}

impl Twin {
    fn live(&self, database: u32, key: &str) -> Option<Option<u64>> {
        let deadline = *self.keys.get(&(database, key.to_owned()))?;
        deadline.is_none_or(|deadline| deadline > self.now_ms).then_some(deadline)
    }

    fn put(&mut self, database: u32, key: &str, deadline: Option<u64>) {
        self.keys.insert((database, key.to_owned()), deadline);
    }

    fn remove(&mut self, database: u32, key: &str) {
        self.keys.remove(&(database, key.to_owned()));
    }

    fn apply(&mut self, step: &Step) {
        let name = |key: usize| colliding_keys()[key].as_str();
        let here = self.database;
        match *step {
            Step::Set { key, lifetime_ms } => {
                self.put(here, name(key), lifetime_ms.map(|lifetime| self.now_ms + lifetime));
            }
            Step::Keep { key } | Step::Append { key } => {
                let deadline = self.live(here, name(key)).flatten();
                self.put(here, name(key), deadline);
            }
            Step::Expire { key, lifetime_ms, condition } => {
                let deadline = self.now_ms + lifetime_ms;
                let holds = match (self.live(here, name(key)), condition) {
                    (None, _) | (Some(Some(_)), "NX") | (Some(None), "XX" | "GT") => false,
                    (Some(Some(before)), "GT") => deadline > before,
                    (Some(Some(before)), "LT") => deadline < before,
                    _ => true,
                };
                if holds {
                    self.put(here, name(key), Some(deadline));
                }
            }
            Step::Persist { key } => {
                if self.live(here, name(key)).is_some() {
                    self.put(here, name(key), None);
                }
            }
            Step::Remove { key } => self.remove(here, name(key)),
            Step::Rename { from, to } => {
                if let Some(deadline) = self.live(here, name(from)) {
                    self.remove(here, name(from));
                    self.put(here, name(to), deadline);
                }
            }
            Step::Copy { from, to, database } => {
                if let Some(deadline) = self.live(here, name(from))
                    && (database, to) != (here, from)
                {
                    self.put(database, name(to), deadline);
                }
            }
            Step::Move { key, database } => {
                if let Some(deadline) = self.live(here, name(key))
                    && self.live(database, name(key)).is_none()
                {
                    self.remove(here, name(key));
                    self.put(database, name(key), deadline);
                }
            }
            Step::Select { database } => self.database = database,
            Step::Swap { one, other } => {
                let swapped = |database| match database {
                    _ if database == one => other,
                    _ if database == other => one,
                    _ => database,
                };
                let keys = std::mem::take(&mut self.keys);
                self.keys =
                    keys.into_iter().map(|((database, key), at)| ((swapped(database), key), at)).collect();
            }
            Step::Flush => self.keys.retain(|(database, _), _| *database != here),
            Step::Wait { milliseconds } => self.now_ms += milliseconds,
        }
    }
}

fn command(step: &Step) -> Option<String> {
    let name = |key: usize| colliding_keys()[key].as_str();
    Some(match *step {
        Step::Set { key, lifetime_ms: Some(lifetime) } => format!("SET {} v PX {lifetime}", name(key)),
        Step::Set { key, lifetime_ms: None } => format!("SET {} v", name(key)),
        Step::Keep { key } => format!("SET {} a-longer-value KEEPTTL", name(key)),
        Step::Append { key } => format!("APPEND {} more", name(key)),
        Step::Expire { key, lifetime_ms, condition } => {
            format!("PEXPIRE {} {lifetime_ms} {condition}", name(key))
        }
        Step::Persist { key } => format!("PERSIST {}", name(key)),
        Step::Remove { key } => format!("DEL {}", name(key)),
        Step::Rename { from, to } => format!("RENAME {} {}", name(from), name(to)),
        Step::Copy { from, to, database } => {
            format!("COPY {} {} DB {database} REPLACE", name(from), name(to))
        }
        Step::Move { key, database } => format!("MOVE {} {database}", name(key)),
        Step::Select { database } => format!("SELECT {database}"),
        Step::Swap { one, other } => format!("SWAPDB {one} {other}"),
        Step::Flush => "FLUSHDB".to_owned(),
        Step::Wait { .. } => return None,
    })
}

/// Every key that should live is there with its deadline; those beyond are not seen, and gone after a slot.
fn check(server: &Server, twin: &Twin) {
    let kept = server.content();
    for ((database, key), deadline) in &twin.keys {
        if twin.live(*database, key).is_some() {
            let found = kept.get(&(*database, key.clone().into_bytes())).map(|(_, _, stamp)| *stamp);
            assert_eq!(found, Some(*deadline), "key {key} of database {database}");
        }
    }
    for ((database, key), (_, _, stamp)) in &kept {
        let key = String::from_utf8_lossy(key);
        if stamp.is_none_or(|deadline| deadline > twin.now_ms) {
            assert!(twin.live(*database, &key).is_some(), "key {key} of database {database} came back");
        }
    }
    for database in 0..DATABASES {
        let figures = server.keys().figures(database);
        let of_database = kept.iter().filter(|((number, _), _)| *number == database);
        let deadlines: Vec<u64> = of_database.clone().filter_map(|(_, (_, _, stamp))| *stamp).collect();
        assert_eq!(
            figures.with_deadline.keys,
            deadlines.len(),
            "keys with a deadline in database {database}"
        );
        let mean = deadlines.iter().sum::<u64>().checked_div(deadlines.len() as u64).unwrap_or(0);
        assert_eq!(figures.with_deadline.mean_left_ms(0), mean, "their mean in database {database}");
        assert_eq!(figures.keys, of_database.count(), "keys in database {database}");
    }
}

fn check_nothing_is_late(server: &Server) {
    let now_ms = server.now_ms();
    for (key, (_, _, stamp)) in server.content() {
        let late = stamp.is_some_and(|deadline| deadline / SLOT_MS < now_ms / SLOT_MS);
        assert!(!late, "{key:?} with deadline {stamp:?} is still kept at {now_ms}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_die_at_their_deadlines_and_not_before(steps in proptest::collection::vec(step(), 1..120)) {
        let mut server = Server::new(None);
        let mut twin = Twin { now_ms: server.now_ms(), ..Twin::default() };
        for step in &steps {
            twin.apply(step);
            if let Some(command) = command(step) {
                let reply = server.run(&command);
                // A key may be missing; every other error is the test's.
                prop_assert!(!reply.starts_with('-') || reply.contains("no such key")
                    || reply.contains("the same"), "{command}: {reply}");
            } else {
                server.set_clock(twin.now_ms);
                server.expire();
                check_nothing_is_late(&server);
            }
            check(&server, &twin);
        }
    }

    #[test]
    fn keys_outlive_a_clock_that_goes_back_but_not_their_deadlines(
        steps in proptest::collection::vec((step(), 0..100_000u64), 1..80),
    ) {
        let mut server = Server::new(None);
        let mut latest = server.now_ms();
        for (step, back_ms) in &steps {
            match command(step) {
                Some(command) => drop(server.run(&command)),
                None => {
                    let Step::Wait { milliseconds } = step else { unreachable!() };
                    latest = latest.max(server.now_ms() + milliseconds);
                    server.set_clock(server.now_ms() + milliseconds);
                    server.expire();
                    server.set_clock(server.now_ms() - back_ms);
                    server.expire();
                }
            }
        }
        let deadlines: Vec<u64> = server.content().into_values().filter_map(|(_, _, stamp)| stamp).collect();
        // After a step back of less than half a second what is due goes with the slot that the clock had reached.
        server.set_clock(latest.max(server.now_ms()) + SLOT_MS);
        server.expire();
        check_nothing_is_late(&server);
        if let Some(last) = deadlines.into_iter().max() {
            server.set_clock(server.now_ms().max(last + SLOT_MS));
            server.expire();
        }
        for database in 0..DATABASES {
            prop_assert_eq!(server.keys().figures(database).with_deadline, Deadlined::default());
        }
    }
}

#[test]
fn a_key_set_while_the_clock_is_back_a_little_goes_with_the_slot_that_the_clock_had_reached() {
    let mut server = Server::new(None);
    let latest = server.now_ms();
    server.run("SET other v PX 24125");
    server.set_clock(latest - 297);
    server.expire();
    server.run("SET key v PX 1");
    server.set_clock(latest.next_multiple_of(SLOT_MS) + SLOT_MS);
    server.expire();
    assert_eq!(server.content().len(), 1, "only the other key is still kept");
}

#[test]
fn deadlines_that_go_back_and_forth_do_not_pile_up() {
    const ROUNDS: usize = 150_000;
    /// A fragment takes four bytes: room for the items that are swept at the latest, and the empty slots.
    const INDEX_BYTES_MAX: usize = 4 * 65_536 + 128 * 1024;
    let mut server = Server::new(None);
    server.run("SET key value");
    for round in 0..ROUNDS {
        server.run("PEXPIRE key 100000");
        server.run("PEXPIRE key 50000");
        if round % 1000 == 0 {
            server.expire();
        }
    }
    server.expire();
    let bytes = server.keys().figures(0).index_bytes;
    assert!(bytes < INDEX_BYTES_MAX, "{bytes} bytes for one deadline");
    server.set_clock(server.now_ms() + 50_000 + SLOT_MS);
    server.expire();
    assert!(server.content().is_empty(), "the key lives on");
}

#[test]
fn many_keys_that_expire_at_once_are_removed_in_short_steps() {
    const KEYS: u64 = 200_000;
    const STEP_KEYS_MAX: u64 = 200;
    let mut server = Server::new(None);
    let deadline = server.now_ms() + 1_000_000;
    for key in 0..KEYS {
        server.run(&format!("SET {key} v PXAT {deadline}"));
    }
    server.set_clock(deadline + SLOT_MS);
    let mut removed = 0;
    for shard in 0..server.engine.keyspace.shards() {
        loop {
            let step = server.engine.keyspace.expire_step(shard, server.now_ms());
            assert!(step.expired <= STEP_KEYS_MAX, "{} keys in one step", step.expired);
            removed += step.expired;
            if !step.more_due {
                break;
            }
        }
    }
    assert_eq!(removed, KEYS);
}
