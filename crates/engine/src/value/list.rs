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
                let end = if index < list.count { list.offset_of(index + 1) } else { 0 };
                Iter::of_strip(&list.elements[..end], End::Front)
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

/// What makes a small list another.
#[derive(Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which bytes are replaced.
    pub range: Range<usize>,
    /// By what.
    pub with: Vec<u8>,
    /// What the list begins with then, unless it is replaced already.
    pub count: Option<[u8; COUNT_BYTES]>,
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
        let at = match end {
            End::Front => 0,
            End::Back => self.elements.len(),
        };
        self.edit(at..at, self.count + added, |with| match end {
            End::Front => elements.rev().for_each(|text| strip::append(Element::of(text), with)),
            End::Back => elements.for_each(|text| strip::append(Element::of(text), with)),
        })
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
        Some(self.edit(at..at, self.count + 1, |with| strip::append(element, with)))
    }

    /// Puts an element in the place of the one at `index`, if there is one.
    pub fn replaced(self, index: usize, element: Element<'_>) -> Option<Edit> {
        let at = self.place(index)?;
        let (_, len) = strip::first(&self.elements[at..])?;
        Some(self.edit(at..at + len, self.count, |with| strip::append(element, with)))
    }

    /// Removes the `count` elements at an end, which are no more than there are.
    #[inline]
    pub fn without(self, end: End, count: usize) -> Edit {
        let range = match end {
            End::Front => 0..self.offset_of(count),
            End::Back => self.offset_of(self.count - count)..self.elements.len(),
        };
        self.edit(range, self.count - count, |_| ())
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

    /// The edit that replaces a range of the elements' bytes by what `write` appends, so that there are `count`.
    #[inline]
    fn edit(self, range: Range<usize>, count: usize, write: impl FnOnce(&mut Vec<u8>)) -> Edit {
        /// Longer elements are rare.
        const USUAL_BYTES: usize = 64;
        let mut with = Vec::with_capacity(USUAL_BYTES);
        let count = count_bytes(count);
        let end = COUNT_BYTES + range.end;
        if range.start == 0 {
            with.extend_from_slice(&count);
            write(&mut with);
            Edit { range: 0..end, with, count: None }
        } else {
            write(&mut with);
            Edit { range: COUNT_BYTES + range.start..end, with, count: Some(count) }
        }
    }
}

/// The bytes of a small list.
pub fn packed(elements: &[u8], count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(COUNT_BYTES + elements.len());
    bytes.extend_from_slice(&count_bytes(count));
    bytes.extend_from_slice(elements);
    bytes
}

/// What a small list of `count` elements begins with.
fn count_bytes(count: usize) -> [u8; COUNT_BYTES] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&[u8]; 6] = [b"", b"1", b"-70000", b"a", b"1.5", &[b'x'; 200]];

    fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
        bytes.splice(edit.range.start.min(bytes.len())..edit.range.end.min(bytes.len()), edit.with.clone());
        if let Some(count) = &edit.count {
            bytes[..COUNT_BYTES].copy_from_slice(count);
        }
    }

    #[test]
    fn edits_do_to_bytes_what_they_do_to_a_vector() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut bytes, mut twin) = (Vec::new(), Vec::<&[u8]>::new());
        for _ in 0..2_000 {
            let list = PackedList::of(&bytes);
            let (text, pivot) = (TEXTS[random.usize(..6)], TEXTS[random.usize(..6)]);
            let index = random.usize(..=twin.len());
            let found = twin.iter().position(|text| *text == pivot);
            let is_front = random.bool();
            let (end, side) = if is_front { (End::Front, Side::Before) } else { (End::Back, Side::After) };
            let edit = match random.u8(..8) {
                0..3 => {
                    twin.splice(if is_front { 0..0 } else { twin.len()..twin.len() }, [text, pivot]);
                    if is_front {
                        twin[..2].reverse();
                    }
                    Some(list.pushed(end, [text, pivot].into_iter(), 2))
                }
                3 => {
                    if let Some(place) = found {
                        twin.insert(place + usize::from(!is_front), text);
                    }
                    list.inserted(Element::of(pivot), side, Element::of(text))
                }
                4 => {
                    if let Some(place) = twin.get_mut(index) {
                        *place = text;
                    }
                    list.replaced(index, Element::of(text))
                }
                5 => {
                    let most = random.usize(1..4);
                    let mut places: Vec<_> = (0..twin.len()).filter(|at| twin[*at] == pivot).collect();
                    if !is_front {
                        places.reverse();
                    }
                    places.truncate(most);
                    places.sort_unstable();
                    let (kept, removed) = list.without_equal(end, Element::of(pivot), most);
                    assert_eq!(removed, places.len());
                    for at in places.into_iter().rev() {
                        twin.remove(at);
                    }
                    bytes = kept;
                    None
                }
                _ => {
                    let count = random.usize(..3).min(twin.len());
                    twin.drain(if is_front { 0..count } else { twin.len() - count..twin.len() });
                    Some(list.without(end, count))
                }
            };
            if let Some(edit) = edit {
                apply(&mut bytes, &edit);
            }
            let list = ListRef::Packed(PackedList::of(&bytes));
            assert_eq!(list.len(), twin.len());
            assert!(
                list.iter(0, End::Back).map(|element| element.to_cow().into_owned()).eq(twin.iter().copied())
            );
            assert_eq!(
                list.get(index).map(|element| element.to_cow().into_owned()).as_deref(),
                twin.get(index).copied()
            );
            let is_there = index < twin.len();
            assert_eq!(list.iter(index, End::Back).count(), twin.len().saturating_sub(index));
            assert_eq!(list.iter(index, End::Front).count(), if is_there { index + 1 } else { 0 });
        }
    }
}
