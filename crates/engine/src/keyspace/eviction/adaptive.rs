//! The adaptive policies: what is learned of the use of keys ([`hit_density`](super::hit_density)), and evicting by it.
//!
//! Each part of a database in a shard learns by itself, under the shard's lock. What it has noted goes to the model of the
//! whole keyspace whenever a key is evicted there, and now and then the model is worked out anew, under no shard's lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nuthatch_collections::entry::{RecordMut, RecordRef};
use nuthatch_collections::table::Pin;
use parking_lot::{Mutex, RwLock};

use super::hit_density::{Model, Priority, Ranks, Shard};
use super::{Eviction, Evictor, visit_some};
use crate::access::{AccessPolicy, Tracking};
use crate::keyspace::locked::{Guards, KeyCounters, Keys};
use crate::keyspace::observers::NOBODY;
use crate::keyspace::{Database, Key, Keyspace};

/// How many keys are compared for each that goes, at least: with fewer than `maxmemory-samples` usually asks for the best
/// policy is not much better than others.
const SAMPLES_MIN: usize = 16;

/// So many of them are counted in the census.
const COUNTED: usize = 4;

/// What a part of a database has learned; nothing unless the policy is an adaptive one.
pub(in crate::keyspace) type Learner = Option<Box<Shard>>;

/// What all parts have learned together.
pub(in crate::keyspace) struct Density {
    model: Mutex<Learned>,
    ranks: RwLock<Arc<Ranks>>,
    /// How often the ranks were worked out.
    version: AtomicU64,
}

struct Learned {
    model: Model,
    /// The keys of each shard when it was last looked at.
    keys: Vec<usize>,
    /// When the ranks were worked out last, in milliseconds since 1970.
    since_ms: u64,
}

impl Density {
    /// Of so many shards, nothing.
    pub(in crate::keyspace) fn new(shards: usize) -> Self {
        let learned = Learned { model: Model::new(shards), keys: vec![0; shards], since_ms: 0 };
        let ranks = RwLock::new(Arc::new(Ranks::first(shards)));
        Self { model: Mutex::new(learned), ranks, version: AtomicU64::new(0) }
    }

    /// Takes what was noted in a shard with so many keys, unless another thread is at it. Says whether the ranks are to be
    /// worked out.
    fn take(&self, number: usize, keys: usize, shard: &mut Shard, ranks: &Ranks) -> bool {
        let Some(mut learned) = self.model.try_lock() else { return false };
        learned.keys[number] = keys;
        learned.model.take(shard, ranks);
        let total = learned.total();
        learned.model.is_due(total)
    }

