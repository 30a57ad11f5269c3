//! The adaptive policies: what is learned of the use of keys ([`hit_density`](nuthatch_collections::hit_density)), and evicting by it.
//!
//! Each part of a database in a shard learns by itself, under the shard's lock. What it has noted goes to the model of the
//! whole keyspace when keys are looked at there for eviction, and now and then the model is worked out anew, under no shard's lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nuthatch_collections::entry::{RecordMut, RecordRef};
use nuthatch_collections::hit_density::{GhostPrefetcher, Model, Priority, Ranks, Shard};
use parking_lot::{Mutex, RwLock};

use super::pool::Pool;
use super::{Eviction, Evictor, visit_some};
use crate::access::{AccessPolicy, Tracking};
use crate::keyspace::deadlines::fragment;
use crate::keyspace::{Database, Keyspace};
use crate::value::{Kind, Type};

/// How many keys are looked at for each that goes, at least, if the two buckets that are asked for together have as many; on
/// average eight. With five one read in seventy more misses, as big keys are found less often.
const SAMPLES_MIN: usize = 10;

/// What a part of a database has learned; nothing unless the policy is an adaptive one.
#[derive(Debug)]
pub(in crate::keyspace) struct Learner {
    shard: Option<Box<Shard>>,
    prefetcher: GhostPrefetcher,
    /// How often everything had been forgotten when this was looked at.
    era: u32,
}

impl Learner {
    /// One that has learned nothing, for which that prefetcher is, too.
    pub(in crate::keyspace) fn new(prefetcher: GhostPrefetcher) -> Self {
        Self { shard: None, prefetcher, era: 0 }
    }

    fn shard(&mut self) -> &mut Shard {
        let Self { shard, prefetcher, .. } = self;
        shard.get_or_insert_with(|| new_shard(prefetcher))
    }

    /// Forgets what was learned before an era.
    #[inline]
    pub(in crate::keyspace) fn follow(&mut self, era: u32) {
        if std::mem::replace(&mut self.era, era) != era {
            self.shard = None;
        }
    }

    /// There are no keys any more: gives memory back.
    pub(in crate::keyspace) fn release(&mut self) {
        self.shard.iter_mut().for_each(|shard| shard.release());
    }

    /// What it has learned, for as long as the database is needed otherwise. Then give it back.
    fn take(&mut self) -> Box<Shard> {
        self.shard.take().unwrap_or_else(|| new_shard(&self.prefetcher))
    }
}

fn new_shard(prefetcher: &GhostPrefetcher) -> Box<Shard> {
    Box::new(Shard::new(fastrand::u32(..), prefetcher.clone()))
}

/// What all parts have learned together.
pub(in crate::keyspace) struct Density {
    model: Mutex<Learned>,
    ranks: RwLock<Arc<Ranks>>,
    /// How often the ranks were worked out.
    version: AtomicU64,
    /// How often everything was forgotten.
    era: AtomicU32,
}

struct Learned {
    model: Model,
    /// The keys of each shard when it was last looked at.
    keys: Vec<usize>,
    /// When the ranks were worked out last, in milliseconds since 1970; 0 if they were not.
    since_ms: u64,
}

impl Density {
    /// Of so many shards, nothing.
    pub(in crate::keyspace) fn new(shards: usize) -> Self {
        let ranks = RwLock::new(Arc::new(Ranks::first(shards)));
        Self {
            model: Mutex::new(Learned::new(shards)),
            ranks,
            version: AtomicU64::new(0),
            era: AtomicU32::new(0),
        }
    }

    /// Forgets everything.
    fn forget(&self) {
        let mut learned = self.model.lock();
        let shards = learned.keys.len();
        *learned = Learned::new(shards);
        self.publish(Ranks::first(shards));
    }

    /// Has all threads use other ranks.
    fn publish(&self, ranks: Ranks) {
        *self.ranks.write() = Arc::new(ranks);
        self.version.fetch_add(1, Ordering::Release);
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
        let elapsed_ms = match std::mem::replace(&mut learned.since_ms, now_ms) {
            0 => 0,
            since_ms => now_ms.saturating_sub(since_ms),
        };
        let ranks = learned.model.ranks(total, elapsed_ms);
        self.publish(ranks);
    }
}

