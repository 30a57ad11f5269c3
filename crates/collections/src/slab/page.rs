//! One slab: a header, and objects of one size behind it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use super::STEP_BYTES;
use crate::allocator::{self, Arena};
use crate::prefetch::prefetch;

/// The size of a slab and its alignment, in bytes: an object's slab follows from its address.
pub(super) const SLAB_BYTES: usize = 32 * 1024;

/// Objects begin here.
const HEADER_BYTES: usize = 64;

/// How many bins there are for slabs with free objects.
pub(super) const BINS: usize = 4;

/// The header of a slab. All but what never changes, and the number of live objects, is the business of who holds the lock
/// of the slab's stripe and size. Offsets are in steps.
#[repr(C, align(64))]
pub(super) struct Slab {
    /// The size of its objects in steps.
    pub(super) steps: u16,
    /// Whose slab it is.
    pub(super) stripe: u16,
    /// How many objects it has.
    capacity: u16,
    /// How many of them are given out. Anybody may read it.
    live: AtomicU16,
    /// The object that was given back last; each begins with the offset of the one before. 0 is none.
    free: u16,
    /// From here on no object was given out yet.
    fresh: u16,
    /// The bin that it is in, unless it is full.
    pub(super) bin: usize,
    /// Its neighbours in the bin.
    pub(super) previous: *mut Slab,
    pub(super) next: *mut Slab,
}

const _: () = assert!(size_of::<Slab>() == HEADER_BYTES && SLAB_BYTES / STEP_BYTES <= u16::MAX as usize);

const LAYOUT: Layout = match Layout::from_size_align(SLAB_BYTES, SLAB_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("the size is a power of two"),
};

/// Where slabs come from. Among other allocations, aligned as they are, they would leave gaps that nothing fits into.
fn arena() -> Option<Arena> {
    static ARENA: OnceLock<Option<Arena>> = OnceLock::new();
    if cfg!(miri) { None } else { *ARENA.get_or_init(Arena::new) }
}

/// What all objects of a slab take, in bytes.
fn objects_bytes(capacity: usize, steps: usize) -> i64 {
    (capacity * steps * STEP_BYTES) as i64
}

impl Slab {
    /// A slab for objects of so many steps.
    pub(super) fn allocate(steps: usize, stripe: usize) -> NonNull<Slab> {
        let capacity = (SLAB_BYTES - HEADER_BYTES) / (steps * STEP_BYTES);
        let memory = match arena() {
            Some(arena) => arena.allocate(LAYOUT),
            // SAFETY: the layout is not of size zero.
            None => NonNull::new(unsafe { alloc(LAYOUT) }),
        };
        let Some(slab) = memory.map(NonNull::cast::<Slab>) else { handle_alloc_error(LAYOUT) };
        // The allocator counts all of it as allocated: of the objects those that are given out, and what is no object's.
        allocator::correct(-objects_bytes(capacity, steps));
        let header = Slab {
            steps: steps as u16,
            stripe: stripe as u16,
            capacity: capacity as u16,
            live: AtomicU16::new(0),
            free: 0,
            fresh: (HEADER_BYTES / STEP_BYTES) as u16,
            bin: 0,
            previous: null_mut(),
            next: null_mut(),
        };
        // SAFETY: the memory is that of a slab, and nobody else knows it.
        unsafe { slab.write(header) };
        slab
    }

    /// Gives the memory of a slab back.
    ///
    /// # Safety
    /// None of its objects is given out, and nobody knows the slab any more.
    pub(super) unsafe fn release(slab: NonNull<Slab>) {
        // SAFETY: it exists, and its size and capacity never change.
        let objects_bytes =
            unsafe { objects_bytes(Slab::capacity(slab), usize::from((*slab.as_ptr()).steps)) };
        // SAFETY: it was allocated with this layout, and from where it is given back to: that never changes.
        unsafe {
            match arena() {
                Some(arena) => arena.release(slab.cast(), LAYOUT),
                None => dealloc(slab.as_ptr().cast(), LAYOUT),
            }
        }
        allocator::correct(objects_bytes);
    }

    /// The slab of an object.
    #[inline]
    pub(super) fn of(object: NonNull<u8>) -> NonNull<Slab> {
        // SAFETY: slabs are aligned to their size and not at address zero, and the object lies within one.
        unsafe {
            NonNull::new_unchecked(object.as_ptr().map_addr(|address| address & !(SLAB_BYTES - 1)).cast())
        }
    }

    /// Asks for the memory of the header of an object's slab.
    #[inline]
    pub(super) fn prefetch_of(object: NonNull<u8>) {
        Slab::prefetch_at(object.as_ptr());
    }

    /// Asks for the memory where the header of a slab is if an object of it is at this address.
    #[inline]
    pub(super) fn prefetch_at(address: *const u8) {
        prefetch(address.map_addr(|address| address & !(SLAB_BYTES - 1)));
    }

    /// How many objects it has room for.
    ///
    /// # Safety
    /// The slab exists.
    pub(super) unsafe fn capacity(slab: NonNull<Slab>) -> usize {
        // SAFETY: it never changes.
        usize::from(unsafe { (*slab.as_ptr()).capacity })
    }

    /// How many objects are given out.
    ///
    /// # Safety
    /// The slab exists.
    pub(super) unsafe fn live(slab: NonNull<Slab>) -> usize {
        // SAFETY: the field is atomic, and read through its address because others change the rest.
        usize::from(unsafe { &(*slab.as_ptr()).live }.load(Ordering::Relaxed))
    }

    /// The bin that it belongs to: how full it is; `BINS` if it is full.
    ///
    /// # Safety
    /// The slab exists.
    pub(super) unsafe fn fullness(slab: NonNull<Slab>) -> usize {
        // SAFETY: the capacity never changes.
        unsafe { Slab::live(slab) * BINS / usize::from((*slab.as_ptr()).capacity) }
    }

    /// Gives an object out.
    ///
    /// # Safety
    /// The slab exists and is not full, and the caller holds its lock.
    pub(super) unsafe fn take(slab: NonNull<Slab>) -> NonNull<u8> {
        let header = slab.as_ptr();
        // SAFETY: the caller holds the lock, offsets lie within the slab, and a free object begins with an offset.
        unsafe {
            let offset = if (*header).free == 0 {
                let fresh = (*header).fresh;
                (*header).fresh = fresh + (*header).steps;
                fresh
            } else {
                (*header).free
            };
            let object = header.cast::<u8>().add(usize::from(offset) * STEP_BYTES);
            if offset == (*header).free {
                (*header).free = object.cast::<u16>().read();
            }
            let live = &(*header).live;
            live.store(live.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            NonNull::new_unchecked(object)
        }
    }

    /// Takes an object back.
    ///
    /// # Safety
    /// It was given out by this slab, nobody uses it any more, and the caller holds the slab's lock.
    pub(super) unsafe fn put(slab: NonNull<Slab>, object: NonNull<u8>) {
        let header = slab.as_ptr();
        // SAFETY: as the caller promises; the smallest object has room for an offset.
        unsafe {
            object.cast::<u16>().write((*header).free);
            (*header).free = ((object.addr().get() & (SLAB_BYTES - 1)) / STEP_BYTES) as u16;
            let live = &(*header).live;
            live.store(live.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
        }
    }
}
