//! The hash table of the elements of one big collection: a set, or a map from fields to values.
//!
//! The table is a row of pages, each one byte string of [`packed`](crate::packed) entries that is searched from its
//! beginning. Pages of a dozen entries are quick to search and spread the cost of the allocation so thin that an entry
//! takes little more than its bytes.
//!
//! It grows by linear hashing: whenever the pages have become too full on average, one page, the next in turn, is
//! split in two. So no insertion has to wait for more than that, and there is no directory to double: the number of
//! pages says where a hash belongs. Page `i` of level `l` holds the hashes whose upper `l` bits, reversed, are `i`;
//! thus each page covers an interval of the hash space, which is what [`scan`](PagedTable::scan) goes by.
//!
//! The caller passes [`ElementHasher`](crate::hash::ElementHasher)'s hash of the key with each call; the table computes
//! the same when it splits a page.

mod common;
mod page;
mod pages;
mod relocate;
mod resize;
mod sample;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::ptr;

use crate::packed::{Element, Found, Wanted};
use crate::prefetch::{prefetch, prefetch_bytes};

use page::{Page, read_entry};
use pages::Pages;
use sample::Draws;
pub use walk::{Fate, Iter};

/// An entry, borrowed from a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The member or the field.
    pub key: Element<'a>,
    /// The field's value; a set has none.
    pub value: Option<Element<'a>>,
    /// When the entry ends. The table attaches no meaning to it.
    pub deadline: Option<u64>,
}

/// What was known of an entry before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// The deadline that it had.
    pub deadline: Option<u64>,
}

/// The table; see the [module](self).
pub struct PagedTable {
    pages: Pages,
    has_values: bool,
    len: usize,
    /// How many entries have a deadline; while none has, searches need not look for one behind each entry.
    deadlines: usize,
    /// What the entries take.
    entry_bytes: usize,
    /// What the pages have allocated for them.
    page_bytes: usize,
    /// Where the next random entries to be removed are looked for.
    draws: Option<Box<Draws>>,
}

impl PagedTable {
    /// An empty table whose entries have so many elements: 1 for a set, 2 for a map.
    pub fn new(stride: usize) -> PagedTable {
        PagedTable {
            pages: Pages::new(),
            has_values: stride > 1,
            len: 0,
            deadlines: 0,
            entry_bytes: 0,
            page_bytes: 0,
            draws: None,
        }
    }

    /// How many elements an entry has.
    pub fn stride(&self) -> usize {
        if self.has_values { 2 } else { 1 }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many pages there are.
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Frees the entries in steps, between which it calls `pause`, and leaves the table empty.
    pub(crate) fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        let table = std::mem::replace(self, PagedTable::new(self.stride()));
        for chunk in table.pages.into_chunks() {
            drop(chunk);
            pause();
        }
    }

    /// How many entries have a deadline.
    pub fn deadlines(&self) -> usize {
        self.deadlines
    }

