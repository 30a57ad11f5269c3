//! Memory for entries: objects of up to 1024 bytes whose sizes are multiples of eight.
//!
//! General allocators round sizes up to four classes for each doubling: an entry of 88 bytes takes 96, one of 136 takes 160.
//! Entries are most of what a data store holds, so they have slabs of their own: 32 KiB from the general allocator, divided
//! into objects of one size. Slabs with free objects are kept in bins by how full they are ([`store`]), and objects are
//! given out from the fullest first, so that the others become empty and are given back. Each thread has some free objects of
//! each size at hand ([`magazine`]), as in Bonwick and Adams, "Magazines and Vmem" (2001); so hardly any allocation takes a
//! lock, and objects go back to their slabs several at a time, whose memory is asked for together.

mod magazine;
mod page;
mod store;
#[cfg(test)]
mod tests;

use std::ptr::NonNull;

/// The biggest object in bytes.
pub(crate) const OBJECT_BYTES_MAX: usize = 1024;

/// Sizes are multiples of this, in bytes, and so are addresses.
pub(crate) const STEP_BYTES: usize = 8;

/// How many sizes there are; the first of them, zero, is not used.
const SIZES: usize = OBJECT_BYTES_MAX / STEP_BYTES + 1;

/// Memory for an object of `bytes`, a multiple of [`STEP_BYTES`] of at most [`OBJECT_BYTES_MAX`].
#[inline]
pub(crate) fn allocate(bytes: usize) -> NonNull<u8> {
    debug_assert!(is_size(bytes));
    magazine::take(bytes / STEP_BYTES)
}

/// Gives an object's memory back.
///
/// # Safety
/// It comes from [`allocate`] with the same size, and nobody uses it any more.
#[inline]
pub(crate) unsafe fn release(object: NonNull<u8>, bytes: usize) {
    debug_assert!(is_size(bytes));
    // SAFETY: as the caller promises.
    unsafe { magazine::put(object, bytes / STEP_BYTES) }
}

/// As [`allocate`], but from the fullest slab, and not from what the thread has at hand.
pub(crate) fn allocate_from_fullest(bytes: usize) -> NonNull<u8> {
    debug_assert!(is_size(bytes));
    magazine::take_from_store(bytes / STEP_BYTES)
}

/// As [`release`], but to the object's slab at once.
///
/// # Safety
/// As for [`release`].
pub(crate) unsafe fn release_to_slab(object: NonNull<u8>, bytes: usize) {
    debug_assert!(is_size(bytes));
    // SAFETY: as the caller promises.
    unsafe { magazine::put_to_store(object, bytes / STEP_BYTES) }
}

/// Whether an object had better be moved, so that its slab becomes empty and the gaps in others are filled.
///
/// # Safety
/// It comes from [`allocate`] with the same size, and has not been given back.
pub(crate) unsafe fn sits_sparsely(object: NonNull<u8>, bytes: usize) -> bool {
    // SAFETY: as the caller promises.
    unsafe { store::sits_sparsely(object, bytes / STEP_BYTES) }
}

/// Asks for what [`sits_sparsely`] reads, if there is an object at this address.
pub(crate) fn prefetch_slab(address: *const u8) {
    page::Slab::prefetch_at(address);
}

fn is_size(bytes: usize) -> bool {
    bytes.is_multiple_of(STEP_BYTES) && (STEP_BYTES..=OBJECT_BYTES_MAX).contains(&bytes)
}