impl Learned {
    /// Nothing, of so many shards.
    fn new(shards: usize) -> Self {
        Self { model: Model::new(shards), keys: vec![0; shards], since_ms: 0 }
    }

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
    /// Those that hold at the moment.
    pub(super) fn get(&mut self, density: &Density) -> &Ranks {
        let version = density.version.load(Ordering::Acquire);
        if self.version != version {
            self.ranks = None;
            self.version = version;
        }
        self.ranks.get_or_insert_with(|| density.ranks.read().clone())
    }
}

/// Notes that a record of a part with so many [`residents`](Database::residents) is being used.
#[inline]
pub(in crate::keyspace) fn note_use(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    residents: usize,
) {
    match access.tracking {
        Tracking::HitDensity { is_volatile } => learn_use(record, access, is_volatile, learner, residents),
        _ => access.touch(record),
    }
}

/// As [`note_use`], for a record that is only read.
#[inline]
pub(in crate::keyspace) fn note_read(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    residents: usize,
) {
    if access.tracking != Tracking::LastChange {
        note_use(record, access, learner, residents);
    }
}

fn learn_use(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    is_volatile: bool,
    learner: &mut Learner,
    residents: usize,
) {
    if !access.silent {
        let (shard, before) = (learner.shard(), record.access());
        let counts = !is_volatile || record.stamp().is_some();
        record.set_access(if counts { shard.on_use(before, residents) } else { shard.on_other_use(before) });
    }
}

/// Notes that a value has taken the place of another, whose access field the record has.
#[inline]
pub(in crate::keyspace) fn note_overwriting(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    residents: usize,
) {
    match access.tracking {
        Tracking::HitDensity { is_volatile } => learn_use(record, access, is_volatile, learner, residents),
        // The counter goes on, as in Redis.
        Tracking::Frequency => access.touch(record),
        _ => record.set_access(access.initial()),
    }
}

/// Sets the access field of a record that was just made, of a key with this hash, in a part with so many keys.
#[inline]
pub(in crate::keyspace) fn note_creation(
    record: &mut RecordMut<'_>,
    access: AccessPolicy,
    learner: &mut Learner,
    residents: usize,
    hash: u64,
) {
    let field = match access.tracking {
        Tracking::HitDensity { is_volatile: true } if record.stamp().is_none() => {
            learner.shard().on_other_insert()
        }
        Tracking::HitDensity { .. } => learner.shard().on_insert(hash, residents),
        _ => access.initial(),
    };
    record.set_access(field);
}

impl Keyspace {
    /// Forgets what was learned, because the policy is another one now. It takes no shard, since a transaction that changes the
    /// policy may have some: each follows when it is looked at next for keys whose deadlines have passed.
    pub fn forget_use(&self) {
        self.density.era.fetch_add(1, Ordering::Relaxed);
        self.density.forget();
    }

    /// How often everything was forgotten.
    pub(in crate::keyspace) fn era_of_use(&self) -> u32 {
        self.density.era.load(Ordering::Relaxed)
    }

    /// Takes what a shard has noted of the database in a place, if that is much. Says whether the ranks are to be worked out anew.
    pub(super) fn take_notes(
        &self,
        number: usize,
        databases: &mut [Database],
        place: usize,
        is_volatile: bool,
        ranks: &Ranks,
    ) -> bool {
        let is_due = databases[place].learner.shard.as_ref().is_some_and(|shard| shard.is_due());
        if !is_due {
            return false;
        }
        let residents = databases.iter().map(|database| database.keys_that_may_go(is_volatile)).sum();
        self.density.take(number, residents, databases[place].learner.shard(), ranks)
    }

    /// Works the ranks out anew if that is due. The caller holds no shards.
    pub(super) fn work_out_ranks(&self, evictor: &mut Evictor, now_ms: u64) {
        if std::mem::take(&mut evictor.is_due) {
            self.density.work_out(now_ms);
        }
    }
}

