//! A big sorted set: a table from members to scores, and the order of both.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use crate::hash::ElementHasher;
use crate::mover::Mover;
use crate::packed::Element;
use crate::paged::PagedTable;
use crate::ranked::{Entries, EntriesBackward, Place, RankedTree};

/// Integers of less than this magnitude are stored as such: all of them are exact in floating point.
const INTEGER_BELOW: f64 = (1_u64 << 53) as f64;

/// A score as a packed element: an integer if it is one, else its eight bytes as a string.
#[derive(Clone, Copy, Debug)]
pub struct PackedScore {
    score: f64,
    bytes: [u8; 8],
}

impl PackedScore {
    /// The packed form of a score that is not NaN.
    #[inline]
    pub fn new(score: f64) -> PackedScore {
        PackedScore { score, bytes: score.to_le_bytes() }
    }

    /// The element.
    #[inline]
    pub fn element(&self) -> Element<'_> {
        // Minus zero is the only zero with a bit set, which an integer would lose.
        let is_integer = self.score.abs() < INTEGER_BELOW && self.score as i64 as f64 == self.score;
        if is_integer && (self.score != 0.0 || self.score.to_bits() == 0) {
            Element::Integer(self.score as i64)
        } else {
            Element::Bytes(&self.bytes)
        }
    }

    /// The score that an element stands for; elements made otherwise are 0.
    #[inline]
    pub fn read(element: Element<'_>) -> f64 {
        match element {
            Element::Integer(number) => number as f64,
            Element::Bytes(bytes) => f64::from_le_bytes(bytes.try_into().unwrap_or_default()),
        }
    }
}

/// Members with scores, each member once, ordered by score and then, byte by byte, by member. No score is NaN.
#[derive(Clone)]
pub struct SortedSet {
    scores: PagedTable,
    order: RankedTree,
}

impl Default for SortedSet {
    fn default() -> SortedSet {
        SortedSet::new()
    }
}

impl SortedSet {
    /// An empty one.
    pub fn new() -> SortedSet {
        SortedSet { scores: PagedTable::new(2), order: RankedTree::new() }
    }

    /// Moves what the mover wants, as [`Collection::relocate`](crate::Collection::relocate) says. Positions are those of the
    /// table, and behind them those of the order.
    pub(crate) fn relocate(
        &mut self,
        position: u128,
        work_max: usize,
        mover: &mut Mover<'_>,
    ) -> Option<u128> {
        const ORDER: u128 = 1 << 64;
        if position < ORDER
            && let Some(next) = self.scores.relocate(position, work_max, mover)
        {
            return Some(next);
        }
        self.order.relocate(position.saturating_sub(ORDER), work_max, mover).map(|next| ORDER + next)
    }

    /// A set of different members that come in order.
    pub fn from_sorted<'a>(entries: impl Iterator<Item = (f64, &'a [u8])> + Clone) -> SortedSet {
        let mut scores = PagedTable::new(2);
        for (score, member) in entries.clone() {
            let packed = PackedScore::new(score);
            scores.insert_or_replace(hash(member), member, Some(packed.element()), None);
        }
        SortedSet { scores, order: RankedTree::from_sorted(entries) }
    }

    /// The members without their order.
    #[inline]
    pub(crate) fn table(&self) -> &PagedTable {
        &self.scores
    }

    /// Frees the members in steps, between which it calls `pause`, and leaves the set empty.
    pub(crate) fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        self.scores.dismantle(pause);
        self.order.dismantle(pause);
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The bytes that it has allocated.
    pub fn memory_bytes(&self) -> usize {
        self.scores.memory_bytes() + self.order.memory_bytes()
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.score_by(hash(member), member)
    }

    fn score_by(&self, hash: u64, member: &[u8]) -> Option<f64> {
        self.scores.find(hash, member)?.value.map(PackedScore::read)
    }

    /// Changes or adds a member, as `decide` says of the score that it has: to that score, or not at all.
    pub fn change(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        let hash = hash(member);
        let before = self.score_by(hash, member);
        let Some(score) = decide(before) else { return };
        debug_assert!(!score.is_nan());
        if let Some(before) = before {
            if before == score {
                return;
            }
            self.order.remove(before, member);
        }
        self.order.insert(score, member);
        self.scores.insert_or_replace(hash, member, Some(PackedScore::new(score).element()), None);
    }

    /// Removes a member. Returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = hash(member);
        let score = self.score_by(hash, member)?;
        self.scores.remove(hash, member);
        self.order.remove(score, member);
        Some(score)
    }

    /// Removes the members of these ranks, as far as there are any, and shows each before.
    pub fn remove_range(&mut self, ranks: Range<usize>, mut visit: impl FnMut(f64, &[u8])) {
        let scores = &mut self.scores;
        self.order.remove_range(ranks, |score, member| {
            visit(score, member);
            scores.remove(hash(member), member);
        });
    }

    /// How many members are before this one, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.order.rank(score, member)?, score))
    }

    /// How many members are before a place.
    pub fn count_before(&self, place: &Place<'_>) -> usize {
        self.order.count_before(place)
    }

    /// The members from a rank on, in order.
    pub fn iter_from(&self, rank: usize) -> Entries<'_> {
        self.order.iter_from(rank)
    }

    /// The member of a rank and those before it, backwards; from the last one if there are not so many.
    pub fn iter_back_from(&self, rank: usize) -> EntriesBackward<'_> {
        self.order.iter_back_from(rank)
    }

    /// Visits a few members; see [`PagedTable::scan`].
    pub fn scan(&self, position: u64, mut visit: impl FnMut(Element<'_>, f64)) -> Option<u64> {
        self.scores.scan(position, &mut |entry| visit(entry.key, entry.value.map_or(0.0, PackedScore::read)))
    }
}

fn hash(member: &[u8]) -> u64 {
    ElementHasher::get().hash(member)
}

impl fmt::Debug for SortedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.order.fmt(f)
    }
}
