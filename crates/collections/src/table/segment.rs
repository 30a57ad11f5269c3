//! A segment of the table: up to 448 buckets of seven entries each, without a word about itself.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;

use super::bucket::{Bucket, DISTANCE_MAX, SLOTS, Slots, UNKNOWN_BITS};
use super::directory::{FRACTION_BITS, Located};
use super::resize::SPARSE_PERCENT;
use crate::entry::Entry;
use crate::prefetch::prefetch;
use crate::slab;

/// The buckets of a block.
pub(super) const BLOCK_BUCKETS: usize = 16;
/// The blocks of a segment that has just been split. Few in tests, which have few entries. From here on sizes are multiples of
/// pages, of which jemalloc makes no groups that could have gaps.
pub(super) const BLOCKS_SPLIT: usize = if cfg!(test) { 4 } else { 16 };
/// The sizes of segments in blocks; those that are smaller than after a split are for few entries. Instead of bigger ones there
/// are two.
pub(super) const SIZES: &[usize] =
    if cfg!(test) { &[1, 2, 3, 4, 5, 6, 7] } else { &[1, 2, 4, 8, 12, 16, 20, 24, 28] };
/// The most blocks of a segment.
pub(super) const BLOCKS_MAX: usize = SIZES[SIZES.len() - 1];
/// The entries that a segment holds for each block.
pub(super) const BLOCK_ENTRIES: usize = BLOCK_BUCKETS * SLOTS;

/// How many entries are moved at most to make room for one. With each more, segments become a little fuller, and a search that
/// fails takes seven times as long.
const MOVES_MAX: usize = 2;

const _: () = assert!(size_of::<Block>() == 1024);

/// What a segment grows by: 1 KiB, aligned to as much, which leaves ten bits of a segment's address to the directory.
#[repr(C, align(1024))]
pub(super) struct Block {
    buckets: [Bucket; BLOCK_BUCKETS],
}

impl Block {
    /// Blocks without entries.
    pub(super) fn new_boxed(blocks: usize) -> Box<[Block]> {
        // SAFETY: all zero is a valid block: no tags, no overflow, null pointers.
        unsafe { Box::new_zeroed_slice(blocks).assume_init() }
    }
}

/// The buckets of a segment.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a>(&'a [Bucket]);

/// A bucket and a slot within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) bucket: usize,
    pub(super) slot: usize,
}

/// An entry of which a slot is the owner again when this is dropped.
struct Loan<'a> {
    entry: ManuallyDrop<Entry>,
    bucket: &'a Bucket,
    slot: usize,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.bucket.replace(self.slot, self.entry.head());
    }
}

impl<'a> Segment<'a> {
    #[inline]
    pub(super) fn of(blocks: &'a [Block]) -> Segment<'a> {
        let buckets = blocks.len() * BLOCK_BUCKETS;
        // SAFETY: a block is an array of so many buckets and nothing else.
        Segment(unsafe { slice::from_raw_parts(blocks.as_ptr().cast(), buckets) })
    }

    /// How many buckets there are.
    pub(super) fn buckets(self) -> usize {
        self.0.len()
    }

    /// The bucket at a place: behind the last one comes the first.
    #[inline]
    pub(super) fn bucket(self, place: usize) -> &'a Bucket {
        &self.0[self.wrapped(place)]
    }

    /// The number of the bucket at a place that is less than one turn behind the last one.
    #[inline]
    fn wrapped(self, place: usize) -> usize {
        if place < self.0.len() { place } else { place - self.0.len() }
    }

    /// The home bucket of the entry in a slot.
    fn home(self, place: Slot) -> usize {
        let distance = self.0[place.bucket].distance(place.slot);
        self.wrapped(place.bucket + self.0.len() - distance)
    }

    /// The first slot with the tag among those whose home is `home` that `is_wanted` accepts.
    #[inline]
    pub(super) fn find(
        self,
        home: usize,
        tag: u8,
        mut is_wanted: impl FnMut(NonNull<u64>) -> bool,
    ) -> Option<(Slot, NonNull<u64>)> {
        let mut find_in = |place: usize, bucket: &Bucket| {
            bucket.tags().matching(tag).find_map(|slot| {
                let entry = bucket.entry(slot);
                is_wanted(entry).then_some((Slot { bucket: place, slot }, entry))
            })
        };
        let bucket = &self.0[home];
        find_in(home, bucket).or_else(|| {
            bucket.tags().distances().find_map(|distance| {
                let place = self.wrapped(home + distance);
                find_in(place, &self.0[place])
            })
        })
    }

