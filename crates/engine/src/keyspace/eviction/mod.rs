//! Removing keys because memory is short.
//!
//! Each thread takes samples of the keys of shards in turn, remembers the best candidates (`pool`) and removes the best
//! of them, one key for each sample. It holds one shard at a time, and none when it begins.

pub(super) mod adaptive;
mod policy;
mod pool;

use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::table::{Pin, Table};

use self::adaptive::KnownRanks;
use self::policy::Choice;
pub use self::policy::EvictionPolicy;
use self::pool::{Candidate, Pool};
use super::deadlines::DeadlineIndex;
use super::locked::{KeyCounters, Keys, is_live};
use super::observers::NOBODY;
use super::{Database, Key, KeyHash, Keyspace, ShardState};
use crate::access::AccessPolicy;

/// Of so many keys at least one has a deadline: then keys with deadlines are found among their neighbours. And in so many
/// buckets for each key that is wanted others are looked for where there are few.
const NEIGHBOURS: usize = 16;

/// Two buckets seldom have more keys than so many.
const KEYS_OF_PAIR: usize = 10;

/// Tries at finding a key with a deadline through the index, of which items may be stale.
const INDEX_TRIES: usize = 4;

/// How keys are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Eviction {
    /// The policy.
    pub policy: EvictionPolicy,
    /// About how many keys of a shard are looked at for each that is removed: `maxmemory-samples`.
    pub samples: usize,
    /// Whether an adaptive policy has big keys go sooner: `adaptive-eviction-sizes`.
    pub minds_sizes: bool,
    /// How accesses are noted, and the time.
    pub access: AccessPolicy,
}

/// Keys that are looked at next: those of a shard near a position in its hash space.
#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    shard: usize,
    position: u64,
}

/// What a thread remembers from one eviction to the next.
#[derive(Debug, Default)]
pub struct Evictor {
    policy: EvictionPolicy,
    pool: Pool,
    /// Where samples are taken next. The memory of the first's keys was asked for, and that of the second's bucket.
    spots: [Spot; 2],
    /// The database that they are taken of, and for how many more times.
    database: u32,
    stay: u32,
    /// What is known of ranks, and whether they are to be worked out anew: of an adaptive policy.
    ranks: KnownRanks,
    is_due: bool,
}

impl Keyspace {
    /// Removes a key that can best be done without, and counts it. Says whether there was one. The caller holds no shards.
    pub fn evict(
        &self,
        pin: &Pin,
        evictor: &mut Evictor,
        eviction: &Eviction,
        counters: &mut KeyCounters,
    ) -> bool {
        if evictor.policy != eviction.policy {
            evictor.policy = eviction.policy;
            evictor.pool.clear();
        }
        let Some(choice) = eviction.policy.choice else { return false };
        loop {
            let has_sampled = self.sample(pin, evictor, eviction, choice);
            while let Some(candidate) = evictor.pool.take_best() {
                let is_evicted = self.evict_candidate(&candidate, evictor, eviction, choice, counters);
                evictor.pool.reuse(candidate);
                if is_evicted {
                    self.prefetch_candidates(pin, &evictor.pool);
                    self.work_out_ranks(evictor, eviction.access.now_ms);
                    return true;
                }
            }
            // A script that has run for too long may hold those that were seen.
            if !has_sampled || self.is_busy() {
                return false;
            }
        }
    }

    /// Asks for the memory of the keys that are likely to go next.
    fn prefetch_candidates(&self, pin: &Pin, pool: &Pool) {
        let mut next = pool.best_first();
        if let Some(first) = next.next() {
            self.prefetch_record(pin, first.database, first.hash);
            self.prefetch_ghosts(first.hash);
        }
        if let Some(second) = next.next() {
            self.prefetch_bucket(pin, second.database, second.hash);
        }
    }

    /// Offers some keys of a random shard, or of the next one that has any.
    fn sample(&self, pin: &Pin, evictor: &mut Evictor, eviction: &Eviction, choice: Choice) -> bool {
        let spot = self.next_spot(pin, evictor);
        (spot.shard..self.shards()).chain(0..spot.shard).any(|shard| {
            // A script that has run for too long may hold it.
            let Ok(mut state) = self.lock(shard) else { return false };
            self.sample_shard(shard, &mut state, evictor, spot.position, eviction, choice)
        })
    }

    /// Where the next sample is taken, whose memory was asked for before.
    fn next_spot(&self, pin: &Pin, evictor: &mut Evictor) -> Spot {
        let [spot, next] = evictor.spots;
        let after = Spot { shard: fastrand::usize(..self.shards()), position: fastrand::u64(..) };
        evictor.spots = [next, after];
        let place = self.place(evictor.database);
        self.shards[next.shard].prefetchers[place].entries_of_pair(pin, next.position);
        self.shards[after.shard].prefetchers[place].pair(pin, after.position);
        spot
    }

    /// Offers some keys of one of a shard's databases.
    fn sample_shard(
        &self,
        shard: usize,
        state: &mut ShardState,
        evictor: &mut Evictor,
        position: u64,
        eviction: &Eviction,
        choice: Choice,
    ) -> bool {
        let is_volatile = eviction.policy.is_volatile;
        if !self.choose_database(state, evictor, is_volatile) {
            return false;
        }
        let number = evictor.database;
        let place = self.place(number);
        if choice == Choice::HitDensity {
            let Evictor { ranks, pool, is_due, .. } = evictor;
            let ranks = ranks.get(&self.density);
            *is_due |= self.take_notes(shard, &mut state.databases, place, is_volatile, ranks);
            let database = &mut state.databases[place];
            return database.offer_by_density(self, number, position, eviction, ranks, pool);
        }
        let database = &mut state.databases[place];
        let pool = &mut evictor.pool;
        let mut offers = 0;
        visit_some(database, is_volatile, position, eviction.samples, &mut |record| {
            offers += 1;
            let score = choice.score(record, eviction.access);
            if pool.wants(score) {
                pool.offer(score, number, self.hash(record.key()), record.key(), record.access());
            }
        });
        offers > 0
    }

