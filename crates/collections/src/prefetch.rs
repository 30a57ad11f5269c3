//! Asking for memory before it is needed.

/// What one prefetch brings, in bytes.
const LINE: usize = 64;
/// No more than so many lines of a byte string are asked for at once, since the processor can only wait for so many.
const LINES_MAX: usize = 6;

/// Asks for the first bytes of a byte string.
#[inline]
pub(crate) fn prefetch_bytes(bytes: &[u8]) {
    bytes.chunks(LINE).take(LINES_MAX).for_each(|line| prefetch(line.as_ptr()));
}

/// Asks the processor for the cache line at an address, which need not be valid.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch accesses nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}
