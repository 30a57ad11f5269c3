//! Changes of lists, in the encoding that suits them.
//!
//! A small list becomes a big one as soon as what is added, taken as text, is more than it may hold; a big one becomes
//! small when it has come down to half of that.

use nuthatch_collections::chunked::{ChunkedList, End, NodeLimit, Side};
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;
use nuthatch_collections::packed::Element;

use super::Key;
use super::collections::Slot;
use super::locked::Keys;
use super::strings::NewDeadline;
use crate::error::CommandError;
use crate::value::list::{Edit, ListRef, PackedList, packed};
use crate::value::{Kind, Type};

/// A list that is being changed.
///
/// The key is still there when the last element is gone: whoever removes elements ends with [`Self::settle`] and, if
/// none is left, removes the key.
pub struct ListSlot<'a> {
    slot: Slot<'a>,
    limit: NodeLimit,
}

impl Keys<'_> {
    /// Reads a list.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn read_list(&mut self, key: &Key<'_>) -> Result<Option<ListRef<'_>>, CommandError> {
        Ok(self.read_as(key, Type::List)?.map(ListRef::of))
    }

    /// Looks a list up for a change.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn change_list(
        &mut self,
        key: &Key<'_>,
        limit: NodeLimit,
    ) -> Result<Option<ListSlot<'_>>, CommandError> {
        Ok(self.change_as(key, Type::List)?.map(|slot| ListSlot { slot, limit }))
    }

    /// Adds elements at an end of a list, one after another, and makes the key if there is none. Returns the list's
    /// length.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn push<'e>(
        &mut self,
        key: &Key<'_>,
        end: End,
        elements: impl DoubleEndedIterator<Item = &'e [u8]> + ExactSizeIterator + Clone,
        limit: NodeLimit,
    ) -> Result<usize, CommandError> {
        if let Some(mut list) = self.change_list(key, limit)? {
            list.push(end, elements);
            return Ok(list.len());
        }
        let count = elements.len();
        self.put_list(key, end, elements, limit);
        Ok(count)
    }

    /// Makes a key a list of these elements, each added at an end, whatever it held before.
    pub fn put_list<'e>(
        &mut self,
        key: &Key<'_>,
        end: End,
        elements: impl DoubleEndedIterator<Item = &'e [u8]> + ExactSizeIterator + Clone,
        limit: NodeLimit,
    ) {
        let count = elements.len();
        let empty = PackedList::of(&[]);
        if empty.may_take(count, elements.clone().map(<[u8]>::len).sum(), limit) {
            let edit = empty.pushed(end, elements, count);
            self.put(key, Kind::ListPacked, NewPayload::Inline(&edit.with), NewDeadline::Clear);
        } else {
            let mut list = ChunkedList::new(limit);
            elements.for_each(|text| list.push(end, Element::of(text)));
            self.put(key, Kind::ListChunked, big(list), NewDeadline::Clear);
        }
    }
}

