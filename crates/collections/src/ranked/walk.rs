//! Walking through the entries, in either direction.
//!
//! A walk holds the leaf that it is in and the node above; only when it leaves that node, some thousand entries
//! further, it begins again at the root.

use super::entry::{Entry, offsets};
use super::leaf::{ENTRIES_MAX, Leaf};
use super::node::{Children, Node};

/// The leaves below one node of the lowest level.
#[derive(Clone, Copy)]
struct Leaves<'a> {
    leaves: &'a [Leaf],
    counts: &'a [usize],
}

impl<'a> Leaves<'a> {
    /// Those among which the entry of this rank is, its leaf, and its rank in the leaf.
    fn with(root: &'a Node, rank: usize) -> (Leaves<'a>, usize, usize) {
        let (mut node, mut rank) = (root, rank);
        loop {
            let (child, rest) = node.child_with(rank);
            match &node.children {
                Children::Leaves(leaves) => return (Leaves { leaves, counts: &node.counts }, child, rest),
                Children::Nodes(nodes) => (node, rank) = (&nodes[child], rest),
            }
        }
    }
}

/// The entries from some rank on, in order.
#[derive(Clone)]
pub struct Entries<'a> {
    root: &'a Node,
    /// The rank of the next entry.
    rank: usize,
    len: usize,
    leaves: Leaves<'a>,
    /// The number of the next leaf.
    next_leaf: usize,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn new(root: &'a Node, len: usize, rank: usize) -> Entries<'a> {
        let leaves = Leaves { leaves: &[], counts: &[] };
        let mut entries = Entries { root, rank, len, leaves, next_leaf: 0, bytes: &[], offset: 0 };
        if rank < len {
            entries.seek();
        }
        entries
    }

    fn seek(&mut self) {
        let (leaves, leaf, index) = Leaves::with(self.root, self.rank);
        self.leaves = leaves;
        self.enter(leaf);
        self.offset = leaves.leaves[leaf].offset_of(index);
    }

    fn enter(&mut self, leaf: usize) {
        self.bytes = self.leaves.leaves[leaf].bytes();
        self.offset = 0;
        self.next_leaf = leaf + 1;
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (f64, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(f64, &'a [u8])> {
        if self.offset == self.bytes.len() {
            if self.rank >= self.len {
                return None;
            }
            if self.next_leaf < self.leaves.leaves.len() {
                self.enter(self.next_leaf);
            } else {
                self.seek();
            }
        }
        let entry = Entry::read(self.bytes, self.offset);
        self.offset = entry.end;
        self.rank += 1;
        Some((entry.score, entry.member))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.len.saturating_sub(self.rank);
        (rest, Some(rest))
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// The entries from some rank on, backwards.
#[derive(Clone)]
pub struct EntriesBackward<'a> {
    root: &'a Node,
    /// How many entries are to come: one more than the rank of the next.
    rest: usize,
    leaves: Leaves<'a>,
    leaf: usize,
    /// Where the entries of the leaf begin that are to come. A leaf with more than one entry is short.
    offsets: [u16; ENTRIES_MAX],
    in_leaf: usize,
}

impl<'a> EntriesBackward<'a> {
    /// Begins with the entry before that of rank `end`.
    pub(super) fn new(root: &'a Node, end: usize) -> EntriesBackward<'a> {
        let leaves = Leaves { leaves: &[], counts: &[] };
        EntriesBackward { root, rest: end, leaves, leaf: 0, offsets: [0; ENTRIES_MAX], in_leaf: 0 }
    }

    /// Notes where the first `count` entries of a leaf begin.
    fn enter(&mut self, leaf: usize, count: usize) {
        let offsets = offsets(self.leaves.leaves[leaf].bytes());
        for (place, offset) in self.offsets[..count].iter_mut().zip(offsets) {
            *place = offset as u16;
        }
        (self.leaf, self.in_leaf) = (leaf, count);
    }
}

impl<'a> Iterator for EntriesBackward<'a> {
    type Item = (f64, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(f64, &'a [u8])> {
        if self.in_leaf == 0 {
            let last = self.rest.checked_sub(1)?;
            if let Some(leaf) = self.leaf.checked_sub(1) {
                self.enter(leaf, self.leaves.counts[leaf]);
            } else {
                let (leaves, leaf, index) = Leaves::with(self.root, last);
                self.leaves = leaves;
                self.enter(leaf, index + 1);
            }
        }
        self.rest -= 1;
        self.in_leaf -= 1;
        let bytes = self.leaves.leaves[self.leaf].bytes();
        let entry = Entry::read(bytes, usize::from(self.offsets[self.in_leaf]));
        Some((entry.score, entry.member))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl ExactSizeIterator for EntriesBackward<'_> {}
