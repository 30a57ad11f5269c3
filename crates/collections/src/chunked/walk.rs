//! Finding elements by index, and walking from there in either direction.

use std::collections::vec_deque;

use super::{ChunkedList, End, Node, strip};
use crate::packed::Element;

/// Where an element is. Changing the list in any way makes it meaningless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) node: usize,
    /// Elements before it in the node.
    pub(super) index: usize,
    /// Bytes before it in the node.
    pub(super) offset: usize,
}

impl ChunkedList {
    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        let place = self.place(index)?;
        let (element, _) = strip::first(&self.nodes[place.node].elements()[place.offset..])?;
        Some(element)
    }

    /// Where the element at `index` is.
    pub fn place(&self, index: usize) -> Option<Place> {
        let (node, index) = self.node_of(index)?;
        Some(Place { node, index, offset: self.nodes[node].offset_of(index) })
    }

    /// Where the first element is that equals `wanted`, and where it stands in the list.
    pub fn find(&self, wanted: Element<'_>) -> Option<Place> {
        self.nodes.iter().enumerate().find_map(|(node, content)| {
            let mut elements = strip::iter(content.elements());
            let index = elements.position(|element| element == wanted)?;
            let offset = content.elements().len() - elements.rest().len() - strip::stored_len(wanted);
            Some(Place { node, index, offset })
        })
    }

    /// The elements from `index` on, towards the back.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        let Some(Place { node, offset, .. }) = self.place(index) else { return Iter::empty() };
        let strip = strip::iter(&self.nodes[node].elements()[offset..]);
        Iter { end: End::Back, nodes: self.nodes.range(node + 1..), strip }
    }

    /// The elements from `index` on, towards the front.
    pub fn iter_back_from(&self, index: usize) -> Iter<'_> {
        let Some(Place { node, index, .. }) = self.place(index) else { return Iter::empty() };
        let content = &self.nodes[node];
        let strip = strip::iter(&content.elements()[..content.offset_of(index + 1)]);
        Iter { end: End::Front, nodes: self.nodes.range(..node), strip }
    }

    /// The node that the element `index` is in, and its index there. Counts from the nearer end.
    pub(super) fn node_of(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut before = 0;
            for (at, node) in self.nodes.iter().enumerate() {
                if index < before + node.count() {
                    return Some((at, index - before));
                }
                before += node.count();
            }
        } else {
            let mut before = self.len;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                before -= node.count();
                if index >= before {
                    return Some((at, index - before));
                }
            }
        }
        None
    }
}

/// Iterates over elements in one direction; see [`ChunkedList::iter_from`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    /// Where it goes.
    end: End,
    /// The nodes that are still to come.
    nodes: vec_deque::Iter<'a, Node>,
    /// What is left of the present one.
    strip: strip::Iter<'a>,
}

impl<'a> Iter<'a> {
    fn empty() -> Iter<'a> {
        Iter::of_strip(&[], End::Back)
    }

    /// The elements of a [strip](strip) alone, towards `end`.
    pub fn of_strip(elements: &'a [u8], end: End) -> Iter<'a> {
        Iter { end, nodes: vec_deque::Iter::default(), strip: strip::iter(elements) }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let element = match self.end {
                End::Back => self.strip.next(),
                End::Front => self.strip.next_back(),
            };
            if element.is_some() {
                return element;
            }
            let node = match self.end {
                End::Back => self.nodes.next(),
                End::Front => self.nodes.next_back(),
            }?;
            self.strip = strip::iter(node.elements());
        }
    }
}
