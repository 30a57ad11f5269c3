//! The directory: which segment holds which part of the hash space.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::{self, null_mut};
use std::slice;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::prefetch::Pin;
use super::segment::{BLOCK_BUCKETS, BLOCKS_MAX, BLOCKS_SPLIT, Block, Segment};
use crate::allocator;

/// The bits of a hash, behind those that choose its segment, from which the home bucket follows. Enough that a segment of any
/// size has nearly as many hashes in each of its buckets.
pub(super) const FRACTION_BITS: u32 = 14;

/// The most bits of a hash that choose a segment, so that segment and home bucket follow from the 32 bits of a
/// fragment: of a segment that has just been split, whose number of buckets is a power of two, few more are needed.
pub(super) const DEPTH_MAX: u32 = 32 - (BLOCKS_SPLIT * BLOCK_BUCKETS).ilog2();
/// The most bits that choose a segment that is bigger, for the same reason.
pub(super) const GROWN_DEPTH_MAX: u32 = 32 - FRACTION_BITS;

/// Directories are aligned to a cache line, which leaves the low bits of their addresses to their depths.
const ALIGN: usize = 64;
/// Where the addresses of directories and segments leave room for their depths.
const DEPTH_MASK: usize = 31;
/// Where the address of a segment leaves room for the number of its blocks.
const BLOCKS_SHIFT: u32 = DEPTH_MASK.count_ones();
const BLOCKS_MASK: usize = 31 << BLOCKS_SHIFT;

const _: () = assert!(DEPTH_MAX as usize <= DEPTH_MASK && DEPTH_MASK < ALIGN);
const _: () =
    assert!(BLOCKS_MAX << BLOCKS_SHIFT <= BLOCKS_MASK && DEPTH_MASK | BLOCKS_MASK < align_of::<Block>());

/// A segment, its size and its local depth, as a word of the directory has them: how many bits of a hash choose it is in the
/// lowest bits of the address, the number of blocks in those above.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Located(*mut Block);

impl Located {
    /// A new segment without entries.
    pub(super) fn allocate(blocks: usize, depth: u32) -> Located {
        debug_assert!(blocks <= BLOCKS_SPLIT || depth <= GROWN_DEPTH_MAX);
        let first: *mut Block = Box::into_raw(Block::new_boxed(blocks)).cast();
        Located(first.map_addr(|address| address | blocks << BLOCKS_SHIFT | depth as usize))
    }

    /// How many bits of a hash choose the segment.
    #[inline]
    pub(super) fn depth(self) -> u32 {
        (self.0.addr() & DEPTH_MASK) as u32
    }

    /// How many blocks the segment has.
    #[inline]
    pub(super) fn blocks(self) -> usize {
        (self.0.addr() & BLOCKS_MASK) >> BLOCKS_SHIFT
    }

    #[inline]
    fn first(self) -> *mut Block {
        self.0.map_addr(|address| address & !(DEPTH_MASK | BLOCKS_MASK))
    }

    /// # Safety
    /// The segment is not freed during `'a`: the caller borrows the table, or holds a pin.
    #[inline]
    pub(super) unsafe fn segment<'a>(self) -> Segment<'a> {
        // SAFETY: directories hold pointers to the blocks of segments that live until they are retired.
        Segment::of(unsafe { slice::from_raw_parts(self.first(), self.blocks()) })
    }

    /// The home bucket of a hash: the bits right below those that choose the segment say how far behind its beginning.
    #[inline]
    pub(super) fn home(self, hash: u64) -> usize {
        let fraction = (hash << self.depth() >> (u64::BITS - FRACTION_BITS)) as usize;
        (fraction * self.blocks() * BLOCK_BUCKETS) >> FRACTION_BITS
    }

    /// The first fraction whose home is this bucket, in a segment of so many blocks.
    pub(super) fn first_fraction(bucket: usize, blocks: usize) -> usize {
        // Both are small, and division takes as long as its operands are wide.
        ((bucket << FRACTION_BITS) as u32).div_ceil((blocks * BLOCK_BUCKETS) as u32) as usize
    }

