//! A bucket of a segment: one cache line with seven entries.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

use crate::entry::{ADDRESS_BITS, ALIGN};

/// The entries that a bucket holds.
pub(super) const SLOTS: usize = 7;
/// How many buckets behind its home an entry may live: what the three bits that an address leaves free can tell.
pub(super) const DISTANCE_MAX: usize = ALIGN - 1;
/// So many of a hash's top bits are neither in its slot nor in its tag, which have the 24 bits below.
pub(super) const UNKNOWN_BITS: u32 = u64::BITS - ADDRESS_BITS - TAG_BITS;

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const TAG_BITS: u32 = 8;
/// Where a hash has the bits of the tag.
const TAG_SHIFT: u32 = 32;
/// The top bit of each tag's byte.
const TAG_TOPS: u64 = 0x0080_8080_8080_8080;
/// The bit at which the overflow map begins.
const OVERFLOW_SHIFT: u32 = 56;
/// Where a slot holds the entry's distance: in the bits that the pointer's alignment leaves free.
const DISTANCE_MASK: usize = DISTANCE_MAX;
/// Where a slot holds bits of the entry's hash: in those that addresses of user space leave free.
const HASH_MASK: usize = !0 << ADDRESS_BITS;
const POINTER_MASK: usize = !(DISTANCE_MASK | HASH_MASK);

const _: () = assert!(UNKNOWN_BITS + (u64::BITS - ADDRESS_BITS) + TAG_BITS + TAG_SHIFT == u64::BITS);

/// A cache line of entries.
///
/// Everything is atomic, with relaxed order, because prefetchers look at it while the table's owner changes it.
/// They follow no pointer, so that they need not see a consistent state.
#[repr(C, align(64))]
pub(super) struct Bucket {
    /// In bytes 0 to 6 the tags of the slots, zero when free. In byte 7 the overflow map: bit `d - 1` is set
    /// when, and only when, an entry whose home is this bucket lives `d` buckets behind it.
    tags: AtomicU64,
    /// Pointers to entries, with the distance from the home bucket in the lowest bits and part of the hash in the
    /// highest; null when free.
    slots: [AtomicPtr<u64>; SLOTS],
}

/// The tag of a hash, never zero. The bits are the lowest of the fragment that the deadline index keeps, so that
/// entries can be told apart by their fragment alone.
#[inline]
pub(super) fn tag(hash: u64) -> u8 {
    let tag = (hash >> TAG_SHIFT) as u8;
    tag + u8::from(tag == 0)
}

/// The slots whose tag is `tag`, as the top bits of their bytes. Exact: no false matches.
#[inline]
fn matches(tags: u64, tag: u8) -> u64 {
    let differences = tags ^ (ONES * u64::from(tag));
    !((differences & LOW_BITS).wrapping_add(LOW_BITS) | differences) & TAG_TOPS
}

/// The slots of the set bits of a mask, lowest first.
#[derive(Clone, Copy)]
pub(super) struct Slots(u64);

impl Iterator for Slots {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        (self.0 != 0).then(|| {
            let slot = self.0.trailing_zeros() / 8;
            self.0 &= self.0 - 1;
            slot as usize
        })
    }
}

/// The tags and the overflow map of a bucket, as they were when it was looked at.
#[derive(Clone, Copy)]
pub(super) struct Tags(u64);

impl Tags {
    /// The slots whose tag is `tag`.
    #[inline]
    pub(super) fn matching(self, tag: u8) -> Slots {
        Slots(matches(self.0, tag))
    }

    /// The slots in use.
    #[inline]
    pub(super) fn occupied(self) -> Slots {
        Slots(!matches(self.0, 0) & TAG_TOPS)
    }

    /// How far behind the bucket entries live whose home it is.
    #[inline]
    pub(super) fn distances(self) -> Distances {
        Distances((self.0 >> OVERFLOW_SHIFT << 1) as u32)
    }
}

/// Distances from a home bucket, lowest first.
#[derive(Clone, Copy)]
pub(super) struct Distances(u32);

