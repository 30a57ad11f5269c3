//! Where a hash belongs, and how the number of pages follows the number of entries.

use crate::hash::ElementHasher;

use super::PagedTable;

/// So many entries are in a page on average, as long as they are small.
const PAGE_ENTRIES: usize = 12;
/// Pages of big entries have fewer, so that they take about so many bytes, but at least one.
const PAGE_BYTES: usize = 1024;

impl PagedTable {
    /// The page of a hash.
    #[inline]
    pub(super) fn page_of(&self, hash: u64) -> usize {
        let (len, level) = (self.pages.len(), self.level());
        let reversed = hash.reverse_bits() as usize;
        let index = reversed & ((2 << level) - 1);
        // Half of the pages of the next level may not exist yet.
        if index < len { index } else { reversed & ((1 << level) - 1) }
    }

    /// How many bits of the hash lead to this page.
    #[inline]
    pub(super) fn depth(&self, index: usize) -> u32 {
        let level = self.level();
        let is_split = index >= 1 << level || index + (1 << level) < self.pages.len();
        level + u32::from(is_split)
    }

    /// All pages of this level exist, and some of the next.
    #[inline]
    fn level(&self) -> u32 {
        self.pages.len().ilog2()
    }

    /// How many pages there should be.
    fn pages_wanted(&self) -> usize {
        (self.len / PAGE_ENTRIES).max(self.len.min(self.entry_bytes / PAGE_BYTES)).max(1)
    }

    /// Splits a page if the table is too full.
    #[inline]
    pub(super) fn grow(&mut self) {
        if self.pages.len() < self.pages_wanted() {
            self.split();
        }
    }

    /// Merges two pages if the table is too empty: by a third, so that it does not go to and fro.
    #[inline]
    pub(super) fn shrink(&mut self) {
        if self.pages.len() > self.pages_wanted() + self.pages_wanted() / 2 + 1 {
            self.merge();
        }
    }

    fn split(&mut self) {
        let level = self.level();
        let index = self.pages.len() - (1 << level);
        let (hasher, has_values) = (ElementHasher::get(), self.has_values);
        // The bit that tells the halves apart is the first one behind those that lead to the page.
        let bit = 1 << (u64::BITS - 1 - level);
        let moved = self.change(index, |page| {
            page.split(has_values, &mut |key| key.with_text(|text| hasher.hash(text)) & bit != 0)
        });
        self.entry_bytes += moved.bytes().len();
        self.page_bytes += moved.allocated();
        self.pages.push(moved);
    }

    fn merge(&mut self) {
        let Some(last) = self.pages.pop() else { return };
        self.entry_bytes -= last.bytes().len();
        self.page_bytes -= last.allocated();
        // The page that was split last, as the number of pages says again.
        let index = self.pages.len() - (1 << self.level());
        self.change(index, |page| page.append(last.bytes()));
    }
}
