//! Random entries.
//!
//! Pages are drawn by their share of the hash space, which is halved when they are split, and a page is accepted the
//! more often the more entries it has. About one of three is, so that some have to be looked at for each entry, each
//! somewhere else in memory: they are drawn beforehand, so that the memory comes in time.

use std::array;

use crate::packed::{entry_end, skip};

use super::page::read_entry;
use super::{EntryRef, PagedTable};

/// After so many failures a sample is taken from the next page that has an entry.
const ATTEMPTS_MAX: usize = 1000;

/// How many pages are drawn beforehand. Of the later half only the place is asked for.
const AHEAD: usize = 8;

/// Hashes that lead to the pages that are looked at next, in a ring.
#[derive(Debug)]
pub(super) struct Draws {
    hashes: [u64; AHEAD],
    next: usize,
}

impl Draws {
    fn new(table: &PagedTable, random: &mut dyn FnMut() -> u64) -> Draws {
        let hashes = array::from_fn(|_| random());
        hashes.iter().for_each(|hash| table.prefetch_place(*hash));
        hashes[..AHEAD / 2].iter().for_each(|hash| table.prefetch(*hash));
        Draws { hashes, next: 0 }
    }

    /// The next hash, in whose place another one is drawn.
    fn next(&mut self, table: &PagedTable, random: &mut dyn FnMut() -> u64) -> u64 {
        let drawn = random();
        table.prefetch_place(drawn);
        table.prefetch(self.hashes[(self.next + AHEAD / 2) % AHEAD]);
        let next = std::mem::replace(&mut self.hashes[self.next], drawn);
        self.next = (self.next + 1) % AHEAD;
        next
    }
}

impl PagedTable {
    /// A random entry, each with nearly the same probability; `None` only if there is none.
    pub fn sample(&self, random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_>> {
        let (index, offset) = self.sample_place(&mut Draws::new(self, random), random)?;
        Some(read_entry(self.pages.get(index).bytes(), offset, self.has_values)?.0)
    }

    /// Removes a random entry, chosen as by [`sample`](Self::sample), after a last look at it.
    pub fn remove_sample<R>(
        &mut self,
        random: &mut dyn FnMut() -> u64,
        look: impl FnOnce(EntryRef<'_>) -> R,
    ) -> Option<R> {
        let mut draws = self.draws.take().unwrap_or_else(|| Box::new(Draws::new(self, random)));
        let place = self.sample_place(&mut draws, random);
        self.draws = Some(draws);
        let (index, offset) = place?;
        let (entry, end) = read_entry(self.pages.get(index).bytes(), offset, self.has_values)?;
        let deadline = entry.deadline;
        let seen = look(entry);
        self.forget(index, offset..end, deadline);
        self.shrink();
        Some(seen)
    }

    /// The page of a random entry and its offset there.
    fn sample_place(&self, draws: &mut Draws, random: &mut dyn FnMut() -> u64) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        // Hardly any page has more entries than its limit, which is twice what it should have and some; an index beyond
        // its end is a failure. The first page is split before all others.
        let deepest = self.depth(0);
        let limit_of_deepest = (self.len >> deepest) * 2 + 8;
        for _ in 0..ATTEMPTS_MAX {
            let page = self.page_of(draws.next(self, random));
            let limit = limit_of_deepest << (deepest - self.depth(page));
            let index = scale(random(), limit);
            let (mut count, mut found) = (0, None);
            for offset in self.offsets(page) {
                found = if count == index { Some(offset) } else { found };
                count += 1;
            }
            if count > limit && found.is_some() {
                found = self.offsets(page).nth(scale(random(), count));
            }
            if let Some(offset) = found {
                return Some((page, offset));
            }
        }
        let start = scale(random(), self.pages.len());
        let mut pages = (start..self.pages.len()).chain(0..start);
        let page = pages.find(|page| !self.pages.get(*page).bytes().is_empty())?;
        Some((page, self.offsets(page).nth(scale(random(), self.offsets(page).count()))?))
    }

    /// Where the entries of a page begin.
    fn offsets(&self, page: usize) -> impl Iterator<Item = usize> {
        let (bytes, stride) = (self.pages.get(page).bytes(), self.stride());
        let mut next = 0;
        std::iter::from_fn(move || {
            let offset = next;
            let rest = bytes.get(offset..)?;
            next = offset + entry_end::<true>(rest, skip(rest)?, stride)?;
            Some(offset)
        })
    }
}

/// A number below `limit`, which is not 0, from a random one.
fn scale(random: u64, limit: usize) -> usize {
    ((u128::from(random) * limit as u128) >> u64::BITS) as usize
}
