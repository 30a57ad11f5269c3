//! Inserting and replacing elements anywhere; dividing and joining nodes.

use super::{ChunkedList, Node, Place, strip};
use crate::packed::Element;

/// On which side of another element one is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nearer to the front.
    Before,
    /// Nearer to the back.
    After,
}

impl ChunkedList {
    /// Inserts an element beside the one at `place`.
    pub fn insert(&mut self, place: Place, side: Side, element: Element<'_>) {
        self.insert_beside(place, side, element);
        self.len += 1;
    }

    /// Puts an element in place of the one at `place`.
    pub fn set(&mut self, place: Place, element: Element<'_>) {
        let (Place { node, offset, .. }, limit) = (place, self.limit);
        let isolates = limit.isolates(element.len());
        match (self.nodes[node].is_isolated(), isolates) {
            (false, false) => self.change(node, |content| content.replace(offset, element, limit)),
            (true, true) => self.change(node, |content| *content = Node::of(element, true)),
            (true, false) => {
                self.insert_beside(place, Side::After, element);
                self.remove_node(node);
            }
            (false, true) => {
                self.insert_beside(place, Side::After, element);
                self.change(node, |content| {
                    let end = content.elements().len();
                    content.cut(offset, end, 1);
                });
                if self.nodes[node].count() == 0 {
                    self.remove_node(node);
                } else {
                    self.join_around(node + 1);
                }
            }
        }
    }

    /// As [`Self::insert`], without counting the element.
    fn insert_beside(&mut self, place: Place, side: Side, element: Element<'_>) {
        let (Place { node, index, offset }, limit) = (place, self.limit);
        let content = &self.nodes[node];
        let text_len = element.len();
        // Where the new element goes in the node.
        let (cut_index, cut) = match side {
            Side::Before => (index, offset),
            Side::After => {
                let len = strip::first(&content.elements()[offset..]).map_or(0, |(_, len)| len);
                (index + 1, offset + len)
            }
        };
        let is_at_edge = cut_index == 0 || cut_index == content.count();
        // Where a node between this one and its neighbour on that side goes.
        let beside = node + usize::from(side == Side::After);
        if limit.isolates(text_len) {
            if !is_at_edge {
                let right = self.change(node, |content| content.split_off(cut, cut_index));
                self.insert_node(node + 1, right);
                self.insert_node(node + 1, Node::of(element, true));
            } else {
                self.insert_node(beside, Node::of(element, true));
            }
        } else if content.admits(text_len, limit) {
            self.change(node, |content| content.insert(cut, element, limit));
        } else if is_at_edge {
            let neighbour = match side {
                Side::Before => node.checked_sub(1),
                Side::After => Some(node + 1),
            };
            match neighbour.filter(|at| self.nodes.get(*at).is_some_and(|node| node.admits(text_len, limit)))
            {
                Some(at) => self.change(at, |neighbour| match side {
                    Side::Before => neighbour.push_back(element, limit),
                    Side::After => neighbour.push_front(element, limit),
                }),
                None => self.insert_node(beside, Node::of(element, false)),
            }
        } else {
            let mut right = self.change(node, |content| content.split_off(cut, cut_index));
            match side {
                Side::Before => self.change(node, |left| left.push_back(element, limit)),
                Side::After => right.push_front(element, limit),
            }
            self.insert_node(node + 1, right);
            self.join_around(node + usize::from(side == Side::Before));
        }
    }

    /// Joins nodes near `center` where two fit into one: the two before it, the two behind it, and those with it.
    fn join_around(&mut self, center: usize) {
        let mut center = center;
        if center >= 2 && self.join(center - 2) {
            center -= 1;
        }
        self.join(center + 1);
        if center >= 1 && self.join(center - 1) {
            center -= 1;
        }
        self.join(center);
    }

    /// Makes a node and the next one one, if they fit. Says whether it has.
    fn join(&mut self, at: usize) -> bool {
        let (Some(node), Some(next)) = (self.nodes.get(at), self.nodes.get(at + 1)) else { return false };
        if !node.may_absorb(next, self.limit) {
            return false;
        }
        let Some(next) = self.nodes.remove(at + 1) else { return false };
        self.node_bytes -= next.allocated_bytes();
        self.change(at, |node| node.absorb(&next));
        true
    }
}
