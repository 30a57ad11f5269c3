//! Values of many elements: how commands reach, change, replace and remove them.
//!
//! A small collection is one byte string in its record, which [`Slot::splice`] edits; a big one is a
//! [`Collection`]. What an edit means is the business of the types in [`crate::value`].
//!
//! Changes of collections are told to the log in two steps: [`Keys::note`] for each key that changed, and the
//! request as a whole, or what is equivalent to it, when the command is done. Whatever the request looks at must be the
//! same whenever it is run again: what has expired by now is removed, and told of, before.

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Entry, NewPayload, Payload, RecordRef};
use nuthatch_collections::table::Occupied;
use std::ops::Range;

use super::deadlines::Dues;
use super::eviction::adaptive::{note_creation, note_overwriting, note_use};
use super::locked::{Keys, is_live};
use super::strings::NewDeadline;
use super::{Database, Key, KeyHash, Keyspace};
use crate::arguments::Arguments;
use crate::effect::{Change, Effect};
use crate::error::CommandError;
use crate::value::{Kind, Type};

/// A key's record, for changing its value.
pub struct Slot<'a> {
    occupied: Occupied<'a, KeyHash>,
    keyspace: &'a Keyspace,
}

impl<'a> Slot<'a> {
    /// The type and encoding.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::of(self.occupied.get().kind())
    }

    /// The record as it is.
    #[inline]
    pub fn record(&self) -> RecordRef<'_> {
        self.occupied.get()
    }

    /// The bytes of a packed value; none of another.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.occupied.get().payload().bytes().unwrap_or_default()
    }

    /// Replaces `range` of a packed value's bytes by `with`; the value is of this kind then.
    ///
    /// # Panics
    /// If the value is not packed, or the range is not within its bytes.
    pub fn splice(&mut self, kind: Kind, range: Range<usize>, with: &[u8]) {
        self.occupied.splice(kind as u8, range, with);
    }

    /// The value, if it is a collection.
    pub fn collection_mut(&mut self) -> Option<&mut Collection> {
        self.occupied.collection_mut()
    }

    /// The value, if it is a collection, for as long as the keys are borrowed.
    pub fn into_collection_mut(self) -> Option<&'a mut Collection> {
        self.occupied.into_mut().into_collection_mut()
    }

    /// Gives the key another value; its deadline stays.
    pub fn replace(&mut self, kind: Kind, payload: NewPayload<'_>) {
        if let Some(old) = self.occupied.with_payload(kind as u8, payload) {
            self.keyspace.discard(old);
        }
    }
}

