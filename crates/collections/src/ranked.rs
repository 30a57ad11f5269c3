//! An ordered sequence of scores and members: the order of a big sorted set.
//!
//! A B+ tree whose inner nodes count the entries below each child, so that an entry is found by its rank, and a
//! rank by its entry, in logarithmic time. A leaf is one byte string with up to 48 entries, each little longer than
//! its member. Every operation touches as many nodes as the tree has levels; nothing is ever rebuilt.

mod build;
mod entry;
mod insert;
mod leaf;
mod node;
mod place;
mod relocate;
mod remove;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::ops::Range;

use insert::{Edges, difference};
use leaf::{Addition, Leaf};
use node::{Children, Node};
pub use place::Place;
use remove::Doomed;
pub use walk::{Entries, EntriesBackward};

/// Entries of a score and a member, ordered by score and then, byte by byte, by member. No score is NaN.
#[derive(Default)]
pub struct RankedTree {
    root: Node,
    len: usize,
    allocated: usize,
}

impl RankedTree {
    /// An empty one, which allocates nothing.
    pub fn new() -> RankedTree {
        RankedTree::default()
    }

    /// A tree of entries that come in order, each once.
    pub fn from_sorted<'a>(entries: impl IntoIterator<Item = (f64, &'a [u8])>) -> RankedTree {
        let mut builder = build::Builder::default();
        for (score, member) in entries {
            builder.push(score, member);
        }
        let root = builder.finish();
        RankedTree { len: root.count(), allocated: root.allocated_below(), root }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that it has allocated.
    pub fn memory_bytes(&self) -> usize {
        self.allocated
    }

    /// Inserts an entry that is not there; the score is not NaN.
    pub fn insert(&mut self, score: f64, member: &[u8]) {
        debug_assert!(!score.is_nan());
        let new = Addition::new(score, member);
        let (mut grown, split) = self.root.insert(&new, Edges { first: true, last: true });
        if let Some(split) = split {
            let nodes = vec![std::mem::take(&mut self.root), split];
            self.root = Node::with_nodes(nodes);
            grown += difference(0, self.root.allocated());
        }
        self.len += 1;
        self.allocated = self.allocated.wrapping_add_signed(grown);
    }

    /// Removes an entry. Says whether it was there.
    pub fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        self.remove_step(Doomed::Entry(score, member), &mut |_, _| ()) > 0
    }

    /// Removes the entries of these ranks, as far as there are any, and shows each before.
    pub fn remove_range(&mut self, ranks: Range<usize>, mut visit: impl FnMut(f64, &[u8])) {
        let Range { start, end } = ranks;
        let mut rest = end.min(self.len).saturating_sub(start);
        while rest > 0 {
            rest -= self.remove_step(Doomed::Ranks(start..start + rest), &mut visit);
        }
    }

    /// Removes what there is of it in the leaf that it begins in. Returns how many entries.
    fn remove_step(&mut self, doomed: Doomed<'_>, visit: &mut dyn FnMut(f64, &[u8])) -> usize {
        let removed = self.root.remove(doomed, visit);
        self.len -= removed.entries;
        self.allocated = self.allocated.wrapping_add_signed(removed.grown);
        if removed.entries > 0 {
            self.lower_root();
        }
        removed.entries
    }

    /// Frees the entries in steps, between which it calls `pause`, and leaves the tree empty.
    pub(crate) fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        std::mem::take(self).root.dismantle(pause);
    }

    /// Removes levels that have become superfluous.
    fn lower_root(&mut self) {
        if self.is_empty() {
            *self = RankedTree::new();
        }
        while let Children::Nodes(nodes) = &mut self.root.children
            && nodes.len() <= 1
        {
            let only = nodes.pop().unwrap_or_default();
            self.allocated -= self.root.allocated();
            self.root = only;
        }
    }

    /// The rank of an entry: how many are before it.
    pub fn rank(&self, score: f64, member: &[u8]) -> Option<usize> {
        // In the leaf that has the entry itself, even where it is the first.
        let (before, leaf) = self.leaf_at(&Place::AfterEntry(score, member))?;
        let position = leaf.find(&Place::BeforeEntry(score, member));
        let found = leaf.entry_at(position)?;
        (found.score == score && found.member == member).then_some(before + position.index)
    }

    /// How many entries are before a place.
    pub fn count_before(&self, place: &Place<'_>) -> usize {
        self.leaf_at(place).map_or(0, |(before, leaf)| before + leaf.find(place).index)
    }

    /// The leaf with the last entry before a place, or the first leaf; and how many entries are before that leaf.
    fn leaf_at(&self, place: &Place<'_>) -> Option<(usize, &Leaf)> {
        let mut before = 0;
        let mut node = &self.root;
        loop {
            let child = node.child_at(place);
            before += node.count_before(child);
            match &node.children {
                Children::Nodes(nodes) => node = nodes.get(child)?,
                Children::Leaves(leaves) => return leaves.get(child).map(|leaf| (before, leaf)),
            }
        }
    }

    /// The entry of a rank.
    pub fn get(&self, rank: usize) -> Option<(f64, &[u8])> {
        self.iter_from(rank).next()
    }

    /// The entries from a rank on, in order.
    pub fn iter_from(&self, rank: usize) -> Entries<'_> {
        Entries::new(&self.root, self.len, rank)
    }

    /// The entry of a rank and those before it, backwards; from the last one if there are not so many.
    pub fn iter_back_from(&self, rank: usize) -> EntriesBackward<'_> {
        EntriesBackward::new(&self.root, rank.saturating_add(1).min(self.len))
    }
}

impl Clone for RankedTree {
    fn clone(&self) -> RankedTree {
        let root = self.root.clone();
        RankedTree { len: self.len, allocated: root.allocated_below(), root }
    }
}

impl fmt::Debug for RankedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter_from(0)).finish()
    }
}
