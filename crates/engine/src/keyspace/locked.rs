//! The shards that the running command holds, and through them its keys.
//!
//! A handler reaches the keyspace only through [`Keys`], and there only the shards that the dispatcher has
//! locked by the command's key specification: a wrong specification panics instead of racing.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Deref;
use std::sync::Arc;

use nuthatch_collections::entry::{Entry, RecordRef};
use parking_lot::MutexGuard;

use super::deadlines::Dues;
use super::eviction::adaptive::note_read;
use super::observers::NOBODY;
use super::patience::Busy;
use super::waiting::Ready;
use super::{Database, Key, Keyspace, ShardState};
use crate::access::AccessPolicy;
use crate::delivery::Mailbox;
use crate::effect::{Change, Effect};
use crate::error::CommandError;
use crate::notifications::Classes;
use crate::value::Kind;
use crate::value::string::StringRef;

/// Locks on shards, always taken in ascending order.
pub enum Guards<'k> {
    /// None: the command touches no keys, or visits shards one after another by itself.
    None,
    /// The shard of the only key.
    One(usize, MutexGuard<'k, ShardState>),
    /// Several shards, ascending.
    Many(Vec<(usize, MutexGuard<'k, ShardState>)>),
}

/// A shard that is visited.
pub(super) enum Visited<'a> {
    /// The lock is held by the command that runs.
    Held(&'a ShardState),
    /// The lock is held for the visit.
    Locked(MutexGuard<'a, ShardState>),
    /// A script holds it that has run for too long, and nothing is to be seen.
    Nothing(&'a ShardState),
}

impl Visited<'_> {
    /// Lets others have the shard who wait for it, if it is locked for the visit.
    pub(super) fn give_way(&mut self) {
        if let Self::Locked(state) = self {
            MutexGuard::bump(state);
        }
    }
}

impl Deref for Visited<'_> {
    type Target = ShardState;

    fn deref(&self) -> &ShardState {
        match self {
            Self::Held(state) | Self::Nothing(state) => state,
            Self::Locked(state) => state,
        }
    }
}

impl Keyspace {
    /// Locks the shard of one key.
    ///
    /// # Errors
    /// A script holds it that has run for too long.
    #[inline]
    pub fn lock_one(&self, hash: u64) -> Result<Guards<'_>, Busy> {
        let shard = self.shard_of(hash);
        self.lock(shard).map(|state| Guards::One(shard, state))
    }

    /// Locks the shards of several keys.
    ///
    /// # Errors
    /// A script holds one that has run for too long.
    pub fn lock_many(&self, hashes: impl Iterator<Item = u64>) -> Result<Guards<'_>, Busy> {
        let mut shards: Vec<usize> = hashes.map(|hash| self.shard_of(hash)).collect();
        shards.sort_unstable();
        shards.dedup();
        self.lock_ascending(shards.into_iter())
    }

    /// Locks every shard.
    ///
    /// # Errors
    /// A script holds one that has run for too long.
    pub fn lock_all(&self) -> Result<Guards<'_>, Busy> {
        self.lock_ascending(0..self.shards.len())
    }
}

/// How often keys were looked up and found, and what expired: the running command's share of INFO stats.
#[derive(Debug, Default, Clone, Copy)]
pub struct KeyCounters {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys removed because their deadline had passed.
    pub expired: u64,
    /// Keys removed because memory was short.
    pub evicted: u64,
    /// Fields removed from hashes because their deadline had passed.
    pub expired_fields: u64,
}

impl KeyCounters {
    /// Adds another share.
    #[inline]
    pub fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
        self.evicted += other.evicted;
        self.expired_fields += other.expired_fields;
    }
}

/// The keys of the running command.
pub struct Keys<'k> {
    pub(super) keyspace: &'k Keyspace,
    pub(super) guards: Guards<'k>,
    /// The time of the command in milliseconds since 1970: the same for all that it does.
    pub now_ms: u64,
    /// How accesses are noted.
    pub(super) access: AccessPolicy,
    /// What was looked up.
    pub counters: KeyCounters,
    /// Whether parts of collections changed, so that the log must be told of the request.
    pub(super) changed_parts: bool,
    /// What the log is told instead of the request.
    pub(super) equivalents: Vec<Vec<Vec<u8>>>,
    /// Keys that may have what somebody waits for.
    pub(super) ready: VecDeque<Ready>,
    /// Clients whose waits it has ended, and how to tell their threads.
    pub(crate) served: Vec<(u64, Arc<dyn Mailbox>)>,
    /// The client that the command runs for.
    pub(crate) client: u64,
    /// Keys that have changed, while anybody follows prefixes.
    changed_keys: BTreeSet<Box<[u8]>>,
    /// Whether shards that were to be visited have not been, because scripts run for too long.
    pub(crate) has_given_up: Cell<bool>,
}

