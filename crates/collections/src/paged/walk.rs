//! Reaching entries without their keys: iteration, scanning, sampling, and by fragment of the hash.

use crate::hash::ElementHasher;

use super::page::{Page, read_entry};
use super::{EntryRef, PagedTable};

/// After so many failures a sample is taken from the next page that has an entry.
const SAMPLE_ATTEMPTS_MAX: usize = 1000;

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
    pub fn scan(&self, position: u64, visit: &mut dyn FnMut(EntryRef<'_>)) -> Option<u64> {
        let index = self.page_of(position);
        self.entries(self.pages.get(index)).for_each(visit);
        let below = u64::MAX.checked_shr(self.depth(index)).unwrap_or(0);
        (position | below).checked_add(1)
    }

    /// A random entry, each with nearly the same probability; `None` only if there is none.
    pub fn sample(&self, random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_>> {
        if self.is_empty() {
            return None;
        }
        // Hardly any page has more entries than this. An index beyond the page's end is a failure, so that a page is
        // taken the more often the more entries it has.
        let limit = self.len / self.pages.len() * 4 + 8;
        for _ in 0..SAMPLE_ATTEMPTS_MAX {
            let page = self.pages.get(scale(random(), self.pages.len()));
            let index = scale(random(), limit);
            let count = self.entries(page).count();
            if index < count {
                let index = if count > limit { scale(random(), count) } else { index };
                return self.entries(page).nth(index);
            }
        }
        let start = scale(random(), self.pages.len());
        let mut pages = (start..self.pages.len()).chain(0..start).map(|index| self.pages.get(index));
        let page = pages.find(|page| !page.bytes().is_empty())?;
        self.entries(page).nth(scale(random(), self.entries(page).count()))
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

/// A number below `limit`, which is not 0, from a random one.
fn scale(random: u64, limit: usize) -> usize {
    ((u128::from(random) * limit as u128) >> u64::BITS) as usize
}
