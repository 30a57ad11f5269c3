//! Finding an element among the first ones of all entries.

use super::element::Head;
use super::{DEADLINE, Element, skip};

/// Where an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where the entry begins, which is where its first element does.
    pub offset: usize,
    /// How many entries are before it.
    pub index: usize,
    /// Where the second element begins; the end if there is none.
    pub value_offset: usize,
    /// Where the entry ends.
    pub end: usize,
}

/// Finds the entry whose first element is `wanted`, where each entry has `stride` elements: 1 for sets, 2 for hashes.
#[inline]
pub fn find(bytes: &[u8], wanted: &[u8], stride: usize) -> Option<Found> {
    Wanted::new(wanted).find::<false>(bytes, stride)
}

/// As [`find`], for an element; or else how many entries there are, all of which were looked at.
#[inline]
pub fn search(bytes: &[u8], wanted: Element<'_>, stride: usize) -> Result<Found, usize> {
    Wanted::of(wanted).search::<false>(bytes, stride)
}

/// An element to search for, encoded; of a string only the header, so that nothing is copied.
pub(crate) struct Wanted<'a> {
    head: Head,
    body: &'a [u8],
    len: usize,
    first: u8,
    /// Keys that are alike mostly differ here, so that a look at it saves most comparisons in full.
    last: u8,
}

impl<'a> Wanted<'a> {
    #[inline]
    pub(crate) fn new(text: &'a [u8]) -> Wanted<'a> {
        Wanted::of(Element::of(text))
    }

    #[inline]
    pub(crate) fn of(element: Element<'a>) -> Wanted<'a> {
        let (head, body) = (Head::of(element), element.body());
        let bytes = head.bytes();
        let last = *body.last().or(bytes.last()).unwrap_or(&0);
        Wanted { len: bytes.len() + body.len(), first: bytes[0], last, head, body }
    }

    /// As the function [`find`]; with `DEADLINES` a deadline may be behind each entry.
    #[inline]
    pub(crate) fn find<const DEADLINES: bool>(&self, bytes: &[u8], stride: usize) -> Option<Found> {
        self.search::<DEADLINES>(bytes, stride).ok()
    }

    /// As the function [`search`]; with `DEADLINES` a deadline may be behind each entry.
    #[inline]
    pub(crate) fn search<const DEADLINES: bool>(&self, bytes: &[u8], stride: usize) -> Result<Found, usize> {
        let (mut offset, mut index) = (0, 0);
        while offset < bytes.len() {
            let entry = &bytes[offset..];
            let Some(len) = skip(entry) else { break };
            let Some(end) = entry_end::<DEADLINES>(entry, len, stride) else { break };
            let end = offset + end;
            if self.first == entry[0]
                && self.len == len
                && self.last == entry[len - 1]
                && self.is(&entry[..len])
            {
                return Ok(Found { offset, index, value_offset: offset + len, end });
            }
            offset = end;
            index += 1;
        }
        Err(index)
    }

    #[inline]
    fn is(&self, encoding: &[u8]) -> bool {
        let (head, body) = (self.head.bytes(), self.body);
        encoding.len() == head.len() + body.len() && encoding.starts_with(head) && encoding.ends_with(body)
    }
}

/// Where the entry ends that the bytes begin with, if its first element ends at `offset`.
#[inline]
pub(crate) fn entry_end<const DEADLINES: bool>(
    bytes: &[u8],
    mut offset: usize,
    stride: usize,
) -> Option<usize> {
    for _ in 1..stride {
        offset += skip(bytes.get(offset..)?)?;
    }
    if DEADLINES && bytes.get(offset) == Some(&DEADLINE) {
        offset += 1 + size_of::<u64>();
    }
    (offset <= bytes.len()).then_some(offset)
}
