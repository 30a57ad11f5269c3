//! The keyspace: databases striped into shards, each behind its own short lock.
//!
//! The lock order of the whole server: shards ascending, then subscribers and followers, then a mailbox, then the log,
//! then a thread's counters. Only
//! [`locked`] locks more than one shard, and debug builds assert the order there.

pub mod collections;
mod deadlined;
pub mod deadlines;
pub mod defragmentation;
pub mod eviction;
pub mod hashes;
mod inspect;
pub mod lists;
mod loading;
pub mod locked;
mod moves;
pub mod observers;
pub mod patience;
mod reclaim;
pub mod sets;
pub mod snapshot;
pub mod sorted_sets;
pub mod streams;
pub mod strings;
pub mod sweep;
pub mod waiting;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use nuthatch_collections::hash::ElementHasher;
use nuthatch_collections::hit_density::GhostPrefetcher;
use nuthatch_collections::table::{KeyHasher, Pin, Prefetcher, Table};
use parking_lot::Mutex;

pub use self::deadlined::Deadlined;
use self::deadlines::DeadlineIndex;
use self::eviction::adaptive::{Density, Learner};
use self::reclaim::Reclaiming;
pub use self::reclaim::{Garbage, Reclaim, ReclaimFigures};
use crate::effect::EffectLog;
use crate::messages::Messages;

/// Bits of the hash from here up choose the shard: the table takes its directory and its tags from those
/// above.
const SHARD_BIT: u32 = 20;

/// The most shards, so that a shard's number fits into the low bits of a SCAN cursor.
const SHARDS_MAX: usize = 1 << sweep::SHARD_BITS;

/// The process's keyed hash of keys.
///
/// The seed comes from the operating system's random source at start and never leaves the process, and the
/// order in which SCAN returns keys tells only a few top bits, so an attacker cannot choose keys that
/// collide better than by chance.
#[derive(Clone)]
pub struct KeyHash(SeedableRandomState);

impl KeyHash {
    /// A hash keyed with `seed`.
    pub fn new(seed: u64) -> Self {
        static SHARED: OnceLock<SharedSeed> = OnceLock::new();
        let shared =
            SHARED.get_or_init(|| SharedSeed::from_u64(seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15));
        Self(SeedableRandomState::with_seed(seed, shared))
    }
}

impl KeyHasher for KeyHash {
    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

/// A key with its hash and database: what every access to the keyspace takes.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The key itself.
    pub bytes: &'a [u8],
    /// Its hash, which is the same in every database.
    pub hash: u64,
    /// The database's number, as clients know it.
    pub database: u32,
}

impl<'a> Key<'a> {
    /// The same key in another database: it lives in the same shard.
    pub fn in_database(self, database: u32) -> Self {
        Self { database, ..self }
    }
}

/// One database's part in one shard.
pub(crate) struct Database {
    pub(crate) table: Table<KeyHash>,
    pub(crate) deadlines: DeadlineIndex,
    /// Keys that have a deadline.
    pub(crate) with_deadline: Deadlined,
    /// How many hashes have fields with deadlines.
    pub(crate) with_field_deadlines: usize,
    /// What is known of the use of keys.
    learner: Learner,
    /// Whether there were no keys when it was last looked at.
    was_empty: bool,
}

impl Database {
    /// Gives back what the table takes, and what is known of keys that went, if there are none, and were none the last time
    /// either: the next may come at once.
    fn release_if_unused(&mut self) {
        self.deadlines.release_if_unused(self.with_deadline.keys + self.with_field_deadlines);
        let is_empty = self.table.is_empty();
        if std::mem::replace(&mut self.was_empty, is_empty) && is_empty {
            self.table.release_if_empty();
            self.learner.release();
        }
    }
}

/// What a shard's lock protects.
pub struct ShardState {
    databases: Box<[Database]>,
    /// Changes since the server started.
    changes: u64,
    /// Those who wait for keys of this shard.
    waiting: Option<Box<waiting::Queues>>,
    /// Those who want to know whether keys of this shard change.
    observers: Option<Box<observers::Observers>>,
    /// What is kept while a snapshot is made.
    snapshot: Option<Box<snapshot::Part>>,
}

struct Shard {
    state: Mutex<ShardState>,
    prefetchers: Box<[Prefetcher]>,
    /// For the database that has got ghosts last: seldom is there another one.
    ghosts: GhostPrefetcher,
}

/// All databases.
pub struct Keyspace {
    shards: Box<[CachePadded<Shard>]>,
    hash: KeyHash,
    /// From the numbers that clients know to places in [`ShardState::databases`]; SWAPDB exchanges two
    /// under all locks.
    places: Box<[AtomicU32]>,
    log: Option<Box<dyn EffectLog>>,
    /// Whether the log is told of effects. It changes while all shards are locked.
    is_logged: AtomicBool,
    /// Who is told of changes.
    pub messages: Messages,
    reclaim: Reclaim,
    reclaiming: Arc<Reclaiming>,
    /// What is known of the use of keys.
    density: Density,
    /// Whether keys whose deadlines have passed are removed at once: DEBUG SET-ACTIVE-EXPIRE.
    active_expiry: AtomicBool,
    /// Whether somebody who holds shards waits for another one, in whatever order.
    out_of_order: AtomicBool,
    /// How many scripts have run for too long.
    busy: AtomicUsize,
    /// What is done when there are none.
    postponed: Mutex<Vec<patience::Postponed>>,
    /// How far the snapshot is that is being made.
    snapshot_progress: Mutex<Option<snapshot::Progress>>,
    /// Whether those who serve clients are to help with it.
    snapshot_wants_help: AtomicBool,
    /// What of it waits for the file, in bytes.
    snapshot_bytes: Arc<AtomicUsize>,
    /// What is seen of a shard that a script holds which has run for too long.
    nothing: ShardState,
}

