//! Bringing the memory of a lookup into the cache before the table's owner needs it, from any thread and without
//! the owner's lock.
//!
//! A prefetcher reads the published directory and the segments behind it, all of it through atomics, and never
//! follows a pointer to an entry. What the owner takes out of the directory is freed only when every thread that
//! was pinned at that time has let go of its [`Pin`].

use std::sync::Arc;

use super::directory::Root;
use super::segment::{Segment, tag};
use crate::prefetch::prefetch;
use crate::slab;

/// As long as it lives, no memory is freed that a prefetcher could look at. Take it once per batch of commands
/// and drop it afterwards: a thread that keeps one keeps memory from being freed.
pub struct Pin(crossbeam_epoch::Guard);

/// Takes a pin for the current thread, in about ten nanoseconds.
pub fn pin() -> Pin {
    Pin(crossbeam_epoch::pin())
}

impl Pin {
    /// Runs `free` when everyone who is pinned now has let go.
    ///
    /// # Safety
    /// Whoever is not pinned now cannot reach what `free` frees, and `free` may run on another thread.
    pub(super) unsafe fn defer(&self, free: impl FnOnce()) {
        // SAFETY: as the caller promises.
        unsafe { self.0.defer_unchecked(free) }
    }

    /// Frees what may be freed by now.
    pub(super) fn flush(&self) {
        self.0.flush();
    }
}

/// Prefetches for one table.
#[derive(Clone)]
pub struct Prefetcher {
    root: Arc<Root>,
}

/// How much of an entry is looked at to find a short key and its deadline, in bytes.
const BEGINNING_BYTES: usize = 40;

impl Prefetcher {
    pub(super) fn new(root: Arc<Root>) -> Prefetcher {
        Prefetcher { root }
    }

    /// The segment of a hash and its home bucket there; nothing if the table has no segments.
    #[inline]
    fn home<'p>(&self, _: &'p Pin, hash: u64) -> Option<(&'p Segment, usize)> {
        let directory = self.root.load();
        if directory.is_empty() {
            return None;
        }
        // SAFETY: the pin keeps the directory from being freed.
        let located = unsafe { directory.locate(hash) };
        // SAFETY: the pin keeps the segment from being freed.
        Some((unsafe { located.segment() }, located.home(hash)))
    }

    /// Asks for the home bucket of a hash.
    #[inline]
    pub fn bucket(&self, pin: &Pin, hash: u64) {
        let Some((segment, home)) = self.home(pin, hash) else { return };
        prefetch(std::ptr::from_ref(segment.bucket(home)).cast());
    }

    /// Asks for the bucket at a position and the one behind it.
    pub fn pair(&self, pin: &Pin, position: u64) {
        let Some((segment, home)) = self.home(pin, position) else { return };
        for bucket in [segment.bucket(home), segment.bucket(home + 1)] {
            prefetch(std::ptr::from_ref(bucket).cast());
        }
    }

    /// Asks for the first cache lines of the entries in these two, for [`Table::visit_pair`](super::Table::visit_pair). Useful
    /// some time after [`pair`](Self::pair).
    pub fn entries_of_pair(&self, pin: &Pin, position: u64) {
        let Some((segment, home)) = self.home(pin, position) else { return };
        for bucket in [segment.bucket(home), segment.bucket(home + 1)] {
            for slot in bucket.occupied() {
                let address = bucket.address(slot);
                prefetch(address);
                prefetch(address.wrapping_add(BEGINNING_BYTES));
            }
        }
    }

    /// Asks for the buckets where entries live whose home was full. Useful some time after [`bucket`](Self::bucket).
    pub fn overflow(&self, pin: &Pin, hash: u64) {
        if let Some((segment, home)) = self.home(pin, hash) {
            segment.prefetch_overflow(home);
        }
    }

    /// Asks for the beginnings of all entries with the fragment of a hash, up to the end of a short key, and for their slabs,
    /// for [`Table::visit_fragment`](super::Table::visit_fragment). Useful some time after [`overflow`](Self::overflow).
    pub fn entries(&self, pin: &Pin, hash: u64) {
        let Some((segment, home)) = self.home(pin, hash) else { return };
        for place in segment.with_tag(home, tag(hash)) {
            let address = segment.bucket(place.bucket).address(place.slot);
            prefetch(address);
            // Most often the same cache line, or one that is needed.
            prefetch(address.wrapping_add(BEGINNING_BYTES));
            slab::prefetch_slab(address);
        }
    }

    /// Asks for the first two cache lines of the entry that a hash probably leads to. Useful some time after
    /// [`bucket`](Self::bucket), when the bucket is in the cache.
    #[inline]
    pub fn entry(&self, pin: &Pin, hash: u64) {
        let Some((segment, home)) = self.home(pin, hash) else { return };
        let bucket = segment.bucket(home);
        for slot in bucket.matching(tag(hash)) {
            let address = bucket.address(slot);
            prefetch(address);
            prefetch(address.wrapping_add(64));
        }
    }
}
