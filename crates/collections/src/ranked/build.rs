//! Building a tree from entries in order, bottom up.

use super::leaf::{Addition, Leaf};
use super::node::{CHILDREN_MAX, Node};

/// Takes entries in order, and makes a tree whose leaves are full.
#[derive(Default)]
pub(super) struct Builder {
    leaves: Vec<Leaf>,
    counts: Vec<usize>,
    /// Complete nodes of the lowest level.
    nodes: Vec<Node>,
}

impl Builder {
    pub(super) fn push(&mut self, score: f64, member: &[u8]) {
        let new = Addition::new(score, member);
        match (self.leaves.last_mut(), self.counts.last_mut()) {
            (Some(leaf), Some(count)) if leaf.has_room(*count, &new) => {
                leaf.insert(leaf.len(), &new);
                *count += 1;
            }
            _ => {
                if self.leaves.len() == CHILDREN_MAX {
                    self.finish_node();
                }
                self.leaves.push(Leaf::with(&new));
                self.counts.push(1);
            }
        }
    }

    fn finish_node(&mut self) {
        let (leaves, counts) = (std::mem::take(&mut self.leaves), std::mem::take(&mut self.counts));
        self.nodes.push(Node::with_leaves(leaves, counts));
    }

    pub(super) fn finish(mut self) -> Node {
        if self.leaves.is_empty() {
            return Node::default();
        }
        self.finish_node();
        let mut level = self.nodes;
        while level.len() > 1 {
            let mut nodes = level.into_iter();
            level = Vec::new();
            while nodes.len() > 0 {
                level.push(Node::with_nodes(nodes.by_ref().take(CHILDREN_MAX).collect()));
            }
        }
        level.pop().unwrap_or_default()
    }
}
