//! A segment of the table: 64 buckets of seven entries each, without a word about itself.

use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

use crate::entry::{ADDRESS_BITS, ALIGN, Entry};
use crate::prefetch::prefetch;
use crate::slab;

/// The buckets of a segment, as a power of two.
pub(super) const BUCKET_BITS: u32 = 6;
pub(super) const BUCKETS: usize = 1 << BUCKET_BITS;
/// The entries that a bucket holds.
pub(super) const SLOTS: usize = 7;
/// The entries that a segment holds.
pub(super) const CAPACITY: usize = BUCKETS * SLOTS;
/// How many buckets behind its home an entry may live. Seven lets a segment fill to 84 % before it is split
/// (four: 78 %), and is what the three bits that an address leaves free can tell.
pub(super) const DISTANCE_MAX: usize = 7;

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
/// Where a hash has the bits of the tag.
const TAG_SHIFT: u32 = 32;
/// The top bit of each tag's byte.
const TAG_TOPS: u64 = 0x0080_8080_8080_8080;
/// The bit at which the overflow map begins.
const OVERFLOW_SHIFT: u32 = 56;
/// Where a slot holds the entry's distance: in the bits that the pointer's alignment leaves free.
const DISTANCE_MASK: usize = ALIGN - 1;
/// Where a slot holds the bits of the entry's hash that follow the first six: in the bits that addresses of user
/// space leave free.
const HASH_MASK: usize = !0 << (usize::BITS - KNOWN_DEPTHS);
const POINTER_MASK: usize = !(DISTANCE_MASK | HASH_MASK);
/// With a depth below this, a segment can be split without looking at its entries, because the slots hold all
/// bits of the hashes that the halves need. Few in tests, which take both ways so.
pub(super) const KNOWN_DEPTHS: u32 = if cfg!(test) { 3 } else { u64::BITS - ADDRESS_BITS };

const _: () = assert!(KNOWN_DEPTHS <= usize::BITS - ADDRESS_BITS);
const _: () = assert!(DISTANCE_MAX < ALIGN && size_of::<Segment>() == 4096);

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

/// 4 KiB, aligned to as much, which leaves twelve bits of its address to the directory.
#[repr(C, align(4096))]
pub(super) struct Segment {
    buckets: [Bucket; BUCKETS],
}

/// A bucket and a slot within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) bucket: usize,
    pub(super) slot: usize,
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

impl Bucket {
    /// The slots whose tag is `tag`.
    #[inline]
    pub(super) fn matching(&self, tag: u8) -> Slots {
        Slots(matches(self.tags.load(Relaxed), tag))
    }

    /// The slots in use.
    #[inline]
    pub(super) fn occupied(&self) -> Slots {
        Slots(!matches(self.tags.load(Relaxed), 0) & TAG_TOPS)
    }

    #[inline]
    fn free_slot(&self) -> Option<usize> {
        Slots(matches(self.tags.load(Relaxed), 0)).next()
    }

    fn tag(&self, slot: usize) -> u8 {
        (self.tags.load(Relaxed) >> (8 * slot)) as u8
    }

    /// How many slots are in use.
    fn len(&self) -> usize {
        self.occupied().0.count_ones() as usize
    }

    /// Whether no slot is in use.
    pub(super) fn is_empty(&self) -> bool {
        self.occupied().0 == 0
    }

    /// The overflow map.
    #[inline]
    pub(super) fn overflow(&self) -> u8 {
        (self.tags.load(Relaxed) >> OVERFLOW_SHIFT) as u8
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

    #[inline]
    fn set(&self, slot: usize, hash: u64, entry: NonNull<u64>, distance: usize) {
        let extra = (hash << BUCKET_BITS) as usize & HASH_MASK | distance;
        self.slots[slot].store(entry.as_ptr().map_addr(|address| address | extra), Relaxed);
        let shift = 8 * slot as u32;
        let others = self.tags.load(Relaxed) & !(0xff << shift);
        self.tags.store(others | u64::from(tag(hash)) << shift, Relaxed);
    }

    fn set_overflow(&self, distance: usize, overflows: bool) {
        let bit = 1 << (OVERFLOW_SHIFT + distance as u32 - 1);
        let tags = self.tags.load(Relaxed);
        self.tags.store(if overflows { tags | bit } else { tags & !bit }, Relaxed);
    }
}

/// An entry of which a slot is the owner again when this is dropped.
struct Loan<'a> {
    entry: ManuallyDrop<Entry>,
    slot: &'a AtomicPtr<u64>,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let extra = self.slot.load(Relaxed).addr() & !POINTER_MASK;
        self.slot.store(self.entry.head().as_ptr().map_addr(|address| address | extra), Relaxed);
    }
}

