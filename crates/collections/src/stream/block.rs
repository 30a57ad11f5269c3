//! A run of entries in one byte string.
//!
//! ```text
//! names of the fields of most entries       packed elements
//! entries, each:
//!   length of what follows
//!   time behind that of the block's id
//!   number behind that of the block's id if the time is the same, else the number
//!   0 if the fields have these names, else one more than their number
//!   values, or names and values in turn     packed elements
//! ```
//!
//! Lengths and numbers are [varints](super::varint). An entry that is deleted is cut out; those at the front, which go
//! most often, are only skipped until they are half of the block.

use super::StreamId;
use super::varint;
use crate::mover::Mover;
use crate::packed::{self, Element};

/// Fewer skipped bytes than this are left where they are.
const SKIPPED_BYTES_MIN: usize = 512;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What the entries' ids are told from: that of the first entry there was. No block before has a greater one.
    pub(super) base: StreamId,
    /// The id of the last entry there was.
    pub(super) last: StreamId,
    bytes: Vec<u8>,
    /// Where the names of the fields end.
    names_end: usize,
    /// How many names there are.
    names: usize,
    /// Where the first entry is.
    start: usize,
    /// How many entries there are.
    live: u32,
    /// How many entries there were, those that are deleted included.
    total: u32,
}

impl Block {
    /// A block for entries from `base` on, without any yet, most of which have fields of these names.
    pub(super) fn new<'e>(base: StreamId, names: impl Iterator<Item = &'e [u8]>) -> Self {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for name in names {
            packed::encode(Element::of(name), &mut bytes);
            count += 1;
        }
        let names_end = bytes.len();
        Self { base, last: base, bytes, names_end, names: count, start: names_end, live: 0, total: 0 }
    }

    /// Moves the entries to other memory, if the mover wants that.
    pub(super) fn relocate(&mut self, mover: &mut Mover<'_>) {
        mover.vector(&mut self.bytes);
    }

    /// Adds an entry behind all others.
    #[inline]
    pub(super) fn push<'e>(&mut self, id: StreamId, fields: impl ExactSizeIterator<Item = &'e [u8]> + Clone) {
        let out = &mut self.bytes;
        let at = out.len();
        out.push(0);
        varint::write(id.ms - self.base.ms, out);
        varint::write(if id.ms == self.base.ms { id.seq - self.base.seq } else { id.seq }, out);
        let count = fields.len() / 2;
        if count == self.names && has_names(&out[..self.names_end], fields.clone()) {
            out.push(0);
            fields.skip(1).step_by(2).for_each(|value| packed::encode(Element::of(value), out));
        } else {
            varint::write(count as u64 + 1, out);
            fields.for_each(|text| packed::encode(Element::of(text), out));
        }
        let len = out.len() - at - 1;
        if len < 0x80 {
            out[at] = len as u8;
        } else {
            let mut encoded = Vec::with_capacity(10);
            varint::write(len as u64, &mut encoded);
            out.splice(at..=at, encoded);
        }
        self.last = id;
        self.live += 1;
        self.total += 1;
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether another entry would be more than these numbers of entries and bytes allow; 0 is no limit.
    #[inline]
    pub(super) fn is_full(&self, entries_max: usize, bytes_max: usize) -> bool {
        /// However generous the limits are, no block is bigger, so that the time for one entry stays bounded.
        const HARD_MAX: usize = 1 << 16;
        let reaches = |count: usize, max: usize| max > 0 && count >= max;
        let entries_bytes = self.bytes.len() - self.names_end;
        reaches(self.total as usize, entries_max)
            || reaches(self.bytes.len(), bytes_max)
            // Long names are not repeated for a few entries: what is restored would take many times its size.
            || (entries_bytes >= self.names_end && (self.total as usize).max(entries_bytes) >= HARD_MAX)
    }

    /// The entries in order.
    #[inline]
    pub(super) fn entries(&self) -> Entries<'_> {
        Entries { block: self, offset: self.start }
    }

    /// Removes the first entry. Says whether none is left.
    pub(super) fn remove_first(&mut self) -> bool {
        let mut entries = self.entries();
        if entries.next().is_some() {
            self.start = entries.offset;
            self.live -= 1;
            if self.start - self.names_end >= SKIPPED_BYTES_MIN.max(self.bytes.len() / 2) {
                self.bytes.drain(self.names_end..self.start);
                self.start = self.names_end;
            }
        }
        self.live == 0
    }

    /// Removes an entry. Says whether it was there.
    pub(super) fn remove(&mut self, id: StreamId) -> bool {
        let mut entries = self.entries();
        loop {
            let at = entries.offset;
            match entries.next() {
                Some(entry) if entry.id < id => {}
                Some(entry) if entry.id == id => {
                    let end = entries.offset;
                    if at == self.start {
                        self.remove_first();
                    } else {
                        self.bytes.drain(at..end);
                        self.live -= 1;
                    }
                    return true;
                }
                _ => return false,
            }
        }
    }

    /// What is told of the block to others.
    pub(super) fn run(&self) -> Run<'_> {
        Run {
            base: self.base,
            names: &self.bytes[..self.names_end],
            names_len: self.names,
            len: self.len(),
            block: self,
        }
    }

    /// Gives memory back that only further entries would need.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Whether the names of the fields are these packed elements, of which there are as many.