    /// Works the ranks out anew, unless another thread is at it.
    fn work_out(&self, now_ms: u64) {
        let Some(mut learned) = self.model.try_lock() else { return };
        let total = learned.total();
        if !learned.model.is_due(total) {
            return;
        }
        let elapsed_ms = now_ms.saturating_sub(std::mem::replace(&mut learned.since_ms, now_ms));
        let ranks = learned.model.ranks(total, elapsed_ms);
        *self.ranks.write() = Arc::new(ranks);
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl Learned {
    /// How many keys there are.
    fn total(&self) -> u64 {
        self.keys.iter().map(|keys| *keys as u64).sum()
    }
}

/// The ranks that a thread knows.
#[derive(Debug, Default)]
pub(super) struct KnownRanks {
    version: u64,
    ranks: Option<Arc<Ranks>>,
}

impl KnownRanks {
    fn get(&mut self, density: &Density) -> Arc<Ranks> {
        let version = density.version.load(Ordering::Acquire);
        match &self.ranks {
            Some(ranks) if self.version == version => ranks.clone(),
            _ => {
                let ranks = density.ranks.read().clone();
                *self = Self { version, ranks: Some(ranks.clone()) };
                ranks
            }
        }
    }
}

/// Notes that a record of a part with so many keys is being used.
#[inline]
pub(in crate::keyspace) fn note_use(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    keys: usize,
) {
    if access.tracking == Tracking::HitDensity {
        learn_use(record, access, learner, keys);
    } else {
        access.touch(record);
    }
}

/// As [`note_use`], for a record that is only read.
#[inline]
pub(in crate::keyspace) fn note_read(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    keys: usize,
) {
    if access.tracking != Tracking::LastChange {
        note_use(record, access, learner, keys);
    }
}

fn learn_use(record: &mut RecordMut<'_>, access: AccessPolicy, learner: &mut Learner, keys: usize) {
    if !access.silent {
        let after = shard(learner).on_use(record.access(), keys);
        record.set_access(after);
    }
}

/// Notes that a value has taken the place of another, whose access field the record has.
#[inline]
pub(in crate::keyspace) fn note_overwriting(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    keys: usize,
) {
    match access.tracking {
        Tracking::HitDensity => learn_use(record, access, learner, keys),
        _ => record.set_access(access.initial()),
    }
}

/// Sets the access field of a record that was just made, of a key with this hash, in a part with so many keys.
#[inline]
pub(in crate::keyspace) fn note_creation(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    keys: usize,
    hash: u64,
) {
    let field = match access.tracking {
        Tracking::HitDensity => shard(learner).on_insert(hash, keys),
        _ => access.initial(),
    };
    record.set_access(field);
}

fn shard(learner: &mut Learner) -> &mut Shard {
    learner.get_or_insert_with(|| Box::new(Shard::new(fastrand::u32(..))))
}

impl Keyspace {
    /// Removes the best candidate of some keys of a random shard. Says whether there was one.
    pub(super) fn evict_by_density(
        &self,
        pin: &Pin,
        evictor: &mut Evictor,
        eviction: &Eviction,
        counters: &mut KeyCounters,
    ) -> bool {
        let spot = self.next_spot(pin, evictor);
        let ranks = evictor.ranks.get(&self.density);
        let is_evicted = (spot.shard..self.shards()).chain(0..spot.shard).any(|number| {
            // A script that has run for too long may hold it.
            let Ok(mut state) = self.lock(number) else { return false };
            if !self.choose_database(&state, evictor, eviction.policy.is_volatile) {
                return false;
            }
            let place = self.place(evictor.database);
            let database = &mut state.databases[place];
            let Some(hash) = choose(self, database, evictor, eviction, &ranks, spot.position) else {
                return false;
            };
            let keys = database.table.len();
            let is_due =
                database.learner.as_mut().is_some_and(|shard| self.density.take(number, keys, shard, &ranks));
            evictor.is_due |= is_due;
            let key = Key { bytes: &evictor.key, hash, database: evictor.database };
            let guards = Guards::One(number, state);
            let Ok(guards) = (if guards.reach_further() { self.widen(guards) } else { Ok(guards) }) else {
                return false;
            };
            let mut keys = Keys::new(self, guards, eviction.access.now_ms, eviction.access, NOBODY);
            let is_evicted = keys.evict(&key, |_| true);
            keys.end();
            counters.add(keys.counters);
            is_evicted
        });
        if std::mem::take(&mut evictor.is_due) {
            self.density.work_out(eviction.access.now_ms);
        }
        is_evicted
    }

    /// Forgets what was learned, because the policy is another one now.
    pub fn forget_use(&self) {
        for shard in &self.shards {
            let mut state = shard.state.lock();
            state.databases.iter_mut().for_each(|database| database.learner = None);
        }
    }
}

/// Chooses the key of a database that goes, which is left in the evictor. Returns its hash.
fn choose(
    keyspace: &Keyspace,
    database: &mut Database,
    evictor: &mut Evictor,
    eviction: &Eviction,
    ranks: &Ranks,
    position: u64,
) -> Option<u64> {
    let now_ms = eviction.access.now_ms;
    let mut learner = database.learner.take().unwrap_or_else(|| Box::new(Shard::new(fastrand::u32(..))));
    let mut best: Option<(Priority, u32)> = None;
    let mut drawn = 0;
    let mut aged = Vec::new();
    let key = &mut evictor.key;
    let mut consider = |record: RecordRef<'_>, learner: &mut Shard| {
        let left_ms =
            record.stamp().map(|deadline| u32::try_from(deadline.saturating_sub(now_ms)).unwrap_or(u32::MAX));
        let rank = learner.rank(record.access(), 1, left_ms, ranks);
        if best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, record.access()));
            key.clear();
            key.extend_from_slice(record.key());
        }
    };
    let samples = eviction.samples.max(SAMPLES_MIN);
    visit_some(database, eviction.policy.is_volatile, position, samples, &mut |record| {
        if drawn < COUNTED {
            let access = learner.on_draw(record.access());
            if access != record.access() {
                aged.push((keyspace.hash(record.key()), record.access(), access));
            }
        }
        drawn += 1;
        consider(record, &mut learner);
    });
    if let Some(fragment) = learner.last_inserted() {
        database.table.visit_fragment(fragment, &mut |slot| {
            if !eviction.policy.is_volatile || slot.get().stamp().is_some() {
                consider(slot.get(), &mut learner);
            }
        });
    }
    for (hash, before, after) in aged {
        database.table.visit_fragment((hash >> 32) as u32, &mut |mut slot| {
            if slot.get().access() == before {
                slot.get_mut().set_access(after);
            }
        });
    }
    let chosen = best.map(|(_, access)| {
        let hash = keyspace.hash(key);
        learner.on_evict(hash, access, database.table.len(), ranks);
        hash
    });
    database.learner = Some(learner);
    chosen
}
