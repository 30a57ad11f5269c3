//! Sets: integers in order, few members packed, or a table.

pub mod algebra;
pub mod change;
pub mod choice;
pub mod new;

use std::cell::OnceCell;

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Payload, RecordRef};
use nuthatch_collections::hash::ElementHasher;
use nuthatch_collections::integer_set;
use nuthatch_collections::packed::{self, Element};
use nuthatch_collections::paged::{self, PagedTable};

use super::Kind;
use super::limits::{EncodingLimits, limit};

/// The limits of the compact encodings of sets, as they stand during one command.
#[derive(Debug, Clone, Copy)]
pub struct SetLimits {
    /// `set-max-intset-entries`.
    pub integers_max: usize,
    /// `set-max-listpack-entries`.
    pub entries_max: usize,
    /// `set-max-listpack-value`.
    pub value_bytes_max: usize,
}

impl SetLimits {
    /// For what keeps its encoding whatever the limits are.
    pub const NONE: Self =
        Self { integers_max: usize::MAX, entries_max: usize::MAX, value_bytes_max: usize::MAX };

    /// As the directives are now.
    pub fn now(directives: &EncodingLimits) -> Self {
        Self {
            integers_max: limit(&directives.set_integers_max),
            entries_max: limit(&directives.set_entries_max),
            value_bytes_max: limit(&directives.set_value_bytes_max),
        }
    }
}

/// A set as a record holds it.
#[derive(Debug, Clone, Copy)]
pub enum SetRef<'a> {
    /// Integers in order.
    Integers(&'a [u8]),
    /// Packed members.
    Packed(&'a [u8]),
    /// A table of members.
    Table(&'a PagedTable),
}

impl<'a> SetRef<'a> {
    /// A set without members.
    pub const EMPTY: Self = Self::Packed(&[]);

    /// The set in a record that holds one.
    #[inline]
    pub fn of(record: RecordRef<'a>) -> Self {
        match record.payload() {
            Payload::Collection(Collection::Set(table)) => Self::Table(table),
            payload => {
                let bytes = payload.bytes().unwrap_or_default();
                if Kind::of(record.kind()) == Kind::SetIntegers {
                    Self::Integers(bytes)
                } else {
                    Self::Packed(bytes)
                }
            }
        }
    }

    /// How many members there are.
    pub fn len(self) -> usize {
        match self {
            Self::Integers(set) => integer_set::len(set),
            Self::Packed(bytes) => packed::count(bytes),
            Self::Table(table) => table.len(),
        }
    }

    /// Whether there are no members.
    pub fn is_empty(self) -> bool {
        match self {
            Self::Integers(set) => integer_set::is_empty(set),
            Self::Packed(bytes) => bytes.is_empty(),
            Self::Table(table) => table.is_empty(),
        }
    }

    /// Whether a member is in the set.
    #[inline]
    pub fn contains(self, wanted: &Wanted<'_>) -> bool {
        match self {
            Self::Integers(set) => match wanted.element {
                Element::Integer(number) => integer_set::contains(set, number),
                Element::Bytes(_) => false,
            },
            Self::Packed(bytes) => packed::search(bytes, wanted.element, 1).is_ok(),
            Self::Table(table) => table.contains(wanted.hash(), wanted.element),
        }
    }

    /// All members, in the order in which they are kept.
    #[inline]
    pub fn members(self) -> Members<'a> {
        match self {
            Self::Integers(set) => Members::Integers { set, index: 0 },
            Self::Packed(bytes) => Members::Packed(packed::iter(bytes)),
            Self::Table(table) => Members::Table(table.iter()),
        }
    }
}

/// See [`SetRef::members`].
pub enum Members<'a> {
    /// Of integers in order.
    Integers {
        /// The set.
        set: &'a [u8],
        /// How many have been returned.
        index: usize,
    },
    /// Of packed members.
    Packed(packed::Iter<'a>),
    /// Of a table.
    Table(paged::Iter<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match self {
            Self::Integers { set, index } => {
                let number = integer_set::get(set, *index)?;
                *index += 1;
                Some(Element::Integer(number))
            }
            Self::Packed(elements) => elements.next().map(|(_, element)| element),
            Self::Table(entries) => entries.next().map(|entry| entry.key),
        }
    }
}

/// A member that is looked for in several sets: its hash is computed once, and only if it is needed.
pub struct Wanted<'a> {
    element: Element<'a>,
    hash: OnceCell<u64>,
}

impl<'a> Wanted<'a> {
    /// A member.
    #[inline]
    pub fn new(element: Element<'a>) -> Self {
        Self { element, hash: OnceCell::new() }
    }

    #[inline]
    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| hash(self.element))
    }
}

/// The hash under which tables keep a member.
#[inline]
pub(crate) fn hash(element: Element<'_>) -> u64 {
    element.with_text(|text| ElementHasher::get().hash(text))
}

#[cfg(test)]
mod tests;
