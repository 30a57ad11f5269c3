//! One node of a list: a strip of elements with room to grow at both ends.

use super::folded::Folded;
use super::limit::NodeLimit;
use super::strip;
use crate::entry::size_class;
use crate::mover::Mover;
use crate::packed::Element;

/// A node with less memory than this is not made smaller as its elements go.
const SHRINK_MIN: usize = 64;

/// A strip of elements.
///
/// At the front may be bytes that are unused: elements that were removed there, or room for elements to come. A node
/// that is seldom used may be folded: its elements are compressed then, until it is changed.
#[derive(Debug)]
pub(super) struct Node {
    /// Empty if the node is folded.
    buffer: Vec<u8>,
    /// Where the first element begins.
    start: usize,
    count: u32,
    /// Whether the only element is one that was too big to share a node, which this one then stays.
    is_isolated: bool,
    /// Whether folding it has turned out to save nothing, as long as it is not changed.
    stays_plain: bool,
    folded: Option<Box<Folded>>,
}

impl Node {
    /// An empty node that `room` bytes of elements fit into.
    pub(super) fn with_room(room: usize) -> Node {
        Node::of_buffer(Vec::with_capacity(size_class(room)), 0)
    }

    /// A node of all elements in a buffer, of which there are `count`.
    fn of_buffer(buffer: Vec<u8>, count: u32) -> Node {
        Node { buffer, start: 0, count, is_isolated: false, stays_plain: false, folded: None }
    }

    /// A node of just this element.
    pub(super) fn of(element: Element<'_>, is_isolated: bool) -> Node {
        let mut node = Node::with_room(strip::stored_len(element));
        strip::append(element, &mut node.buffer);
        node.count = 1;
        node.is_isolated = is_isolated;
        node
    }

    /// A node of these elements, of which there are `count`.
    pub(super) fn of_strip(elements: &[u8], count: u32, is_isolated: bool) -> Node {
        let mut node = Node::with_room(elements.len());
        node.buffer.extend_from_slice(elements);
        node.count = count;
        node.is_isolated = is_isolated;
        node
    }

    #[inline]
    pub(super) fn elements(&self) -> &[u8] {
        match &self.folded {
            None => &self.buffer[self.start..],
            Some(folded) => folded.elements(),
        }
    }

    /// How many bytes the elements take, which may be less in memory.
    #[inline]
    pub(super) fn elements_len(&self) -> usize {
        match &self.folded {
            None => self.buffer.len() - self.start,
            Some(folded) => folded.len(),
        }
    }

    /// Compresses the elements if that saves memory, or drops what was decompressed because somebody has looked at it.
    pub(super) fn fold(&mut self) {
        if let Some(folded) = &mut self.folded {
            folded.close();
        } else if !self.is_isolated && !self.stays_plain {
            self.folded = Folded::of(self.elements()).map(Box::new);
            self.stays_plain = self.folded.is_none();
            if self.folded.is_some() {
                (self.buffer, self.start) = (Vec::new(), 0);
            }
        }
    }

    /// Makes the elements ready to be changed.
    #[inline]
    fn unfold(&mut self) {
        self.stays_plain = false;
        if self.folded.is_some() {
            self.unfold_now();
        }
    }