/// The set bits of an overflow map, lowest first.
#[derive(Clone, Copy)]
struct Distances(u32);

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

impl Segment {
    /// A segment without entries.
    pub(super) fn new_boxed() -> Box<Segment> {
        // SAFETY: all zero is a valid segment: no tags, no overflow, null pointers.
        unsafe { Box::new_zeroed().assume_init() }
    }

    #[inline]
    pub(super) fn bucket(&self, bucket: usize) -> &Bucket {
        &self.buckets[bucket % BUCKETS]
    }

    /// The first slot with the tag among those whose home is `home` that `is_wanted` accepts.
    #[inline]
    pub(super) fn find(
        &self,
        home: usize,
        tag: u8,
        mut is_wanted: impl FnMut(NonNull<u64>) -> bool,
    ) -> Option<(Slot, NonNull<u64>)> {
        let tags = self.bucket(home).tags.load(Relaxed);
        let mut find_in = |place: usize, tags: u64| {
            let bucket = self.bucket(place);
            Slots(matches(tags, tag)).find_map(|slot| {
                let entry = bucket.entry(slot);
                is_wanted(entry).then_some((Slot { bucket: place, slot }, entry))
            })
        };
        find_in(home, tags).or_else(|| {
            Distances((tags >> OVERFLOW_SHIFT) as u32).find_map(|less_one| {
                let place = (home + 1 + less_one) % BUCKETS;
                find_in(place, self.bucket(place).tags.load(Relaxed))
            })
        })
    }