    /// The first position behind a hash that has another home bucket; `None` at the end of the hash space.
    pub(super) fn next_position(self, hash: u64) -> Option<u64> {
        let rest = u64::MAX >> self.depth();
        match self.home(hash) + 1 {
            end if end == self.blocks() * BLOCK_BUCKETS => (hash | rest).checked_add(1),
            next => {
                let fraction = Located::first_fraction(next, self.blocks()) as u64;
                Some(hash & !rest | fraction << (u64::BITS - FRACTION_BITS - self.depth()))
            }
        }
    }

    /// Whether two hashes have the same home bucket of this segment, which is that of the first.
    pub(super) fn is_home_of_both(self, hash: u64, other: u64) -> bool {
        (hash ^ other) & !(u64::MAX >> self.depth()) == 0 && self.home(hash) == self.home(other)
    }

    /// Frees the segment, but not its entries.
    ///
    /// # Safety
    /// Nobody else can find it, and nobody looks at it.
    pub(super) unsafe fn free(self) {
        // SAFETY: the blocks were allocated as a box of so many.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(self.first(), self.blocks())) });
    }

    /// Frees the segment, but not its entries, as soon as no prefetcher looks at it. It does not count as allocated any more:
    /// whoever needs memory does not wait for prefetchers.
    ///
    /// # Safety
    /// No directory holds the segment any more, and nobody else retires it.
    pub(super) unsafe fn retire(self, pin: &Pin) {
        let bytes = (self.blocks() * size_of::<Block>()) as i64;
        allocator::correct(-bytes);
        // SAFETY: whoever still looks at the segment is pinned, and nobody can find it any more.
        unsafe {
            pin.defer(move || {
                self.free();
                allocator::correct(bytes);
            });
        }
    }
}

/// A pointer to 2^depth words, each a pointer to a segment with its local depth and its size in the low bits; the directory's
/// own depth is in the low bits of the pointer. It is a plain pointer: the table frees what it points to.
#[derive(Clone, Copy)]
pub(super) struct Directory(*mut AtomicPtr<Block>);

// SAFETY: all that is reached through the pointer is atomic or belongs to the table, which is Send.
unsafe impl Send for Directory {}
// SAFETY: as above.
unsafe impl Sync for Directory {}

impl Directory {
    /// No words at all.
    pub(super) const EMPTY: Directory = Directory(null_mut());

    pub(super) fn is_empty(self) -> bool {
        self.0.is_null()
    }

    /// How many bits of a hash choose the word.
    #[inline]
    pub(super) fn depth(self) -> u32 {
        (self.0.addr() & DEPTH_MASK) as u32
    }

    /// How many words there are.
    pub(super) fn len(self) -> usize {
        if self.is_empty() { 0 } else { 1 << self.depth() }
    }

    /// Which word belongs to a hash.
    #[inline]
    pub(super) fn index(self, hash: u64) -> usize {
        (hash >> 1 >> (u64::BITS - 1 - self.depth())) as usize
    }

    /// # Safety
    /// `index` is below [`len`](Self::len) and the directory is not freed meanwhile.
    #[inline]
    unsafe fn word<'a>(self, index: usize) -> &'a AtomicPtr<Block> {
        let words = self.0.map_addr(|address| address & !DEPTH_MASK);
        // SAFETY: the allocation holds `len` words, all initialised.
        unsafe { &*words.add(index) }
    }

    /// The segment of a hash.
    ///
    /// # Safety
    /// The directory is not empty and is not freed meanwhile.
    #[inline]
    pub(super) unsafe fn locate(self, hash: u64) -> Located {
        // SAFETY: the index has `depth` bits. Acquire pairs with the release in `fill`, so that a prefetcher
        // sees a new segment's zeroes.
        Located(unsafe { self.word(self.index(hash)) }.load(Ordering::Acquire))
    }

    /// A directory of one segment.
    pub(super) fn with_segment(segment: Located) -> Directory {
        let directory = Directory::allocate(0);
        // SAFETY: the new directory has one word.
        unsafe { directory.fill(0, 1, segment) };
        directory
    }

