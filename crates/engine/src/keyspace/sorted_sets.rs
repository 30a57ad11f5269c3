//! Changes of sorted sets.

use std::ops::Range;

use nuthatch_collections::SortedSet;
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;

use super::Key;
use super::collections::Slot;
use super::locked::Keys;
use super::strings::NewDeadline;
use crate::error::CommandError;
use crate::value::sorted_set::packed::{self, Change};
use crate::value::sorted_set::{NewSortedSet, PackedLimits, SortedSetRef};
use crate::value::{Kind, Type};

/// A key's sorted set, for changing it. The caller removes the key when no member is left.
pub struct SortedSetSlot<'a> {
    slot: Slot<'a>,
}

impl SortedSetSlot<'_> {
    /// What is in it.
    pub fn view(&self) -> SortedSetRef<'_> {
        SortedSetRef::of(self.slot.record()).unwrap_or(SortedSetRef::Packed(&[]))
    }

    /// Changes or adds a member, as `decide` says of the score that it has: to that score, or not at all.
    #[inline]
    pub fn change(
        &mut self,
        member: &[u8],
        limits: PackedLimits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        if let Some(set) = self.big_mut() {
            return set.change(member, decide);
        }
        match packed::change(self.slot.bytes(), member, limits, decide) {
            Change::Nothing => {}
            Change::Splice(range, with) => self.slot.splice(Kind::SortedSetPacked, range, &with),
            Change::Outgrown(score) => {
                let mut set = packed::to_big(self.slot.bytes());
                set.change(member, |_| Some(score));
                self.replace(set);
            }
        }
    }

    /// Makes a packed one big if it is about to get so many members.
    pub fn expect_members(&mut self, count: usize, limits: PackedLimits) {
        if self.slot.kind() == Kind::SortedSetPacked && count > limits.entries_max {
            self.replace(packed::to_big(self.slot.bytes()));
        }
    }

    /// Removes a member. Says whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        if let Some(set) = self.big_mut() {
            return set.remove(member).is_some();
        }
        let found = packed::find(self.slot.bytes(), member);
        if let Some((found, _)) = found {
            self.slot.splice(Kind::SortedSetPacked, found.offset..found.end, &[]);
        }
        found.is_some()
    }

    /// Removes the members of these ranks, as far as there are any.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        if let Some(set) = self.big_mut() {
            return set.remove_range(ranks, |_, _| ());
        }
        let range = packed::range_of(self.slot.bytes(), ranks);
        self.slot.splice(Kind::SortedSetPacked, range, &[]);
    }

    fn big_mut(&mut self) -> Option<&mut SortedSet> {
        match self.slot.collection_mut() {
            Some(Collection::SortedSet(set)) => Some(set),
            _ => None,
        }
    }

    fn replace(&mut self, set: SortedSet) {
        let payload = NewPayload::Collection(Box::new(Collection::SortedSet(set)));
        self.slot.replace(Kind::SortedSetTree, payload);
    }
}

impl Keys<'_> {
    /// Looks a sorted set up for a command that reads it.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn read_sorted_set(&mut self, key: &Key<'_>) -> Result<Option<SortedSetRef<'_>>, CommandError> {
        Ok(self.read_as(key, Type::SortedSet)?.and_then(SortedSetRef::of))
    }

    /// Looks a sorted set up for a command that changes it.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn change_sorted_set(&mut self, key: &Key<'_>) -> Result<Option<SortedSetSlot<'_>>, CommandError> {
        Ok(self.change_as(key, Type::SortedSet)?.map(|slot| SortedSetSlot { slot }))
    }

    /// Gives a key a sorted set as its value, without a deadline, whether or not it has a value of any type.
    pub fn put_sorted_set(&mut self, key: &Key<'_>, mut set: NewSortedSet) {
        let (kind, payload) = set.payload();
        self.put(key, kind, payload, NewDeadline::Clear);
    }
}