impl Database {
    /// Offers some of its keys near a position, and the one that has come last, by their ranks.
    pub(super) fn offer_by_density(
        &mut self,
        keyspace: &Keyspace,
        number: u32,
        position: u64,
        eviction: &Eviction,
        ranks: &Ranks,
        pool: &mut Pool,
    ) -> bool {
        let (is_volatile, now_ms) = (eviction.policy.is_volatile, eviction.access.now_ms);
        let mut learner = self.learner.take();
        let mut has_any = false;
        let mut offer = |record: RecordRef<'_>, access: u32, learner: &Shard| {
            has_any = true;
            let score =
                score_of(learner.rank(access, size_of(record, eviction), left_ms(record, now_ms), ranks));
            if pool.wants(score) {
                pool.offer(score, number, keyspace.hash(record.key()), record.key(), access);
            }
        };
        let mut aged = Vec::new();
        let samples = eviction.samples.max(SAMPLES_MIN);
        visit_some(self, is_volatile, position, samples, &mut |record| {
            let access = learner.on_draw(record.access());
            if access != record.access() {
                aged.push((fragment(keyspace.hash(record.key())), record.access(), access));
            }
            offer(record, access, &learner);
        });
        if let Some(last) = learner.last_inserted() {
            self.table.visit_fragment(last, &mut |slot| {
                if !is_volatile || slot.get().stamp().is_some() {
                    offer(slot.get(), slot.get().access(), &learner);
                }
            });
        }
        for (fragment, before, after) in aged {
            self.table.visit_fragment(fragment, &mut |mut slot| {
                if slot.get().access() == before {
                    slot.get_mut().set_access(after);
                }
            });
        }
        self.learner.shard = Some(learner);
        has_any
    }

    /// Notes that a key with this hash and access field is about to be evicted.
    pub(super) fn note_eviction(&mut self, hash: u64, access: u32, is_volatile: bool, ranks: &Ranks) {
        let residents = self.keys_that_may_go(is_volatile);
        self.learner.shard().on_evict(hash, access, residents, ranks);
    }

    /// How many keys may be evicted.
    pub(super) fn keys_that_may_go(&self, is_volatile: bool) -> usize {
        if is_volatile { self.with_deadline.keys } else { self.table.len() }
    }

    /// How many keys count where uses are noted like that.
    #[inline]
    pub(in crate::keyspace) fn residents(&self, access: AccessPolicy) -> usize {
        self.keys_that_may_go(matches!(access.tracking, Tracking::HitDensity { is_volatile: true }))
    }
}

/// How willingly a key goes that has this priority.
fn score_of(priority: Priority) -> u64 {
    u64::from(i32::MAX.wrapping_sub(priority).cast_unsigned())
}

/// What a key takes, in bytes, if sizes matter; otherwise 1. A collection, which clients build up piece by piece and cannot
/// easily make again, goes no sooner than a value of a kibibyte, and no value sooner than one of 64 kibibytes.
fn size_of(record: RecordRef<'_>, eviction: &Eviction) -> u32 {
    const BYTES_MAX: usize = 64 * 1024;
    const COLLECTION_BYTES_MAX: usize = 1024;
    if !eviction.minds_sizes {
        return 1;
    }
    let bytes_max = match Kind::of(record.kind()).value_type() {
        Type::String => BYTES_MAX,
        _ => COLLECTION_BYTES_MAX,
    };
    record.allocated_bytes().min(bytes_max) as u32
}

/// How long a key has to live, in milliseconds, if it has a deadline.
fn left_ms(record: RecordRef<'_>, now_ms: u64) -> Option<u64> {
    record.stamp().map(|deadline| deadline.saturating_sub(now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_priority_goes_first() {
        let scores = [i32::MIN / 2, -7, -1, 0, 1, 30_000].map(score_of);
        assert!(scores.is_sorted_by(|one, other| one > other), "{scores:?}");
    }
}
