//! How much memory the program has allocated.
//!
//! jemalloc counts for each thread what the thread has allocated and what it has released, in two words that the thread
//! may read at any time ("thread.allocatedp" in its manual). Each thread adds now and then what has changed to a sum of
//! all threads. Asking jemalloc for that sum would take the locks of all its arenas.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

use super::control::exchange;

/// A thread whose share has changed by less than this need not tell, in bytes.
const STEP_BYTES: i64 = 1024;

/// On a cache line of its own.
#[repr(align(128))]
struct Sum(AtomicI64);

/// What all threads have told.
static SUM: Sum = Sum(AtomicI64::new(0));

/// What the present thread has allocated and released, and what it has told of the difference.
struct Share {
    allocated: *const u64,
    released: *const u64,
    /// By how much more it is than jemalloc knows.
    correction: Cell<i64>,
    told: Cell<i64>,
}

impl Share {
    fn of_this_thread() -> Self {
        static ZERO: u64 = 0;
        let counter = |name| {
            if cfg!(miri) {
                return &raw const ZERO;
            }
            // SAFETY: the manual gives this type.
            unsafe { exchange::<*const u64, ()>(name, None) }.unwrap_or(&raw const ZERO)
        };
        let (allocated, released) = (counter(c"thread.allocatedp"), counter(c"thread.deallocatedp"));
        Self { allocated, released, correction: Cell::new(0), told: Cell::new(0) }
    }

    /// By how much it has changed since it was told of.
    #[inline]
    fn change(&self) -> i64 {
        // SAFETY: the counters live as long as the thread, and nobody else writes them.
        let (allocated, released) = unsafe { (self.allocated.read(), self.released.read()) };
        (allocated.wrapping_sub(released) as i64 + self.correction.get()).wrapping_sub(self.told.get())
    }

    #[inline]
    fn tell(&self, change: i64) {
        self.told.set(self.told.get().wrapping_add(change));
        SUM.0.fetch_add(change, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.tell(self.change());
    }
}

thread_local! {
    static SHARE: Share = Share::of_this_thread();
}

/// Counts so many bytes more, because of what is allocated from, or released to, memory that jemalloc counts otherwise.
#[inline]
pub(crate) fn correct(bytes: i64) {
    let corrected = SHARE.try_with(|share| share.correction.set(share.correction.get() + bytes));
    if corrected.is_err() {
        // The thread is ending.
        SUM.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What the program has allocated and not released, in bytes: of this thread all, and of each other one what it has told
/// by calling this, or by ending after it has.
#[inline]
pub fn allocated() -> u64 {
    let change = SHARE
        .try_with(|share| {
            let change = share.change();
            if change.abs() < STEP_BYTES {
                return change;
            }
            share.tell(change);
            0
        })
        // The thread is ending, and has told all.
        .unwrap_or(0);
    u64::try_from(SUM.0.load(Ordering::Relaxed).wrapping_add(change)).unwrap_or(0)
}