    /// The slots whose entries have their home in `home` and this tag.
    pub(super) fn with_tag(&self, home: usize, tag: u8) -> impl Iterator<Item = Slot> + '_ {
        self.at_home(home).filter(move |place| self.bucket(place.bucket).tag(place.slot) == tag)
    }

    /// Whether two neighbouring buckets are empty, which is rare unless few entries are in the segment.
    pub(super) fn may_be_sparse(&self, bucket: usize) -> bool {
        self.bucket(bucket).is_empty() && self.bucket(bucket + 1).is_empty()
    }

    /// Every slot whose entry has its home in `home`.
    pub(super) fn at_home(&self, home: usize) -> impl Iterator<Item = Slot> + '_ {
        let overflow = u32::from(self.bucket(home).overflow());
        Distances(overflow << 1 | 1).flat_map(move |distance| {
            let place = (home + distance) % BUCKETS;
            let bucket = self.bucket(place);
            let at_home = bucket.occupied().filter(move |&slot| bucket.distance(slot) == distance);
            at_home.map(move |slot| Slot { bucket: place, slot })
        })
    }

    /// Stores an entry in the nearest free slot; false if there is none near enough. Of the hash, the bits that
    /// [`known_hash`](Self::known_hash) tells suffice.
    #[inline]
    #[must_use]
    pub(super) fn insert(&self, home: usize, hash: u64, entry: NonNull<u64>) -> bool {
        let bucket = self.bucket(home);
        if let Some(slot) = bucket.free_slot() {
            bucket.set(slot, hash, entry, 0);
            return true;
        }
        for distance in 1..=DISTANCE_MAX {
            let bucket = self.bucket(home + distance);
            if let Some(slot) = bucket.free_slot() {
                bucket.set(slot, hash, entry, distance);
                self.bucket(home).set_overflow(distance, true);
                return true;
            }
        }
        false
    }

    /// What is known of an entry's hash, in a segment of this depth and not counting its prefix, without looking
    /// at the entry: the home bucket, the bits in the slot and the tag. The other bits are zero.
    pub(super) fn known_hash(&self, place: Slot, depth: u32) -> u64 {
        let bucket = self.bucket(place.bucket);
        let home = (place.bucket + BUCKETS - bucket.distance(place.slot)) % BUCKETS;
        let in_slot = (bucket.slots[place.slot].load(Relaxed).addr() & HASH_MASK) as u64;
        (home as u64) << (u64::BITS - BUCKET_BITS - depth)
            | in_slot >> BUCKET_BITS
            | u64::from(bucket.tag(place.slot)) << TAG_SHIFT
    }

    /// Puts another entry in a slot that is in use, whose key and hash are the same.
    pub(super) fn replace(&self, place: Slot, entry: Entry) -> Entry {
        let bucket = self.bucket(place.bucket);
        let old = bucket.entry(place.slot);
        let extra = bucket.slots[place.slot].load(Relaxed).addr() & !POINTER_MASK;
        let new = entry.into_raw();
        bucket.slots[place.slot].store(new.as_ptr().map_addr(|address| address | extra), Relaxed);
        // SAFETY: the slot owned the entry and has just been given another.
        unsafe { Entry::from_raw(old) }
    }

    /// Asks for the buckets where entries live whose home is this one and was full.
    pub(super) fn prefetch_overflow(&self, home: usize) {
        for less_one in Distances(u32::from(self.bucket(home).overflow())) {
            prefetch(std::ptr::from_ref(self.bucket(home + 1 + less_one)).cast());
        }
    }

    /// Asks for the beginnings of the entries in a bucket, and of their slabs.
    pub(super) fn prefetch_entries(&self, bucket: usize) {
        let bucket = self.bucket(bucket);
        for slot in bucket.occupied() {
            let address = bucket.address(slot);
            prefetch(address);
            slab::prefetch_slab(address);
        }
    }

    /// Lends the entry in a slot that is in use, which may come back in another place.
    pub(super) fn with_entry(&self, place: Slot, use_entry: &mut dyn FnMut(&mut Entry)) {
        let bucket = self.bucket(place.bucket);
        // SAFETY: the slot owns the entry and gets it back when the loan ends; until then nobody looks there, because the
        // table is borrowed exclusively by whoever lends it.
        let entry = ManuallyDrop::new(unsafe { Entry::from_raw(bucket.entry(place.slot)) });
        let mut loan = Loan { entry, slot: &bucket.slots[place.slot] };
        use_entry(&mut loan.entry);
    }

    /// Takes the entry out of a slot that is in use.
    pub(super) fn remove(&self, place: Slot) -> Entry {
        let bucket = self.bucket(place.bucket);
        let entry = bucket.entry(place.slot);
        let distance = bucket.distance(place.slot);
        bucket.slots[place.slot].store(null_mut(), Relaxed);
        bucket.tags.store(bucket.tags.load(Relaxed) & !(0xff << (8 * place.slot)), Relaxed);
        // Entries of one bucket with one distance have one home.
        if distance > 0 && !bucket.occupied().any(|slot| bucket.distance(slot) == distance) {
            self.bucket(place.bucket + BUCKETS - distance).set_overflow(distance, false);
        }
        // SAFETY: the slot owned the entry and is free now.
        unsafe { Entry::from_raw(entry) }
    }

    /// Every slot in use.
    pub(super) fn occupied(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..BUCKETS).flat_map(|bucket| self.bucket(bucket).occupied().map(move |slot| Slot { bucket, slot }))
    }

    pub(super) fn entry(&self, place: Slot) -> NonNull<u64> {
        self.bucket(place.bucket).entry(place.slot)
    }

    /// How many slots are in use.
    pub(super) fn len(&self) -> usize {
        self.buckets.iter().map(Bucket::len).sum()
    }

    /// Forgets every entry; the caller has become the owner of them.
    pub(super) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.tags.store(0, Relaxed);
            bucket.slots.iter().for_each(|slot| slot.store(null_mut(), Relaxed));
        }
    }
}
