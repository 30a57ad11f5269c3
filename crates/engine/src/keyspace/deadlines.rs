//! Deadlines of keys: set, cleared, and met.
//!
//! Each database's part in a shard has an index by deadline. Its items name a fragment of a key's hash,
//! not the key, and are never looked for: when the time of an item comes, the entries with that fragment
//! are looked at. An entry with a deadline always has an item at that deadline, or carries a mark and has
//! an item at an earlier time; so a deadline that moves further away, the usual case, costs nothing, and
//! the item is filed again when its time comes. Items whose key went away are dropped then too, or by a
//! sweep when they become more than the living.

use std::ops::Range;
use std::sync::atomic::Ordering;

use nuthatch_collections::deadlines::Deadlines;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::table::{Pin, Prefetcher, pin};

use super::locked::{Keys, is_live};
use super::{Database, Key, Keyspace};
use crate::effect::{Change, Effect};

/// Items looked at under one hold of a shard's lock.
const STEP: usize = 64;

/// An index with no more items than this is not swept.
const SWEEP_ITEMS_MIN: usize = 65_536;

/// One database's index by deadline in one shard.
#[derive(Default)]
pub struct DeadlineIndex {
    items: Deadlines,
    /// Whether a sweep is under way.
    sweeping: bool,
    /// How many items the last sweep left: the next begins when there are twice as many, so that items that
    /// are all needed are not looked at over and over.
    swept_items: usize,
}

impl DeadlineIndex {
    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.items.memory_bytes()
    }

    fn needs_sweep(&self, with_deadline: usize) -> bool {
        self.sweeping || self.items.len() > SWEEP_ITEMS_MIN.max(2 * with_deadline).max(2 * self.swept_items)
    }

    /// Goes on with a sweep, or begins one. Says whether it has more to do.
    fn sweep(&mut self, is_needed: &mut dyn FnMut(u32, Range<u64>) -> bool) -> bool {
        self.sweeping = !self.items.sweep(STEP, is_needed);
        if !self.sweeping {
            self.swept_items = self.items.len();
        }
        self.sweeping
    }
}

pub(super) fn fragment(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Keys<'_> {
    /// Brings the index up to date after a record's deadline went from `before` to `after`.
    pub(super) fn index_deadline(&mut self, key: &Key<'_>, before: Option<u64>, after: Option<u64>) {
        let now_ms = self.now_ms;
        let database = self.database(key);
        database.with_deadline += usize::from(after.is_some());
        database.with_deadline -= usize::from(before.is_some());
        let Some(deadline) = after else { return };
        let has_item_before = before.is_some_and(|before| before <= deadline);
        if before == after {
            return;
        }
        if let Some(mut slot) = database.table.find_mut(key.hash, key.bytes) {
            slot.get_mut().set_mark(has_item_before);
        }
        if !has_item_before {
            database.deadlines.items.insert(fragment(key.hash), deadline, now_ms);
        }
    }

    /// The deadline of a key: `None` if there is no such key, `Some(None)` if it has no deadline.
    pub fn deadline(&mut self, key: &Key<'_>) -> Option<Option<u64>> {
        self.peek(key).map(|record| record.stamp())
    }

    /// Gives a key another deadline or none. Says whether there is such a key.
    pub fn set_deadline(&mut self, key: &Key<'_>, deadline: Option<u64>, event: &'static str) -> bool {
        let now_ms = self.now_ms;
        let Some(mut slot) = self.database(key).table.find_mut(key.hash, key.bytes) else { return false };
        if !is_live(slot.get(), now_ms) {
            return false;
        }
        let before = slot.get().stamp();
        match deadline {
            Some(deadline) if slot.get_mut().set_stamp(deadline) => {}
            _ => slot.with_stamp(deadline),
        }
        self.index_deadline(key, before, deadline);
        self.append_effect(key, event, Change::Deadline(deadline));
        true
    }

    /// Removes the key if its deadline has passed but the index has not come to it yet.
    pub(super) fn remove_if_expired(&mut self, key: &Key<'_>) {
        let now_ms = self.now_ms;
        let database = self.database(key);
        if database.with_deadline > 0
            && database.table.find(key.hash, key.bytes).is_some_and(|record| !is_live(record, now_ms))
        {
            self.remove(key, "expired");
        }
    }
}

/// Whether a record may depend on an item that covers these deadlines.
///
/// An earlier deadline counts too: a command that began before the index moved on files its item in the
/// slot that is current, not in the past one.
fn needs_item(record: RecordRef<'_>, covered: &Range<u64>) -> bool {
    record.stamp().is_some_and(|deadline| deadline < covered.end || record.mark())
}

