//! Clients that wait for a key to get something: who they are, and serving them.
//!
//! Those who wait for a key stand in a queue that the key's shard keeps, so that the write that makes the key ready
//! finds them under the lock that it holds, and serves them before any other command can take what it added.
//!
//! One who waits for several keys is served by the first that has something, and one may move what it takes to
//! another key. Serving them needs the shards of those keys, too: the dispatcher lets a write that could serve such
//! a client hold them as well, see `Keyspace::widen`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;

use super::locked::{Guards, Keys};
use super::observers::NOBODY;
use super::patience::{Busy, OwnedKey, Postponed};
use super::{Key, Keyspace, ShardState};
use crate::access::{AccessPolicy, Tracking};
use crate::delivery::Signal;

/// One that waits for any of some keys.
pub trait Waiter: Send + Sync + Debug {
    /// The shards of all keys that serving it reaches, each once; none if that is only the shard of the key that it waits
    /// for.
    fn reaches(&self) -> &[usize];

    /// Whether it is also to be served when the key is gone.
    fn minds_absence(&self) -> bool;

    /// Takes what it waits for, if the key has it. Says whether it is done: it was served, or does not wait any more.
    fn serve(&self, keys: &mut Keys<'_>, key: &Key<'_>) -> bool;
}

type Queue = VecDeque<Arc<dyn Waiter>>;

/// The queues of a shard's keys.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_key: HashMap<(u32, Box<[u8]>), Queue>,
    /// The shards that those in the queues reach for, if for other keys, and how many of them do.
    reached: BTreeMap<usize, usize>,
    /// How many in the queues are also served when their key is gone.
    minding: usize,
}

impl Queues {
    fn add(&mut self, key: &Key<'_>, waiter: Arc<dyn Waiter>) {
        for shard in waiter.reaches() {
            *self.reached.entry(*shard).or_default() += 1;
        }
        self.minding += usize::from(waiter.minds_absence());
        self.by_key.entry((key.database, key.bytes.into())).or_default().push_back(waiter);
    }

    /// The one at `place` of the key's queue.
    fn get(&self, key: &Key<'_>, place: usize) -> Option<Arc<dyn Waiter>> {
        self.by_key.get(&(key.database, key.bytes.into()))?.get(place).cloned()
    }

    fn remove(&mut self, key: &Key<'_>, waiter: &Arc<dyn Waiter>) {
        let place = (key.database, key.bytes.into());
        let Some(queue) = self.by_key.get_mut(&place) else { return };
        let before = queue.len();
        queue.retain(|other| !Arc::ptr_eq(other, waiter));
        let removed = before - queue.len();
        for shard in waiter.reaches() {
            if let Entry::Occupied(mut count) = self.reached.entry(*shard) {
                *count.get_mut() -= removed;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        if waiter.minds_absence() {
            self.minding -= removed;
        }
        if queue.is_empty() {
            self.by_key.remove(&place);
        }
    }
}

impl ShardState {
    fn queues(&mut self) -> &mut Queues {
        self.waiting.get_or_insert_default()
    }

    /// The keys that somebody waits for who is also served when they are gone.
    pub(super) fn keys_minded(&self) -> Vec<(u32, Box<[u8]>)> {
        let queues = self.waiting.iter().filter(|queues| queues.minding > 0);
        queues.flat_map(|queues| queues.by_key.keys().cloned()).collect()
    }

    /// The shards that serving those who wait in this one reaches for.
    pub(super) fn shards_reached(&self) -> Vec<usize> {
        self.waiting.iter().flat_map(|queues| queues.reached.keys().copied()).collect()
    }

    fn forget_waiter(&mut self, key: &Key<'_>, waiter: &Arc<dyn Waiter>) {
        if let Some(queues) = &mut self.waiting {
            queues.remove(key, waiter);
            if queues.by_key.is_empty() {
                self.waiting = None;
            }
        }
    }
}

impl Keyspace {
    /// Takes one out of a key's queue that was served by another key, or gave up.
    pub fn forget_waiter(&self, key: &Key<'_>, waiter: &Arc<dyn Waiter>) {
        match self.lock(self.shard_of(key.hash)) {
            Ok(mut state) => state.forget_waiter(key, waiter),
            Err(Busy) => self.postpone(Postponed::ForgetWaiter(OwnedKey::of(key), waiter.clone())),
        }
    }

    /// Has those looked after who wait for these keys, some of which may have expired.
    pub(super) fn end_waits(&self, keys: Vec<(u32, Box<[u8]>)>, now_ms: u64) {
        let access = AccessPolicy {
            tracking: Tracking::LastUse,
            log_factor: 0,
            decay_minutes: 0,
            now_ms,
            silent: true,
        };
        for (database, bytes) in keys {
            let key = Key { bytes: &bytes, hash: self.hash(&bytes), database };
            let Ok(guards) = self.lock_one(key.hash).and_then(|guards| self.widen(guards)) else {
                self.postpone(Postponed::EndWaits(vec![(database, bytes.clone())], now_ms));
                continue;
            };
            let mut keys = Keys::new(self, guards, now_ms, access, NOBODY);
            if !keys.contains(&key) {
                keys.mark_ready(&key);
            }
            keys.end();
        }
    }

    /// Locks the shards, too, that serving those who wait in the locked shards may need. Locks are given back and
    /// taken again in their order, so the command must not have looked at anything yet.
    ///
    /// # Errors
    /// A script holds one that has run for too long.
    pub(crate) fn widen<'k>(&'k self, mut guards: Guards<'k>) -> Result<Guards<'k>, Busy> {
        loop {
            let held = guards.shards();
            let mut needed = held.clone();
            guards.for_each(|state| {
                needed.extend(state.shards_reached());
            });
            needed.sort_unstable();
            needed.dedup();
            if needed.len() == held.len() {
                return Ok(guards);
            }
            // A queue may have changed when all are locked: look again.
            drop(guards);
            guards = self.lock_ascending(needed.into_iter())?;
        }
    }
}

impl Guards<'_> {
    /// Whether serving those who wait in the locked shards may need other shards.
    #[inline]
    pub(crate) fn reach_further(&self) -> bool {
        let reaches =
            |state: &ShardState| state.waiting.as_ref().is_some_and(|queues| !queues.reached.is_empty());
        match self {
            Self::None => false,
            Self::One(_, state) => reaches(state),
            Self::Many(states) => states.iter().any(|(_, state)| reaches(state)),
        }
    }

    fn shards(&self) -> Vec<usize> {
        match self {
            Self::None => Vec::new(),
            Self::One(shard, _) => vec![*shard],
            Self::Many(states) => states.iter().map(|(shard, _)| *shard).collect(),
        }
    }

    fn for_each(&self, mut look: impl FnMut(&ShardState)) {
        match self {
            Self::None => {}
            Self::One(_, state) => look(state),
            Self::Many(states) => states.iter().for_each(|(_, state)| look(state)),
        }
    }
}

/// A key that may have what somebody waits for.
#[derive(Debug)]
pub(super) struct Ready {
    database: u32,
    bytes: Box<[u8]>,
    hash: u64,
}

impl Ready {
    pub(super) fn of(key: &Key<'_>) -> Self {
        Self { database: key.database, bytes: key.bytes.into(), hash: key.hash }
    }
}

impl Keys<'_> {
    /// How many keys are waited for.
    pub fn keys_waited_for(&self) -> usize {
        let of_shard = |shard| self.visit(shard).waiting.as_ref().map_or(0, |queues| queues.by_key.len());
        (0..self.keyspace.shards()).map(of_shard).sum()
    }

