//! Where it pays to move an allocation, so that its page can be given back.
//!
//! jemalloc serves small sizes from *slabs*: a few pages of regions of one size. What is freed leaves gaps in them, which
//! only allocations of the same size can use. It fills the gaps of the oldest slab first; so an allocation that is made anew
//! moves from a later slab to an earlier one, and slabs that are emptier than others become empty.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;

use tikv_jemalloc_sys::{mallctlbymib, mallctlnametomib};

use super::control::exchange;

/// Slabs of a size of which fewer than one region in so many is free are left alone.
const FREE_MIN: usize = 32;

/// What jemalloc tells of the slab that an allocation is in. The comment of `experimental_utilization_query_ctl` in its
/// source describes this.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Utilization {
    /// The slab that the next allocation of the same size comes from.
    current: usize,
    /// Regions that are free, and all regions.
    free: usize,
    regions: usize,
    bytes: usize,
    /// The same of all slabs of this size.
    all_free: usize,
    all_regions: usize,
}

impl Utilization {
    /// What it is for an allocation, or for no allocation at all.
    fn of(address: usize) -> Option<Utilization> {
        static NAME: OnceLock<Option<[usize; 3]>> = OnceLock::new();
        let name = (*NAME.get_or_init(|| numbers(c"experimental.utilization.query")))?;
        let mut utilization = Utilization::default();
        let mut size = size_of::<Utilization>();
        let mut address: *const u8 = ptr::without_provenance(address);
        // SAFETY: the types are those that jemalloc's source gives. It reads its own notes about the address, not what is
        // there, and fills everything with zero if it has none.
        let result = unsafe {
            mallctlbymib(
                name.as_ptr(),
                name.len(),
                ptr::from_mut(&mut utilization).cast(),
                &mut size,
                ptr::from_mut(&mut address).cast(),
                size_of::<*const u8>(),
            )
        };
        (result == 0).then_some(utilization)
    }

    /// Whether the slab is worth being emptied: it is no fuller than the others, there is room in these, and what is
    /// allocated next does not come from it.
    fn is_sparse(&self, address: usize) -> bool {
        let is_current = (self.current..self.current + self.bytes).contains(&address);
        self.regions > 1
            && !is_current
            && self.all_free * FREE_MIN >= self.all_regions
            && self.free * self.all_regions >= self.all_free * self.regions
    }
}

/// The name as jemalloc's numbers, of which it has three.
fn numbers(name: &CStr) -> Option<[usize; 3]> {
    let mut numbers = [0; 3];
    let mut len = numbers.len();
    // SAFETY: the name ends with a zero byte, and there is room for as many numbers as `len` says.
    let result = unsafe { mallctlnametomib(name.as_ptr(), numbers.as_mut_ptr(), &mut len) };
    (result == 0 && len == numbers.len()).then_some(numbers)
}

/// Whether moving the allocation at this address helps to give memory back. Any address may be asked for.
pub(crate) fn sits_sparsely(address: usize) -> bool {
    address != 0 && Utilization::of(address).is_some_and(|utilization| utilization.is_sparse(address))
}

/// While it lives, the calling thread allocates and frees without its cache of free regions: that would give out what was
/// just freed instead of what fills a gap.
#[derive(Debug)]
pub struct Uncached {
    was_cached: bool,
    /// It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl Uncached {
    /// Begins to do so.
    pub fn begin() -> Uncached {
        // SAFETY: the manual gives these types.
        let was_cached = unsafe { exchange::<bool, bool>(c"thread.tcache.enabled", Some(false)) };
        Uncached { was_cached: was_cached.unwrap_or(false), thread: PhantomData }
    }
}

impl Drop for Uncached {
    fn drop(&mut self) {
        if self.was_cached {
            // SAFETY: the manual gives these types.
            let _ = unsafe { exchange::<bool, bool>(c"thread.tcache.enabled", Some(true)) };
        }
    }
}
