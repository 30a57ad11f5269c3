//! Moving entries to other memory.

use crate::entry::Entry;
use crate::mover::Mover;

use super::{KeyHasher, Stashed, Table};

impl<H: KeyHasher> Table<H> {
    /// Moves what the mover wants of the entries whose home bucket is the one at `position`, and of their values. Values that
    /// it leaves for later are named to `later`, by the upper 32 bits of their hashes: see
    /// [`visit_fragment`](Self::visit_fragment). `done` is told of each entry, whether any of it was moved. Returns the next
    /// position, or `None` at the end; positions are those of [`scan`](Self::scan).
    ///
    /// Prefetchers follow no pointer to an entry, so that the old memory is freed at once.
    pub fn relocate(
        &mut self,
        position: u64,
        mover: &mut Mover<'_>,
        later: &mut dyn FnMut(u32),
        done: &mut dyn FnMut(bool),
    ) -> Option<u64> {
        if self.directory.is_empty() {
            return None;
        }
        // SAFETY: the directory is not empty, and the table keeps what it points to.
        let located = unsafe { self.directory.locate(position) };
        // SAFETY: as above.
        let segment = unsafe { located.segment() };
        // They are looked at in the next call, unless that begins another segment.
        segment.prefetch_entries(located.home(position) + 1);
        let hasher = &self.hasher;
        let mut relocate = |entry: &mut Entry| {
            let moved = mover.moved;
            if !entry.relocate(mover) {
                later((hasher.hash(entry.as_ref().key()) >> 32) as u32);
            }
            done(mover.moved > moved);
        };
        for slot in segment.at_home(located.home(position)) {
            segment.with_entry(slot, &mut relocate);
        }
        let is_here = |stashed: &&mut Stashed| located.is_home_of_both(position, stashed.hash);
        self.stash.iter_mut().filter(is_here).for_each(|stashed| relocate(&mut stashed.entry));
        located.next_position(position)
    }
}
