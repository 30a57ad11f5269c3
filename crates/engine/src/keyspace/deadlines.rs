//! Deadlines of keys and of hashes' fields: set, cleared, and met.
//!
//! Each database's part in a shard has an index by deadline. Its items name a fragment of a key's hash,
//! not the key, and are never looked for: when the time of an item comes, the entries with that fragment
//! are looked at. An entry with a deadline always has an item at that deadline, or carries a mark and has
//! an item at an earlier time; so a deadline that moves further away, the usual case, costs nothing, and
//! the item is filed again when its time comes. Items whose key went away are dropped then too, or by a
//! sweep when they become more than the living.
//!
//! A hash whose fields have deadlines is due at the earliest of these and of its own: it has its place in the index by
//! that, and its fields are removed one after another when the time comes.

use std::ops::Range;
use std::sync::atomic::Ordering;

use nuthatch_collections::collection::Collection;
use nuthatch_collections::deadlines::Deadlines;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::Element;
use nuthatch_collections::table::{Occupied, Pin, Prefetcher, pin};

use super::locked::{Keys, is_live};
use super::observers::{NOBODY, Observers};
use super::{Database, Key, KeyHash, Keyspace, ShardState};
use crate::effect::{Change, Effect};
use crate::value::hash::{HashRef, PackedHash};
use crate::value::{Kind, Type};

/// Items looked at under one hold of a shard's lock.
const STEP: usize = 64;

/// An index with no more items than this is not swept.
const SWEEP_ITEMS_MIN: usize = 128;

/// One database's index by deadline in one shard.
#[derive(Default)]
pub struct DeadlineIndex {
    items: Deadlines,
    /// Whether a sweep is under way.
    sweeping: bool,
    /// How many items more than there were keys and hashes with deadlines the last sweep left: the next begins when
    /// there are twice as many more, so that items that are all needed are not looked at over and over.
    surplus: usize,
    /// Items of hashes of which more fields are due than could be removed at once.
    overdue: Vec<u32>,
    /// Whether nothing had a deadline when it was last looked at.
    was_unused: bool,
}

impl DeadlineIndex {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.overdue.is_empty()
    }

    /// Gives back what it takes if it is not needed, because nothing has a deadline, and was not the last time, either.
    pub(super) fn release_if_unused(&mut self, with_deadline: usize) {
        let is_unused = with_deadline == 0;
        if std::mem::replace(&mut self.was_unused, is_unused) && is_unused && self.memory_bytes() > 0 {
            *self = Self { was_unused: true, ..Self::default() };
        }
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.items.memory_bytes()
    }

    /// Files an item for something that is due at this time.
    pub(super) fn file(&mut self, item: u32, due_ms: u64, now_ms: u64) {
        self.items.insert(item, due_ms, now_ms);
    }

    /// The fragment of an item by chance, which may be stale.
    pub(super) fn sample(&self) -> Option<u32> {
        self.items.sample(&mut || fastrand::u64(..))
    }

    /// Whether there are too many items for so many keys and hashes with deadlines.
    fn needs_sweep(&mut self, with_deadline: usize) -> bool {
        self.surplus = self.surplus.min(self.items.len().saturating_sub(with_deadline));
        self.sweeping || self.items.len() > SWEEP_ITEMS_MIN + 2 * (with_deadline + self.surplus)
    }

    /// Goes on with a sweep, or begins one. Says whether it has more to do.
    fn sweep(&mut self, with_deadline: usize, is_needed: &mut dyn FnMut(u32, Range<u64>) -> bool) -> bool {
        self.sweeping = !self.items.sweep(STEP, is_needed);
        if !self.sweeping {
            self.surplus = self.items.len().saturating_sub(with_deadline);
        }
        self.sweeping
    }
}

/// When something of a record is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dues {
    /// The key's deadline.
    pub key: Option<u64>,
    /// The earliest deadline of a field.
    pub field: Option<u64>,
}

impl Dues {
    /// Those of a record.
    #[inline]
    pub(super) fn of(record: RecordRef<'_>) -> Self {
        let has_fields = record.kind() >= Kind::HashPackedDeadlines as u8
            && Kind::of(record.kind()).value_type() == Type::Hash;
        let field = if has_fields { HashRef::of(record).earliest_deadline() } else { None };
        Self { key: record.stamp(), field }
    }

    /// The first of them.
    #[inline]
    pub(super) fn earliest(self) -> Option<u64> {
        match (self.key, self.field) {
            (Some(key), Some(field)) => Some(key.min(field)),
            (key, field) => key.or(field),
        }
    }
}