    fn allocate(depth: u32) -> Directory {
        let layout = Directory::layout(depth);
        // SAFETY: the layout is not of size zero, and all zero is a valid array of atomic pointers.
        let words = unsafe { alloc_zeroed(layout) }.cast::<AtomicPtr<Block>>();
        if words.is_null() {
            handle_alloc_error(layout)
        }
        Directory(words.map_addr(|address| address | depth as usize))
    }

    fn layout(depth: u32) -> Layout {
        let size = size_of::<AtomicPtr<Block>>() << depth;
        Layout::from_size_align(size, ALIGN).expect("the depth is limited")
    }

    /// Points `count` words at a segment.
    ///
    /// # Safety
    /// The words exist, and the directory is not freed meanwhile.
    unsafe fn fill(self, first: usize, count: usize, located: Located) {
        for index in first..first + count {
            // SAFETY: as the caller promises.
            unsafe { self.word(index) }.store(located.0, Ordering::Release);
        }
    }

    /// Points all words of the hashes that agree with `hash` in `located.depth()` bits at that segment.
    ///
    /// # Safety
    /// `located.depth()` is at most the directory's depth, which is not empty and not freed meanwhile.
    pub(super) unsafe fn set(self, hash: u64, located: Located) {
        let count = 1 << (self.depth() - located.depth());
        // SAFETY: the words of one segment are neighbours, beginning at a multiple of their number.
        unsafe { self.fill(self.index(hash) & !(count - 1), count, located) }
    }

    /// A copy with one more bit of depth.
    ///
    /// # Safety
    /// The directory is not empty and not freed meanwhile.
    pub(super) unsafe fn doubled(self) -> Directory {
        let doubled = Directory::allocate(self.depth() + 1);
        for index in 0..self.len() {
            // SAFETY: the index is within self, and the two words within its double.
            unsafe {
                let located = Located(self.word(index).load(Ordering::Relaxed));
                doubled.fill(2 * index, 2, located);
            }
        }
        doubled
    }

    /// A copy with one bit of depth less.
    ///
    /// # Safety
    /// The depth is not zero, no segment needs all of it, and the directory is not freed meanwhile.
    pub(super) unsafe fn halved(self) -> Directory {
        let halved = Directory::allocate(self.depth() - 1);
        for index in 0..halved.len() {
            // SAFETY: the index is within the half, and its double within self.
            unsafe {
                let located = Located(self.word(2 * index).load(Ordering::Relaxed));
                halved.fill(index, 1, located);
            }
        }
        halved
    }

    /// Every segment once, in the order of the hashes.
    ///
    /// # Safety
    /// The directory is neither freed nor changed meanwhile.
    pub(super) unsafe fn segments(self) -> impl Iterator<Item = Located> {
        let mut index = 0;
        std::iter::from_fn(move || {
            (index < self.len()).then(|| {
                // SAFETY: the index is within the directory.
                let located = Located(unsafe { self.word(index) }.load(Ordering::Relaxed));
                index += 1 << (self.depth() - located.depth());
                located
            })
        })
    }

    /// Frees the words, but not the segments, as soon as no prefetcher looks at them.
    ///
    /// # Safety
    /// The directory is not published any more, and nobody else retires it.
    pub(super) unsafe fn retire(self, pin: &Pin) {
        if self.is_empty() {
            return;
        }
        // SAFETY: whoever still looks at the words is pinned, and nobody can find them any more; the layout is
        // that of the allocation.
        unsafe {
            pin.defer(move || {
                let words = self.0.map_addr(|address| address & !DEPTH_MASK);
                dealloc(words.cast(), Directory::layout(self.depth()));
            })
        }
    }
}

/// Where the table publishes its directory for prefetchers.
pub(super) struct Root(AtomicPtr<AtomicPtr<Block>>);

impl Root {
    pub(super) fn new(directory: Directory) -> Root {
        Root(AtomicPtr::new(directory.0))
    }

    #[inline]
    pub(super) fn load(&self) -> Directory {
        Directory(self.0.load(Ordering::Acquire))
    }

    pub(super) fn store(&self, directory: Directory) {
        self.0.store(directory.0, Ordering::Release);
    }
}