    /// Chooses the database that samples are taken of, the more keys it has in this shard the likelier. Where no other has any
    /// keys it stays with it for a while. Says whether any has keys.
    fn choose_database(&self, state: &ShardState, evictor: &mut Evictor, is_volatile: bool) -> bool {
        /// How many samples are taken of the only database that has keys before all are looked at again.
        const STAY: u32 = 64;
        let size = |number: u32| state.databases[self.place(number)].keys_that_may_go(is_volatile);
        if evictor.stay > 0 && size(evictor.database) > 0 {
            evictor.stay -= 1;
            return true;
        }
        let total: usize = (0..self.databases()).map(size).sum();
        if total == 0 {
            return false;
        }
        let mut chosen = fastrand::usize(..total);
        let database = (0..self.databases()).find(|number| match chosen.checked_sub(size(*number)) {
            Some(rest) => {
                chosen = rest;
                false
            }
            None => true,
        });
        evictor.database = database.unwrap_or_default();
        evictor.stay = if size(evictor.database) == total { STAY } else { 0 };
        true
    }

    /// Removes a candidate, unless it was used since it became one.
    fn evict_candidate(
        &self,
        candidate: &Candidate,
        evictor: &mut Evictor,
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
        // It may have lost its deadline since.
        let may_go = |record: RecordRef<'_>| !eviction.policy.is_volatile || record.stamp().is_some();
        let is_evicted = match choice {
            // Its rank has changed with its age, too.
            Choice::HitDensity => keys.evict(
                &key,
                |record| may_go(record) && record.access() == candidate.access,
                |database| {
                    let ranks = evictor.ranks.get(&self.density);
                    database.note_eviction(key.hash, candidate.access, eviction.policy.is_volatile, ranks);
                },
            ),
            Choice::Random => keys.evict(&key, may_go, |_| ()),
            _ => keys.evict(
                &key,
                |record| may_go(record) && choice.score(record, eviction.access) >= candidate.score,
                |_| (),
            ),
        };
        keys.end();
        counters.add(keys.counters);
        is_evicted
    }
}

impl Keys<'_> {
    /// Removes a key if `may_go` says so, after `note` was told. Says whether it is gone.
    fn evict(
        &mut self,
        key: &Key<'_>,
        may_go: impl FnOnce(RecordRef<'_>) -> bool,
        note: impl FnOnce(&mut Database),
    ) -> bool {
        let now_ms = self.now_ms;
        let database = self.database(key);
        match database.table.find(key.hash, key.bytes) {
            Some(record) if !is_live(record, now_ms) => {
                self.remove(key, "expired");
                true
            }
            Some(record) if may_go(record) => {
                note(database);
                self.counters.evicted += 1;
                self.remove(key, "evicted");
                self.release_if_empty(key);
                true
            }
            _ => false,
        }
    }
}

/// Visits about `count` keys of a database, near a position if there are any; if `is_volatile`, only such that have a deadline.
fn visit_some(
    database: &mut Database,
    is_volatile: bool,
    position: u64,
    count: usize,
    visit: &mut dyn FnMut(RecordRef<'_>),
) {
    let Database { table, deadlines, with_deadline, .. } = database;
    let are_near = !is_volatile || with_deadline.keys * NEIGHBOURS >= table.len();
    if are_near && visit_near(table, is_volatile, position, count, visit) {
        return;
    }
    if is_volatile {
        visit_indexed(table, deadlines, position, count, visit);
    } else if let Some(record) = table.sample(&mut || fastrand::u64(..)) {
        visit(record);
    }
}

/// Visits keys in buckets from a position on. Says whether there were any.
fn visit_near(
    table: &Table<KeyHash>,
    is_volatile: bool,
    position: u64,
    count: usize,
    visit: &mut dyn FnMut(RecordRef<'_>),
) -> bool {
    let enough = if count > KEYS_OF_PAIR { count } else { count.min(KEYS_OF_PAIR / 2) };
    let (mut position, mut visited) = (position, 0);
    for _ in 0..count * NEIGHBOURS / 2 {
        position = table.visit_pair(position, &mut |record| {
            if !is_volatile || record.stamp().is_some() {
                visit(record);
                visited += 1;
            }
            visited < count
        });
        // The memory of the next pair was not asked for, and what few more keys add is not worth waiting for it.
        if visited >= enough {
            break;
        }
    }
    visited > 0
}

/// Visits keys with deadlines that the index names, or else such behind a position.
fn visit_indexed(
    table: &mut Table<KeyHash>,
    deadlines: &mut DeadlineIndex,
    position: u64,
    count: usize,
    visit: &mut dyn FnMut(RecordRef<'_>),
) {
    let mut visited = 0;
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
        visit_next(table, position, visit);
    }
}

/// Visits the first keys with deadlines behind a position, wherever they are: the index has hardly anything but stale items,
/// which its sweep is about to remove.
fn visit_next(table: &Table<KeyHash>, position: u64, visit: &mut dyn FnMut(RecordRef<'_>)) {
    let mut is_found = false;
    for (from, to) in [(position, u64::MAX), (0, position)] {
        let mut next = Some(from);
        while let Some(from) = next.filter(|from| !is_found && *from <= to) {
            next = table.scan(from, &mut |record| {
                if record.stamp().is_some() {
                    is_found = true;
                    visit(record);
                }
            });
        }
    }
}
