//! The directory: which segment holds which part of the hash space.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::prefetch::Pin;
use super::segment::{BUCKET_BITS, BUCKETS, Segment};
use crate::allocator;

/// The most bits of a hash that choose a segment, so that segment and home bucket follow from the 32 bits of a
/// fragment.
pub(super) const DEPTH_MAX: u32 = 32 - BUCKET_BITS;

/// Aligned to a cache line, which leaves six bits of the address to the depth.
const ALIGN: usize = 64;
const DEPTH_MASK: usize = ALIGN - 1;

const _: () = assert!((DEPTH_MAX as usize) < ALIGN);

/// A segment and its local depth: how many bits of a hash choose it.
#[derive(Clone, Copy)]
pub(super) struct Located {
    segment: *mut Segment,
    pub(super) depth: u32,
}

impl Located {
    pub(super) fn new(segment: *mut Segment, depth: u32) -> Located {
        Located { segment, depth }
    }

    /// The same segment with another local depth.
    pub(super) fn with_depth(self, depth: u32) -> Located {
        Located { depth, ..self }
    }

    #[inline]
    fn from_word(word: *mut Segment) -> Located {
        let segment = word.map_addr(|address| address & !DEPTH_MASK);
        Located { segment, depth: (word.addr() & DEPTH_MASK) as u32 }
    }

    fn word(self) -> *mut Segment {
        self.segment.map_addr(|address| address | self.depth as usize)
    }

    /// # Safety
    /// The segment is not freed during `'a`: the caller borrows the table, or holds a pin.
    #[inline]
    pub(super) unsafe fn segment<'a>(self) -> &'a Segment {
        // SAFETY: directories hold pointers to segments that live until they are retired.
        unsafe { &*self.segment }
    }

    /// The home bucket of a hash: the bits right below those that choose the segment.
    #[inline]
    pub(super) fn home(self, hash: u64) -> usize {
        (hash << self.depth >> (u64::BITS - BUCKET_BITS)) as usize % BUCKETS
    }

    /// Frees the segment, but not its entries, as soon as no prefetcher looks at it. It does not count as allocated any more:
    /// whoever needs memory does not wait for prefetchers.
    ///
    /// # Safety
    /// No directory holds the segment any more, and nobody else retires it.
    pub(super) unsafe fn retire(self, pin: &Pin) {
        let segment = self.segment;
        let bytes = size_of::<Segment>() as i64;
        allocator::correct(-bytes);
        // SAFETY: whoever still looks at the segment is pinned, and nobody can find it any more.
        unsafe {
            pin.defer(move || {
                drop(Box::from_raw(segment));
                allocator::correct(bytes);
            });
        }
    }
}

impl PartialEq for Located {
    fn eq(&self, other: &Located) -> bool {
        self.segment == other.segment
    }
}

/// A pointer to 2^depth words, each a pointer to a segment with its local depth in the low bits; the directory's
/// own depth is in the low bits of the pointer. It is a plain pointer: the table frees what it points to.
#[derive(Clone, Copy)]
pub(super) struct Directory(*mut AtomicPtr<Segment>);

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
    unsafe fn word<'a>(self, index: usize) -> &'a AtomicPtr<Segment> {
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
        Located::from_word(unsafe { self.word(self.index(hash)) }.load(Ordering::Acquire))
    }

    /// A directory of one segment.
    pub(super) fn with_segment(segment: Box<Segment>) -> Directory {
        let directory = Directory::allocate(0);
        // SAFETY: the new directory has one word.
        unsafe { directory.fill(0, 1, Located::new(Box::into_raw(segment), 0)) };
        directory
    }

    fn allocate(depth: u32) -> Directory {
        let layout = Directory::layout(depth);
        // SAFETY: the layout is not of size zero, and all zero is a valid array of atomic pointers.
        let words = unsafe { alloc_zeroed(layout) }.cast::<AtomicPtr<Segment>>();
        if words.is_null() {
            handle_alloc_error(layout)
        }
        Directory(words.map_addr(|address| address | depth as usize))
    }

    fn layout(depth: u32) -> Layout {
        let size = size_of::<AtomicPtr<Segment>>() << depth;
        Layout::from_size_align(size, ALIGN).expect("the depth is limited")
    }

    /// Points `count` words at a segment.
    ///
    /// # Safety
    /// The words exist, and the directory is not freed meanwhile.
    unsafe fn fill(self, first: usize, count: usize, located: Located) {
        for index in first..first + count {
            // SAFETY: as the caller promises.
            unsafe { self.word(index) }.store(located.word(), Ordering::Release);
        }
    }

    /// Points all words of the hashes that agree with `hash` in `located.depth` bits at that segment.
    ///
    /// # Safety
    /// `located.depth` is at most the directory's depth, which is not empty and not freed meanwhile.
    pub(super) unsafe fn set(self, hash: u64, located: Located) {
        let count = 1 << (self.depth() - located.depth);
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
                let located = Located::from_word(self.word(index).load(Ordering::Relaxed));
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
                let located = Located::from_word(self.word(2 * index).load(Ordering::Relaxed));
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
                let located = Located::from_word(unsafe { self.word(index) }.load(Ordering::Relaxed));
                index += 1 << (self.depth() - located.depth);
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
pub(super) struct Root(AtomicPtr<AtomicPtr<Segment>>);

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
