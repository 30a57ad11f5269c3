//! Removing keys because memory is short.
//!
//! Each thread takes samples of the keys of shards in turn, remembers the best candidates ([`pool`]) and removes the best
//! of them, one key for each sample. It holds one shard at a time, and none when it begins.

mod policy;
mod pool;

use nuthatch_collections::entry::RecordRef;

use self::policy::Choice;
pub use self::policy::EvictionPolicy;
use self::pool::{Candidate, Pool};
use super::locked::{KeyCounters, Keys, is_live};
use super::observers::NOBODY;
use super::{Database, Key, Keyspace, ShardState};
use crate::access::AccessPolicy;

/// Of so many keys at least one has a deadline: then keys with deadlines are found among their neighbours.
const NEIGHBOURS: usize = 16;

/// Tries at finding a key with a deadline through the index, of which items may be stale.
const INDEX_TRIES: usize = 4;

/// How keys are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Eviction {
    /// The policy.
    pub policy: EvictionPolicy,
    /// How many keys of a shard are looked at for each that is removed: `maxmemory-samples`.
    pub samples: usize,
    /// How accesses are noted, and the time.
    pub access: AccessPolicy,
}

/// What a thread remembers from one eviction to the next.
#[derive(Debug)]
pub struct Evictor {
    policy: EvictionPolicy,
    pool: Pool,
}

impl Default for Evictor {
    fn default() -> Self {
        Self { policy: EvictionPolicy::NONE, pool: Pool::default() }
    }
}

impl Keyspace {
    /// Removes a key that can best be done without, and counts it. Says whether there was one. The caller holds no shards.
    pub fn evict(&self, evictor: &mut Evictor, eviction: &Eviction, counters: &mut KeyCounters) -> bool {
        if evictor.policy != eviction.policy {
            evictor.policy = eviction.policy;
            evictor.pool.clear();
        }
        let Some(choice) = eviction.policy.choice else { return false };
        loop {
            let has_sampled = self.sample(&mut evictor.pool, eviction, choice);
            while let Some(candidate) = evictor.pool.take_best() {
                let is_evicted = self.evict_candidate(&candidate, eviction, choice, counters);
                evictor.pool.reuse(candidate);
                if is_evicted {
                    return true;
                }
            }
            if !has_sampled {
                return false;
            }
        }
    }

    /// Offers some keys of a random shard, or of the next one that has any.
    fn sample(&self, pool: &mut Pool, eviction: &Eviction, choice: Choice) -> bool {
        let first = fastrand::usize(..self.shards());
        (first..self.shards()).chain(0..first).any(|shard| {
            // A script that has run for too long may hold it.
            let Ok(mut state) = self.lock(shard) else { return false };
            self.sample_shard(&mut state, pool, eviction, choice)
        })
    }

    /// Offers some keys of one of a shard's databases, the bigger the likelier.
    fn sample_shard(
        &self,
        state: &mut ShardState,
        pool: &mut Pool,
        eviction: &Eviction,
        choice: Choice,
    ) -> bool {
        let is_volatile = eviction.policy.is_volatile;
        let size =
            |database: &Database| if is_volatile { database.with_deadline } else { database.table.len() };
        let total: usize = state.databases.iter().map(size).sum();
        if total == 0 {
            return false;
        }
        let mut chosen = fastrand::usize(..total);
        for number in 0..self.databases() {
            let database = &mut state.databases[self.place(number)];
            match chosen.checked_sub(size(database)) {
                Some(rest) => chosen = rest,
                None => {
                    let mut offers = 0;
                    visit_some(database, is_volatile, eviction.samples, &mut |record| {
                        offers += 1;
                        let score = choice.score(record, eviction.access);
                        pool.offer(score, number, self.hash(record.key()), record.key());
                    });
                    return offers > 0;
                }
            }
        }
        false
    }

    /// Removes a candidate, unless it was used since it became one.
    fn evict_candidate(
        &self,
        candidate: &Candidate,
        eviction: &Eviction,
        choice: Choice,
        counters: &mut KeyCounters,
    ) -> bool {
        let key = Key { bytes: &candidate.key, hash: candidate.hash, database: candidate.database };
        let Ok(guards) = self
            .lock_one(key.hash)
            .and_then(|guards| if guards.reach_further() { self.widen(guards) } else { Ok(guards) })
        else {
            return false;
        };
        let mut keys = Keys::new(self, guards, eviction.access.now_ms, eviction.access, NOBODY);
        let is_evicted = keys.evict(&key, |record| choice.score(record, eviction.access) >= candidate.score);
        keys.end();
        counters.add(keys.counters);
        is_evicted
    }
}

impl Keys<'_> {
    /// Removes a key if `may_go` says so. Says whether it is gone.
    fn evict(&mut self, key: &Key<'_>, may_go: impl FnOnce(RecordRef<'_>) -> bool) -> bool {
        let now_ms = self.now_ms;
        let database = self.database(key);
        match database.table.find(key.hash, key.bytes) {
            Some(record) if !is_live(record, now_ms) => {
                self.remove(key, "expired");
                true
            }
            Some(record) if may_go(record) => {
                self.counters.evicted += 1;
                self.remove(key, "evicted");
                true
            }
            _ => false,
        }
    }
}

/// Visits about `count` keys of a database, by chance; if `is_volatile`, only such that have a deadline.
fn visit_some(
    database: &mut Database,
    is_volatile: bool,
    count: usize,
    visit: &mut dyn FnMut(RecordRef<'_>),
) {
    let Database { table, deadlines, with_deadline, .. } = database;
    let mut visited = 0;
    if !is_volatile || *with_deadline * NEIGHBOURS >= table.len() {
        let buckets_max = if is_volatile { count * NEIGHBOURS } else { count };
        table.visit_near(fastrand::u64(..), buckets_max, &mut |record| {
            if !is_volatile || record.stamp().is_some() {
                visit(record);
                visited += 1;
            }
            visited < count
        });
        if visited > 0 {
            return;
        }
    }
    if !is_volatile {
        if let Some(record) = table.sample(&mut || fastrand::u64(..)) {
            visit(record);
        }
        return;
    }
    for _ in 0..count * INDEX_TRIES {
        let Some(fragment) = deadlines.sample() else { break };
        table.visit_fragment(fragment, &mut |slot| {
            if slot.get().stamp().is_some() {
                visited += 1;
                visit(slot.get());
            }
        });
        if visited >= count {
            return;
        }
    }
    if visited == 0 {
        // The index has hardly anything but stale items, which its sweep is about to remove.
        let mut position = Some(0);
        while let Some(next) = position.filter(|_| visited < count) {
            position = table.scan(next, &mut |record| {
                if record.stamp().is_some() {
                    visited += 1;
                    visit(record);
                }
            });
        }
    }
}