    /// What the table has allocated, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let draws = if self.draws.is_some() { size_of::<Draws>() } else { 0 };
        self.page_bytes + self.pages.memory_bytes() + draws
    }

    /// Asks for the memory that tells where the entries with this hash are, for [`prefetch`](Self::prefetch).
    #[inline]
    pub fn prefetch_place(&self, hash: u64) {
        prefetch(ptr::from_ref(self.pages.get(self.page_of(hash))).cast());
    }

    /// Asks for the memory that the entries with this hash are in.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch_bytes(self.pages.get(self.page_of(hash)).bytes());
    }

    /// The entry of `key`.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        let page = self.pages.get(self.page_of(hash));
        let found = self.find_in(page, &Wanted::new(key))?;
        Some(read_entry(page.bytes(), found.offset, self.has_values)?.0)
    }

    /// Whether there is an entry of `key`.
    #[inline]
    pub fn contains(&self, hash: u64, key: Element<'_>) -> bool {
        self.find_in(self.pages.get(self.page_of(hash)), &Wanted::of(key)).is_some()
    }

    /// Gives `key` this value and deadline, and says what was known of its entry if there was one. A set ignores the
    /// value; in a map a missing one is empty.
    pub fn insert_or_replace(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Option<Element<'_>>,
        deadline: Option<u64>,
    ) -> Option<Previous> {
        let value = self.has_values.then(|| value.unwrap_or(Element::Bytes(b"")));
        let index = self.page_of(hash);
        let found = self.find_in(self.pages.get(index), &Wanted::new(key));
        let previous = found.map(|found| self.previous(index, found));
        let is_deadline_kept =
            previous.is_some_and(|previous| previous.deadline.is_some() == deadline.is_some());
        self.deadlines += usize::from(deadline.is_some());
        self.deadlines -= usize::from(previous.is_some_and(|previous| previous.deadline.is_some()));
        let has_replaced = self.change(index, |page| {
            if let Some(found) = found {
                if is_deadline_kept && page.overwrite(found, value, deadline) {
                    return true;
                }
                page.remove(found.offset..found.end);
            }
            page.push(Element::of(key), value, deadline);
            found.is_some()
        });
        if !has_replaced {
            self.len += 1;
        }
        self.grow();
        previous
    }

    /// Gives the entry of `key` a deadline or takes it away. Returns what it had before, `None` if there is no entry.
    pub fn set_deadline(&mut self, hash: u64, key: &[u8], deadline: Option<u64>) -> Option<Previous> {
        let index = self.page_of(hash);
        let found = self.find_in(self.pages.get(index), &Wanted::new(key))?;
        let previous = self.previous(index, found);
        self.change_deadline(index, found.end, previous.deadline, deadline);
        Some(previous)
    }

    /// Removes the entry of `key`. Returns what was known of it.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Previous> {
        let index = self.page_of(hash);
        let found = self.find_in(self.pages.get(index), &Wanted::new(key))?;
        let previous = self.previous(index, found);
        self.forget(index, found.offset..found.end, previous.deadline);
        self.shrink();
        Some(previous)
    }

    #[inline]
    fn find_in(&self, page: &Page, wanted: &Wanted<'_>) -> Option<Found> {
        let bytes = page.bytes();
        // Each search is compiled for its own shape of entries.
        match (self.has_values, self.deadlines > 0) {
            (false, false) => wanted.find::<false>(bytes, 1),
            (false, true) => wanted.find::<true>(bytes, 1),
            (true, false) => wanted.find::<false>(bytes, 2),
            (true, true) => wanted.find::<true>(bytes, 2),
        }
    }

    fn previous(&self, index: usize, found: Found) -> Previous {
        let entry = read_entry(self.pages.get(index).bytes(), found.offset, self.has_values);
        Previous { deadline: entry.and_then(|(entry, _)| entry.deadline) }
    }

    /// Removes what is at a place in a page, without looking whether pages should be merged.
    fn forget(&mut self, index: usize, range: std::ops::Range<usize>, deadline: Option<u64>) {
        self.len -= 1;
        self.deadlines -= usize::from(deadline.is_some());
        self.change(index, |page| page.remove(range));
    }

    /// Changes the deadline of the entry that ends at `end`. Returns where it ends then.
    fn change_deadline(&mut self, index: usize, end: usize, old: Option<u64>, new: Option<u64>) -> usize {
        self.deadlines += usize::from(new.is_some());
        self.deadlines -= usize::from(old.is_some());
        self.change(index, |page| page.change_deadline(end, old.is_some(), new))
    }

    /// Changes a page and keeps account of its memory.
    #[inline]
    fn change<R>(&mut self, index: usize, change: impl FnOnce(&mut Page) -> R) -> R {
        let page = self.pages.get_mut(index);
        let (len, allocated) = (page.bytes().len(), page.allocated());
        let result = change(page);
        self.entry_bytes = self.entry_bytes - len + page.bytes().len();
        self.page_bytes = self.page_bytes - allocated + page.allocated();
        result
    }
}

impl fmt::Debug for PagedTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PagedTable")
            .field("stride", &self.stride())
            .field("len", &self.len)
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

impl Clone for PagedTable {
    fn clone(&self) -> PagedTable {
        let pages = self.pages.clone();
        let page_bytes = pages.iter().map(Page::allocated).sum();
        PagedTable { pages, page_bytes, draws: None, ..*self }
    }
}
