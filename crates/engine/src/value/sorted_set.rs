//! Sorted sets: members with scores, ordered by score and then, byte by byte, by member.
//!
//! A small one is a packed byte string of members and scores in order; a big one is a
//! [`SortedSet`].

mod new;
pub mod packed;
#[cfg(test)]
mod tests;
mod walk;

use std::ops::Range;

use nuthatch_collections::SortedSet;
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Payload, RecordRef};
use nuthatch_collections::ranked::Place;

pub use new::NewSortedSet;
pub use walk::{Entries, EntriesBackward};

use super::limits::{EncodingLimits, limit};
use super::{Kind, Type};

/// Up to which size a sorted set is packed, as the directives stand now.
#[derive(Debug, Clone, Copy)]
pub struct PackedLimits {
    /// Members.
    pub entries_max: usize,
    /// Bytes of a member.
    pub member_bytes_max: usize,
}

impl PackedLimits {
    /// The limits in force.
    #[inline]
    pub fn of(limits: &EncodingLimits) -> Self {
        Self {
            entries_max: limit(&limits.sorted_set_entries_max),
            member_bytes_max: limit(&limits.sorted_set_value_bytes_max),
        }
    }
}

/// A sorted set as a record holds it.
#[derive(Debug, Clone, Copy)]
pub enum SortedSetRef<'a> {
    /// One byte string.
    Packed(&'a [u8]),
    /// A table and an order.
    Big(&'a SortedSet),
}

impl<'a> SortedSetRef<'a> {
    /// The sorted set in `record`, if it holds one.
    #[inline]
    pub fn of(record: RecordRef<'a>) -> Option<Self> {
        if Kind::of(record.kind()).value_type() != Type::SortedSet {
            return None;
        }
        match record.payload() {
            Payload::Inline(bytes) => Some(Self::Packed(bytes)),
            Payload::Shared(bytes) => Some(Self::Packed(bytes)),
            Payload::Collection(Collection::SortedSet(set)) => Some(Self::Big(set)),
            _ => None,
        }
    }

    /// The number of members.
    pub fn len(self) -> usize {
        match self {
            Self::Packed(bytes) => packed::len(bytes),
            Self::Big(set) => set.len(),
        }
    }

    /// Whether it has no members.
    pub fn is_empty(self) -> bool {
        match self {
            Self::Packed(bytes) => bytes.is_empty(),
            Self::Big(set) => set.is_empty(),
        }
    }

    /// The score of a member.
    #[inline]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(bytes) => packed::find(bytes, member).map(|(_, score)| score),
            Self::Big(set) => set.score(member),
        }
    }

    /// How many members are before this one, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Self::Packed(bytes) => packed::find(bytes, member).map(|(found, score)| (found.index, score)),
            Self::Big(set) => set.rank(member),
        }
    }

    /// How many members are before a place.
    pub fn count_before(self, place: &Place<'_>) -> usize {
        match self {
            Self::Packed(bytes) => packed::count_before(bytes, place),
            Self::Big(set) => set.count_before(place),
        }
    }

    /// The members of these ranks, in order. The ranks must be there.
    pub fn iter(self, ranks: Range<usize>) -> Entries<'a> {
        Entries::new(self, ranks)
    }

    /// The members of these ranks, from the last to the first. The ranks must be there.
    pub fn iter_back(self, ranks: Range<usize>) -> EntriesBackward<'a> {
        EntriesBackward::new(self, ranks)
    }

    /// All members, in order.
    pub fn iter_all(self) -> Entries<'a> {
        self.iter(0..usize::MAX)
    }
}