#[inline]
fn has_names<'e>(names: &[u8], fields: impl Iterator<Item = &'e [u8]>) -> bool {
    packed::iter(names).zip(fields.step_by(2)).all(|((_, name), text)| name.eq_bytes(text))
}

/// A run of entries, most of which have the same fields.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// An id that is not greater than those of the entries.
    pub base: StreamId,
    /// The names of the fields that entries share, packed.
    pub names: &'a [u8],
    /// How many names there are.
    pub names_len: usize,
    /// How many entries there are.
    pub len: usize,
    block: &'a Block,
}

impl<'a> Run<'a> {
    /// The entries in order.
    pub fn entries(&self) -> impl Iterator<Item = StreamEntry<'a>> + use<'a> {
        self.block.entries()
    }
}

/// The entries of a block.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    block: &'a Block,
    /// Where the next entry begins.
    offset: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = StreamEntry<'a>;

    #[inline]
    fn next(&mut self) -> Option<StreamEntry<'a>> {
        let block = self.block;
        let rest = block.bytes.get(self.offset..)?;
        let (len, head) = varint::read(rest)?;
        let end = head + len as usize;
        let body = rest.get(head..end)?;
        self.offset += end;
        let (ms, ms_len) = varint::read(body)?;
        let (seq, seq_len) = varint::read(body.get(ms_len..)?)?;
        let base = block.base;
        let seq = if ms == 0 { base.seq + seq } else { seq };
        let (shape, shape_len) = varint::read(body.get(ms_len + seq_len..)?)?;
        let elements = body.get(ms_len + seq_len + shape_len..)?;
        let (names, len) = match shape {
            0 => (Some(&block.bytes[..block.names_end]), block.names),
            count => (None, count as usize - 1),
        };
        Some(StreamEntry { id: StreamId { ms: base.ms + ms, seq }, names, len, elements })
    }
}

/// An entry: its id, and fields with values.
#[derive(Clone, Copy, Debug)]
pub struct StreamEntry<'a> {
    /// Its name.
    pub id: StreamId,
    /// The names of the fields, if they are not among the elements.
    names: Option<&'a [u8]>,
    len: usize,
    elements: &'a [u8],
}

impl<'a> StreamEntry<'a> {
    /// How many fields there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none, which commands do not allow.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the names of the fields are those of the run of entries that it is part of.
    pub fn shares_names(&self) -> bool {
        self.names.is_some()
    }

    /// Names and values in turn.
    #[inline]
    pub fn elements(&self) -> Elements<'a> {
        Elements { names: self.names, is_value: false, elements: self.elements }
    }
}

/// The names and values of an entry in turn.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    names: Option<&'a [u8]>,
    is_value: bool,
    elements: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        let is_value = self.is_value;
        self.is_value = !is_value;
        let from = match &mut self.names {
            Some(names) if !is_value => names,
            _ => &mut self.elements,
        };
        let (element, len) = packed::read(from)?;
        *from = &from[len..];
        Some(element)
    }
}
