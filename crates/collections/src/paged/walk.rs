//! Reaching entries without their keys: iteration, scanning, and by fragment of the hash.

use crate::hash::ElementHasher;

use super::page::{Page, read_entry};
use super::{EntryRef, PagedTable};

/// What shall become of a visited entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It stays with this deadline.
    Deadline(Option<u64>),
    /// It is removed.
    Remove,
}

/// All entries of a table; see [`PagedTable::iter`].
pub struct Iter<'a> {
    table: &'a PagedTable,
    index: usize,
    offset: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        while self.index < self.table.pages.len() {
            let bytes = self.table.pages.get(self.index).bytes();
            if let Some((entry, end)) = read_entry(bytes, self.offset, self.table.has_values) {
                self.offset = end;
                return Some(entry);
            }
            self.index += 1;
            self.offset = 0;
        }
        None
    }
}

impl PagedTable {
    /// All entries, in no order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { table: self, index: 0, offset: 0 }
    }

    /// Visits all entries of the page at `position`, and returns the next position, or `None` at the end. The first
    /// position is 0.
    ///
    /// A position is a fraction of the hash space, which no split or merge changes: an entry that is there from
    /// the first call to the last is visited at least once.
    pub fn scan<'a>(&'a self, position: u64, visit: &mut dyn FnMut(EntryRef<'a>)) -> Option<u64> {
        let index = self.page_of(position);
        self.entries(self.pages.get(index)).for_each(visit);
        let below = u64::MAX.checked_shr(self.depth(index)).unwrap_or(0);
        (position | below).checked_add(1)
    }

    /// Visits every entry whose hash has these upper 32 bits, and does to it what the visitor says.
    pub fn visit_fragment(&mut self, fragment: u32, visit: &mut dyn FnMut(EntryRef<'_>) -> Fate) {
        let (hasher, len) = (ElementHasher::get(), self.len);
        // No table has so many pages that more than 32 bits lead to one.
        let index = self.page_of(u64::from(fragment) << 32);
        let mut offset = 0;
        while let Some((entry, end)) = read_entry(self.pages.get(index).bytes(), offset, self.has_values) {
            let deadline = entry.deadline;
            let is_meant = entry.key.with_text(|text| hasher.hash(text)) >> 32 == u64::from(fragment);
            match if is_meant { visit(entry) } else { Fate::Keep } {
                Fate::Keep => offset = end,
                Fate::Deadline(new) => offset = self.change_deadline(index, end, deadline, new),
                Fate::Remove => self.forget(index, offset..end, deadline),
            }
        }
        // A merge for each, as if they had been removed one by one.
        for _ in self.len..len {
            self.shrink();
        }
    }

    fn entries<'a>(&self, page: &'a Page) -> impl Iterator<Item = EntryRef<'a>> + use<'a> {
        let (bytes, has_values, mut offset) = (page.bytes(), self.has_values, 0);
        std::iter::from_fn(move || {
            let (entry, end) = read_entry(bytes, offset, has_values)?;
            offset = end;
            Some(entry)
        })
    }
}