    /// The slots whose entries have their home in `home` and this tag.
    #[inline]
    pub(super) fn with_tag(self, home: usize, tag: u8) -> impl Iterator<Item = Slot> + 'a {
        self.at_home_among(home, move |bucket| bucket.tags().matching(tag))
    }

    /// Whether few entries may be in the segment: a bucket has none, the next one at most one, and those behind them are not much
    /// fuller than a segment that is to become smaller. Seldom so otherwise, and counting the whole segment touches hundreds of
    /// cache lines.
    pub(super) fn may_be_sparse(self, bucket: usize) -> bool {
        const NEAR: usize = BLOCK_BUCKETS;
        const NEAR_MAX: usize = (NEAR - 2) * SLOTS * (SPARSE_PERCENT + 7) / 100;
        let len = |distance: usize| self.bucket(bucket + distance).len();
        len(0) == 0 && len(1) <= 1 && (2..NEAR).map(len).sum::<usize>() <= NEAR_MAX
    }

    /// Every slot whose entry has its home in `home`.
    pub(super) fn at_home(self, home: usize) -> impl Iterator<Item = Slot> + 'a {
        self.at_home_among(home, Bucket::occupied)
    }

    /// The slots among those that `slots` tells of each bucket whose entries have their home in `home`.
    #[inline]
    fn at_home_among(
        self,
        home: usize,
        slots: impl Fn(&Bucket) -> Slots + 'a,
    ) -> impl Iterator<Item = Slot> + 'a {
        self.0[home].tags().distances().and_zero().flat_map(move |distance| {
            let place = self.wrapped(home + distance);
            let bucket = &self.0[place];
            let at_home = slots(bucket).filter(move |&slot| bucket.distance(slot) == distance);
            at_home.map(move |slot| Slot { bucket: place, slot })
        })
    }

    /// Stores an entry in the nearest free slot; false if there is none near enough. Of the hash, the bits that
    /// [`known_hash`](Self::known_hash) tells suffice.
    #[inline]
    #[must_use]
    pub(super) fn insert(self, home: usize, hash: u64, entry: NonNull<u64>) -> bool {
        let bucket = &self.0[home];
        if let Some(slot) = bucket.free_slot() {
            bucket.set(slot, hash, entry, 0);
            return true;
        }
        let place = |distance| self.wrapped(home + distance);
        let free = |distance: usize| self.0[place(distance)].free_slot().map(|slot| (distance, slot));
        match (1..=DISTANCE_MAX).find_map(free).or_else(|| self.make_free(home)) {
            Some((distance, slot)) => {
                self.0[place(distance)].set(slot, hash, entry, distance);
                bucket.set_overflow(distance, true);
                true
            }
            None => false,
        }
    }

    /// Makes a slot free behind a home bucket. Returns its distance and its number in the bucket.
    #[cold]
    #[inline(never)]
    fn make_free(self, home: usize) -> Option<(usize, usize)> {
        let tries =
            (1..=MOVES_MAX).flat_map(|moves| (1..=DISTANCE_MAX).map(move |distance| (moves, distance)));
        let mut free = tries.filter_map(|(moves, distance)| {
            Some((distance, self.free_slot(self.wrapped(home + distance), moves)?))
        });
        free.next()
    }

    /// A free slot in a bucket, after so many moves of entries to later buckets at most; as in Herlihy, Shavit and Tzafrir,
    /// "Hopscotch Hashing" (2008).
    fn free_slot(self, bucket: usize, moves: usize) -> Option<usize> {
        let from = &self.0[bucket];
        if let Some(slot) = from.free_slot() {
            return Some(slot);
        }
        for ahead in 1..=if moves > 0 { DISTANCE_MAX } else { 0 } {
            // If none may go so far, none may go further.
            let slot = (0..SLOTS).find(|slot| from.distance(*slot) + ahead <= DISTANCE_MAX)?;
            let later = self.wrapped(bucket + ahead);
            if let Some(free) = self.free_slot(later, moves - 1) {
                let (home, distance) = (self.home(Slot { bucket, slot }), from.distance(slot) + ahead);
                self.0[later].set(free, from.known_hash(slot), from.entry(slot), distance);
                self.vacate(Slot { bucket, slot });
                self.0[home].set_overflow(distance, true);
                return Some(slot);
            }
        }
        None
    }

    /// Whether [`known_hash`](Self::known_hash) knows enough in a segment of this depth.
    pub(super) fn knows_hashes(self, depth: u32) -> bool {
        self.0.len() << depth >= 1 << UNKNOWN_BITS
    }

    /// What is known of an entry's hash, in a segment of this depth and not counting its prefix, without looking at the
    /// entry: the upper 32 bits but for the last of them, if the segment [knows](Self::knows_hashes) them. The other bits are zero.
    pub(super) fn known_hash(self, place: Slot, depth: u32) -> u64 {
        let known = self.0[place.bucket].known_hash(place.slot);
        if depth >= UNKNOWN_BITS {
            return known << depth >> depth;
        }
        // The home tells where the fraction begins of which the slot has the lower bits. From that many on there is only one
        // with these bits, because so few bits are missing that those of a bucket differ in the others.
        let first = Located::first_fraction(self.home(place), self.0.len() / BLOCK_BUCKETS);
        let lower = 1 << (FRACTION_BITS + depth - UNKNOWN_BITS);
        let in_slot = (known << depth >> (u64::BITS - FRACTION_BITS)) as usize;
        let fraction = first + (in_slot.wrapping_sub(first) & (lower - 1));
        (fraction as u64) << (u64::BITS - FRACTION_BITS - depth) | known
    }

    /// Puts another entry in a slot that is in use, whose key and hash are the same.
    pub(super) fn replace(self, place: Slot, entry: Entry) -> Entry {
        let old = self.0[place.bucket].replace(place.slot, entry.into_raw());
        // SAFETY: the slot owned the entry and has just been given another.
        unsafe { Entry::from_raw(old) }
    }

    /// Asks for the buckets where entries live whose home is this one and was full. Says whether there are any.
    pub(super) fn prefetch_overflow(self, home: usize) -> bool {
        let mut are_any = false;
        for distance in self.0[home].tags().distances() {
            prefetch(std::ptr::from_ref(self.bucket(home + distance)).cast());
            are_any = true;
        }
        are_any
    }

    /// Asks for the beginnings of the entries in a bucket, and of their slabs.
    pub(super) fn prefetch_entries(self, bucket: usize) {
        let bucket = self.bucket(bucket);
        for slot in bucket.occupied() {
            let address = bucket.address(slot);
            prefetch(address);
            slab::prefetch_slab(address);
        }
    }

    /// Lends the entry in a slot that is in use, which may come back in another place.
    pub(super) fn with_entry(self, place: Slot, use_entry: &mut dyn FnMut(&mut Entry)) {
        let bucket = &self.0[place.bucket];
        // SAFETY: the slot owns the entry and gets it back when the loan ends; until then nobody looks there, because the
        // table is borrowed exclusively by whoever lends it.
        let entry = ManuallyDrop::new(unsafe { Entry::from_raw(bucket.entry(place.slot)) });
        let mut loan = Loan { entry, bucket, slot: place.slot };
        use_entry(&mut loan.entry);
    }

    /// Takes the entry out of a slot that is in use.
    pub(super) fn remove(self, place: Slot) -> Entry {
        let entry = self.entry(place);
        self.vacate(place);
        // SAFETY: the slot owned the entry and is free now.
        unsafe { Entry::from_raw(entry) }
    }

    /// Makes a slot free whose entry belongs to somebody else now.
    fn vacate(self, place: Slot) {
        let bucket = &self.0[place.bucket];
        let (home, distance) = (self.home(place), bucket.distance(place.slot));
        bucket.clear(place.slot);
        // Entries of one bucket with one distance have one home.
        if distance > 0 && !bucket.occupied().any(|slot| bucket.distance(slot) == distance) {
            self.0[home].set_overflow(distance, false);
        }
    }

    /// Every slot in use.
    pub(super) fn occupied(self) -> impl Iterator<Item = Slot> + 'a {
        let buckets = self.0.iter().enumerate();
        buckets.flat_map(|(bucket, it)| it.occupied().map(move |slot| Slot { bucket, slot }))
    }

    pub(super) fn entry(self, place: Slot) -> NonNull<u64> {
        self.0[place.bucket].entry(place.slot)
    }

    /// How many slots are in use.
    pub(super) fn len(self) -> usize {
        self.0.iter().map(Bucket::len).sum()
    }
}
