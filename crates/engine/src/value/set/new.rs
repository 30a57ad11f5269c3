//! A set that is built apart, to become the value of a key.

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;
use nuthatch_collections::integer_set;
use nuthatch_collections::packed::Element;
use nuthatch_collections::paged::PagedTable;
use std::ops::Range;

use super::change::{self, Place};
use super::{SetLimits, SetRef};
use crate::value::Kind;

/// A set of its own.
#[derive(Debug)]
pub struct NewSet(Form);

#[derive(Debug)]
enum Form {
    Bytes(Kind, Vec<u8>),
    Table(PagedTable),
}

impl NewSet {
    /// An empty set of integers, which every set is until it has another member.
    pub fn integers() -> Self {
        Self(Form::Bytes(Kind::SetIntegers, integer_set::new()))
    }

    /// An empty packed set if so many members may be packed, else an empty table.
    pub fn packed_up_to(members: usize, limits: SetLimits) -> Self {
        if members <= limits.entries_max {
            Self(Form::Bytes(Kind::SetPacked, Vec::new()))
        } else {
            Self(Form::Table(PagedTable::new(1)))
        }
    }

    /// An empty set in the encoding that suits a first member and the number of members that will be added, which is
    /// not less than that of different ones.
    pub fn for_members(first: Element<'_>, members: usize, limits: SetLimits) -> Self {
        if matches!(first, Element::Integer(_)) && members <= limits.integers_max {
            Self::integers()
        } else {
            Self::packed_up_to(members, limits)
        }
    }

    /// Adds a member; returns false if it is there already.
    pub fn add(&mut self, member: Element<'_>, limits: SetLimits) -> bool {
        change::add(self, member, limits)
    }

    /// Removes a member, if it is there.
    pub fn remove(&mut self, member: Element<'_>) {
        change::remove(self, member);
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// Hands over what a key's record is to hold.
    pub fn give<R>(self, to: impl FnOnce(Kind, NewPayload<'_>) -> R) -> R {
        match self.0 {
            Form::Bytes(kind, bytes) => to(kind, NewPayload::Inline(&bytes)),
            Form::Table(table) => {
                to(Kind::SetTable, NewPayload::Collection(Box::new(Collection::Set(table))))
            }
        }
    }
}

impl Place for NewSet {
    fn view(&self) -> SetRef<'_> {
        match &self.0 {
            Form::Bytes(Kind::SetIntegers, bytes) => SetRef::Integers(bytes),
            Form::Bytes(_, bytes) => SetRef::Packed(bytes),
            Form::Table(table) => SetRef::Table(table),
        }
    }

    fn splice(&mut self, kind: Kind, range: Range<usize>, with: &[u8]) {
        if let Form::Bytes(old, bytes) = &mut self.0 {
            *old = kind;
            bytes.splice(range, with.iter().copied());
        }
    }

    fn become_table(&mut self, table: PagedTable) {
        self.0 = Form::Table(table);
    }

    fn table_mut(&mut self) -> Option<&mut PagedTable> {
        match &mut self.0 {
            Form::Table(table) => Some(table),
            Form::Bytes(..) => None,
        }
    }
}
