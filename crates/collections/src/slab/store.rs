//! All slabs that have free objects, by size. So that threads do not wait for each other, there are several *stripes* of
//! them; a thread takes new objects from its own.

use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SIZES;
use super::page::{BINS, Slab};

/// How many stripes there are.
pub(super) const STRIPES: usize = 8;

/// Objects are not worth being moved where fewer than one in so many of their size is free.
const FREE_MIN: usize = 32;

/// Slabs of one size that have free objects, in doubly linked lists by how full they are.
struct Bins {
    heads: [*mut Slab; BINS],
    /// How many slabs there are, the full ones included, and how many of their objects are given out.
    slabs: usize,
    live: usize,
}

impl Bins {
    const EMPTY: Self = Self { heads: [null_mut(); BINS], slabs: 0, live: 0 };
}

// SAFETY: the slabs belong to whoever holds the lock around this.
unsafe impl Send for Bins {}

static STORE: [[Mutex<Bins>; SIZES]; STRIPES] =
    [const { [const { Mutex::new(Bins::EMPTY) }; SIZES] }; STRIPES];

fn lock(stripe: usize, steps: usize) -> MutexGuard<'static, Bins> {
    // Nothing in here panics half-way.
    STORE[stripe][steps].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes objects of so many steps, as many as `objects` has room for.
pub(super) fn take(stripe: usize, steps: usize, objects: &mut [NonNull<u8>]) {
    let mut bins = lock(stripe, steps);
    for object in objects {
        let slab = bins.fullest().unwrap_or_else(|| {
            let slab = Slab::allocate(steps, stripe);
            bins.slabs += 1;
            // SAFETY: the slab is new, and its lock is held.
            unsafe { bins.link(slab, 0) };
            slab
        });
        // SAFETY: slabs in bins exist and have free objects; their lock is held.
        unsafe {
            *object = Slab::take(slab);
            bins.sort(slab);
        }
        bins.live += 1;
    }
}

/// Gives objects of so many steps back.
///
/// # Safety
/// They were taken with this size, and nobody uses them any more.
pub(super) unsafe fn put(steps: usize, objects: &[NonNull<u8>]) {
    objects.iter().for_each(|object| Slab::prefetch_of(*object));
    let mut held: Option<(usize, MutexGuard<'_, Bins>)> = None;
    for object in objects {
        let slab = Slab::of(*object);
        // SAFETY: the slab exists as long as one of its objects is given out, and its stripe never changes.
        let stripe = usize::from(unsafe { (*slab.as_ptr()).stripe });
        let bins = match &mut held {
            Some((of, bins)) if *of == stripe => bins,
            _ => {
                // Never two at once.
                drop(held.take());
                &mut held.insert((stripe, lock(stripe, steps))).1
            }
        };
        // SAFETY: the object belongs to the slab, whose lock is held.
        unsafe {
            let was_full = Slab::fullness(slab) == BINS;
            Slab::put(slab, *object);
            bins.live -= 1;
            if was_full {
                bins.link(slab, Slab::fullness(slab));
            } else {
                bins.sort(slab);
            }
            if Slab::live(slab) == 0 && !bins.is_alone(slab) {
                bins.unlink(slab);
                bins.slabs -= 1;
                Slab::release(slab);
            }
        }
    }
}

/// Whether an object had better be moved: there is enough room in other slabs, its slab is no fuller than they are on average,
/// and it is not the one that objects are given out from.
///
/// # Safety
/// The object is given out, and has so many steps.
pub(super) unsafe fn sits_sparsely(object: NonNull<u8>, steps: usize) -> bool {
    let slab = Slab::of(object);
    // SAFETY: the slab exists as long as one of its objects is given out, and its stripe never changes.
    let (live, capacity, stripe) =
        unsafe { (Slab::live(slab), Slab::capacity(slab), usize::from((*slab.as_ptr()).stripe)) };
    if live == capacity {
        return false;
    }
    let bins = lock(stripe, steps);
    let all = bins.slabs * capacity;
    (all - bins.live) * FREE_MIN >= all && live * bins.slabs <= bins.live && bins.fullest() != Some(slab)
}

impl Bins {
    /// A slab that has free objects, but no more than others.
    fn fullest(&self) -> Option<NonNull<Slab>> {
        self.heads.iter().rev().find_map(|slab| NonNull::new(*slab))
    }

    /// Whether there is no other slab with free objects: then it is kept, although it is empty, for the next object.
    unsafe fn is_alone(&self, slab: NonNull<Slab>) -> bool {
        // SAFETY: the caller holds the lock, and the slab exists.
        let has_next = unsafe { !(*slab.as_ptr()).next.is_null() };
        !has_next && self.heads.iter().all(|head| head.is_null() || *head == slab.as_ptr())
    }

    /// Puts a slab that is in a bin into the one that it belongs to now, or into none if it is full.
    ///
    /// # Safety
    /// It is in a bin of these.
    unsafe fn sort(&mut self, slab: NonNull<Slab>) {
        // SAFETY: as the caller promises.
        unsafe {
            let bin = Slab::fullness(slab);
            if bin != (*slab.as_ptr()).bin {
                self.unlink(slab);
                if bin < BINS {
                    self.link(slab, bin);
                }
            }
        }
    }

    /// Puts a slab into a bin.
    ///
    /// # Safety
    /// It exists, is of this stripe and size, and is in no bin.
    unsafe fn link(&mut self, slab: NonNull<Slab>, bin: usize) {
        let (header, next) = (slab.as_ptr(), self.heads[bin]);
        // SAFETY: as the caller promises; slabs in bins exist.
        unsafe {
            ((*header).bin, (*header).previous, (*header).next) = (bin, null_mut(), next);
            if !next.is_null() {
                (*next).previous = header;
            }
        }
        self.heads[bin] = header;
    }

    /// Takes a slab out of its bin.
    ///
    /// # Safety
    /// It is in a bin of these.
    unsafe fn unlink(&mut self, slab: NonNull<Slab>) {
        // SAFETY: as the caller promises; slabs in bins exist.
        unsafe {
            let Slab { bin, previous, next, .. } = &*slab.as_ptr();
            if !next.is_null() {
                (**next).previous = *previous;
            }
            if previous.is_null() {
                self.heads[*bin] = *next;
            } else {
                (**previous).next = *next;
            }
        }
    }
}
