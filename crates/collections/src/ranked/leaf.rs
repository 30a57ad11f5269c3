//! Leaves: the entries, one after the other in one byte string.

use super::entry::{self, Entry};
use super::place::Place;
use crate::entry::size_class;
use crate::mover::Mover;

/// The most entries of a leaf. They are passed over one by one, so that this bounds the time for a search.
pub(super) const ENTRIES_MAX: usize = 48;
/// The most bytes of a leaf with more than one entry: what an insertion has to move.
pub(super) const BYTES_MAX: usize = 1024;
/// An entry of more bytes has a leaf for itself, and is never moved for another entry's sake.
const SHARING_MAX: usize = BYTES_MAX / 4;

/// An entry to be inserted.
#[derive(Clone, Copy)]
pub(super) struct Addition<'a> {
    pub(super) score: f64,
    pub(super) member: &'a [u8],
    encoded_len: usize,
}

impl<'a> Addition<'a> {
    pub(super) fn new(score: f64, member: &'a [u8]) -> Addition<'a> {
        Addition { score, member, encoded_len: entry::encoded_len(score, member) }
    }

    /// Whether it may be in a leaf with others.
    pub(super) fn shares(&self) -> bool {
        self.encoded_len <= SHARING_MAX
    }
}

/// A place in a leaf.
#[derive(Clone, Copy, Default)]
pub(super) struct Position {
    /// How many entries are before it.
    pub(super) index: usize,
    /// How many bytes are before it.
    pub(super) offset: usize,
}

/// Entries in order. How many there are is known to the node above.
#[derive(Clone, Default)]
pub(super) struct Leaf {
    bytes: Vec<u8>,
}

impl Leaf {
    pub(super) fn with(new: &Addition<'_>) -> Leaf {
        let mut leaf = Leaf::default();
        leaf.insert(0, new);
        leaf
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes that it has allocated.
    pub(super) fn allocated(&self) -> usize {
        size_class(self.bytes.capacity())
    }

    pub(super) fn first(&self) -> Entry<'_> {
        Entry::read(&self.bytes, 0)
    }

    /// Whether a leaf with `count` entries takes one more.
    pub(super) fn has_room(&self, count: usize, new: &Addition<'_>) -> bool {
        let fits = self.bytes.len() + new.encoded_len <= BYTES_MAX && count < ENTRIES_MAX;
        fits && new.shares() && self.shares(count)
    }

    /// Whether a leaf with `count` entries may have more than one.
    pub(super) fn shares(&self, count: usize) -> bool {
        count > 1 || self.bytes.len() <= SHARING_MAX
    }

    /// The position of a place.
    #[inline]
    pub(super) fn find(&self, place: &Place<'_>) -> Position {
        let mut index = 0;
        for offset in entry::offsets(&self.bytes) {
            let entry = Entry::read(&self.bytes, offset);
            if !place.is_after(entry.score, || entry.member) {
                return Position { index, offset };
            }
            index += 1;
        }
        Position { index, offset: self.bytes.len() }
    }

    /// The entry at a position, unless that is the end.
    pub(super) fn entry_at(&self, position: Position) -> Option<Entry<'_>> {
        (position.offset < self.bytes.len()).then(|| Entry::read(&self.bytes, position.offset))
    }

    /// Where the entry number `index` begins.
    pub(super) fn offset_of(&self, index: usize) -> usize {
        entry::offsets(&self.bytes).nth(index).unwrap_or(self.bytes.len())
    }

    /// The first boundary of entries from which on at most half the bytes follow, or the last one if the last entry has more than
    /// half of them; neither the beginning nor the end. There are two entries or more.
    pub(super) fn middle(&self) -> Position {
        let mut middle = Position::default();
        for (index, offset) in entry::offsets(&self.bytes).enumerate().skip(1) {
            middle = Position { index, offset };
            if offset >= self.bytes.len() / 2 {
                break;
            }
        }
        middle
    }

    pub(super) fn insert(&mut self, offset: usize, new: &Addition<'_>) {
        let old_len = self.bytes.len();
        let new_len = old_len + new.encoded_len;
        self.grow(new_len);
        self.bytes.resize(new_len, 0);
        self.bytes.copy_within(offset..old_len, offset + new.encoded_len);
        entry::encode(new.score, new.member, &mut self.bytes[offset..offset + new.encoded_len]);
    }

    /// Moves the entries to other memory, if the mover wants that.
    pub(super) fn relocate(&mut self, mover: &mut Mover<'_>) {
        mover.vector(&mut self.bytes);
    }

    /// Allocates exactly what the allocator would give out anyway.
    fn grow(&mut self, len: usize) {
        if len > self.bytes.capacity() {
            self.bytes.reserve_exact(size_class(len) - self.bytes.len());
        }
    }

    /// Takes away the entries from `offset` on.
    pub(super) fn split_off(&mut self, offset: usize) -> Leaf {
        let mut tail = Leaf::default();
        tail.append(&self.bytes[offset..]);
        self.bytes.truncate(offset);
        self.shrink();
        tail
    }

    /// Removes the bytes of whole entries.
    pub(super) fn remove(&mut self, bytes: std::ops::Range<usize>) {
        self.bytes.drain(bytes);
        self.shrink();
    }

    /// Adds entries that come after its own.
    pub(super) fn append(&mut self, entries: &[u8]) {
        self.grow(self.bytes.len() + entries.len());
        self.bytes.extend_from_slice(entries);
    }

    /// Gives memory back once a third of it is unused.
    fn shrink(&mut self) {
        let needed = size_class(self.bytes.len());
        if needed <= self.bytes.capacity() - self.bytes.capacity() / 3 {
            self.bytes.shrink_to(needed);
        }
    }
}
