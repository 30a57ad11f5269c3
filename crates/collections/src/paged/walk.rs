//! Reaching entries without their keys: iteration, scanning, sampling, and by fragment of the hash.

use std::array;

use crate::hash::ElementHasher;

use super::page::{Page, read_entry};
use super::{EntryRef, PagedTable};

/// After so many rounds of failures a sample is taken from the next page that has an entry.
const SAMPLE_ROUNDS_MAX: usize = 250;
/// So many pages are drawn in a round, so that the memory of all of them comes at the same time. Most of the time one of
/// three is accepted.
const SAMPLE_CANDIDATES: usize = 4;

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

    /// A random entry, each with nearly the same probability; `None` only if there is none.
    pub fn sample(&self, random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_>> {
        let (index, offset) = self.sample_place(random)?;
        Some(read_entry(self.pages.get(index).bytes(), offset, self.has_values)?.0)
    }

    /// Removes a random entry, chosen as by [`sample`](Self::sample), after a last look at it.
    pub fn remove_sample<R>(
        &mut self,
        random: &mut dyn FnMut() -> u64,
        look: impl FnOnce(EntryRef<'_>) -> R,
    ) -> Option<R> {
        let (index, offset) = self.sample_place(random)?;
        let (entry, end) = read_entry(self.pages.get(index).bytes(), offset, self.has_values)?;
        let deadline = entry.deadline;
        let seen = look(entry);
        self.forget(index, offset..end, deadline);
        self.shrink();
        Some(seen)
    }

    /// The page of a random entry and its offset there.
    fn sample_place(&self, random: &mut dyn FnMut() -> u64) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        // Pages are chosen by their share of the hash space, which is halved when they are split, as the first one is
        // before all others. Hardly any has more entries than its limit, which is twice what it should have and some;
        // an index beyond its end is a failure, so that a page is taken the more often the more entries it has.
        let deepest = self.depth(0);
        let limit_of_deepest = (self.len >> deepest) * 2 + 8;
        for _ in 0..SAMPLE_ROUNDS_MAX {
            let candidates: [usize; SAMPLE_CANDIDATES] = array::from_fn(|_| {
                let hash = random();
                self.prefetch(hash);
                self.page_of(hash)
            });
            for page in candidates {
                let limit = limit_of_deepest << (deepest - self.depth(page));
                let index = scale(random(), limit);
                let count = self.offsets(page).count();
                if index < count {
                    let index = if count > limit { scale(random(), count) } else { index };
                    return Some((page, self.offsets(page).nth(index)?));
                }
            }
        }
        let start = scale(random(), self.pages.len());
        let mut pages = (start..self.pages.len()).chain(0..start);
        let page = pages.find(|page| !self.pages.get(*page).bytes().is_empty())?;
        Some((page, self.offsets(page).nth(scale(random(), self.offsets(page).count()))?))
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

    /// Where the entries of a page begin.
    fn offsets(&self, page: usize) -> impl Iterator<Item = usize> {
        let bytes = self.pages.get(page).bytes();
        let mut next = 0;
        std::iter::from_fn(move || {
            let offset = next;
            next = read_entry(bytes, offset, self.has_values)?.1;
            Some(offset)
        })
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