impl<'k> Keys<'k> {
    /// The keys behind `guards`, as of `now_ms`, for a client.
    #[inline]
    pub fn new(
        keyspace: &'k Keyspace,
        guards: Guards<'k>,
        now_ms: u64,
        access: AccessPolicy,
        client: u64,
    ) -> Self {
        Self {
            keyspace,
            guards,
            now_ms,
            access,
            counters: KeyCounters::default(),
            changed_parts: false,
            equivalents: Vec::new(),
            ready: VecDeque::new(),
            served: Vec::new(),
            client,
            changed_keys: BTreeSet::new(),
            has_given_up: Cell::new(false),
        }
    }

    /// The keyspace, for what needs no key's lock.
    pub fn keyspace(&self) -> &'k Keyspace {
        self.keyspace
    }

    /// The state of the shard that `hash` falls into.
    ///
    /// # Panics
    /// If the command's row does not name the key: the row is wrong.
    #[inline]
    pub(super) fn shard(&mut self, hash: u64) -> &mut ShardState {
        let shard = self.keyspace.shard_of(hash);
        match &mut self.guards {
            Guards::One(held, state) if *held == shard => state,
            Guards::Many(held) => match held.binary_search_by_key(&shard, |(index, _)| *index) {
                Ok(at) => &mut held[at].1,
                Err(_) => undeclared_key(),
            },
            _ => undeclared_key(),
        }
    }

    /// Whether the shard is held.
    pub(crate) fn holds(&self, shard: usize) -> bool {
        match &self.guards {
            Guards::None => false,
            Guards::One(held, _) => *held == shard,
            Guards::Many(held) => held.binary_search_by_key(&shard, |(index, _)| *index).is_ok(),
        }
    }

    /// Tries for a while to hold another shard, too, for a script that uses a key which it has not declared: see
    /// [`Keyspace::lock_out_of_order`]. Returns the shards that serving those may need who wait in it, or nothing if
    /// somebody else holds it.
    pub(crate) fn hold(&mut self, shard: usize) -> Option<Vec<usize>> {
        let state = self.keyspace.lock_out_of_order(shard)?;
        let reached = state.shards_reached();
        let mut held = match std::mem::replace(&mut self.guards, Guards::None) {
            Guards::None => Vec::new(),
            Guards::One(held, state) => vec![(held, state)],
            Guards::Many(held) => held,
        };
        let place = held.partition_point(|(index, _)| *index < shard);
        held.insert(place, (shard, state));
        self.guards = Guards::Many(held);
        Some(reached)
    }

    /// The key's part of its database, to be changed.
    #[inline]
    pub(super) fn database(&mut self, key: &Key<'_>) -> &mut Database {
        let place = self.keyspace.place(key.database);
        let ShardState { databases, snapshot, .. } = self.shard(key.hash);
        if let Some(snapshot) = snapshot {
            snapshot.before_change(place, key.hash, &databases[place].table);
        }
        &mut databases[place]
    }

    /// Every shard, for commands that hold them all.
    pub(super) fn all_shards(&mut self) -> impl Iterator<Item = &mut ShardState> {
        match &mut self.guards {
            Guards::Many(held) if held.len() == self.keyspace.shards.len() => {
                held.iter_mut().map(|(_, state)| &mut **state)
            }
            _ => undeclared_key(),
        }
    }

    /// A shard, for commands that visit all of them one after another. A transaction holds them all.
    pub(super) fn visit(&self, shard: usize) -> Visited<'_> {
        match &self.guards {
            Guards::None => match self.keyspace.lock(shard) {
                Ok(state) => Visited::Locked(state),
                Err(Busy) => {
                    self.has_given_up.set(true);
                    Visited::Nothing(&self.keyspace.nothing)
                }
            },
            Guards::Many(held) if held.len() == self.keyspace.shards.len() => Visited::Held(&held[shard].1),
            _ => undeclared_key(),
        }
    }

    /// Has accesses noted in another way from now on.
    pub fn note_accesses_by(&mut self, access: AccessPolicy) {
        self.access = access;
    }

    /// Looks a key up for a command that reads its value: counts a hit or a miss and notes the access.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Option<RecordRef<'_>> {
        let (now_ms, access) = (self.now_ms, self.access);
        let place = self.keyspace.place(key.database);
        let shard = self.keyspace.shard_of(key.hash);
        // As in `shard`, which would borrow the counters, too.
        let state = match &mut self.guards {
            Guards::One(held, state) if *held == shard => &mut **state,
            Guards::Many(held) => match held.binary_search_by_key(&shard, |(index, _)| *index) {
                Ok(at) => &mut *held[at].1,
                Err(_) => undeclared_key(),
            },
            _ => undeclared_key(),
        };
        let ShardState { databases, changes, observers, waiting, .. } = state;
        let residents = databases[place].residents(access);
        let Database { table, with_deadline, with_field_deadlines, learner, .. } = &mut databases[place];
        match table.find_mut(key.hash, key.bytes) {
            Some(mut slot) if is_live(slot.get(), now_ms) => {
                self.counters.hits += 1;
                note_read(&mut slot.get_mut(), access, learner, residents);
                return Some(slot.into_ref());
            }
            Some(slot) => {
                // As in `remove_if_expired`, which would borrow the slot, too.
                slot.get().stamp().into_iter().for_each(|deadline| with_deadline.remove(deadline));
                *with_field_deadlines -= usize::from(Dues::of(slot.get()).field.is_some());
                *changes += 1;
                let entry = slot.remove();
                let change = Change::Remove;
                let effect = Effect { database: key.database, key: key.bytes, event: "expired", change };
                self.keyspace.tell(observers, &effect, NOBODY);
                self.keyspace.discard(entry);
                self.counters.expired += 1;
                if waiting.is_some() {
                    self.ready.push_back(Ready::of(key));
                }
                if self.keyspace.messages.followers.prefixes() > 0 {
                    self.changed_keys.insert(key.bytes.into());
                }
            }
            None => {}
        }
        self.counters.misses += 1;
        self.keyspace.messages.notify(key.database, key.bytes, "keymiss");
        None
    }

    /// Looks a key up without a trace: neither counted nor noted as an access.
    pub fn peek(&self, key: &Key<'_>) -> Option<RecordRef<'_>> {
        let place = self.keyspace.place(key.database);
        let shard = self.keyspace.shard_of(key.hash);
        let state = match &self.guards {
            Guards::One(held, state) if *held == shard => &**state,
            Guards::Many(held) => match held.binary_search_by_key(&shard, |(index, _)| *index) {
                Ok(at) => &*held[at].1,
                Err(_) => undeclared_key(),
            },
            _ => undeclared_key(),
        };
        let record = state.databases[place].table.find(key.hash, key.bytes);
        record.filter(|record| is_live(*record, self.now_ms))
    }

    /// Whether the key exists.
    pub fn contains(&self, key: &Key<'_>) -> bool {
        self.peek(key).is_some()
    }

    /// Notes an access as a read does, without looking at the value. Says whether the key exists.
    pub fn touch(&mut self, key: &Key<'_>) -> bool {
        self.read(key).is_some()
    }

    /// Gives all shards back while `run` goes on, and takes them again. Only for a command that holds all of them.
    pub(crate) fn while_unlocked<R>(&mut self, run: impl FnOnce() -> R) -> R {
        self.guards = Guards::Many(Vec::new());
        let result = run();
        loop {
            if let Ok(guards) = self.keyspace.lock_all() {
                self.guards = guards;
                return result;
            }
            // A script has run for too long; it ends, or is ended.
            std::thread::yield_now();
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn read_string(&mut self, key: &Key<'_>) -> Result<Option<StringRef<'_>>, CommandError> {
        self.read(key).map(|record| StringRef::of(record).ok_or(CommandError::WRONG_TYPE)).transpose()
    }

    /// Looks at a string that is about to be changed: not counted as a read.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn peek_string(&self, key: &Key<'_>) -> Result<Option<StringRef<'_>>, CommandError> {
        self.peek(key).map(|record| StringRef::of(record).ok_or(CommandError::WRONG_TYPE)).transpose()
    }

    /// Tells everybody about a change and counts it.
    #[inline]
    pub(super) fn append_effect(&mut self, key: &Key<'_>, event: &'static str, change: Change<'_>) {
        let (keyspace, origin) = (self.keyspace, self.client);
        let state = self.shard(key.hash);
        state.changes += 1;
        let effect = Effect { database: key.database, key: key.bytes, event, change };
        keyspace.tell(&mut state.observers, &effect, origin);
        self.remember_change(key);
    }

    /// Tells everybody about another event of the change that they were told of last.
    #[inline]
    pub fn append_event(&mut self, key: &Key<'_>, event: &'static str) {
        let (keyspace, origin) = (self.keyspace, self.client);
        let effect = Effect { database: key.database, key: key.bytes, event, change: Change::Event };
        keyspace.tell(&mut self.shard(key.hash).observers, &effect, origin);
        self.remember_change(key);
    }

    /// As [`Self::append_effect`] for a change that is the record as it now stands.
    #[inline]
    pub(super) fn append_put(&mut self, key: &Key<'_>, event: &'static str) {
        self.mark_ready(key);
        let (keyspace, origin) = (self.keyspace, self.client);
        let place = keyspace.place(key.database);
        let state = self.shard(key.hash);
        state.changes += 1;
        // Only the log looks at the record.
        let record = match keyspace.log() {
            Some(_) => state.databases[place].table.find(key.hash, key.bytes),
            None => None,
        };
        let change = record.map_or(Change::Part, Change::Put);
        let effect = Effect { database: key.database, key: key.bytes, event, change };
        keyspace.tell(&mut state.observers, &effect, origin);
        self.remember_change(key);
    }

    /// Publishes an event of a key that has not changed, or whose change is told of next.
    #[inline]
    pub(crate) fn notify(&self, key: &Key<'_>, event: &'static str) {
        self.keyspace.messages.notify(key.database, key.bytes, event);
    }

    /// Publishes that a value of one kind has taken the place of another one.
    #[inline]
    pub(super) fn notify_of_overwriting(&self, key: &Key<'_>, before: Kind, after: Kind) {
        if self.keyspace.messages.notifications().intersects(Classes::OVERWRITTEN | Classes::TYPE_CHANGED) {
            self.notify(key, "overwritten");
            if before.value_type() != after.value_type() {
                self.notify(key, "type_changed");
            }
        }
    }

    /// Has those told who follow prefixes, when the command is done.
    #[inline]
    fn remember_change(&mut self, key: &Key<'_>) {
        if self.keyspace.messages.followers.prefixes() > 0 {
            self.changed_keys.insert(key.bytes.into());
        }
    }

    /// Tells those who follow prefixes of the keys that have changed.
    #[inline]
    pub(crate) fn tell_by_prefix(&mut self) {
        if !self.changed_keys.is_empty() {
            let keys: Vec<Box<[u8]>> = std::mem::take(&mut self.changed_keys).into_iter().collect();
            self.keyspace.messages.followers.tell_by_prefix(&keys, self.client);
        }
    }

    /// Releases an entry, elsewhere if it is big.
    #[inline]
    pub(super) fn discard(&self, entry: Entry) {
        self.keyspace.discard(entry);
    }

    /// Removes a key. Says whether there was one.
    pub fn remove(&mut self, key: &Key<'_>, event: &'static str) -> bool {
        let now_ms = self.now_ms;
        match self.extract(key) {
            Some(entry) => {
                let live = is_live(entry.as_ref(), now_ms);
                let event = if live { event } else { "expired" };
                self.counters.expired += u64::from(!live);
                self.mark_ready(key);
                self.append_effect(key, event, Change::Remove);
                self.discard(entry);
                live
            }
            None => false,
        }
    }

    /// Gives back what the table of a key's database takes in its shard, if there are no keys.
    pub(super) fn release_if_empty(&mut self, key: &Key<'_>) {
        let place = self.keyspace.place(key.database);
        let ShardState { databases, snapshot, .. } = self.shard(key.hash);
        if snapshot.is_none() {
            databases[place].table.release_if_empty();
        }
    }

    /// Takes an entry out of its table, expired or not, without an effect.
    pub(super) fn extract(&mut self, key: &Key<'_>) -> Option<Entry> {
        let database = self.database(key);
        let entry = database.table.remove(key.hash, key.bytes)?;
        database.count_deadlines(Dues::of(entry.as_ref()), Dues::default());
        Some(entry)
    }
}

/// Whether the record's deadline, if any, lies ahead.
#[inline]
pub(super) fn is_live(record: RecordRef<'_>, now_ms: u64) -> bool {
    record.stamp().is_none_or(|deadline| deadline > now_ms)
}

#[cold]
#[inline(never)]
fn undeclared_key() -> ! {
    panic!("a handler reached for a key that its command's key specification does not name");
}
