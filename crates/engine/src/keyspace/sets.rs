//! Changes of sets.

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;
use nuthatch_collections::packed::Element;
use nuthatch_collections::paged::PagedTable;
use std::ops::Range;

use super::Key;
use super::collections::Slot;
use super::locked::Keys;
use super::strings::NewDeadline;
use crate::error::CommandError;
use crate::value::set::change::{self, Place};
use crate::value::set::choice;
use crate::value::set::new::NewSet;
use crate::value::set::{SetLimits, SetRef};
use crate::value::{Kind, Type};

impl Place for Slot<'_> {
    #[inline]
    fn view(&self) -> SetRef<'_> {
        SetRef::of(self.record())
    }

    #[inline]
    fn splice(&mut self, kind: Kind, range: Range<usize>, with: &[u8]) {
        Slot::splice(self, kind, range, with);
    }

    fn become_table(&mut self, table: PagedTable) {
        self.replace(Kind::SetTable, NewPayload::Collection(Box::new(Collection::Set(table))));
    }

    #[inline]
    fn table_mut(&mut self) -> Option<&mut PagedTable> {
        match self.collection_mut() {
            Some(Collection::Set(table)) => Some(table),
            _ => None,
        }
    }
}

impl Keys<'_> {
    /// Adds members to a set, which is made if there is none. Returns how many were not there.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn add_members<'m>(
        &mut self,
        key: &Key<'_>,
        members: impl ExactSizeIterator<Item = &'m [u8]>,
        limits: SetLimits,
    ) -> Result<usize, CommandError> {
        let count = members.len();
        let mut members = members.map(Element::of).peekable();
        let added = if let Some(mut slot) = self.change_as(key, Type::Set)? {
            change::make_room(&mut slot, count, limits);
            members.filter(|member| change::add(&mut slot, *member, limits)).count()
        } else {
            let Some(first) = members.peek() else { return Ok(0) };
            let mut set = NewSet::for_members(*first, count, limits);
            let added = members.filter(|member| set.add(*member, limits)).count();
            self.put_set(key, set);
            added
        };
        if added > 0 {
            self.note_parts(key, "sadd", added);
        }
        Ok(added)
    }

    /// Removes members from a set, and the key with the last of them. Returns how many were there.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn remove_members<'m>(
        &mut self,
        key: &Key<'_>,
        members: impl Iterator<Item = &'m [u8]>,
    ) -> Result<usize, CommandError> {
        let Some(mut slot) = self.change_as(key, Type::Set)? else { return Ok(0) };
        let removed = members.filter(|member| change::remove(&mut slot, Element::of(member))).count();
        let is_empty = slot.view().is_empty();
        if removed > 0 {
            self.note_parts(key, "srem", removed);
            self.remove_if_empty(key, is_empty);
        }
        Ok(removed)
    }

    /// Removes a member chosen at random and returns what is made of it; none if there is no such key.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn pop_member<R>(
        &mut self,
        key: &Key<'_>,
        show: impl FnOnce(Element<'_>) -> R,
    ) -> Result<Option<R>, CommandError> {
        let Some(mut slot) = self.change_as(key, Type::Set)? else { return Ok(None) };
        let shown = choice::remove_one(&mut slot, show);
        let is_empty = slot.view().is_empty();
        if shown.is_some() {
            self.note(key, "spop");
            self.remove_if_empty(key, is_empty);
        }
        Ok(shown)
    }

    /// Removes so many members of a set that has more, chosen at random. Each is shown before.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn pop_members(
        &mut self,
        key: &Key<'_>,
        count: usize,
        limits: SetLimits,
        show: &mut dyn FnMut(Element<'_>),
    ) -> Result<(), CommandError> {
        let Some(mut slot) = self.change_as(key, Type::Set)? else { return Ok(()) };
        if let Some(kept) = choice::remove_several(&mut slot, count, limits, show) {
            kept.give(|kind, payload| slot.replace(kind, payload));
        }
        self.note_parts(key, "spop", count);
        Ok(())
    }

    /// Makes a set the value of a key in place of whatever it has, as the event's name says; an empty one removes it.
    pub fn store_set(&mut self, key: &Key<'_>, set: NewSet, event: &'static str) {
        if set.view().is_empty() {
            self.take_away(key, "del");
        } else {
            self.put_set(key, set);
            self.note(key, event);
        }
    }

    fn put_set(&mut self, key: &Key<'_>, set: NewSet) {
        set.give(|kind, payload| self.put(key, kind, payload, NewDeadline::Clear));
    }

    fn remove_if_empty(&mut self, key: &Key<'_>, is_empty: bool) {
        if is_empty {
            self.take_away(key, "del");
        }
    }
}
