//! Bringing the memory of a lookup into the cache before the table's owner needs it, from any thread and without
//! the owner's lock.
//!
//! A prefetcher reads the published directory and the segments behind it, all of it through atomics, and never
//! follows a pointer to an entry. What the owner takes out of the directory is freed only when every thread that
//! was pinned at that time has let go of its [`Pin`].

use std::sync::Arc;

use super::bucket::{Bucket, tag};
use super::directory::{Located, Root};
use super::segment::Segment;
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

    /// The segment of a hash; nothing if the table has no segments.
    #[inline]
    fn locate(&self, _: &Pin, hash: u64) -> Option<Located> {
        let directory = self.root.load();
        // SAFETY: the pin keeps the directory from being freed.
        (!directory.is_empty()).then(|| unsafe { directory.locate(hash) })
    }

    /// The segment of a hash and its home bucket there; nothing if the table has no segments.
    #[inline]
    fn home<'p>(&self, pin: &'p Pin, hash: u64) -> Option<(Segment<'p>, usize)> {
        let located = self.locate(pin, hash)?;
        // SAFETY: the pin keeps the segment from being freed.
        Some((unsafe { located.segment() }, located.home(hash)))
    }

    /// The bucket at a position and the one behind it, for as long as there are any.
    fn buckets_of_pair<'p>(&self, pin: &'p Pin, position: u64) -> impl Iterator<Item = &'p Bucket> {
        let mut position = position;
        (0..2).map_while(move |_| {
            let located = self.locate(pin, position)?;
            // SAFETY: the pin keeps the segment from being freed.
            let bucket = unsafe { located.segment() }.bucket(located.home(position));
            position = located.next_position(position).unwrap_or(0);
            Some(bucket)
        })
    }

    /// Asks for the home bucket of a hash.
    #[inline]
    pub fn bucket(&self, pin: &Pin, hash: u64) {
        let Some((segment, home)) = self.home(pin, hash) else { return };
        prefetch(std::ptr::from_ref(segment.bucket(home)).cast());
    }

    /// Asks for the bucket at a position and the one behind it.
    pub fn pair(&self, pin: &Pin, position: u64) {
        for bucket in self.buckets_of_pair(pin, position) {
            prefetch(std::ptr::from_ref(bucket).cast());
        }
    }

    /// Asks for the first cache lines of the entries in these two, for [`Table::visit_pair`](super::Table::visit_pair). Useful
    /// some time after [`pair`](Self::pair).
    pub fn entries_of_pair(&self, pin: &Pin, position: u64) {
        for bucket in self.buckets_of_pair(pin, position) {
            for slot in bucket.occupied() {
                let address = bucket.address(slot);
                prefetch(address);
                prefetch(address.wrapping_add(BEGINNING_BYTES));
            }
        }
    }

    /// Asks for the first two cache lines of the entry that a hash leads to, if it is not in its home bucket. Useful some time
    /// after [`entry`](Self::entry).
    pub fn displaced(&self, pin: &Pin, hash: u64) {
        let Some((segment, home)) = self.home(pin, hash) else { return };
        for distance in segment.bucket(home).tags().distances() {
            prefetch_with_tag(segment.bucket(home + distance), tag(hash));
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

    /// Asks for the first two cache lines of the entry that a hash probably leads to. Where its home bucket has none with the
    /// same tag, asks for the other buckets where it may be and says so: for [`displaced`](Self::displaced). Useful some time
    /// after [`bucket`](Self::bucket), when the bucket is in the cache.
    #[inline]
    pub fn entry(&self, pin: &Pin, hash: u64) -> bool {
        let Some((segment, home)) = self.home(pin, hash) else { return false };
        !prefetch_with_tag(segment.bucket(home), tag(hash)) && segment.prefetch_overflow(home)
    }
}

/// Asks for the first two cache lines of the entries in a bucket that have a tag. Says whether there are any.
#[inline]
fn prefetch_with_tag(bucket: &Bucket, tag: u8) -> bool {
    let mut is_found = false;
    for slot in bucket.tags().matching(tag) {
        let address = bucket.address(slot);
        prefetch(address);
        prefetch(address.wrapping_add(64));
        is_found = true;
    }
    is_found
}
