//! Making segments bigger, splitting those that are full, and giving memory back where entries have become few.

use std::cell::Cell;
use std::ptr::NonNull;

use crate::entry::RecordRef;

use super::directory::{DEPTH_MAX, Directory, GROWN_DEPTH_MAX, Located};
use super::prefetch::pin;
use super::segment::{BLOCK_BUCKETS, BLOCK_ENTRIES, BLOCKS_SPLIT, SIZES};
use super::{KeyHasher, Table};

/// The entries that a segment that has just been split could hold.
const CAPACITY: usize = BLOCKS_SPLIT * BLOCK_ENTRIES;

/// Two segments are merged when they hold no more than this together. A split leaves about twice as much, so that many entries
/// must go or come before the next change.
const MERGED_MAX: usize = CAPACITY * 2 / 5;

/// A segment becomes smaller when it is not as full as this, in percent.
pub(super) const SPARSE_PERCENT: usize = 33;
/// How full it becomes at most, in percent, so that it does not have to grow again soon.
const SHRUNK_PERCENT: usize = 65;

/// How much deeper than the number of entries calls for a segment may become before it is not split any more.
const EXTRA_DEPTH_MAX: u32 = 4;

/// With more bits than this to choose a segment, a home bucket may depend on bits that are not kept beside the entries. Few in
/// tests, which take both ways so.
const KNOWN_DEPTH_MAX: u32 = if cfg!(test) { 4 } else { 16 };

