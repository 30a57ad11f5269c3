//! The nodes of a list, as they are told to others and come from others.

use super::ChunkedList;
use super::node::Node;

/// What one node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip<'a> {
    /// Its elements; see [`strip`](super::strip).
    pub elements: &'a [u8],
    /// How many there are.
    pub count: usize,
    /// Whether the only element is one that was too big to share a node.
    pub is_isolated: bool,
}

impl ChunkedList {
    /// The nodes from the front to the back.
    pub fn strips(&self) -> impl ExactSizeIterator<Item = Strip<'_>> {
        self.nodes.iter().map(|node| Strip {
            elements: node.elements(),
            count: node.count(),
            is_isolated: node.is_isolated(),
        })
    }

    /// Adds a node at the back, unless it has no elements.
    pub fn push_strip(&mut self, strip: Strip<'_>) {
        if strip.count > 0 {
            let node = Node::of_strip(strip.elements, strip.count as u32, strip.is_isolated);
            self.insert_node(self.nodes.len(), node);
            self.len += strip.count;
        }
    }
}
