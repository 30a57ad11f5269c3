//! Insertion, and where full nodes are split.
//!
//! A node at either edge of the tree is split at that edge, so that entries that arrive in order fill the leaves;
//! others are split in the middle.

use super::leaf::{Addition, Leaf};
use super::node::{CHILDREN_MAX, Children, Node};
use super::place::Place;

/// Whether a node is the first or the last of its level.
#[derive(Clone, Copy)]
pub(super) struct Edges {
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Node {
    /// Inserts an entry that is not there. Returns the bytes by which the node and all below it have grown, which
    /// may be fewer than none, and a node that comes after it if it had to be split; that one's are included.
    pub(super) fn insert(&mut self, new: &Addition<'_>, edges: Edges) -> (isize, Option<Node>) {
        let allocated = self.allocated();
        let child = self.child_at(&Place::BeforeEntry(new.score, new.member));
        let below = match &mut self.children {
            Children::Leaves(_) => self.insert_into_leaf(child, new, edges),
            Children::Nodes(nodes) => {
                let last = edges.last && child + 1 == nodes.len();
                let (below, split) =
                    nodes[child].insert(new, Edges { first: edges.first && child == 0, last });
                self.refresh(child);
                if let Some(split) = split {
                    self.insert_node(child + 1, split);
                }
                below
            }
        };
        let split = self.split(child, edges);
        let now_allocated = self.allocated() + split.as_ref().map_or(0, Node::allocated);
        (below + difference(allocated, now_allocated), split)
    }

    /// Splits it if it has too many children. The last insertion was at this child.
    fn split(&mut self, child: usize, edges: Edges) -> Option<Node> {
        let len = self.len();
        if len <= CHILDREN_MAX {
            return None;
        }
        let at = if edges.last && child + 3 >= len {
            CHILDREN_MAX
        } else if edges.first && child == 0 {
            len - CHILDREN_MAX
        } else {
            len / 2
        };
        Some(self.split_off(at))
    }

    /// Inserts into the leaf, or next to it. Returns the bytes by which leaves have grown.
    fn insert_into_leaf(&mut self, child: usize, new: &Addition<'_>, edges: Edges) -> isize {
        let Children::Leaves(leaves) = &mut self.children else { unreachable!("an inner node") };
        let Some(leaf) = leaves.get(child) else {
            return self.insert_leaf_with(0, new);
        };
        let count = self.counts[child];
        let position = leaf.find(&Place::BeforeEntry(new.score, new.member));
        if leaf.has_room(count, new) {
            return self.insert_at(child, position.offset, new);
        }
        if position.offset == leaf.len() {
            if let Some(next) = leaves.get(child + 1) {
                if next.has_room(self.counts[child + 1], new) {
                    return self.insert_at(child + 1, 0, new);
                }
            } else if edges.last {
                return self.insert_leaf_with(child + 1, new);
            }
        } else if position.offset == 0 && edges.first {
            return self.insert_leaf_with(0, new);
        }
        if !new.shares() || !leaf.shares(count) {
            // Between what is before and what is after it.
            let grown = match position.offset {
                0 => return self.insert_leaf_with(child, new),
                end if end == leaf.len() => 0,
                middle => self.split_leaf(child, middle, position.index),
            };
            return grown + self.insert_leaf_with(child + 1, new);
        }
        let middle = leaf.middle();
        let grown = self.split_leaf(child, middle.offset, middle.index);
        let half = if position.offset > middle.offset {
            self.insert_at(child + 1, position.offset - middle.offset, new)
        } else {
            self.insert_at(child, position.offset, new)
        };
        grown + half
    }

    fn insert_at(&mut self, child: usize, offset: usize, new: &Addition<'_>) -> isize {
        let Children::Leaves(leaves) = &mut self.children else { unreachable!("an inner node") };
        let leaf = &mut leaves[child];
        let allocated = leaf.allocated();
        leaf.insert(offset, new);
        self.counts[child] += 1;
        if offset == 0 {
            self.first_scores[child] = new.score;
        }
        difference(allocated, leaf.allocated())
    }

    fn insert_leaf_with(&mut self, child: usize, new: &Addition<'_>) -> isize {
        let leaf = Leaf::with(new);
        let grown = difference(0, leaf.allocated());
        self.insert_leaf(child, leaf, 1);
        grown
    }

    /// Makes two leaves of one. Returns the bytes by which they have grown together.
    fn split_leaf(&mut self, child: usize, offset: usize, index: usize) -> isize {
        let Children::Leaves(leaves) = &mut self.children else { unreachable!("an inner node") };
        let leaf = &mut leaves[child];
        let allocated = leaf.allocated();
        let tail = leaf.split_off(offset);
        let grown = difference(allocated, leaf.allocated() + tail.allocated());
        let tail_count = self.counts[child] - index;
        self.counts[child] = index;
        self.insert_leaf(child + 1, tail, tail_count);
        grown
    }
}

/// What has to be added to get from one size to the other. No allocation is greater than `isize::MAX`.
pub(super) fn difference(before: usize, now: usize) -> isize {
    now as isize - before as isize
}