impl Database {
    /// Counts a record whose deadlines went from `before` to `after`.
    #[inline]
    pub(super) fn count_deadlines(&mut self, before: Dues, after: Dues) {
        after.key.into_iter().for_each(|deadline| self.with_deadline.add(deadline));
        before.key.into_iter().for_each(|deadline| self.with_deadline.remove(deadline));
        self.with_field_deadlines += usize::from(after.field.is_some());
        self.with_field_deadlines -= usize::from(before.field.is_some());
    }
}

pub(super) fn fragment(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Keys<'_> {
    /// Brings the index up to date after a record's deadlines went from `before` to `after`.
    pub(super) fn index_deadline(&mut self, key: &Key<'_>, before: Dues, after: Dues) {
        // The moment by which the command judges may be another one: see [`Engine::replay`](crate::Engine).
        let now_ms = self.access.now_ms;
        let database = self.database(key);
        database.count_deadlines(before, after);
        let (before, after) = (before.earliest(), after.earliest());
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

    /// The deadline of a key that is about to be changed: `None` if there is no such key, `Some(None)` if it has no
    /// deadline.
    pub fn deadline(&mut self, key: &Key<'_>) -> Option<Option<u64>> {
        let deadline = self.peek(key).map(|record| record.stamp());
        if deadline.is_none() {
            self.remove_if_expired(key);
        }
        deadline
    }

    /// Gives a key another deadline or none. Says whether there is such a key.
    pub fn set_deadline(&mut self, key: &Key<'_>, deadline: Option<u64>, event: &'static str) -> bool {
        let now_ms = self.now_ms;
        let Some(mut slot) = self.database(key).table.find_mut(key.hash, key.bytes) else { return false };
        if !is_live(slot.get(), now_ms) {
            return false;
        }
        let before = Dues::of(slot.get());
        match deadline {
            Some(deadline) if slot.get_mut().set_stamp(deadline) => {}
            _ => slot.with_stamp(deadline),
        }
        self.index_deadline(key, before, Dues { key: deadline, ..before });
        self.append_effect(key, event, Change::Deadline(deadline));
        true
    }

    /// Removes the key if its deadline has passed but the index has not come to it yet. A command that changes other keys
    /// by what this one holds does so first, so that it finds the same when it is run again at another time.
    pub fn remove_if_expired(&mut self, key: &Key<'_>) {
        let now_ms = self.now_ms;
        let database = self.database(key);
        if database.with_deadline.keys > 0
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
    Dues::of(record).earliest().is_some_and(|due| due < covered.end || record.mark())
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
    /// Keys removed because of their own deadlines.
    pub expired: u64,
    /// Fields removed from hashes.
    pub expired_fields: u64,
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
        let Ok(mut state) = self.lock(shard) else { return progress };
        for number in 0..self.databases() {
            let place = self.place(number);
            let ShardState { databases, observers, snapshot, .. } = &mut *state;
            let database = &mut databases[place];
            database.learner.follow(self.era_of_use());
            if snapshot.is_none() {
                database.release_if_unused();
            }
            if database.deadlines.is_empty() {
                continue;
            }
            let prefetcher = &self.shards[shard].prefetchers[place];
            let mut expiry =
                Expiry { keyspace: self, number, now_ms, prefetcher, progress, fields_left: STEP, observers };
            expiry.step(&pin, database);
            let done = expiry.progress;
            state.changes += done.expired - progress.expired + done.expired_fields - progress.expired_fields;
            progress = done;
        }
        if let Some(log) = self.log() {
            log.end_command();
        }
        let minded = if progress.expired > 0 { state.keys_minded() } else { Vec::new() };
        drop(state);
        self.end_waits(minded, now_ms);
        progress
    }
}

/// Expiry in one database's part of a shard.
struct Expiry<'k> {
    keyspace: &'k Keyspace,
    observers: &'k mut Option<Box<Observers>>,
    /// The database's number, as clients know it.
    number: u32,
    now_ms: u64,
    prefetcher: &'k Prefetcher,
    progress: ExpiryProgress,
    /// How many fields may still be removed.
    fields_left: usize,
}

