//! Lists: sequences of nodes, each a [strip] of elements in one allocation.
//!
//! A node holds many small elements, so that one costs little more than its bytes, and is small enough for an element
//! to be inserted or removed within it at little cost. What lies between the nodes is found by counting, from the end
//! that is nearer.
//!
//! Nodes are divided and joined by the rules that stock servers are seen to follow (`DEBUG OBJECT` tells their
//! number), since a list counts as small again when one node is left: clients can see that.

mod edit;
mod folded;
mod limit;
mod node;
mod nodes;
mod relocate;
mod remove;
pub mod strip;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::VecDeque;

pub use edit::Side;
pub use limit::NodeLimit;
use node::Node;
pub use nodes::Strip;
pub use walk::{Iter, Place};

use crate::entry::vector_bytes;
use crate::packed::Element;

/// So many nodes at either end are never folded; nor are nodes of lists with fewer than four times as many.
const EDGE: usize = if cfg!(test) { 2 } else { 8 };

/// The end of a list at which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head, where index 0 is.
    Front,
    /// The tail.
    Back,
}

/// A list of elements in nodes of limited size.
#[derive(Debug)]
pub struct ChunkedList {
    /// None of them is empty.
    nodes: VecDeque<Node>,
    len: usize,
    /// What the nodes have allocated.
    node_bytes: usize,
    /// How big nodes may become.
    limit: NodeLimit,
    /// The node that is looked at next for whether it is still folded.
    hand: usize,
}

impl ChunkedList {
    /// An empty list, whose nodes will be as big as `limit` says for as long as it lives.
    pub fn new(limit: NodeLimit) -> ChunkedList {
        ChunkedList { nodes: VecDeque::new(), len: 0, node_bytes: 0, limit, hand: 0 }
    }

    /// The list of the elements of a [strip], of which there are `count`, in one node.
    pub fn of_strip(elements: &[u8], count: usize, limit: NodeLimit) -> ChunkedList {
        let mut list = ChunkedList::new(limit);
        list.push_strip(Strip { elements, count, is_isolated: false });
        list
    }

    /// The elements of a list that has a single node, if that is half as big as `limit` allows, or less.
    #[inline]
    pub fn as_small(&self, limit: NodeLimit) -> Option<&[u8]> {
        let node = self.nodes.front().filter(|_| self.nodes.len() == 1)?;
        let is_small = !node.is_isolated() && limit.is_half(node.elements_len(), node.count());
        is_small.then(|| node.elements())
    }

    /// How many elements the list has.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the list has no elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How big its nodes may become.
    pub fn limit(&self) -> NodeLimit {
        self.limit
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The memory behind the list in bytes; its own size is not counted.
    pub fn memory_bytes(&self) -> usize {
        let open_bytes: usize = self.nodes.iter().map(Node::open_bytes).sum();
        vector_bytes::<Node>(self.nodes.capacity()) + self.node_bytes + open_bytes
    }

    /// Frees the elements in steps, between which it calls `pause`, and leaves the list empty.
    pub(crate) fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        /// So many nodes are freed in a step.
        const STEP: usize = 16;
        let list = std::mem::replace(self, ChunkedList::new(self.limit));
        for (number, node) in list.nodes.into_iter().enumerate() {
            drop(node);
            if number % STEP == 0 {
                pause();
            }
        }
    }

    /// Adds an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, element: Element<'_>) {
        let (text_len, limit) = (element.len(), self.limit);
        let node = match end {
            End::Front => self.nodes.front_mut(),
            End::Back => self.nodes.back_mut(),
        };
        match node {
            Some(node) if node.admits(text_len, limit) => {
                let before = node.allocated_bytes();
                match end {
                    End::Front => node.push_front(element, limit),
                    End::Back => node.push_back(element, limit),
                }
                self.node_bytes = self.node_bytes + node.allocated_bytes() - before;
            }
            _ => self.push_node(end, element),
        }
        self.len += 1;
    }

    /// Begins a new node at an end. The one that was there is finished and needs no room any more.
    #[cold]
    fn push_node(&mut self, end: End, element: Element<'_>) {
        let limit = self.limit;
        if !self.nodes.is_empty() {
            let neighbour = match end {
                End::Front => 0,
                End::Back => self.nodes.len() - 1,
            };
            self.change(neighbour, Node::fit);
        }
        let node = if limit.isolates(element.len()) {
            Node::of(element, true)
        } else if self.nodes.is_empty() {
            Node::of(element, false)
        } else {
            // A list that has filled a node will likely fill another one.
            let mut node = Node::with_room(limit.bytes() / 4);
            match end {
                End::Front => node.push_front(element, limit),
                End::Back => node.push_back(element, limit),
            }
            node
        };
        let at = match end {
            End::Front => 0,
            End::Back => self.nodes.len(),
        };
        self.insert_node(at, node);
    }

    /// Removes an element at an end after `take` has seen it.
    #[inline]
    pub fn pop<R>(&mut self, end: End, take: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        let node = match end {
            End::Front => self.nodes.front_mut()?,
            End::Back => self.nodes.back_mut()?,
        };
        let before = node.allocated_bytes();
        let taken = match end {
            End::Front => node.pop_front(take),
            End::Back => node.pop_back(take),
        }?;
        self.node_bytes = self.node_bytes + node.allocated_bytes() - before;
        self.len -= 1;
        if node.count() == 0 {
            let at = match end {
                End::Front => 0,
                End::Back => self.nodes.len() - 1,
            };
            self.remove_node(at);
        }
        Some(taken)
    }

    /// Changes a node and keeps account of its memory.
    fn change<R>(&mut self, at: usize, change: impl FnOnce(&mut Node) -> R) -> R {
        let node = &mut self.nodes[at];
        let before = node.allocated_bytes();
        let result = change(node);
        self.node_bytes = self.node_bytes + node.allocated_bytes() - before;
        result
    }

    fn insert_node(&mut self, at: usize, node: Node) {
        self.node_bytes += node.allocated_bytes();
        self.nodes.insert(at, node);
        self.fold();
    }

    /// Folds nodes that are far from both ends: those that have just come to be so because a node was added, and two
    /// more, which may have been changed or looked at.
    fn fold(&mut self) {
        let len = self.nodes.len();
        if len >= 4 * EDGE {
            self.change(EDGE, Node::fold);
            self.change(len - 1 - EDGE, Node::fold);
            for _ in 0..2 {
                self.hand = if (EDGE..len - EDGE).contains(&self.hand) { self.hand } else { EDGE };
                self.change(self.hand, Node::fold);
                self.hand += 1;
            }
        }
    }

    fn remove_node(&mut self, at: usize) {
        if let Some(node) = self.nodes.remove(at) {
            self.node_bytes -= node.allocated_bytes();
        }
        if self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }
}

impl Clone for ChunkedList {
    fn clone(&self) -> ChunkedList {
        let nodes = self.nodes.clone();
        let node_bytes = nodes.iter().map(Node::allocated_bytes).sum();
        ChunkedList { nodes, node_bytes, ..*self }
    }
}
