//! What each thread has at hand: some free objects of each size.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::store::{self, STRIPES};
use super::{SIZES, STEP_BYTES};
use crate::allocator;

/// How many free objects of a size a thread has at most.
const ROUNDS: usize = 15;

/// How many it takes from the slabs when it has none, and gives back when it has too many.
const MOVED: usize = 8;

/// Free objects of one size; the first `len` are valid.
#[derive(Clone, Copy)]
struct Magazine {
    len: usize,
    objects: [NonNull<u8>; ROUNDS],
}

impl Magazine {
    const EMPTY: Self = Self { len: 0, objects: [NonNull::dangling(); ROUNDS] };
}

/// A thread's magazines.
struct Cache {
    stripe: usize,
    magazines: UnsafeCell<[Magazine; SIZES]>,
}

impl Cache {
    fn new() -> Self {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let stripe = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
        Self { stripe, magazines: UnsafeCell::new([Magazine::EMPTY; SIZES]) }
    }

    /// Works on the magazine of a size.
    #[inline]
    fn with<R>(&self, steps: usize, work: impl FnOnce(&mut Magazine) -> R) -> R {
        // SAFETY: the cache belongs to this thread, and `work` does not come back here: it calls only the store, which
        // knows no caches.
        work(unsafe { &mut (*self.magazines.get())[steps] })
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        for (steps, magazine) in self.magazines.get_mut().iter_mut().enumerate() {
            // SAFETY: the valid objects are free ones of this size.
            unsafe { store::put(steps, &magazine.objects[..magazine.len]) };
            magazine.len = 0;
        }
    }
}

thread_local! {
    static CACHE: Cache = Cache::new();
}

/// An object of so many steps, though there may be some in the magazine.
pub(super) fn take_from_store(steps: usize) -> NonNull<u8> {
    allocator::correct((steps * STEP_BYTES) as i64);
    let mut object = [NonNull::dangling()];
    store::take(CACHE.try_with(|cache| cache.stripe).unwrap_or(0), steps, &mut object);
    object[0]
}

/// Takes back an object of so many steps, which does not come into the magazine.
///
/// # Safety
/// As for [`put`].
pub(super) unsafe fn put_to_store(object: NonNull<u8>, steps: usize) {
    allocator::correct(-((steps * STEP_BYTES) as i64));
    // SAFETY: as the caller promises.
    unsafe { store::put(steps, &[object]) };
}

/// An object of so many steps.
#[inline]
pub(super) fn take(steps: usize) -> NonNull<u8> {
    allocator::correct((steps * STEP_BYTES) as i64);
    let taken = CACHE.try_with(|cache| {
        cache.with(steps, |magazine| {
            if magazine.len == 0 {
                store::take(cache.stripe, steps, &mut magazine.objects[..MOVED]);
                magazine.len = MOVED;
            }
            magazine.len -= 1;
            magazine.objects[magazine.len]
        })
    });
    // A thread that is ending has no magazines any more.
    taken.unwrap_or_else(|_| {
        let mut object = [NonNull::dangling()];
        store::take(0, steps, &mut object);
        object[0]
    })
}

/// Takes back an object of so many steps.
///
/// # Safety
/// It was taken with this size, and nobody uses it any more.
#[inline]
pub(super) unsafe fn put(object: NonNull<u8>, steps: usize) {
    allocator::correct(-((steps * STEP_BYTES) as i64));
    let put = CACHE.try_with(|cache| {
        cache.with(steps, |magazine| {
            if magazine.len == ROUNDS {
                // SAFETY: the valid objects are free ones of this size; those that stay are the ones that came last.
                unsafe { store::put(steps, &magazine.objects[..MOVED]) };
                magazine.objects.copy_within(MOVED.., 0);
                magazine.len -= MOVED;
            }
            magazine.objects[magazine.len] = object;
            magazine.len += 1;
        });
    });
    if put.is_err() {
        // SAFETY: as the caller promises.
        unsafe { store::put(steps, &[object]) };
    }
}