impl Expiry<'_> {
    /// Looks at up to [`STEP`] items.
    fn step(&mut self, pin: &Pin, database: &mut Database) {
        for item in std::mem::take(&mut database.deadlines.overdue) {
            self.visit(database, item, &(0..u64::MAX));
        }
        if self.fields_left == 0 {
            self.progress.more_due = true;
            return;
        }
        let mut due: Vec<(u32, Range<u64>)> = Vec::with_capacity(STEP);
        let advanced = database.deadlines.items.advance(self.now_ms, STEP, &mut |fragment, covered| {
            due.push((fragment, covered));
            None
        });
        self.progress.more_due |= advanced.more_due;
        // Nearly every item leads to buckets and a record that are in no cache: all are asked for first.
        let asking: [fn(&Prefetcher, &Pin, u64); 3] =
            [Prefetcher::bucket, Prefetcher::overflow, Prefetcher::entries];
        for ask in asking {
            due.iter().for_each(|(fragment, _)| ask(self.prefetcher, pin, u64::from(*fragment) << 32));
        }
        for (fragment, covered) in due {
            self.visit(database, fragment, &covered);
        }
        let items_max = database.with_deadline.keys + database.with_field_deadlines;
        let Database { table, deadlines, .. } = database;
        if deadlines.needs_sweep(items_max) {
            self.progress.more_due |= deadlines.sweep(items_max, &mut |item, covered| {
                let mut needed = false;
                table.visit_fragment(item, &mut |slot| needed |= needs_item(slot.get(), &covered));
                needed
            });
        }
    }

    /// Removes what is due of the entries of an item, and files it again if something is still to come.
    fn visit(&mut self, database: &mut Database, item: u32, covered: &Range<u64>) {
        let Database { table, deadlines, with_deadline, with_field_deadlines, .. } = database;
        let mut next = Refiling::default();
        table.visit_fragment(item, &mut |mut slot| {
            let dues = Dues::of(slot.get());
            let Some(mut due) = dues.earliest() else { return };
            let is_over = dues.key.is_some_and(|deadline| deadline <= self.now_ms);
            let mut is_refiled = needs_item(slot.get(), covered);
            if !is_over && due <= self.now_ms {
                let is_emptied = self.expire_fields(&mut slot);
                let left = Dues::of(slot.get());
                if is_emptied || left.field.is_none() {
                    *with_field_deadlines -= 1;
                }
                if is_emptied {
                    dues.key.into_iter().for_each(|deadline| with_deadline.remove(deadline));
                    self.keyspace.discard(slot.remove());
                    return;
                }
                match left.earliest() {
                    Some(left) => due = left,
                    None => return slot.get_mut().set_mark(false),
                }
                // Its present item may be another one, at the time at which it was due until now.
                is_refiled = true;
            }
            if is_over {
                dues.key.into_iter().for_each(|deadline| with_deadline.remove(deadline));
                *with_field_deadlines -= usize::from(dues.field.is_some());
                self.progress.expired += 1;
                let entry = slot.remove();
                self.append(entry.as_ref().key(), "expired", Change::Remove);
                self.keyspace.discard(entry);
            } else if is_refiled {
                slot.get_mut().set_mark(false);
                next.add(due);
            }
        });
        if next.entries > 1 {
            // Different keys with the same fragment share the item of the earliest: the others are late.
            table.visit_fragment(item, &mut |mut slot| slot.get_mut().set_mark(true));
        }
        match next.earliest {
            // The index would come back to it only after its present slot.
            Some(deadline) if deadline <= self.now_ms => {
                self.progress.more_due = true;
                deadlines.overdue.push(item);
            }
            Some(deadline) => deadlines.items.insert(item, deadline, self.now_ms),
            None => {}
        }
    }

    /// Removes fields of a hash that are due, as many as may still be removed. Says whether none is left.
    fn expire_fields(&mut self, slot: &mut Occupied<'_, KeyHash>) -> bool {
        let mut request = Vec::new();
        let is_logged = self.keyspace.log().is_some();
        let mut expired = 0;
        let mut note = |field: Element<'_>| {
            expired += 1;
            if is_logged {
                request.push(field.to_cow().into_owned());
            }
        };
        if let Some(Collection::Hash(map)) = slot.collection_mut() {
            map.expire(self.now_ms, self.fields_left, &mut note);
        } else {
            let bytes = slot.get().payload().bytes().unwrap_or_default();
            let end = bytes.len();
            let left = PackedHash::new(bytes, true).without_expired(self.now_ms, self.fields_left, &mut note);
            slot.splice(Kind::HashPackedDeadlines as u8, 0..end, &left);
        }
        self.fields_left -= expired;
        self.progress.expired_fields += expired as u64;
        let is_emptied = HashRef::of(slot.get()).is_empty();
        if expired > 0 {
            let key = slot.get().key();
            self.append(key, "hexpired", Change::Part);
            if is_emptied {
                self.append(key, "del", Change::Part);
            }
            if let Some(log) = self.keyspace.log() {
                request.splice(0..0, [b"HDEL".to_vec(), key.to_vec()]);
                let change = Change::Equivalent(&request);
                log.append(&Effect { database: self.number, key: &[], event: "", change });
            }
        }
        is_emptied
    }

    fn append(&mut self, key: &[u8], event: &'static str, change: Change<'_>) {
        let effect = Effect { database: self.number, key, event, change };
        self.keyspace.tell(self.observers, &effect, NOBODY);
        let followers = &self.keyspace.messages.followers;
        if followers.prefixes() > 0 {
            followers.tell_by_prefix(&[key], NOBODY);
        }
    }
}
