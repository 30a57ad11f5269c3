//! One page: the packed entries of an interval of the hash space, in no order.

use std::ops::Range;

use crate::entry::size_class;
use crate::mover::Mover;
use crate::packed::{DEADLINE, Element, Found, encode, encoded_len, overwrite, read};

use super::EntryRef;

/// What a deadline takes behind its entry.
const DEADLINE_LEN: usize = 1 + size_of::<u64>();

/// A page's allocation is made smaller when more than so much of it is unused: a quarter, and this.
const SLACK: usize = 48;

/// A page. Its capacity is a size class of the allocator, so that nothing is lost.
#[derive(Default)]
pub(super) struct Page(Vec<u8>);

impl Page {
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the page has allocated, in bytes.
    #[inline]
    pub(super) fn allocated(&self) -> usize {
        self.0.capacity()
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, key: Element<'_>, value: Option<Element<'_>>, deadline: Option<u64>) {
        let deadline_len = if deadline.is_some() { DEADLINE_LEN } else { 0 };
        self.reserve(encoded_len(key) + value.map_or(0, encoded_len) + deadline_len);
        encode(key, &mut self.0);
        if let Some(value) = value {
            encode(value, &mut self.0);
        }
        if let Some(deadline) = deadline {
            self.0.push(DEADLINE);
            self.0.extend_from_slice(&deadline.to_le_bytes());
        }
    }

    /// Adds entries that are encoded already.
    pub(super) fn append(&mut self, entries: &[u8]) {
        self.reserve(entries.len());
        self.0.extend_from_slice(entries);
    }

    /// Writes value and deadline of an entry that has a deadline if and only if the new one is some. Returns false and
    /// changes nothing if the value has another length.
    pub(super) fn overwrite(
        &mut self,
        found: Found,
        value: Option<Element<'_>>,
        deadline: Option<u64>,
    ) -> bool {
        let deadline_len = if deadline.is_some() { DEADLINE_LEN } else { 0 };
        let (old_value, old_deadline) =
            self.0[found.value_offset..found.end].split_at_mut(found.end - found.value_offset - deadline_len);
        let is_done = value.is_none_or(|value| overwrite(value, old_value));
        if let (true, Some(deadline)) = (is_done, deadline) {
            old_deadline[1..].copy_from_slice(&deadline.to_le_bytes());
        }
        is_done
    }

    /// Changes the deadline of the entry that ends at `end`; returns where it ends then.
    pub(super) fn change_deadline(&mut self, end: usize, had_deadline: bool, deadline: Option<u64>) -> usize {
        let start = end - if had_deadline { DEADLINE_LEN } else { 0 };
        match deadline.map(u64::to_le_bytes) {
            None => {
                self.remove(start..end);
                start
            }
            Some(deadline) if had_deadline => {
                self.0[start + 1..end].copy_from_slice(&deadline);
                end
            }
            Some(deadline) => {
                self.reserve(DEADLINE_LEN);
                self.0.splice(end..end, std::iter::once(DEADLINE).chain(deadline));
                end + DEADLINE_LEN
            }
        }
    }

    /// Removes a part.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.0.drain(range);
        if self.0.len() + self.0.len() / 4 + SLACK < self.0.capacity() {
            self.fit();
        }
    }

    /// Moves the entries for which `is_moved` holds to a new page.
    pub(super) fn split(&mut self, has_values: bool, is_moved: &mut dyn FnMut(Element<'_>) -> bool) -> Page {
        let mut moved = Page::default();
        moved.reserve(self.0.len() / 2);
        let (mut offset, mut kept_len) = (0, 0);
        while let Some((entry, end)) = read_entry(&self.0, offset, has_values) {
            if is_moved(entry.key) {
                moved.append(&self.0[offset..end]);
            } else {
                self.0.copy_within(offset..end, kept_len);
                kept_len += end - offset;
            }
            offset = end;
        }
        self.0.truncate(kept_len);
        self.fit();
        moved.fit();
        moved
    }

    /// Moves the entries to other memory, if the mover wants that.
    pub(super) fn relocate(&mut self, mover: &mut Mover<'_>) {
        mover.vector(&mut self.0);
    }

    fn reserve(&mut self, additional: usize) {
        let needed = self.0.len() + additional;
        if needed > self.0.capacity() {
            self.0.reserve_exact(size_class(needed) - self.0.len());
        }
    }

    fn fit(&mut self) {
        self.0.shrink_to(size_class(self.0.len()));
    }
}

impl Clone for Page {
    fn clone(&self) -> Page {
        let mut page = Page::default();
        page.append(&self.0);
        page
    }
}

/// The entry at an offset and where it ends.
#[inline]
pub(super) fn read_entry(bytes: &[u8], offset: usize, has_values: bool) -> Option<(EntryRef<'_>, usize)> {
    let (key, len) = read(bytes.get(offset..)?)?;
    let mut end = offset + len;
    let mut value = None;
    if has_values {
        let (element, len) = read(bytes.get(end..)?)?;
        value = Some(element);
        end += len;
    }
    let mut deadline = None;
    if let Some([DEADLINE, rest @ ..]) = bytes.get(end..) {
        deadline = Some(u64::from_le_bytes(*rest.first_chunk()?));
        end += DEADLINE_LEN;
    }
    Some((EntryRef { key, value, deadline }, end))
}