    /// Puts one at the end of the key's queue.
    pub fn wait_for(&mut self, key: &Key<'_>, waiter: Arc<dyn Waiter>) {
        self.shard(key.hash).queues().add(key, waiter);
    }

    /// Has those who wait for the key looked after when the command is done.
    #[inline]
    pub fn mark_ready(&mut self, key: &Key<'_>) {
        if self.shard(key.hash).waiting.is_some() {
            self.ready.push_back(Ready::of(key));
        }
    }

    /// Has all looked after who wait for keys of a database. The command holds all shards.
    pub(super) fn mark_database_ready(&mut self, database: u32) {
        let keyspace = self.keyspace;
        let mut ready = std::mem::take(&mut self.ready);
        for state in self.all_shards() {
            let keys = state.waiting.iter().flat_map(|queues| queues.by_key.keys());
            for (_, bytes) in keys.filter(|(number, _)| *number == database) {
                ready.push_back(Ready { database, bytes: bytes.clone(), hash: keyspace.hash(bytes) });
            }
        }
        self.ready = ready;
    }

    /// What is left to do when a command, or a transaction, has run: serves those who wait for keys, and tells those who
    /// follow prefixes.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.serve_waiters();
        self.tell_by_prefix();
        if let Some(log) = self.keyspace.log() {
            log.end_command();
        }
        // Not before: their replies are to wait until what they took is on the disk.
        for (client, mailbox) in self.served.drain(..) {
            mailbox.post(client, Signal::Served);
        }
    }

    /// Serves those who wait for keys that the command made ready, first come first served. What they do may make
    /// further keys ready.
    #[inline]
    fn serve_waiters(&mut self) {
        while let Some(Ready { database, bytes, hash }) = self.ready.pop_front() {
            self.serve_queue(&Key { bytes: &bytes, hash, database });
        }
    }

    #[cold]
    fn serve_queue(&mut self, key: &Key<'_>) {
        let mut place = 0;
        loop {
            let is_there = self.contains(key);
            let queues = self.shard(key.hash).waiting.as_ref();
            let queues = queues.filter(|queues| is_there || queues.minding > 0);
            let Some(waiter) = queues.and_then(|queues| queues.get(key, place)) else { return };
            if waiter.serve(self, key) {
                self.shard(key.hash).forget_waiter(key, &waiter);
            } else {
                place += 1;
            }
        }
    }
}