impl Distances {
    /// The same and zero.
    pub(super) fn and_zero(self) -> Distances {
        Distances(self.0 | 1)
    }
}

impl Iterator for Distances {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        (self.0 != 0).then(|| {
            let distance = self.0.trailing_zeros();
            self.0 &= self.0 - 1;
            distance as usize
        })
    }
}

impl Bucket {
    #[inline]
    pub(super) fn tags(&self) -> Tags {
        Tags(self.tags.load(Relaxed))
    }

    /// The slots in use.
    #[inline]
    pub(super) fn occupied(&self) -> Slots {
        self.tags().occupied()
    }

    #[inline]
    pub(super) fn free_slot(&self) -> Option<usize> {
        self.tags().matching(0).next()
    }

    pub(super) fn tag(&self, slot: usize) -> u8 {
        (self.tags.load(Relaxed) >> (8 * slot)) as u8
    }

    /// How many slots are in use.
    pub(super) fn len(&self) -> usize {
        self.occupied().0.count_ones() as usize
    }

    /// The address in a slot, for a prefetch only: it may be stale or null.
    #[inline]
    pub(super) fn address(&self, slot: usize) -> *const u8 {
        self.pointer(slot).cast_const().cast()
    }

    #[inline]
    fn pointer(&self, slot: usize) -> *mut u64 {
        self.slots[slot].load(Relaxed).map_addr(|address| address & POINTER_MASK)
    }

    /// The entry in a slot that is in use.
    #[inline]
    pub(super) fn entry(&self, slot: usize) -> NonNull<u64> {
        let pointer = self.pointer(slot);
        debug_assert!(!pointer.is_null());
        // SAFETY: tags and slots are changed together by the table's owner, and only the owner calls this, for
        // slots whose tag says that they are in use.
        unsafe { NonNull::new_unchecked(pointer) }
    }

    /// How far the entry in a slot lives from its home bucket.
    #[inline]
    pub(super) fn distance(&self, slot: usize) -> usize {
        self.slots[slot].load(Relaxed).addr() & DISTANCE_MASK
    }

    /// What slot and tag have of the entry's hash; the other bits are zero.
    pub(super) fn known_hash(&self, slot: usize) -> u64 {
        let in_slot = (self.slots[slot].load(Relaxed).addr() & HASH_MASK) as u64;
        in_slot >> UNKNOWN_BITS | u64::from(self.tag(slot)) << TAG_SHIFT
    }

    /// Puts an entry in a slot that is free.
    #[inline]
    pub(super) fn set(&self, slot: usize, hash: u64, entry: NonNull<u64>, distance: usize) {
        let extra = (hash << UNKNOWN_BITS) as usize & HASH_MASK | distance;
        self.slots[slot].store(entry.as_ptr().map_addr(|address| address | extra), Relaxed);
        let shift = 8 * slot as u32;
        let others = self.tags.load(Relaxed) & !(0xff << shift);
        self.tags.store(others | u64::from(tag(hash)) << shift, Relaxed);
    }

    /// Puts another entry in a slot that is in use, whose key and hash are the same. Returns the old one.
    pub(super) fn replace(&self, slot: usize, entry: NonNull<u64>) -> NonNull<u64> {
        let old = self.entry(slot);
        let extra = self.slots[slot].load(Relaxed).addr() & !POINTER_MASK;
        self.slots[slot].store(entry.as_ptr().map_addr(|address| address | extra), Relaxed);
        old
    }

    /// Takes the entry out of a slot that is in use.
    pub(super) fn clear(&self, slot: usize) {
        self.slots[slot].store(null_mut(), Relaxed);
        self.tags.store(self.tags.load(Relaxed) & !(0xff << (8 * slot)), Relaxed);
    }

    /// Notes whether an entry whose home is this bucket lives so far behind it.
    pub(super) fn set_overflow(&self, distance: usize, overflows: bool) {
        let bit = 1 << (OVERFLOW_SHIFT + distance as u32 - 1);
        let tags = self.tags.load(Relaxed);
        self.tags.store(if overflows { tags | bit } else { tags & !bit }, Relaxed);
    }
}