impl<H: KeyHasher> Table<H> {
    /// Makes room in a segment, which is that of `hash`; false if that cannot be expected to help.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room(&mut self, hash: u64, located: Located) -> bool {
        let blocks_max = if located.depth() <= GROWN_DEPTH_MAX { usize::MAX } else { BLOCKS_SPLIT };
        let mut bigger = SIZES.iter().filter(|blocks| (located.blocks() + 1..=blocks_max).contains(blocks));
        bigger.any(|blocks| self.resize(hash, located, *blocks)) || self.split(hash, located)
    }

    /// Gives a segment, which is that of `hash`, another number of blocks, if all its entries find room there.
    fn resize(&mut self, hash: u64, located: Located, blocks: usize) -> bool {
        let Some(resized) = self.joined(&[(hash, located)], blocks, located.depth()) else { return false };
        // SAFETY: the directory is as deep as before, and holds the other segment no more afterwards.
        unsafe {
            self.directory.set(hash, resized);
            retire(&[located]);
        }
        self.blocks = self.blocks + blocks - located.blocks();
        true
    }

    /// Splits a segment, which is that of `hash`; false if that cannot be expected to help.
    fn split(&mut self, hash: u64, located: Located) -> bool {
        let expected_depth = (2 * self.len / CAPACITY + 1).ilog2() + 1;
        if located.depth() >= DEPTH_MAX.min(expected_depth + EXTRA_DEPTH_MAX) {
            return false;
        }
        if located.depth() == self.directory.depth() {
            // SAFETY: the directory is not empty, because it has a segment, and the table keeps it.
            self.replace_directory(unsafe { self.directory.doubled() });
            self.deepest = 0;
        }
        let depth = located.depth() + 1;
        let top = 1 << (u64::BITS - depth);
        let (low, high) = (Located::allocate(BLOCKS_SPLIT, depth), Located::allocate(BLOCKS_SPLIT, depth));
        let mut homeless = Vec::new();
        self.for_each_of(hash, located, |hash, head| {
            let half = if hash & top == 0 { low } else { high };
            // SAFETY: it was made above.
            if !unsafe { half.segment() }.insert(half.home(hash), hash, head) {
                homeless.push(head);
            }
        });
        // SAFETY: the directory is at least as deep as the two halves now, and holds what was split no more afterwards.
        unsafe {
            self.directory.set(hash & !top, low);
            self.directory.set(hash | top, high);
            retire(&[located]);
        }
        self.blocks = self.blocks + low.blocks() + high.blocks() - located.blocks();
        if depth == self.directory.depth() {
            self.deepest += 2;
        }
        for head in homeless {
            // SAFETY: the segment that owned the entry has been retired, and nobody else knows the entry.
            let hash = self.hasher.hash(unsafe { RecordRef::new(head) }.key());
            self.place(hash, head);
        }
        true
    }

    /// Gives back what few entries do not need, where the segment of `hash` is.
    #[cold]
    #[inline(never)]
    pub(super) fn give_back(&mut self, hash: u64) {
        loop {
            // SAFETY: the directory is not empty, because it had an entry, and the table keeps what it points to.
            let located = unsafe { self.directory.locate(hash) };
            // SAFETY: as above.
            let len = unsafe { located.segment() }.len();
            if self.merge(hash, located, len) {
                continue;
            }
            if percent(len, located.blocks()) < SPARSE_PERCENT {
                let smaller = SIZES.iter().filter(|blocks| **blocks < located.blocks());
                let mut roomy = smaller.filter(|blocks| percent(len, **blocks) <= SHRUNK_PERCENT);
                roomy.any(|blocks| self.resize(hash, located, *blocks));
            }
            return;
        }
    }

    /// Merges a segment, which is that of `hash` and has `len` entries, with its other half, if both are sparse and all entries
    /// find room. Says whether that was so.
    fn merge(&mut self, hash: u64, kept: Located, len: usize) -> bool {
        if kept.depth() == 0 || len > MERGED_MAX {
            return false;
        }
        let top = 1 << (u64::BITS - kept.depth());
        // SAFETY: the directory is not empty, because it has a segment, and the table keeps it.
        let other = unsafe { self.directory.locate(hash ^ top) };
        if other.depth() != kept.depth() {
            return false;
        }
        // SAFETY: the table keeps its segments.
        let len = len + unsafe { other.segment() }.len();
        if len > MERGED_MAX {
            return false;
        }
        let roomy = SIZES.iter().find(|blocks| percent(len, **blocks) <= SHRUNK_PERCENT);
        let blocks = roomy.copied().unwrap_or(BLOCKS_SPLIT);
        let halves = [(hash, kept), (hash ^ top, other)];
        let Some(merged) = self.joined(&halves, blocks, kept.depth() - 1) else { return false };
        // SAFETY: the directory is deeper than the merged segment, and holds the others no more afterwards.
        unsafe {
            self.directory.set(hash, merged);
            retire(&[kept, other]);
        }
        self.blocks = self.blocks + merged.blocks() - kept.blocks() - other.blocks();
        if kept.depth() == self.directory.depth() {
            self.deepest -= 2;
            self.halve_directory();
        }
        true
    }

    /// A new segment with the entries of others, each of which is that of the hash beside it; nothing if not all find room. They
    /// belong to the others until the directory holds the new one instead.
    fn joined(&self, segments: &[(u64, Located)], blocks: usize, depth: u32) -> Option<Located> {
        let joined = Located::allocate(blocks, depth);
        // SAFETY: it was made above.
        let segment = unsafe { joined.segment() };
        let mut have_room = true;
        for (hash, located) in segments {
            self.for_each_of(*hash, *located, |hash, head| {
                have_room = have_room && segment.insert(joined.home(hash), hash, head);
            });
        }
        if !have_room {
            // SAFETY: no directory has ever held it, and it owns no entries.
            unsafe { joined.free() };
        }
        have_room.then_some(joined)
    }

    /// Visits the entries of a segment, which is that of `hash`, each with as much of its hash as any segment needs to know.
    fn for_each_of(&self, hash: u64, located: Located, mut visit: impl FnMut(u64, NonNull<u64>)) {
        // SAFETY: the table keeps its segments.
        let segment = unsafe { located.segment() };
        let is_known = segment.knows_hashes(located.depth()) && located.depth() <= KNOWN_DEPTH_MAX;
        if !is_known {
            (0..located.blocks() * BLOCK_BUCKETS).for_each(|bucket| segment.prefetch_entries(bucket));
        }
        let prefix = hash & !(u64::MAX >> located.depth());
        for slot in segment.occupied() {
            let head = segment.entry(slot);
            let hash = if is_known {
                prefix | segment.known_hash(slot, located.depth())
            } else {
                // SAFETY: the table owns the entry and does not change while it is borrowed.
                self.hasher.hash(unsafe { RecordRef::new(head) }.key())
            };
            visit(hash, head);
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
            self.deepest = segments.filter(|located| located.depth() == depth).count();
        }
    }

    fn replace_directory(&mut self, directory: Directory) {
        let old = self.directory;
        self.publish(directory);
        // SAFETY: it has just been replaced where it was published.
        unsafe { old.retire(&pin()) };
    }
}

/// How full a segment of so many blocks is, in percent.
fn percent(entries: usize, blocks: usize) -> usize {
    entries * 100 / (blocks * BLOCK_ENTRIES)
}

thread_local! {
    /// What this thread has retired since it last had such memory freed whose time had come, in blocks.
    static RETIRED: Cell<usize> = const { Cell::new(0) };
}

/// Frees segments, but not their entries, as soon as no prefetcher looks at them.
///
/// # Safety
/// As for [`Located::retire`].
unsafe fn retire(segments: &[Located]) {
    /// While a table grows some are retired all the time. They are kept in lists of two kilobytes, which should not be in vain.
    const FLUSHED_BLOCKS: usize = 256;
    let pin = pin();
    let mut blocks = RETIRED.get();
    for segment in segments {
        blocks += segment.blocks();
        // SAFETY: as the caller promises.
        unsafe { segment.retire(&pin) };
    }
    if blocks >= FLUSHED_BLOCKS {
        pin.flush();
        blocks = 0;
    }
    RETIRED.set(blocks);
}
