//! Splitting segments that are full and merging those that have become sparse.

use std::ptr::{NonNull, null_mut};

use crate::entry::{Entry, RecordRef};
use crate::prefetch::prefetch;

use super::directory::{DEPTH_MAX, Directory, Located};
use super::prefetch::pin;
use super::segment::{CAPACITY, KNOWN_DEPTHS, Segment};
use super::{KeyHasher, Stashed, Table};

/// Two segments are merged when they hold no more than this together: 40 % of one. A split leaves about twice as
/// much, so that many entries must go or come before the next change.
const MERGED_MAX: usize = CAPACITY * 2 / 5;

/// How much deeper than the number of entries calls for a segment may become before it is not split any more.
const EXTRA_DEPTH_MAX: u32 = 4;

/// Entries on their way between segments, with what has to be known of their hashes.
struct Moving {
    entries: [(u64, *mut u64); CAPACITY],
    len: usize,
}

impl Moving {
    fn new() -> Moving {
        Moving { entries: [(0, null_mut()); CAPACITY], len: 0 }
    }

    /// Takes all entries out of a segment, which is that of `hash`.
    fn take_from(&mut self, segment: &Segment, depth: u32, hash: u64) {
        let prefix = hash & !(u64::MAX >> depth);
        for slot in segment.occupied() {
            self.entries[self.len] = (prefix | segment.known_hash(slot, depth), segment.entry(slot).as_ptr());
            self.len += 1;
        }
        segment.clear();
    }

    /// Completes the hashes.
    fn rehash(&mut self, hasher: &impl KeyHasher) {
        let entries = &mut self.entries[..self.len];
        entries.iter().for_each(|(_, head)| prefetch(head.cast_const().cast()));
        for (hash, head) in entries {
            // SAFETY: the pointers come from slots of the table, which is borrowed exclusively.
            let record = unsafe { RecordRef::new(NonNull::new_unchecked(*head)) };
            *hash = hasher.hash(record.key());
        }
    }

    /// The entries with their hashes.
    fn iter(&self) -> impl Iterator<Item = (u64, NonNull<u64>)> + '_ {
        // SAFETY: the pointers come from slots.
        self.entries[..self.len].iter().map(|&(hash, head)| (hash, unsafe { NonNull::new_unchecked(head) }))
    }
}

impl<H: KeyHasher> Table<H> {
    /// Splits a segment, which is that of `hash`; false if that cannot be expected to help.
    #[cold]
    #[inline(never)]
    pub(super) fn split(&mut self, hash: u64, located: Located) -> bool {
        let expected_depth = (2 * self.len / CAPACITY + 1).ilog2() + 1;
        if located.depth >= DEPTH_MAX.min(expected_depth + EXTRA_DEPTH_MAX) {
            return false;
        }
        if located.depth == self.directory.depth() {
            // SAFETY: the directory is not empty, because it has a segment, and the table keeps it.
            self.replace_directory(unsafe { self.directory.doubled() });
            self.deepest = 0;
        }
        let depth = located.depth + 1;
        let low = located.with_depth(depth);
        let high = Located::new(Box::into_raw(Segment::new_boxed()), depth);
        // SAFETY: the table keeps its segments.
        let (low_segment, high_segment) = unsafe { (low.segment(), high.segment()) };
        let top = 1 << (u64::BITS - depth);
        let mut moving = Moving::new();
        moving.take_from(low_segment, located.depth, hash);
        if located.depth >= KNOWN_DEPTHS {
            moving.rehash(&self.hasher);
        }
        for (hash, head) in moving.iter() {
            let segment = if hash & top == 0 { low_segment } else { high_segment };
            self.place(segment, low.home(hash), hash, head);
        }
        // SAFETY: the directory is at least as deep as the two halves now.
        unsafe {
            self.directory.set(hash & !top, low);
            self.directory.set(hash | top, high);
        }
        self.segments += 1;
        if depth == self.directory.depth() {
            self.deepest += 2;
        }
        true
    }

    /// Merges the segment of `hash` with its other half, if both are sparse, and so on with the result.
    #[cold]
    #[inline(never)]
    pub(super) fn merge(&mut self, hash: u64) {
        loop {
            // SAFETY: the directory is not empty, because it had an entry, and the table keeps it.
            let kept = unsafe { self.directory.locate(hash) };
            if kept.depth == 0 {
                return;
            }
            let top = 1 << (u64::BITS - kept.depth);
            // SAFETY: as above.
            let other = unsafe { self.directory.locate(hash ^ top) };
            if other.depth != kept.depth {
                return;
            }
            // SAFETY: the table keeps its segments.
            let (segment, other_segment) = unsafe { (kept.segment(), other.segment()) };
            if segment.len() + other_segment.len() > MERGED_MAX {
                return;
            }
            let merged = kept.with_depth(kept.depth - 1);
            let mut moving = Moving::new();
            moving.take_from(segment, kept.depth, hash);
            moving.take_from(other_segment, other.depth, hash ^ top);
            for (hash, head) in moving.iter() {
                self.place(segment, merged.home(hash), hash, head);
            }
            // SAFETY: the directory is deeper than the merged segment, and holds the other one no more afterwards.
            unsafe {
                self.directory.set(hash, merged);
                other.retire(&pin());
            }
            self.segments -= 1;
            if kept.depth == self.directory.depth() {
                self.deepest -= 2;
                self.halve_directory();
            }
        }
    }

    /// Halves the directory while no segment needs all its bits.
    fn halve_directory(&mut self) {
        while self.deepest == 0 && self.directory.depth() > 0 {
            // SAFETY: the depth is not zero, and no segment needs all of it.
            self.replace_directory(unsafe { self.directory.halved() });
            let depth = self.directory.depth();
            // SAFETY: the table keeps the directory and does not change it here.
            let segments = unsafe { self.directory.segments() };
            self.deepest = segments.filter(|located| located.depth == depth).count();
        }
    }

    fn replace_directory(&mut self, directory: Directory) {
        let old = self.directory;
        self.publish(directory);
        // SAFETY: it has just been replaced where it was published.
        unsafe { old.retire(&pin()) };
    }

    /// Stores an entry that is on its way, in the stash if the segment has no room near its home.
    fn place(&mut self, segment: &Segment, home: usize, hash: u64, head: NonNull<u64>) {
        if !segment.insert(home, hash, head) {
            // SAFETY: the slot that owned the entry has been cleared.
            let entry = unsafe { Entry::from_raw(head) };
            self.stash.push(Stashed { hash: self.hasher.hash(entry.as_ref().key()), entry });
        }
    }
}