impl ListSlot<'_> {
    /// How many elements the list has.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_list().len()
    }

    /// Whether no element is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The list as it is.
    #[inline]
    pub fn as_list(&self) -> ListRef<'_> {
        ListRef::of(self.slot.record())
    }

    /// Adds elements at an end, one after another.
    #[inline]
    pub fn push<'e>(
        &mut self,
        end: End,
        elements: impl DoubleEndedIterator<Item = &'e [u8]> + ExactSizeIterator + Clone,
    ) {
        if let Some(list) = self.chunked() {
            return elements.for_each(|text| list.push(end, Element::of(text)));
        }
        let count = elements.len();
        if self.grow_for(count, elements.clone().map(<[u8]>::len).sum()) {
            return self.push(end, elements);
        }
        self.apply(self.packed().pushed(end, elements, count));
    }

    /// Removes an element at an end after `take` has seen it.
    #[inline]
    pub fn pop<R>(&mut self, end: End, take: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        if let Some(list) = self.chunked() {
            return list.pop(end, take);
        }
        let list = self.packed();
        let from = match end {
            End::Front => 0,
            End::Back => list.count().checked_sub(1)?,
        };
        let taken = take(ListRef::Packed(list).get(from)?);
        self.remove(end, 1);
        Some(taken)
    }

    /// Removes up to `count` elements at an end.
    pub fn remove(&mut self, end: End, count: usize) {
        let count = count.min(self.len());
        match self.chunked() {
            Some(list) => match end {
                End::Front => list.remove_front(count),
                End::Back => list.truncate(list.len() - count),
            },
            None => self.apply(self.packed().without(end, count)),
        }
    }

    /// Removes the first `most` elements that equal `wanted`, counted from the end `from`. Says how many it has
    /// removed.
    pub fn remove_equal(&mut self, from: End, wanted: Element<'_>, most: usize) -> usize {
        if let Some(list) = self.chunked() {
            return list.remove_equal(from, wanted, most);
        }
        let (bytes, removed) = self.packed().without_equal(from, wanted, most);
        if removed > 0 {
            self.slot.replace(Kind::ListPacked, NewPayload::Inline(&bytes));
        }
        removed
    }

    /// Puts an element in the place of the one at `index`. Says whether there was one.
    pub fn set(&mut self, index: usize, text: &[u8]) -> bool {
        self.grow_for(1, text.len());
        if let Some(list) = self.chunked() {
            let place = list.place(index);
            return place.map(|place| list.set(place, Element::of(text))).is_some();
        }
        let edit = self.packed().replaced(index, Element::of(text));
        edit.map(|edit| self.apply(edit)).is_some()
    }

    /// Puts an element beside the first one that equals `pivot`. Says whether there was one.
    pub fn insert(&mut self, pivot: &[u8], side: Side, text: &[u8]) -> bool {
        self.grow_for(1, text.len());
        if let Some(list) = self.chunked() {
            let place = list.find(Element::of(pivot));
            return place.map(|place| list.insert(place, side, Element::of(text))).is_some();
        }
        let edit = self.packed().inserted(Element::of(pivot), side, Element::of(text));
        edit.map(|edit| self.apply(edit)).is_some()
    }

    /// Makes a big list small if it has become so. Says whether no element is left.
    #[inline]
    pub fn settle(&mut self) -> bool {
        let limit = self.limit;
        let Some(list) = self.chunked() else { return self.is_empty() };
        if let Some(elements) = list.as_small(limit) {
            let bytes = packed(elements, list.len());
            self.slot.replace(Kind::ListPacked, NewPayload::Inline(&bytes));
        }
        self.is_empty()
    }

    /// Makes a small list big if it could not take so many elements more, of so long texts. Says whether it did.
    fn grow_for(&mut self, added: usize, text_bytes: usize) -> bool {
        if self.slot.kind() != Kind::ListPacked {
            return false;
        }
        let list = self.packed();
        let grows = !list.may_take(added, text_bytes, self.limit);
        if grows {
            let list = ChunkedList::of_strip(list.elements(), list.count(), self.limit);
            self.slot.replace(Kind::ListChunked, big(list));
        }
        grows
    }

    #[inline]
    fn chunked(&mut self) -> Option<&mut ChunkedList> {
        match self.slot.collection_mut() {
            Some(Collection::List(list)) => Some(list),
            _ => None,
        }
    }

    #[inline]
    fn packed(&self) -> PackedList<'_> {
        PackedList::of(self.slot.bytes())
    }

    #[inline]
    fn apply(&mut self, edit: Edit) {
        self.slot.splice(Kind::ListPacked, edit.range, &edit.with);
        if let Some(count) = edit.count {
            self.slot.splice(Kind::ListPacked, 0..count.len(), &count);
        }
    }
}

fn big(list: ChunkedList) -> NewPayload<'static> {
    NewPayload::Collection(Box::new(Collection::List(list)))
}
