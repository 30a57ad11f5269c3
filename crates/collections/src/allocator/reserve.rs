//! Memory that is ready to be used before anybody needs it.
//!
//! When memory is touched for the first time the system has to find it and clear it, two mebibytes at once with
//! huge pages, and the thread that touches it waits: a fifth of a millisecond, and many times as long where a
//! virtual machine's host has to find the memory first. So memory is handed out from one range of addresses, from
//! the front to the back, and another thread has the system prepare what lies ahead.

#[cfg(test)]
mod tests;

use std::ffi::c_void;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// A huge page.
pub(super) const PAGE: usize = 2 << 20;

/// What the system prepares at once: where there are no huge pages, and a host has to find the memory, as much as it finds in
/// some tens of microseconds.
const PART: usize = 64 << 10;

/// A range of addresses, handed out from the front to the back and never taken back.
#[derive(Debug)]
pub(super) struct Reserve {
    /// A multiple of [`PAGE`].
    base: NonNull<u8>,
    len: usize,
    /// How much was handed out.
    taken: AtomicUsize,
    /// How far the memory was prepared; behind `taken` if that was too fast.
    prepared: AtomicUsize,
    /// How much is to be ready ahead of what was handed out.
    ahead: AtomicUsize,
}

// SAFETY: the range belongs to nobody until it is handed out, each byte of it once; the counters are atomic.
unsafe impl Send for Reserve {}
// SAFETY: as above.
unsafe impl Sync for Reserve {}

impl Reserve {
    /// Reserves `len` bytes of addresses, which take no memory yet, and asks for huge pages there or not. Both
    /// sizes are multiples of [`PAGE`].
    ///
    /// # Errors
    /// The system does not give so many addresses.
    pub(super) fn new(len: usize, ahead: usize, huge: bool) -> io::Result<Reserve> {
        let mapped = len + PAGE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the system chooses where to map, so that nothing is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), mapped, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        let before = start.addr().next_multiple_of(PAGE) - start.addr();
        let base = start.wrapping_byte_add(before);
        if huge {
            // SAFETY: the range was mapped above and nobody knows of it. Where there are no huge pages the reserve
            // serves as well.
            let _ = unsafe { madvise(base, len, Advice::LinuxHugepage) };
        }
        let unused = [(start, before), (base.wrapping_byte_add(len), PAGE - before)];
        for (start, len) in unused.into_iter().filter(|(_, len)| *len > 0) {
            // SAFETY: this part was mapped above, and nobody knows of it.
            unsafe { munmap(start, len)? };
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Reserve {
            base,
            len,
            taken: AtomicUsize::new(0),
            prepared: AtomicUsize::new(0),
            ahead: AtomicUsize::new(ahead),
        })
    }

    /// Has so much be ready from now on, in bytes. What is ready already stays so.
    pub(super) fn set_ahead(&self, ahead: usize) {
        self.ahead.store(ahead, Ordering::Relaxed);
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

    /// Has the system prepare the next part of a page, if less than wanted is ready: all of it, where it is a huge page. Says
    /// whether that brought it further.
    /// Only one thread may call this.
    pub(super) fn prepare(&self) -> bool {
        let taken = self.taken.load(Ordering::Relaxed);
        let from = self.prepared.load(Ordering::Relaxed).max(taken / PAGE * PAGE);
        let ahead = self.ahead.load(Ordering::Relaxed);
        let wanted = taken.saturating_add(ahead).checked_next_multiple_of(PAGE);
        if from >= self.len.min(wanted.unwrap_or(self.len)) {
            return false;
        }
        // SAFETY: such a part of the range follows, since its length is a multiple of that. Preparing leaves
        // the content as it is, so that it does not matter who uses the page already.
        let done = unsafe { madvise(self.base.add(from).as_ptr().cast(), PART, Advice::LinuxPopulateWrite) };
        if done.is_ok() {
            self.prepared.store(from + PART, Ordering::Relaxed);
        }
        done.is_ok()
    }
}
