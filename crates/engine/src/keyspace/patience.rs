//! Waiting for shards: how long, and what is done instead while scripts run for too long.
//!
//! Locks are held for microseconds, but for those that a script holds while it runs. Once it has run for
//! `busy-reply-threshold` nobody waits for it any more: commands answer that the server is busy, and what must be done
//! nevertheless is done when the script has ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::MutexGuard;

use super::locked::{Guards, Keys};
use super::waiting::Waiter;
use super::{Key, Keyspace, ShardState};
use crate::watch::Watch;

/// A shard is held by a script that has run for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// How long a lock is waited for before it is looked at whether scripts run for too long.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long a lock is waited for, by one who holds others, before it is looked at whether a script needs those.
const PATIENCE_WHILE_HOLDING: Duration = Duration::from_micros(50);

/// What is done when no script runs for too long any more.
#[derive(Debug)]
pub(super) enum Postponed {
    /// To end a client's watching of a key.
    Unwatch(OwnedKey, Arc<Watch>),
    /// To take one out of the queue of a key.
    ForgetWaiter(OwnedKey, Arc<dyn Waiter>),
    /// To look after those who wait for keys that have expired.
    EndWaits(Vec<(u32, Box<[u8]>)>, u64),
}

/// A key that is kept.
#[derive(Debug)]
pub(super) struct OwnedKey {
    bytes: Box<[u8]>,
    hash: u64,
    database: u32,
}

impl OwnedKey {
    pub(super) fn of(key: &Key<'_>) -> Self {
        Self { bytes: key.bytes.into(), hash: key.hash, database: key.database }
    }

    fn key(&self) -> Key<'_> {
        Key { bytes: &self.bytes, hash: self.hash, database: self.database }
    }
}

impl Keyspace {
    /// Whether scripts run that have run for too long.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// Has nobody wait for the shards that a script holds, because it runs for too long.
    pub(crate) fn begin_busy(&self) {
        self.busy.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives shards back to nobody, who are told that the server is busy from now on: it ends.
    pub(crate) fn close(&self, keys: Keys<'_>) {
        self.begin_busy();
        std::mem::forget(keys);
    }

    /// The script has ended, and holds nothing any more.
    pub(crate) fn end_busy(&self) {
        if self.busy.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        for postponed in std::mem::take(&mut *self.postponed.lock()) {
            match postponed {
                Postponed::Unwatch(key, watch) => self.unwatch(&key.key(), &watch),
                Postponed::ForgetWaiter(key, waiter) => self.forget_waiter(&key.key(), &waiter),
                Postponed::EndWaits(keys, now_ms) => self.end_waits(keys, now_ms),
            }
        }
    }

    pub(super) fn postpone(&self, postponed: Postponed) {
        self.postponed.lock().push(postponed);
    }

    /// Locks a shard.
    ///
    /// # Errors
    /// A script holds it that has run for too long.
    #[inline]
    pub(super) fn lock(&self, shard: usize) -> Result<MutexGuard<'_, ShardState>, Busy> {
        self.shards[shard].state.try_lock().map_or_else(|| self.lock_patiently(shard), Ok)
    }

    #[cold]
    fn lock_patiently(&self, shard: usize) -> Result<MutexGuard<'_, ShardState>, Busy> {
        loop {
            if let Some(state) = self.shards[shard].state.try_lock_for(PATIENCE) {
                return Ok(state);
            }
            if self.is_busy() {
                return Err(Busy);
            }
        }
    }

    /// Locks shards that are given in ascending order.
    ///
    /// # Errors
    /// A script holds one that has run for too long.
    pub(super) fn lock_ascending(
        &self,
        shards: impl Iterator<Item = usize> + Clone,
    ) -> Result<Guards<'_>, Busy> {
        let mut guards: Vec<(usize, MutexGuard<'_, ShardState>)> = Vec::new();
        let mut rest = shards.clone();
        while let Some(shard) = rest.next() {
            debug_assert!(guards.last().is_none_or(|(last, _)| *last < shard), "shards are locked ascending");
            let state =
                if guards.is_empty() { Some(self.lock(shard)?) } else { self.lock_while_holding(shard)? };
            match state {
                Some(state) => guards.push((shard, state)),
                None => {
                    guards.clear();
                    rest = shards.clone();
                }
            }
        }
        Ok(Guards::Many(guards))
    }

    /// Locks a shard for one who holds others, or does not because those are needed by another who holds this one.
    fn lock_while_holding(&self, shard: usize) -> Result<Option<MutexGuard<'_, ShardState>>, Busy> {
        let state = &self.shards[shard].state;
        if let Some(state) = state.try_lock() {
            return Ok(Some(state));
        }
        loop {
            if let Some(state) = state.try_lock_for(PATIENCE_WHILE_HOLDING) {
                return Ok(Some(state));
            }
            if self.is_busy() {
                return Err(Busy);
            }
            if self.out_of_order.load(Ordering::SeqCst) {
                return Ok(None);
            }
        }
    }

    /// Locks a shard for one who holds others, in whatever order, or gives up after a while.
    ///
    /// Only one at a time may do so: the script that holds `Scripts::stray`. All who wait for a lock while they hold
    /// others, do so in [`Self::lock_ascending`], and give them back when they see that somebody locks out of order.
    pub(super) fn lock_out_of_order(&self, shard: usize) -> Option<MutexGuard<'_, ShardState>> {
        let state = &self.shards[shard].state;
        if let Some(state) = state.try_lock() {
            return Some(state);
        }
        self.out_of_order.store(true, Ordering::SeqCst);
        let state = state.try_lock_for(PATIENCE);
        self.out_of_order.store(false, Ordering::SeqCst);
        state
    }
}
