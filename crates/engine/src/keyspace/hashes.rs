//! Changes of hashes, in the encoding that suits them.
//!
//! A small hash becomes a table as soon as it has too many fields or a text that is too long, and stays one.

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;
use nuthatch_collections::field_map::FieldMap;
use nuthatch_collections::packed::Element;

use super::Key;
use super::collections::Slot;
use super::deadlines::Dues;
use super::locked::Keys;
use super::strings::NewDeadline;
use crate::error::CommandError;
use crate::value::hash::{self, Field, HashLimits, HashRef, PackedHash};
use crate::value::{Kind, Type};

/// What a field was before a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Missing,
    /// There was one.
    Live,
    /// There was one whose deadline had passed: nobody could see it.
    Expired,
}

/// A hash that is being changed.
///
/// The key is still there when the last field is gone: whoever removes fields removes the key then.
pub struct HashSlot<'a> {
    slot: Slot<'a>,
    limits: HashLimits,
    now_ms: u64,
}

impl Keys<'_> {
    /// Reads a hash.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn read_hash(&mut self, key: &Key<'_>) -> Result<Option<HashRef<'_>>, CommandError> {
        Ok(self.read_as(key, Type::Hash)?.map(HashRef::of))
    }

    /// Looks at a hash that is about to be changed: not counted as a read.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn peek_hash(&self, key: &Key<'_>) -> Result<Option<HashRef<'_>>, CommandError> {
        Ok(self.peek_as(key, Type::Hash)?.map(HashRef::of))
    }

    /// Changes a hash; does nothing if there is none.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn change_hash<R>(
        &mut self,
        key: &Key<'_>,
        limits: HashLimits,
        change: impl FnOnce(&mut HashSlot<'_>) -> R,
    ) -> Result<Option<R>, CommandError> {
        let now_ms = self.now_ms;
        let Some(slot) = self.change_as(key, Type::Hash)? else { return Ok(None) };
        let before = Dues::of(slot.record());
        let mut slot = HashSlot { slot, limits, now_ms };
        let result = change(&mut slot);
        let after = Dues::of(slot.slot.record());
        if before != after {
            self.index_deadline(key, before, after);
        }
        Ok(Some(result))
    }

    /// Sets fields, one after another, and makes the hash if there is none. Tells `before` what each was.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn set_fields<'f>(
        &mut self,
        key: &Key<'_>,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
        deadline: NewDeadline,
        limits: HashLimits,
        before: &mut dyn FnMut(&'f [u8], Before),
    ) -> Result<(), CommandError> {
        let count = fields.len();
        let is_table = count > limits.entries;
        let mut set_all = |slot: &mut HashSlot<'_>| {
            if is_table {
                slot.make_table();
            }
            for (name, value) in fields.clone() {
                before(name, slot.set(name, value, deadline));
            }
        };
        if self.change_hash(key, limits, &mut set_all)?.is_some() {
            return Ok(());
        }
        let is_plain = !is_table && !matches!(deadline, NewDeadline::At(_));
        if is_plain && let Some(bytes) = hash::pack(fields.clone(), limits) {
            self.put(key, Kind::HashPacked, NewPayload::Inline(&bytes), NewDeadline::Clear);
            fields.for_each(|(name, _)| before(name, Before::Missing));
            return Ok(());
        }
        self.put(key, Kind::HashPacked, NewPayload::Inline(&[]), NewDeadline::Clear);
        self.change_hash(key, limits, &mut set_all)?;
        Ok(())
    }
}

