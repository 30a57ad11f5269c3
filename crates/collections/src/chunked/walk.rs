//! Finding elements by index, and walking from there in either direction.

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
        let mut iter = Iter {
            list: self,
            end: End::Back,
            nodes: self.nodes.len()..self.nodes.len(),
            strip: strip::iter(&[]),
        };
        if let Some(place) = self.place(index) {
            iter.strip = strip::iter(&self.nodes[place.node].elements()[place.offset..]);
            iter.nodes.start = place.node + 1;
        }
        iter
    }

    /// The elements from `index` on, towards the front.
    pub fn iter_back_from(&self, index: usize) -> Iter<'_> {
        let mut iter = Iter { list: self, end: End::Front, nodes: 0..0, strip: strip::iter(&[]) };
        if let Some(Place { node, index, .. }) = self.place(index) {
            let content = &self.nodes[node];
            iter.strip = strip::iter(&content.elements()[..content.offset_of(index + 1)]);
            iter.nodes.end = node;
        }
        iter
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
    list: &'a ChunkedList,
    /// Where it goes.
    end: End,
    /// The nodes that are still to come.
    nodes: std::ops::Range<usize>,
    /// What is left of the present one.
    strip: strip::Iter<'a>,
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
            self.strip = strip::iter(self.list.nodes.get(node).map_or(&[], Node::elements));
        }
    }
}