/// When an item's entries are due, if they still are to come.
#[derive(Debug, Default)]
struct Refiling {
    entries: usize,
    earliest: Option<u64>,
}

impl Refiling {
    fn add(&mut self, deadline: u64) {
        self.entries += 1;
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
    }
}

/// What one step of expiry did.
#[derive(Debug, Default, Clone, Copy)]
pub struct ExpiryProgress {
    /// Keys removed.
    pub expired: u64,
    /// Whether more is due already.
    pub more_due: bool,
}

impl Keyspace {
    /// Lets [`expire_step`](Self::expire_step) remove keys, or not: DEBUG SET-ACTIVE-EXPIRE.
    pub fn set_active_expiry(&self, active: bool) {
        self.active_expiry.store(active, Ordering::Relaxed);
    }

    /// Removes a bounded number of keys of one shard whose deadlines have passed at `now_ms`.
    pub fn expire_step(&self, shard: usize, now_ms: u64) -> ExpiryProgress {
        let mut progress = ExpiryProgress::default();
        if !self.active_expiry.load(Ordering::Relaxed) {
            return progress;
        }
        let pin = pin();
        let mut state = self.lock(shard);
        for number in 0..self.databases() {
            let place = self.place(number);
            let database = &mut state.databases[place];
            if database.deadlines.items.is_empty() {
                continue;
            }
            let expired =
                Expiry { keyspace: self, number, now_ms, prefetcher: &self.shards[shard].prefetchers[place] }
                    .step(&pin, database, &mut progress.more_due);
            state.changes += expired;
            progress.expired += expired;
        }
        progress
    }
}

/// Expiry in one database's part of a shard.
struct Expiry<'k> {
    keyspace: &'k Keyspace,
    /// The database's number, as clients know it.
    number: u32,
    now_ms: u64,
    prefetcher: &'k Prefetcher,
}

impl Expiry<'_> {
    /// Looks at up to [`STEP`] items. Returns how many keys were removed.
    fn step(&self, pin: &Pin, database: &mut Database, more_due: &mut bool) -> u64 {
        // Nearly every item leads to a bucket and a record that are in no cache: all are asked for first.
        let any_hash = |fragment: u32| u64::from(fragment) << 32;
        let mut due: Vec<(u32, Range<u64>)> = Vec::new();
        let progress = database.deadlines.items.advance(self.now_ms, STEP, &mut |fragment, covered| {
            self.prefetcher.bucket(pin, any_hash(fragment));
            due.push((fragment, covered));
            None
        });
        *more_due |= progress.more_due;
        for (fragment, _) in &due {
            self.prefetcher.entry(pin, any_hash(*fragment));
        }
        let expired =
            due.into_iter().map(|(fragment, covered)| self.visit(database, fragment, &covered)).sum();
        let Database { table, deadlines, with_deadline } = database;
        if deadlines.needs_sweep(*with_deadline) {
            *more_due |= deadlines.sweep(&mut |item, covered| {
                let mut needed = false;
                table.visit_fragment(item, &mut |slot| needed |= needs_item(slot.get(), &covered));
                needed
            });
        }
        expired
    }

    /// Removes the entries of an item that are due, and files it again if others are still to come.
    fn visit(&self, database: &mut Database, item: u32, covered: &Range<u64>) -> u64 {
        let Database { table, deadlines, with_deadline } = database;
        let mut next = Refiling::default();
        let mut expired = 0;
        table.visit_fragment(item, &mut |mut slot| {
            let Some(deadline) = slot.get().stamp() else { return };
            if deadline <= self.now_ms {
                let entry = slot.remove();
                *with_deadline -= 1;
                expired += 1;
                if let Some(log) = &self.keyspace.log {
                    let (key, event) = (entry.as_ref().key(), "expired");
                    log.append(&Effect { database: self.number, key, event, change: Change::Remove });
                }
                self.keyspace.discard(entry);
            } else if needs_item(slot.get(), covered) {
                slot.get_mut().set_mark(false);
                next.add(deadline);
            }
        });
        if next.entries > 1 {
            // Different keys with the same fragment share the item of the earliest: the others are late.
            table.visit_fragment(item, &mut |mut slot| slot.get_mut().set_mark(true));
        }
        if let Some(deadline) = next.earliest {
            deadlines.items.insert(item, deadline, self.now_ms);
        }
        expired
    }
}