impl HashSlot<'_> {
    /// The hash as it is.
    #[inline]
    pub fn as_hash(&self) -> HashRef<'_> {
        HashRef::of(self.slot.record())
    }

    /// Whether no field is left.
    pub fn is_empty(&self) -> bool {
        self.as_hash().is_empty()
    }

    /// The field of this name, if its deadline has not passed.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.as_hash().get(name, self.now_ms)
    }

    /// Sets a field.
    #[inline]
    pub fn set(&mut self, name: &[u8], value: &[u8], deadline: NewDeadline) -> Before {
        let now_ms = self.now_ms;
        if let Some(map) = self.table() {
            let deadline = match deadline {
                NewDeadline::Keep => {
                    map.find(name).and_then(|entry| entry.deadline).filter(|old| *old > now_ms)
                }
                NewDeadline::Clear => None,
                NewDeadline::At(deadline) => Some(deadline),
            };
            return Before::of(map.set(name, Element::of(value), deadline).map(|old| old.deadline), now_ms);
        }
        if !self.limits.allow(name, value) {
            self.make_table();
            return self.set(name, value, deadline);
        }
        if matches!(deadline, NewDeadline::At(_)) {
            self.make_room_for_deadlines();
        }
        let (hash, has_deadlines) = self.packed();
        let found = hash.find(name);
        let before = Before::of(found.map(|(field, _)| field.deadline), now_ms);
        let deadline = match deadline {
            NewDeadline::Keep => found.and_then(|(field, _)| field.deadline).filter(|old| *old > now_ms),
            NewDeadline::Clear => None,
            NewDeadline::At(deadline) => Some(deadline),
        };
        let mut with = Vec::with_capacity(name.len() + value.len() + 16);
        let value = Element::of(value);
        let range = match found {
            Some((_, found)) => {
                hash::push_value(value, deadline, has_deadlines, &mut with);
                found.value_offset..found.end
            }
            None => {
                hash::push(Field { name: Element::of(name), value, deadline }, has_deadlines, &mut with);
                let end = self.slot.bytes().len();
                end..end
            }
        };
        self.slot.splice(self.slot.kind(), range, &with);
        // The limit may have become lower since the hash was last changed.
        if self.packed().0.is_longer_than(self.limits.entries) {
            self.make_table();
        }
        before
    }

    /// Gives a field a deadline, or takes it away. Nothing becomes of a field that there is not.
    pub fn set_deadline(&mut self, name: &[u8], deadline: Option<u64>) {
        if let Some(map) = self.table() {
            map.set_deadline(name, deadline);
            return;
        }
        self.make_room_for_deadlines();
        let (hash, has_deadlines) = self.packed();
        if let Some((field, found)) = hash.find(name) {
            let mut with = Vec::new();
            hash::push_value(field.value, deadline, has_deadlines, &mut with);
            self.slot.splice(Kind::HashPackedDeadlines, found.value_offset..found.end, &with);
        }
    }

    /// Removes a field. Says what it was.
    pub fn remove(&mut self, name: &[u8]) -> Before {
        let now_ms = self.now_ms;
        if let Some(map) = self.table() {
            return Before::of(map.remove(name).map(|field| field.deadline), now_ms);
        }
        let found = self.packed().0.find(name);
        let before = Before::of(found.map(|(field, _)| field.deadline), now_ms);
        if let Some((_, found)) = found {
            self.slot.splice(self.slot.kind(), found.offset..found.end, &[]);
        }
        before
    }

    /// Makes a small hash a table.
    fn make_table(&mut self) {
        if self.slot.kind() != Kind::HashTable {
            let map = self.packed().0.to_table();
            self.slot.replace(Kind::HashTable, hash::table(map));
        }
    }

    /// Gives the fields of a small hash room for deadlines.
    pub fn make_room_for_deadlines(&mut self) {
        if self.slot.kind() == Kind::HashPacked {
            let bytes = self.packed().0.with_deadlines();
            let end = self.slot.bytes().len();
            self.slot.splice(Kind::HashPackedDeadlines, 0..end, &bytes);
        }
    }

    #[inline]
    fn table(&mut self) -> Option<&mut FieldMap> {
        match self.slot.collection_mut() {
            Some(Collection::Hash(map)) => Some(map),
            _ => None,
        }
    }

    #[inline]
    fn packed(&self) -> (PackedHash<'_>, bool) {
        let has_deadlines = self.slot.kind() == Kind::HashPackedDeadlines;
        (PackedHash::new(self.slot.bytes(), has_deadlines), has_deadlines)
    }
}

impl Before {
    /// What a field was that had this deadline or none, or that there was not.
    #[inline]
    fn of(field: Option<Option<u64>>, now_ms: u64) -> Self {
        match field {
            None => Self::Missing,
            Some(Some(deadline)) if deadline <= now_ms => Self::Expired,
            Some(_) => Self::Live,
        }
    }

    /// Whether there was none that anybody could see.
    pub fn is_new(self) -> bool {
        self != Self::Live
    }
}
