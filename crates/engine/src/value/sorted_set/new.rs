//! Sorted sets that are not in the keyspace yet.

use nuthatch_collections::SortedSet;
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;

use super::packed::{self, Change};
use super::{Kind, PackedLimits, SortedSetRef};

/// A sorted set to be stored under a key.
#[derive(Debug)]
pub enum NewSortedSet {
    /// One byte string.
    Packed(Vec<u8>),
    /// A table and an order.
    Big(Box<SortedSet>),
}

impl NewSortedSet {
    /// An empty one that is about to get so many members.
    pub fn for_members(count: usize, limits: PackedLimits) -> Self {
        if count > limits.entries_max { Self::Big(Box::default()) } else { Self::Packed(Vec::new()) }
    }

    /// One of different members that come in order.
    pub fn from_sorted<'a>(
        entries: impl Iterator<Item = (f64, &'a [u8])> + Clone,
        limits: PackedLimits,
    ) -> Self {
        let fits = |(_, member): (f64, &[u8])| member.len() <= limits.member_bytes_max;
        if entries.clone().nth(limits.entries_max).is_some() || !entries.clone().all(fits) {
            return Self::Big(Box::new(SortedSet::from_sorted(entries)));
        }
        let mut bytes = Vec::new();
        for (score, member) in entries {
            packed::push(&mut bytes, member, score);
        }
        Self::Packed(bytes)
    }

    /// What is in it.
    pub fn view(&self) -> SortedSetRef<'_> {
        match self {
            Self::Packed(bytes) => SortedSetRef::Packed(bytes),
            Self::Big(set) => SortedSetRef::Big(set),
        }
    }

    /// Changes or adds a member, as `decide` says of the score that it has: to that score, or not at all.
    pub fn change(
        &mut self,
        member: &[u8],
        limits: PackedLimits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        match self {
            Self::Big(set) => set.change(member, decide),
            Self::Packed(bytes) => match packed::change(bytes, member, limits, decide) {
                Change::Nothing => {}
                Change::Splice(range, with) => drop(bytes.splice(range, with)),
                Change::Outgrown(score) => {
                    let mut set = packed::to_big(bytes);
                    set.change(member, |_| Some(score));
                    *self = Self::Big(Box::new(set));
                }
            },
        }
    }

    /// How it is stored.
    pub fn payload(&mut self) -> (Kind, NewPayload<'_>) {
        match self {
            Self::Packed(bytes) => (Kind::SortedSetPacked, NewPayload::Inline(bytes)),
            Self::Big(set) => {
                let set = std::mem::take(&mut **set);
                (Kind::SortedSetTree, NewPayload::Collection(Box::new(Collection::SortedSet(set))))
            }
        }
    }
}
