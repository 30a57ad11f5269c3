//! Removal, and when neighbours become one.

use std::ops::Range;

use super::entry::Entry;
use super::insert::difference;
use super::leaf::{BYTES_MAX, ENTRIES_MAX};
use super::node::{CHILDREN_MAX, Children, Node};
use super::place::Place;

/// What is to be removed.
pub(super) enum Doomed<'a> {
    /// The entries of these ranks.
    Ranks(Range<usize>),
    /// The entry with this score and member, if it is there.
    Entry(f64, &'a [u8]),
}

/// What was removed in one step.
pub(super) struct Removed {
    pub(super) entries: usize,
    /// The bytes by which the node and all below it have grown: usually fewer than none.
    pub(super) grown: isize,
}

impl Node {
    /// Removes entries from the one leaf that has the first of them, as many as are in it. Each is shown before.
    pub(super) fn remove(&mut self, doomed: Doomed<'_>, visit: &mut dyn FnMut(f64, &[u8])) -> Removed {
        if self.len() == 0 {
            return Removed { entries: 0, grown: 0 };
        }
        let allocated = self.allocated();
        let (child, doomed) = match doomed {
            Doomed::Ranks(ranks) => {
                let (child, start) = self.child_with(ranks.start);
                (child, Doomed::Ranks(start..start + ranks.len()))
            }
            // In the child that has the entry itself, even where it is the first.
            Doomed::Entry(score, member) => (self.child_at(&Place::AfterEntry(score, member)), doomed),
        };
        let Removed { entries, mut grown } = match &mut self.children {
            Children::Leaves(_) => self.remove_from_leaf(child, doomed, visit),
            Children::Nodes(nodes) => nodes[child].remove(doomed, visit),
        };
        if entries == 0 {
            return Removed { entries, grown };
        }
        let is_empty = match &self.children {
            Children::Leaves(leaves) => leaves[child].len() == 0,
            Children::Nodes(nodes) => nodes[child].len() == 0,
        };
        if is_empty {
            grown += difference(self.remove_child(child), 0);
        } else {
            self.refresh(child);
            grown += self.merge(child);
        }
        Removed { entries, grown: grown + difference(allocated, self.allocated()) }
    }

    fn remove_from_leaf(
        &mut self,
        child: usize,
        doomed: Doomed<'_>,
        visit: &mut dyn FnMut(f64, &[u8]),
    ) -> Removed {
        let Children::Leaves(leaves) = &mut self.children else { unreachable!("an inner node") };
        let leaf = &mut leaves[child];
        let allocated = leaf.allocated();
        let (start, wanted) = match doomed {
            Doomed::Ranks(ranks) => (leaf.offset_of(ranks.start), ranks.len()),
            Doomed::Entry(score, member) => {
                let position = leaf.find(&Place::BeforeEntry(score, member));
                let found = leaf.entry_at(position);
                let is_it = found.is_some_and(|entry| entry.score == score && entry.member == member);
                (position.offset, usize::from(is_it))
            }
        };
        let mut end = start;
        let mut entries = 0;
        while entries < wanted && end < leaf.len() {
            let entry = Entry::read(leaf.bytes(), end);
            visit(entry.score, entry.member);
            end = entry.end;
            entries += 1;
        }
        leaf.remove(start..end);
        self.counts[child] -= entries;
        Removed { entries, grown: difference(allocated, leaf.allocated()) }
    }

    /// Joins a child that has become small with a neighbour, if there is still room after that. Returns the bytes
    /// by which the children have grown.
    fn merge(&mut self, child: usize) -> isize {
        let small = match &self.children {
            Children::Leaves(leaves) => {
                leaves[child].len() < BYTES_MAX / 4 && self.counts[child] < ENTRIES_MAX / 4
            }
            Children::Nodes(nodes) => nodes[child].len() < CHILDREN_MAX / 4,
        };
        if !small {
            return 0;
        }
        let neighbours = [child.checked_sub(1), Some(child)];
        let Some(first) = neighbours.into_iter().flatten().find(|&first| self.can_merge(first)) else {
            return 0;
        };
        let grown = match &mut self.children {
            Children::Leaves(leaves) => {
                let next = leaves.remove(first + 1);
                let allocated = leaves[first].allocated() + next.allocated();
                leaves[first].append(next.bytes());
                self.counts[first] += self.counts[first + 1];
                difference(allocated, leaves[first].allocated())
            }
            Children::Nodes(nodes) => {
                let next = nodes.remove(first + 1);
                let allocated = nodes[first].allocated() + next.allocated();
                nodes[first].append(next);
                difference(allocated, nodes[first].allocated())
            }
        };
        self.first_scores.remove(first + 1);
        self.counts.remove(first + 1);
        self.refresh(first);
        grown
    }

    /// Whether a child and the next one would leave a quarter of one node free.
    fn can_merge(&self, first: usize) -> bool {
        let next = first + 1;
        if next >= self.len() {
            return false;
        }
        match &self.children {
            Children::Leaves(leaves) => {
                let share =
                    leaves[first].shares(self.counts[first]) && leaves[next].shares(self.counts[next]);
                share
                    && leaves[first].len() + leaves[next].len() <= BYTES_MAX * 3 / 4
                    && self.counts[first] + self.counts[next] <= ENTRIES_MAX * 3 / 4
            }
            Children::Nodes(nodes) => nodes[first].len() + nodes[next].len() <= CHILDREN_MAX * 3 / 4,
        }
    }
}
