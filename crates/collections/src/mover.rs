//! Moving allocations to where they leave fewer gaps, a few at a time.

#[cfg(test)]
mod tests;

use std::ptr::NonNull;
use std::sync::Arc;

use crate::allocator::DenseSizes;
use crate::entry::COUNTED_VECTOR_BYTES;
use crate::slab;

/// What a move costs besides a look, for each so many bytes.
const BYTES_FOR_A_LOOK: usize = 512;

/// Decides what is moved, and keeps account of it.
///
/// What is moved stays as it is in all but its address. The caller sees to it that new memory does not come from where the
/// old was: see [`Uncached`](crate::allocator::Uncached).
pub struct Mover<'a> {
    judge: Judge<'a>,
    /// Values of more elements than this are left for [`relocate`](crate::Collection::relocate).
    elements_max: usize,
    /// Allocations that were moved.
    pub moved: u64,
    /// Allocations that were looked at and are where they were.
    pub kept: u64,
    /// The work that was done, in looks at an allocation.
    pub work: usize,
}

/// Who says what is to be moved.
enum Judge<'a> {
    /// The allocators: what lies among more gaps than others.
    Allocators(&'a mut DenseSizes),
    /// Somebody who goes by the address.
    Given(&'a mut dyn FnMut(usize) -> bool),
}

impl<'a> Mover<'a> {
    /// One who moves what lies among more gaps than others. `sizes` is for those who come after, too.
    pub fn of_sparse(elements_max: usize, sizes: &'a mut DenseSizes) -> Mover<'a> {
        Mover { judge: Judge::Allocators(sizes), elements_max, moved: 0, kept: 0, work: 0 }
    }

    /// One who moves the allocations for whose addresses `is_misplaced` holds.
    pub fn by_address(elements_max: usize, is_misplaced: &'a mut dyn FnMut(usize) -> bool) -> Mover<'a> {
        Mover { judge: Judge::Given(is_misplaced), elements_max, moved: 0, kept: 0, work: 0 }
    }

    /// Whether the object of `bytes` bytes in a slab is to be moved, which is counted as done.
    ///
    /// # Safety
    /// It is in use, and has this size.
    pub(crate) unsafe fn takes_object(&mut self, object: NonNull<u8>, bytes: usize) -> bool {
        let is_taken = match &mut self.judge {
            // SAFETY: as the caller promises.
            Judge::Allocators(_) => unsafe { slab::sits_sparsely(object, bytes) },
            Judge::Given(is_misplaced) => is_misplaced(object.addr().get()),
        };
        self.count(is_taken, bytes)
    }

    /// Whether a value of so many elements is left for later.
    pub(crate) fn leaves(&self, elements: usize) -> bool {
        elements > self.elements_max
    }

    /// Whether the allocation of `bytes` bytes at a pointer is to be moved, which is counted as done.
    pub(crate) fn takes<T>(&mut self, pointer: *const T, bytes: usize) -> bool {
        let address = pointer.addr();
        let is_taken = match &mut self.judge {
            Judge::Allocators(sizes) => sizes.sits_sparsely(address, bytes),
            Judge::Given(is_misplaced) => is_misplaced(address),
        };
        self.count(is_taken, bytes)
    }

    /// Has `relocate` move the parts of a value, of which there are `count`, from `position` on, until the work is `work_max`.
    /// Returns the position to go on from, if that was not the end.
    pub(crate) fn go_through(
        &mut self,
        position: u128,
        count: usize,
        work_max: usize,
        relocate: &mut dyn FnMut(usize, &mut Self),
    ) -> Option<u128> {
        let first = usize::try_from(position).unwrap_or(usize::MAX);
        for index in first..count {
            if self.work >= work_max {
                return Some(index as u128);
            }
            relocate(index, self);
        }
        None
    }

    fn count(&mut self, is_taken: bool, bytes: usize) -> bool {
        self.work += 1;
        if is_taken {
            self.moved += 1;
            self.work += 1 + bytes / BYTES_FOR_A_LOOK;
        } else {
            self.kept += 1;
        }
        is_taken
    }

    /// Moves what a vector has allocated.
    pub(crate) fn vector<T>(&mut self, vector: &mut Vec<T>) {
        let bytes = vector.capacity() * size_of::<T>();
        if bytes > 0 && self.takes(vector.as_ptr(), bytes) {
            let mut moved = Vec::with_capacity(vector.capacity());
            moved.append(vector);
            *vector = moved;
        }
    }

    /// Moves a box; `empty` takes the place of the content meanwhile.
    pub(crate) fn boxed<T>(&mut self, boxed: &mut Box<T>, empty: T) {
        if self.takes(&raw const **boxed, size_of::<T>()) {
            let content = std::mem::replace(&mut **boxed, empty);
            // Both are there at once, lest the new one comes where the old one was.
            drop(std::mem::replace(boxed, Box::new(content)));
        }
    }

    /// Moves a vector that nobody else owns at the moment.
    pub(crate) fn shared(&mut self, shared: &mut Arc<Vec<u8>>) {
        let pointer = Arc::as_ptr(shared);
        let Some(vector) = Arc::get_mut(shared) else { return };
        self.vector(vector);
        if self.takes(pointer, COUNTED_VECTOR_BYTES) {
            let vector = std::mem::take(vector);
            *shared = Arc::new(vector);
        }
    }
}

impl std::fmt::Debug for Mover<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Mover")
            .field("moved", &self.moved)
            .field("kept", &self.kept)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}