/// Whether the record's value has this type.
#[inline]
fn check_type(record: RecordRef<'_>, wanted: Type) -> Result<RecordRef<'_>, CommandError> {
    if Kind::of(record.kind()).value_type() == wanted { Ok(record) } else { Err(CommandError::WRONG_TYPE) }
}

impl<'k> Keys<'k> {
    /// Looks a key up for a command that reads its value: counts a hit or a miss and notes the access.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn read_as(&mut self, key: &Key<'_>, wanted: Type) -> Result<Option<RecordRef<'_>>, CommandError> {
        self.read(key).map(|record| check_type(record, wanted)).transpose()
    }

    /// Looks a key up without a trace, for one that was read before or is about to be changed. Several keys can be
    /// looked at side by side.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn peek_as(&self, key: &Key<'_>, wanted: Type) -> Result<Option<RecordRef<'_>>, CommandError> {
        self.peek(key).map(|record| check_type(record, wanted)).transpose()
    }

    /// If elements of the key's value are searched by their hashes, asks for the memory of the one that is needed soon,
    /// and for what tells where that of the one that is needed later is.
    #[inline]
    pub fn prefetch_elements(&self, key: &Key<'_>, soon: Option<u64>, later: Option<u64>) {
        let Some(Payload::Collection(collection)) = self.peek(key).map(|record| record.payload()) else {
            return;
        };
        if let Some(table) = collection.table() {
            soon.into_iter().for_each(|hash| table.prefetch(hash));
            later.into_iter().for_each(|hash| table.prefetch_place(hash));
        }
    }

    /// Looks a key up for a command that changes its value. A key past its deadline is removed.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn change_as(&mut self, key: &Key<'_>, wanted: Type) -> Result<Option<Slot<'_>>, CommandError> {
        self.remove_if_expired(key);
        let (keyspace, access) = (self.keyspace, self.access);
        let database = self.database(key);
        let residents = database.residents(access);
        let Database { table, learner, .. } = database;
        let Some(mut occupied) = table.find_mut(key.hash, key.bytes) else {
            return Ok(None);
        };
        check_type(occupied.get(), wanted)?;
        note_use(&mut occupied.get_mut(), access, learner, residents);
        Ok(Some(Slot { occupied, keyspace }))
    }

    /// Gives a key a value, whether or not it has one of any type. Nobody is told: see [`Self::note`].
    pub fn put(&mut self, key: &Key<'_>, kind: Kind, payload: NewPayload<'_>, deadline: NewDeadline) {
        let (now_ms, access) = (self.now_ms, self.access);
        let database = self.database(key);
        let residents = database.residents(access);
        let Database { table, learner, .. } = database;
        let mut is_new = false;
        let mut overwritten = None;
        let (before, after, replaced) = match table.find_mut(key.hash, key.bytes) {
            Some(mut slot) => {
                let before = Dues::of(slot.get());
                if is_live(slot.get(), now_ms) {
                    overwritten = Some(Kind::of(slot.get().kind()));
                }
                let after = match deadline {
                    NewDeadline::Keep => before.key.filter(|deadline| *deadline > now_ms),
                    NewDeadline::Clear => None,
                    NewDeadline::At(deadline) => Some(deadline),
                };
                let in_place =
                    before.key.is_some() == after.is_some() && slot.get_mut().overwrite(kind as u8, &payload);
                let mut replaced = None;
                if in_place {
                    if let Some(deadline) = after {
                        let had_one = slot.get_mut().set_stamp(deadline);
                        debug_assert!(had_one, "overwritten in place only if both have a deadline");
                    }
                    note_use(&mut slot.get_mut(), access, learner, residents);
                } else {
                    let mut entry = Entry::new(key.bytes, kind as u8, after, payload);
                    entry.as_mut().set_access(slot.get().access());
                    note_overwriting(&mut entry.as_mut(), access, learner, residents);
                    entry.as_mut().set_mark(slot.get().mark());
                    replaced = Some(slot.replace(entry));
                }
                (before, after, replaced)
            }
            None => {
                let after = match deadline {
                    NewDeadline::Keep | NewDeadline::Clear => None,
                    NewDeadline::At(deadline) => Some(deadline),
                };
                let mut entry = Entry::new(key.bytes, kind as u8, after, payload);
                note_creation(&mut entry.as_mut(), access, learner, residents, key.hash);
                table.insert(key.hash, entry);
                is_new = true;
                (Dues::default(), after, None)
            }
        };
        let has_field_deadlines = matches!(kind, Kind::HashPackedDeadlines | Kind::HashTable);
        let record = if has_field_deadlines { table.find(key.hash, key.bytes) } else { None };
        let after = record.map_or(Dues { key: after, field: None }, Dues::of);
        if before != Dues::default() || after != Dues::default() {
            self.index_deadline(key, before, after);
        }
        if before.key.is_some_and(|deadline| deadline <= now_ms) {
            self.counters.expired += 1;
            self.append_effect(key, "expired", Change::Remove);
            is_new = true;
        }
        if is_new {
            self.notify(key, "new");
        }
        // Who keeps the deadline changes the value, rather than to overwrite it; but for SET, which tells of it itself.
        if let Some(before) = overwritten
            && deadline != NewDeadline::Keep
        {
            self.notify_of_overwriting(key, before, kind);
        }
        if let Some(entry) = replaced {
            self.discard(entry);
        }
    }

    /// Removes a key as a part of a command's changes. Says whether there was one that had not expired.
    pub fn take_away(&mut self, key: &Key<'_>, event: &'static str) -> bool {
        let now_ms = self.now_ms;
        let Some(entry) = self.extract(key) else { return false };
        let live = is_live(entry.as_ref(), now_ms);
        self.counters.expired += u64::from(!live);
        self.discard(entry);
        self.note(key, if live { event } else { "expired" });
        live
    }

    /// Notes that a part of a key's value has changed, under the event's name in keyspace notifications.
    #[inline]
    pub fn note(&mut self, key: &Key<'_>, event: &'static str) {
        self.changed_parts = true;
        self.mark_ready(key);
        self.append_effect(key, event, Change::Part);
    }

    /// As [`Self::note`], for so many parts: each counts as a change for the save points.
    pub fn note_parts(&mut self, key: &Key<'_>, event: &'static str, parts: usize) {
        self.shard(key.hash).changes += parts.saturating_sub(1) as u64;
        self.note(key, event);
    }

    /// Notes that something has changed that belongs to a key's value but is no part of it for those who watch the key or
    /// keep a copy: what groups have read of a stream. Nobody who waits for the key is served.
    pub fn note_aside(&mut self, key: &Key<'_>, event: &'static str) {
        self.changed_parts = true;
        self.shard(key.hash).changes += 1;
        if let Some(log) = self.keyspace.log() {
            log.append(&Effect { database: key.database, key: key.bytes, event, change: Change::Part });
        }
        self.notify(key, event);
    }

    /// Notes that a key has got the value that it now holds, under the event's name in keyspace notifications. The log is
    /// told of the value itself.
    pub fn note_whole(&mut self, key: &Key<'_>, event: &'static str) {
        self.append_put(key, event);
    }

    /// Notes that so many fields of a hash were removed whose deadlines had passed.
    pub fn note_expired_fields(&mut self, key: &Key<'_>, count: usize) {
        self.counters.expired_fields += count as u64;
        self.note(key, "hexpired");
    }

    /// Whether anybody reads the log: what is only for the log need not be made otherwise.
    #[inline]
    pub fn is_logged(&self) -> bool {
        self.keyspace.log().is_some()
    }

    /// What the log is told instead of the request, which would not give the same state when it is run again: one
    /// request, or several by several calls. Only for commands that [`Self::note`] their changes.
    #[inline]
    pub fn replay_as(&mut self, request: impl FnOnce() -> Vec<Vec<u8>>) {
        if self.keyspace.log().is_some() {
            self.equivalents.push(request());
        }
    }

    /// Notes that the request has changed something that belongs to no key. The command holds all shards.
    pub(crate) fn note_request(&mut self) {
        self.changed_parts = true;
        // Wherever it is counted.
        self.shard(0).changes += 1;
    }

    /// Tells the log that what follows belongs together.
    pub(crate) fn begin_unit(&self) {
        if let Some(log) = &self.keyspace.log {
            log.begin_unit();
        }
    }

    /// Tells the log that what belongs together is complete.
    pub(crate) fn end_unit(&self) {
        if let Some(log) = &self.keyspace.log {
            log.end_unit();
        }
    }

    /// Tells the log of the request, or what it is equivalent to, if a part of a value has changed.
    #[inline]
    pub(crate) fn finish(&mut self, database: u32, request: Arguments<'_>) {
        if self.changed_parts {
            if self.equivalents.is_empty()
                && let Some(log) = self.keyspace.log()
            {
                log.append(&Effect { database, key: &[], event: "", change: Change::Request(request) });
            }
            self.finish_served(database);
        }
    }

    /// Tells the log of what was done for a client that had been waiting.
    pub(crate) fn finish_served(&mut self, database: u32) {
        self.changed_parts = false;
        for request in self.equivalents.drain(..) {
            if let Some(log) = self.keyspace.log() {
                log.append(&Effect { database, key: &[], event: "", change: Change::Equivalent(&request) });
            }
        }
    }
}
