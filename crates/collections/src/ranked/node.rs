//! Inner nodes: children with what has to be known of each to choose among them.

use super::leaf::Leaf;
use super::place::Place;
use crate::entry::vector_bytes;

/// The most children of a node.
pub(super) const CHILDREN_MAX: usize = 64;

/// Leaves, or nodes of the next level down; all leaves are equally deep.
#[derive(Clone)]
pub(super) enum Children {
    Leaves(Vec<Leaf>),
    Nodes(Vec<Node>),
}

/// An inner node. The members that separate its children are not repeated here: where scores are equal, they are
/// looked up in the leaves.
#[derive(Clone)]
pub(super) struct Node {
    /// The score of each child's first entry.
    pub(super) first_scores: Vec<f64>,
    /// The number of entries below each child.
    pub(super) counts: Vec<usize>,
    pub(super) children: Children,
}

impl Default for Node {
    fn default() -> Node {
        Node { first_scores: Vec::new(), counts: Vec::new(), children: Children::Leaves(Vec::new()) }
    }
}

impl Node {
    pub(super) fn with_leaves(leaves: Vec<Leaf>, counts: Vec<usize>) -> Node {
        let first_scores = leaves.iter().map(|leaf| leaf.first().score).collect();
        Node { first_scores, counts, children: Children::Leaves(leaves) }
    }

    pub(super) fn with_nodes(nodes: Vec<Node>) -> Node {
        let first_scores = nodes.iter().map(|node| node.first_scores[0]).collect();
        let counts = nodes.iter().map(Node::count).collect();
        Node { first_scores, counts, children: Children::Nodes(nodes) }
    }

    /// The number of its children.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The number of entries below it.
    pub(super) fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The bytes that it has allocated, without those of its children.
    pub(super) fn allocated(&self) -> usize {
        let children = match &self.children {
            Children::Leaves(leaves) => vector_bytes::<Leaf>(leaves.capacity()),
            Children::Nodes(nodes) => vector_bytes::<Node>(nodes.capacity()),
        };
        vector_bytes::<f64>(self.first_scores.capacity())
            + vector_bytes::<usize>(self.counts.capacity())
            + children
    }

    /// The bytes that it and everything below has allocated, counted.
    pub(super) fn allocated_below(&self) -> usize {
        let below: usize = match &self.children {
            Children::Leaves(leaves) => leaves.iter().map(Leaf::allocated).sum(),
            Children::Nodes(nodes) => nodes.iter().map(Node::allocated_below).sum(),
        };
        self.allocated() + below
    }

    /// The member of the first entry below a child.
    fn first_member(&self, child: usize) -> &[u8] {
        let (mut node, mut child) = (self, child);
        loop {
            match &node.children {
                Children::Leaves(leaves) => return leaves[child].first().member,
                Children::Nodes(nodes) => (node, child) = (&nodes[child], 0),
            }
        }
    }

    /// The child that the place is in: the last whose first entry is before it, or else the first.
    #[inline]
    pub(super) fn child_at(&self, place: &Place<'_>) -> usize {
        let (lowest, highest) = place.undecided();
        let decided = self.first_scores.partition_point(|&score| score < lowest);
        let tied = self.first_scores[decided..].partition_point(|&score| score <= highest);
        // How many first entries are before the place.
        let (mut before, mut rest) = (decided, tied);
        while rest > 0 {
            let half = rest / 2;
            let middle = before + half;
            if place.is_after(self.first_scores[middle], || self.first_member(middle)) {
                before = middle + 1;
                rest -= half + 1;
            } else {
                rest = half;
            }
        }
        before.saturating_sub(1)
    }

    /// The child that has the entry of this rank, and the entry's rank in it. The rank may be that of the end.
    pub(super) fn child_with(&self, rank: usize) -> (usize, usize) {
        let mut rest = rank;
        let last = self.len() - 1;
        for (child, &count) in self.counts[..last].iter().enumerate() {
            if rest < count {
                return (child, rest);
            }
            rest -= count;
        }
        (last, rest)
    }

    /// How many entries are below the children before this one.
    pub(super) fn count_before(&self, child: usize) -> usize {
        self.counts[..child].iter().sum()
    }

    /// Looks up anew what it has to know of a child that has changed.
    pub(super) fn refresh(&mut self, child: usize) {
        match &self.children {
            Children::Leaves(leaves) => self.first_scores[child] = leaves[child].first().score,
            Children::Nodes(nodes) => {
                self.first_scores[child] = nodes[child].first_scores[0];
                self.counts[child] = nodes[child].count();
            }
        }
    }

    pub(super) fn insert_leaf(&mut self, child: usize, leaf: Leaf, count: usize) {
        let score = leaf.first().score;
        let Children::Leaves(leaves) = &mut self.children else { unreachable!("a leaf among nodes") };
        insert(leaves, child, leaf);
        insert(&mut self.first_scores, child, score);
        insert(&mut self.counts, child, count);
    }

    pub(super) fn insert_node(&mut self, child: usize, node: Node) {
        let (score, count) = (node.first_scores[0], node.count());
        let Children::Nodes(nodes) = &mut self.children else { unreachable!("a node among leaves") };
        insert(nodes, child, node);
        insert(&mut self.first_scores, child, score);
        insert(&mut self.counts, child, count);
    }

    /// Forgets a child. Returns the bytes that it had allocated.
    pub(super) fn remove_child(&mut self, child: usize) -> usize {
        self.first_scores.remove(child);
        self.counts.remove(child);
        match &mut self.children {
            Children::Leaves(leaves) => leaves.remove(child).allocated(),
            Children::Nodes(nodes) => nodes.remove(child).allocated(),
        }
    }

    /// Takes away the children from this one on.
    pub(super) fn split_off(&mut self, child: usize) -> Node {
        let children = match &mut self.children {
            Children::Leaves(leaves) => Children::Leaves(split_off(leaves, child)),
            Children::Nodes(nodes) => Children::Nodes(split_off(nodes, child)),
        };
        let first_scores = split_off(&mut self.first_scores, child);
        Node { first_scores, counts: split_off(&mut self.counts, child), children }
    }

    /// Frees it and everything below, and calls `pause` after the leaves of each node.
    pub(super) fn dismantle(self, pause: &mut dyn FnMut()) {
        match self.children {
            Children::Leaves(leaves) => {
                drop(leaves);
                pause();
            }
            Children::Nodes(nodes) => nodes.into_iter().for_each(|node| node.dismantle(pause)),
        }
    }

    /// Adds the children of the node after it.
    pub(super) fn append(&mut self, mut next: Node) {
        self.first_scores.append(&mut next.first_scores);
        self.counts.append(&mut next.counts);
        match (&mut self.children, next.children) {
            (Children::Leaves(leaves), Children::Leaves(mut next)) => leaves.append(&mut next),
            (Children::Nodes(nodes), Children::Nodes(mut next)) => nodes.append(&mut next),
            _ => unreachable!("nodes of different depth side by side"),
        }
    }
}

/// Inserts; allocates a quarter more rather than twice as much.
fn insert<T>(list: &mut Vec<T>, index: usize, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 4).max(2));
    }
    list.insert(index, item);
}

/// Like [`Vec::split_off`], which leaves the memory with the first part.
fn split_off<T>(list: &mut Vec<T>, index: usize) -> Vec<T> {
    let tail = list.split_off(index);
    list.shrink_to_fit();
    tail
}