impl Keyspace {
    /// An empty keyspace of `databases` databases for `threads` threads, hashing with `seed`.
    pub fn new(
        databases: u32,
        threads: usize,
        seed: u64,
        log: Option<Box<dyn EffectLog>>,
        reclaim: Reclaim,
    ) -> Self {
        let hash = KeyHash::new(seed);
        ElementHasher::seed_process(seed);
        let shards = (threads.saturating_mul(32)).next_power_of_two().clamp(64, SHARDS_MAX);
        let state = |ghosts: &GhostPrefetcher| {
            let databases: Box<[Database]> = (0..databases)
                .map(|_| Database {
                    table: Table::new(hash.clone()),
                    deadlines: DeadlineIndex::default(),
                    with_deadline: Deadlined::default(),
                    with_field_deadlines: 0,
                    learner: Learner::new(ghosts.clone()),
                    was_empty: true,
                })
                .collect();
            ShardState { databases, changes: 0, waiting: None, observers: None, snapshot: None }
        };
        let shard = || {
            let ghosts = GhostPrefetcher::default();
            let state = state(&ghosts);
            let prefetchers = state.databases.iter().map(|database| database.table.prefetcher()).collect();
            CachePadded::new(Shard { state: Mutex::new(state), prefetchers, ghosts })
        };
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            places: (0..databases).map(AtomicU32::new).collect(),
            hash: hash.clone(),
            is_logged: AtomicBool::new(log.is_some()),
            log,
            messages: Messages::default(),
            reclaim,
            reclaiming: Arc::default(),
            density: Density::new(shards),
            active_expiry: AtomicBool::new(true),
            out_of_order: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            postponed: Mutex::default(),
            snapshot_progress: Mutex::default(),
            snapshot_wants_help: AtomicBool::new(false),
            snapshot_bytes: Arc::default(),
            nothing: state(&GhostPrefetcher::default()),
        }
    }

    /// The log, while effects go to it.
    #[inline]
    fn log(&self) -> Option<&dyn EffectLog> {
        if self.is_logged.load(Ordering::Relaxed) { self.log.as_deref() } else { None }
    }

    /// Has effects go to the log from now on, or not. The caller holds all shards, unless nobody runs commands yet.
    pub fn set_logged(&self, is_logged: bool) {
        self.is_logged.store(is_logged, Ordering::Relaxed);
    }

    /// Starts to load what is known of the use of a key that is not there. Takes no lock.
    #[inline]
    pub fn prefetch_ghosts(&self, hash: u64) {
        self.shards[self.shard_of(hash)].ghosts.prefetch(hash);
    }

    /// How many databases there are.
    pub fn databases(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hash.hash(key)
    }

    /// Starts to load the bucket where a key would be. Takes no lock.
    #[inline]
    pub fn prefetch_bucket(&self, pin: &Pin, database: u32, hash: u64) {
        let shard = &self.shards[self.shard_of(hash)];
        if let Some(prefetcher) = shard.prefetchers.get(self.place(database)) {
            prefetcher.bucket(pin, hash);
        }
    }

    /// Starts to load the record where a key is. Takes no lock; call it after the bucket has arrived. Says whether it is to be
    /// sought elsewhere, where a [later call](Self::prefetch_displaced) finds it.
    #[inline]
    pub fn prefetch_record(&self, pin: &Pin, database: u32, hash: u64) -> bool {
        let shard = &self.shards[self.shard_of(hash)];
        shard.prefetchers.get(self.place(database)).is_some_and(|prefetcher| prefetcher.entry(pin, hash))
    }

    /// Starts to load the record of a key whose bucket was full. Takes no lock.
    pub fn prefetch_displaced(&self, pin: &Pin, database: u32, hash: u64) {
        let shard = &self.shards[self.shard_of(hash)];
        if let Some(prefetcher) = shard.prefetchers.get(self.place(database)) {
            prefetcher.displaced(pin, hash);
        }
    }

    /// The number of the shard that a key with this hash belongs to.
    #[inline]
    pub fn shard_of(&self, hash: u64) -> usize {
        (hash >> SHARD_BIT) as usize & (self.shards.len() - 1)
    }

    /// Where the database `number` is kept at the moment. Only under a lock is it certain to stay so.
    #[inline]
    fn place(&self, number: u32) -> usize {
        self.places.get(number as usize).map_or(0, |place| place.load(Ordering::Relaxed) as usize)
    }
}

/// Figures of one database.
#[derive(Debug, Default, Clone, Copy)]
pub struct DatabaseFigures {
    /// Keys, expired ones that are still kept included.
    pub keys: usize,
    /// Keys that have a deadline.
    pub with_deadline: Deadlined,
    /// Hashes that have fields with deadlines.
    pub with_field_deadlines: usize,
    /// Memory of the hash table without its entries, in bytes.
    pub table_bytes: usize,
    /// Memory of the index by deadline, in bytes.
    pub index_bytes: usize,
}

impl DatabaseFigures {
    /// Adds one shard's part of the database.
    fn add(&mut self, part: &Database) {
        self.keys += part.table.len();
        self.with_deadline.merge(part.with_deadline);
        self.with_field_deadlines += part.with_field_deadlines;
        self.table_bytes += part.table.memory_bytes();
        self.index_bytes += part.deadlines.memory_bytes();
    }
}