    #[cold]
    fn unfold_now(&mut self) {
        if let Some(folded) = self.folded.take() {
            (self.buffer, self.start) = (folded.into_elements(), 0);
        }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    #[inline]
    pub(super) fn is_isolated(&self) -> bool {
        self.is_isolated
    }

    /// The memory that the node has allocated.
    #[inline]
    pub(super) fn allocated_bytes(&self) -> usize {
        size_class(self.buffer.capacity()) + self.folded.as_ref().map_or(0, |folded| folded.allocated_bytes())
    }

    /// The memory that it has allocated besides, because somebody has looked at it.
    pub(super) fn open_bytes(&self) -> usize {
        self.folded.as_ref().map_or(0, |folded| folded.open_bytes())
    }

    /// Whether another element of `text_len` bytes may be added.
    #[inline]
    pub(super) fn admits(&self, text_len: usize, limit: NodeLimit) -> bool {
        !self.is_isolated && limit.admits(self.elements_len(), self.count(), text_len)
    }

    #[inline]
    pub(super) fn push_back(&mut self, element: Element<'_>, limit: NodeLimit) {
        self.unfold();
        self.reserve_back(strip::stored_len(element), limit);
        strip::append(element, &mut self.buffer);
        self.count += 1;
    }

    #[inline]
    pub(super) fn push_front(&mut self, element: Element<'_>, limit: NodeLimit) {
        self.unfold();
        let len = strip::stored_len(element);
        self.reserve_front(len, limit);
        let end = self.start;
        self.start -= len;
        strip::write(element, &mut self.buffer[self.start..end]);
        self.count += 1;
    }

    /// Removes the last element after `take` has seen it.
    #[inline]
    pub(super) fn pop_back<R>(&mut self, take: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        self.unfold();
        let (element, len) = strip::last(self.elements())?;
        let taken = take(element);
        self.buffer.truncate(self.buffer.len() - len);
        self.count -= 1;
        self.shrink();
        Some(taken)
    }

    /// Removes the first element after `take` has seen it.
    #[inline]
    pub(super) fn pop_front<R>(&mut self, take: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        self.unfold();
        let (element, len) = strip::first(self.elements())?;
        let taken = take(element);
        self.start += len;
        self.count -= 1;
        self.shrink();
        Some(taken)
    }

    /// Where the element `index` begins among the elements' bytes; `index` may be their number, too.
    pub(super) fn offset_of(&self, index: usize) -> usize {
        strip::offset_of(self.elements(), index, self.count())
    }

    /// Puts an element before the one that begins at `offset`.
    pub(super) fn insert(&mut self, offset: usize, element: Element<'_>, limit: NodeLimit) {
        self.open(offset, 0, element, limit);
        self.count += 1;
    }

    /// Puts an element in place of the one that begins at `offset`.
    pub(super) fn replace(&mut self, offset: usize, element: Element<'_>, limit: NodeLimit) {
        let old_len = strip::first(&self.elements()[offset..]).map_or(0, |(_, len)| len);
        self.open(offset, old_len, element, limit);
    }

    /// Writes an element over `old_len` bytes at `offset`, moving what is behind.
    fn open(&mut self, offset: usize, old_len: usize, element: Element<'_>, limit: NodeLimit) {
        self.unfold();
        let new_len = strip::stored_len(element);
        if new_len > old_len {
            self.reserve_back(new_len - old_len, limit);
        }
        let at = self.start + offset;
        let (old_end, new_end, len) = (at + old_len, at + new_len, self.buffer.len());
        if new_len > old_len {
            self.buffer.resize(len + new_len - old_len, 0);
        }
        self.buffer.copy_within(old_end..len, new_end);
        self.buffer.truncate(len - old_len + new_len);
        strip::write(element, &mut self.buffer[at..new_end]);
        self.shrink();
    }

    /// Removes `count` elements, which take the bytes from `start` to `end`.
    pub(super) fn cut(&mut self, start: usize, end: usize, count: usize) {
        self.unfold();
        if start == 0 {
            self.start += end;
        } else {
            self.buffer.drain(self.start + start..self.start + end);
        }
        self.count -= count as u32;
        self.shrink();
    }

    /// Removes the elements at `places`, which are offsets with lengths, ascending.
    pub(super) fn cut_all(&mut self, places: &[(usize, usize)]) {
        self.unfold();
        let mut kept = self.start;
        let mut next = self.start;
        for (offset, len) in places {
            let at = self.start + offset;
            self.buffer.copy_within(next..at, kept);
            kept += at - next;
            next = at + len;
        }
        let end = self.buffer.len();
        self.buffer.copy_within(next..end, kept);
        self.buffer.truncate(kept + end - next);
        self.count -= places.len() as u32;
        self.shrink();
    }

    /// Takes away the elements from `offset` on, of which `index` are before.
    pub(super) fn split_off(&mut self, offset: usize, index: usize) -> Node {
        self.unfold();
        let right = Node::of_strip(&self.elements()[offset..], self.count - index as u32, false);
        self.buffer.truncate(self.start + offset);
        self.count = index as u32;
        self.fit();
        right
    }

    /// Whether this node and the next one may be made one.
    pub(super) fn may_absorb(&self, next: &Node, limit: NodeLimit) -> bool {
        let bytes = self.elements_len() + next.elements_len();
        !self.is_isolated && !next.is_isolated && limit.allows(bytes, self.count() + next.count())
    }

    /// Appends the elements of the next node.
    pub(super) fn absorb(&mut self, next: &Node) {
        self.unfold();
        let elements = next.elements();
        let mut buffer = Vec::with_capacity(size_class(self.elements().len() + elements.len()));
        buffer.extend_from_slice(self.elements());
        buffer.extend_from_slice(elements);
        *self = Node::of_buffer(buffer, self.count + next.count);
    }

    /// Gives memory back that the elements do not need.
    pub(super) fn fit(&mut self) {
        if self.folded.is_none() && self.allocated_bytes() > size_class(self.elements().len()) {
            self.relocate(size_class(self.elements().len()), 0);
        }
    }

    /// Gives memory back when three quarters of it are unused: half of it stays, so that the next time is far away.
    #[inline]
    fn shrink(&mut self) {
        let used = self.elements().len();
        if self.buffer.capacity() > SHRINK_MIN && used <= self.buffer.capacity() / 4 {
            self.relocate(size_class(2 * used), 0);
        }
    }

    /// Makes room for `len` bytes behind the last element.
    #[inline]
    fn reserve_back(&mut self, len: usize, limit: NodeLimit) {
        if self.buffer.capacity() - self.buffer.len() < len {
            self.grow_back(len, limit);
        }
    }

    #[cold]
    fn grow_back(&mut self, len: usize, limit: NodeLimit) {
        let used = self.elements().len();
        if self.start >= self.buffer.capacity() / 2 && used + len <= self.buffer.capacity() {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(used);
            self.start = 0;
        } else {
            self.relocate(self.grown_capacity(used + len, limit), 0);
        }
    }

    /// Makes room for `len` bytes before the first element.
    #[inline]
    fn reserve_front(&mut self, len: usize, limit: NodeLimit) {
        if self.start < len {
            let used = self.elements().len();
            let capacity = match self.buffer.capacity() {
                // Elements that were removed behind have left enough.
                capacity if used + len <= capacity / 2 => capacity,
                _ => self.grown_capacity(used + len, limit),
            };
            self.relocate(capacity, capacity - used);
        }
    }

    /// Twice the memory, but more than a node may have only if `needed` is.
    fn grown_capacity(&self, needed: usize, limit: NodeLimit) -> usize {
        size_class(needed.max(self.buffer.capacity().saturating_mul(2).min(limit.bytes())))
    }

    /// Moves what the mover wants of the elements.
    pub(super) fn relocate_memory(&mut self, mover: &mut Mover<'_>) {
        match &mut self.folded {
            None => mover.vector(&mut self.buffer),
            Some(folded) => folded.relocate(mover),
        }
    }

    /// Moves the elements to new memory, behind `start` unused bytes.
    fn relocate(&mut self, capacity: usize, start: usize) {
        let mut buffer = Vec::with_capacity(capacity);
        buffer.resize(start, 0);
        buffer.extend_from_slice(self.elements());
        self.buffer = buffer;
        self.start = start;
    }
}

impl Clone for Node {
    /// Copies the elements as they are, and not the room around them.
    fn clone(&self) -> Node {
        match &self.folded {
            None => Node::of_strip(self.elements(), self.count, self.is_isolated),
            folded => Node { folded: folded.clone(), ..Node::of_buffer(Vec::new(), self.count) },
        }
    }
}
