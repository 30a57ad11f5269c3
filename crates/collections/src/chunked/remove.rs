//! Removing elements: by range, and by value.

use super::{ChunkedList, End, strip};
use crate::packed::Element;

impl ChunkedList {
    /// Keeps the elements from `start` to before `end`.
    pub fn keep(&mut self, start: usize, end: usize) {
        self.truncate(end);
        self.remove_front(start);
    }

    /// Removes all elements from `len` on.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            let last = self.nodes.len() - 1;
            let surplus = self.len - len;
            let count = self.nodes[last].count();
            if count <= surplus {
                self.remove_node(last);
                self.len -= count;
            } else {
                self.change(last, |node| {
                    let (start, end) = (node.offset_of(count - surplus), node.elements().len());
                    node.cut(start, end, surplus);
                });
                self.len = len;
            }
        }
    }

    /// Removes the first `surplus` elements, or all if there are no more.
    pub fn remove_front(&mut self, surplus: usize) {
        let mut surplus = surplus.min(self.len);
        while surplus > 0 {
            let count = self.nodes[0].count();
            if count <= surplus {
                self.remove_node(0);
                self.len -= count;
                surplus -= count;
            } else {
                self.change(0, |node| {
                    let end = node.offset_of(surplus);
                    node.cut(0, end, surplus);
                });
                self.len -= surplus;
                surplus = 0;
            }
        }
    }

    /// Removes the first `most` elements that equal `wanted`, counted from the end `from`. Says how many it has
    /// removed.
    pub fn remove_equal(&mut self, from: End, wanted: Element<'_>, most: usize) -> usize {
        let mut removed = 0;
        let mut places = Vec::new();
        let (mut at, mut left) = (0, self.nodes.len());
        while left > 0 && removed < most {
            left -= 1;
            if from == End::Back {
                at = left;
            }
            places.clear();
            strip::find_equal(self.nodes[at].elements(), from, wanted, most - removed, &mut places);
            removed += places.len();
            if places.len() == self.nodes[at].count() {
                self.remove_node(at);
                continue;
            }
            if !places.is_empty() {
                self.change(at, |node| {
                    node.cut_all(&places);
                });
            }
            at += 1;
        }
        self.len -= removed;
        removed
    }
}
