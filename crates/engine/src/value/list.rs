//! Lists: a few elements as bytes in their record, many as a sequence of nodes.
//!
//! A small list is the number of its elements in four bytes, and behind it a strip of the elements.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};

use nuthatch_collections::chunked::{ChunkedList, End, Iter, NodeLimit, Side, strip};
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Payload, RecordRef};
use nuthatch_collections::packed::Element;

const COUNT_BYTES: usize = size_of::<u32>();

/// The limit on nodes, and on lists that are small, as it stands now.
#[inline]
pub fn node_limit(directive: &AtomicI64) -> NodeLimit {
    let setting = directive.load(Ordering::Relaxed);
    NodeLimit::from_setting(i32::try_from(setting).unwrap_or(i32::MAX))
}

/// A list as a record holds it.
#[derive(Debug, Clone, Copy)]
pub enum ListRef<'a> {
    /// Held in the record.
    Packed(PackedList<'a>),
    /// Held apart.
    Chunked(&'a ChunkedList),
}

impl<'a> ListRef<'a> {
    /// The list in a record that holds one.
    #[inline]
    pub fn of(record: RecordRef<'a>) -> Self {
        match record.payload() {
            Payload::Collection(Collection::List(list)) => Self::Chunked(list),
            payload => Self::Packed(PackedList::of(payload.bytes().unwrap_or_default())),
        }
    }

    /// How many elements it has.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::Packed(list) => list.count,
            Self::Chunked(list) => list.len(),
        }
    }

    /// Whether it has no elements.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at `index`.
    pub fn get(self, index: usize) -> Option<Element<'a>> {
        match self {
            Self::Packed(list) => {
                let (element, _) = strip::first(&list.elements[list.place(index)?..])?;
                Some(element)
            }
            Self::Chunked(list) => list.get(index),
        }
    }

    /// The elements from `index` on, towards `end`.
    #[inline]
    pub fn iter(self, index: usize, end: End) -> Iter<'a> {
        match (self, end) {
            (Self::Packed(list), End::Back) => {
                Iter::of_strip(&list.elements[list.offset_of(index)..], End::Back)
            }
            (Self::Packed(list), End::Front) => {
                Iter::of_strip(&list.elements[..list.offset_of(index.saturating_add(1))], End::Front)
            }
            (Self::Chunked(list), End::Back) => list.iter_from(index),
            (Self::Chunked(list), End::Front) => list.iter_back_from(index),
        }
    }
}

/// A small list's bytes.
#[derive(Debug, Clone, Copy)]
pub struct PackedList<'a> {
    count: usize,
    elements: &'a [u8],
}

/// What replaces a part of a small list's bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which bytes.
    pub range: Range<usize>,
    /// By what.
    pub with: Vec<u8>,
    /// How many elements there are then.
    pub count: usize,
}

impl<'a> PackedList<'a> {
    /// The list that these bytes are.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        match bytes.split_first_chunk() {
            Some((count, elements)) => Self { count: u32::from_le_bytes(*count) as usize, elements },
            None => Self { count: 0, elements: &[] },
        }
    }

    /// The strip of its elements.
    pub fn elements(self) -> &'a [u8] {
        self.elements
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether it stays small with `added` elements more, whose texts are `text_bytes` long together.
    #[inline]
    pub fn may_take(self, added: usize, text_bytes: usize, limit: NodeLimit) -> bool {
        limit.allows(self.elements.len().saturating_add(text_bytes), self.count + added)
    }

    /// Adds `added` elements at an end, one after another.
    #[inline]
    pub fn pushed<'e>(
        self,
        end: End,
        elements: impl DoubleEndedIterator<Item = &'e [u8]>,
        added: usize,
    ) -> Edit {
        let mut with = Vec::with_capacity(64);
        let at = match end {
            End::Front => {
                elements.rev().for_each(|text| strip::append(Element::of(text), &mut with));
                0
            }
            End::Back => {
                elements.for_each(|text| strip::append(Element::of(text), &mut with));
                self.elements.len()
            }
        };
        self.edit(at..at, with, self.count + added)
    }

    /// Puts an element beside the first one that equals `pivot`, if there is one.
    pub fn inserted(self, pivot: Element<'_>, side: Side, element: Element<'_>) -> Option<Edit> {
        let mut elements = strip::iter(self.elements);
        elements.find(|element| *element == pivot)?;
        let behind = self.elements.len() - elements.rest().len();
        let at = match side {
            Side::Before => behind - strip::stored_len(pivot),
            Side::After => behind,
        };
        Some(self.edit(at..at, stored(element), self.count + 1))
    }

    /// Puts an element in the place of the one at `index`, if there is one.
    pub fn replaced(self, index: usize, element: Element<'_>) -> Option<Edit> {
        let at = self.place(index)?;
        let (_, len) = strip::first(&self.elements[at..])?;
        Some(self.edit(at..at + len, stored(element), self.count))
    }

    /// Removes the `count` elements at an end, which are no more than there are.
    #[inline]
    pub fn without(self, end: End, count: usize) -> Edit {
        let range = match end {
            End::Front => 0..self.offset_of(count),
            End::Back => self.offset_of(self.count - count)..self.elements.len(),
        };
        self.edit(range, Vec::new(), self.count - count)
    }

    /// The bytes of the list without the first `most` elements that equal `wanted`, counted from the end `from`, and
    /// how many these are.
    pub fn without_equal(self, from: End, wanted: Element<'_>, most: usize) -> (Vec<u8>, usize) {
        let mut places = Vec::new();
        strip::find_equal(self.elements, from, wanted, most, &mut places);
        let mut kept = Vec::with_capacity(self.elements.len());
        let mut next = 0;
        for (at, len) in &places {
            kept.extend_from_slice(&self.elements[next..*at]);
            next = at + len;
        }
        kept.extend_from_slice(&self.elements[next..]);
        (packed(&kept, self.count - places.len()), places.len())
    }

    /// Where the element at `index` begins, if there is one.
    fn place(self, index: usize) -> Option<usize> {
        (index < self.count).then(|| self.offset_of(index))
    }

    /// Where the element at `index` begins, or where the elements end.
    fn offset_of(self, index: usize) -> usize {
        strip::offset_of(self.elements, index.min(self.count), self.count)
    }

    /// The edit that replaces a range of the elements' bytes. The caller writes the number of elements.
    fn edit(self, range: Range<usize>, with: Vec<u8>, count: usize) -> Edit {
        Edit { range: COUNT_BYTES + range.start..COUNT_BYTES + range.end, with, count }
    }
}

/// The bytes of a small list.
pub fn packed(elements: &[u8], count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(COUNT_BYTES + elements.len());
    bytes.extend_from_slice(&count_bytes(count));
    bytes.extend_from_slice(elements);
    bytes
}

/// The bytes that a small list of `count` elements begins with.
pub fn count_bytes(count: usize) -> [u8; COUNT_BYTES] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

fn stored(element: Element<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(strip::stored_len(element));
    strip::append(element, &mut bytes);
    bytes
}
