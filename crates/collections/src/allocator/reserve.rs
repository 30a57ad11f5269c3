//! Memory that is ready to be used before anybody needs it.
//!
//! When memory is touched for the first time the system has to find it and clear it, two mebibytes at once with
//! huge pages, and the thread that touches it waits: a fifth of a millisecond, and many times as long where a
//! virtual machine's host has to find the memory first. So memory is handed out from one range of addresses, from
//! the front to the back, and another thread has the system prepare what lies ahead.

use std::ffi::c_void;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// A huge page.
pub(super) const PAGE: usize = 2 << 20;

/// A range of addresses, handed out from the front to the back and never taken back.
#[derive(Debug)]
pub(super) struct Reserve {
    /// A multiple of [`PAGE`].
    base: NonNull<u8>,
    len: usize,
    /// How much was handed out.
    taken: AtomicUsize,
    /// How far the memory was prepared, in whole pages; behind `taken` if that was too fast.
    prepared: AtomicUsize,
    /// How much is to be ready ahead of what was handed out.
    ahead: usize,
}

// SAFETY: the range belongs to nobody until it is handed out, each byte of it once; the counters are atomic.
unsafe impl Send for Reserve {}
// SAFETY: as above.
unsafe impl Sync for Reserve {}

impl Reserve {
    /// Reserves `len` bytes of addresses, which take no memory yet. Both sizes are multiples of [`PAGE`].
    ///
    /// # Errors
    /// The system does not give so many addresses.
    pub(super) fn new(len: usize, ahead: usize) -> io::Result<Reserve> {
        let mapped = len + PAGE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the system chooses where to map, so that nothing is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), mapped, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        let before = start.addr().next_multiple_of(PAGE) - start.addr();
        let base = start.wrapping_byte_add(before);
        // SAFETY: the range was mapped above and nobody knows of it. Without huge pages the reserve serves as well.
        let _ = unsafe { madvise(base, len, Advice::LinuxHugepage) };
        let unused = [(start, before), (base.wrapping_byte_add(len), PAGE - before)];
        for (start, len) in unused.into_iter().filter(|(_, len)| *len > 0) {
            // SAFETY: this part was mapped above, and nobody knows of it.
            unsafe { munmap(start, len)? };
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Reserve { base, len, taken: AtomicUsize::new(0), prepared: AtomicUsize::new(0), ahead })
    }

    /// Hands out zeroed memory, or nothing if there is not enough left. `align` is a power of two.
    pub(super) fn take(&self, size: usize, align: usize) -> Option<NonNull<c_void>> {
        if align > PAGE {
            return None;
        }
        let end = |taken: usize| {
            let end = taken.checked_next_multiple_of(align)?.checked_add(size)?;
            (end <= self.len).then_some(end)
        };
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()?;
        // SAFETY: the end is within the range, as was just checked.
        Some(unsafe { self.base.add(taken.next_multiple_of(align)) }.cast())
    }

    /// Has the system prepare the next page, if less than wanted is ready. Says whether that brought it further.
    /// Only one thread may call this.
    pub(super) fn prepare(&self) -> bool {
        let taken = self.taken.load(Ordering::Relaxed);
        let from = self.prepared.load(Ordering::Relaxed).max(taken / PAGE * PAGE);
        if from >= self.len.min(taken.saturating_add(self.ahead)) {
            return false;
        }
        // SAFETY: a whole page of the range follows, since its length is a multiple of that. Preparing leaves
        // the content as it is, so that it does not matter who uses the page already.
        let done = unsafe { madvise(self.base.add(from).as_ptr().cast(), PAGE, Advice::LinuxPopulateWrite) };
        if done.is_ok() {
            self.prepared.store(from + PAGE, Ordering::Relaxed);
        }
        done.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::thread;

    use super::*;

    fn reserve(pages: usize, ahead: usize) -> Reserve {
        Reserve::new(pages * PAGE, ahead * PAGE).unwrap()
    }

    impl Reserve {
        /// Whether an address was handed out.
        pub(crate) fn contains(&self, address: usize) -> bool {
            let taken = self.taken.load(Ordering::Relaxed);
            (self.base.addr().get()..self.base.addr().get() + taken).contains(&address)
        }

        /// How many bytes of the range are in memory, as the system says: proc_pid_pagemap(5).
        fn resident(&self) -> usize {
            /// Pages as the system counts them.
            const SMALL_PAGE: usize = 4096;
            const WORD: usize = size_of::<u64>();
            const PRESENT: u64 = 1 << 63;
            let mut words = vec![0; self.len / SMALL_PAGE * WORD];
            let map = File::open("/proc/self/pagemap").unwrap();
            map.read_exact_at(&mut words, (self.base.addr().get() / SMALL_PAGE * WORD) as u64).unwrap();
            let words = words.chunks_exact(WORD).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
            words.filter(|word| word & PRESENT != 0).count() * SMALL_PAGE
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system for huge pages")]
    fn no_byte_is_handed_out_twice_and_all_are_aligned() {
        let reserve = reserve(64, 0);
        let sizes = [4096, 12_288, PAGE, PAGE / 2, 5 * 4096];
        let mut parts: Vec<(usize, usize)> = thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|number| {
                    let reserve = &reserve;
                    scope.spawn(move || {
                        let mut parts = Vec::new();
                        for round in number.. {
                            let size = sizes[round % sizes.len()];
                            let align = 4096 << (round % 10);
                            let Some(part) = reserve.take(size, align) else { return parts };
                            assert!(part.addr().get().is_multiple_of(align));
                            parts.push((part.addr().get(), size));
                        }
                        parts
                    })
                })
                .collect();
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        });
        parts.sort_unstable();
        assert!(parts.len() > 64);
        assert!(parts.is_sorted_by(|(start, size), (next, _)| start + size <= *next), "some overlap");
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        assert_eq!(first.0, reserve.base.addr().get());
        assert!(last.0 + last.1 <= first.0 + 64 * PAGE, "beyond the end");
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system for huge pages")]
    fn what_is_too_much_or_cannot_be_aligned_is_refused_and_the_rest_still_handed_out() {
        let reserve = reserve(2, 0);
        assert_eq!(reserve.take(3 * PAGE, 4096), None);
        assert_eq!(reserve.take(usize::MAX, 4096), None);
        assert_eq!(reserve.take(4096, 2 * PAGE), None);
        assert!(reserve.take(4096, 4096).is_some());
        assert_eq!(reserve.take(2 * PAGE, 4096), None);
        assert!(reserve.take(2 * PAGE - 4096, 4096).is_some());
        assert_eq!(reserve.take(4096, 4096), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system for huge pages")]
    fn so_much_is_prepared_as_is_wanted_ahead_and_no_more() {
        let reserve = reserve(16, 3);
        while reserve.prepare() {}
        assert_eq!(reserve.resident(), 3 * PAGE);
        reserve.take(PAGE + 4096, 4096).unwrap();
        while reserve.prepare() {}
        // The last page that was begun is needed as a whole.
        assert_eq!(reserve.resident(), 5 * PAGE);
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system for huge pages")]
    fn preparing_catches_up_without_looking_back_and_ends_at_the_end() {
        let reserve = reserve(8, 2);
        reserve.take(5 * PAGE, PAGE).unwrap();
        while reserve.prepare() {}
        assert_eq!(reserve.resident(), 2 * PAGE);
        reserve.take(2 * PAGE, PAGE).unwrap();
        while reserve.prepare() {}
        assert_eq!(reserve.resident(), 3 * PAGE);
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system for huge pages")]
    fn preparing_leaves_what_was_written() {
        let reserve = reserve(2, 2);
        let words = reserve.take(PAGE, PAGE).unwrap().cast::<u64>();
        // SAFETY: the page was handed out to this test, zeroed.
        unsafe {
            assert_eq!(words.read(), 0);
            words.write(7);
            while reserve.prepare() {}
            assert_eq!(words.read(), 7);
        }
    }
}
