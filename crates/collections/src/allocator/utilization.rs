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
use crate::entry::size_class;

/// Slabs of a size of which fewer than one region in so many is free are left alone.
const FREE_MIN: usize = 32;

/// Sizes up to this are told apart, in bytes. With pages of 4 KiB jemalloc has slabs up to 14 KiB (its manual, "Size classes").
const BYTES_MAX: usize = 16 * 1024;

/// How many sizes these are: four to each doubling, with some in between that there are not.
const SIZES: usize = place(BYTES_MAX) + 1;

/// Where the slabs of a size are left alone, this holds for so many allocations more before jemalloc is asked again. It answers
/// for the slabs of one arena, and others may have gaps: so these are not many.
const LOOKS: u8 = 7;

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

    /// Whether the slabs of this size are left alone, if it has any: what is large has pages of its own.
    fn is_dense(&self) -> bool {
        self.regions <= 1 || self.all_free * FREE_MIN < self.all_regions
    }

    /// Whether the slab is worth being emptied: it is no fuller than the others, there is room in these, and what is
    /// allocated next does not come from it.
    fn is_sparse(&self, address: usize) -> bool {
        let is_current = (self.current..self.current + self.bytes).contains(&address);
        !is_current && !self.is_dense() && self.free * self.all_regions >= self.all_free * self.regions
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

/// The sizes whose slabs were seen to be left alone lately. To ask jemalloc for each allocation is most of what it costs to look at
/// many, and where values have changed their size the gaps are in few of the sizes.
#[derive(Debug)]
pub struct DenseSizes {
    /// Of each size, for how many allocations more this is taken to hold.
    looks_left: [u8; SIZES],
}

impl Default for DenseSizes {
    fn default() -> Self {
        Self { looks_left: [0; SIZES] }
    }
}

impl DenseSizes {
    /// Whether moving the allocation of `bytes` bytes at this address helps to give memory back. Any address may be asked for.
    pub(crate) fn sits_sparsely(&mut self, address: usize, bytes: usize) -> bool {
        if address == 0 {
            return false;
        }
        let looks_left = &mut self.looks_left[place(bytes)];
        if *looks_left > 0 {
            *looks_left -= 1;
            return false;
        }
        let Some(utilization) = Utilization::of(address) else { return false };
        if utilization.is_dense() {
            *looks_left = LOOKS;
        }
        utilization.is_sparse(address)
    }
}

/// The place of a size among [`SIZES`]. The sizes beyond share the last.
const fn place(bytes: usize) -> usize {
    /// jemalloc's smallest size, and the one above from which on [`size_class`] knows them.
    const LEAST: usize = 8;
    const NEXT: usize = 16;
    if bytes <= LEAST {
        return 0;
    }
    let size = size_class(if bytes < BYTES_MAX { bytes } else { BYTES_MAX });
    let octave = size.ilog2() - NEXT.ilog2();
    1 + (octave * 4) as usize + (size >> (size.ilog2() - 2)) % 4
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

#[cfg(test)]
mod tests {
    use std::alloc::Layout;
    use std::ptr::NonNull;

    use super::*;
    use crate::allocator::Arena;

    const LAYOUT: Layout = Layout::new::<[u8; 2048]>();

    fn sparse(sizes: &mut DenseSizes, regions: &[NonNull<u8>]) -> usize {
        regions.iter().filter(|region| sizes.sits_sparsely(region.addr().get(), LAYOUT.size())).count()
    }

    #[test]
    #[cfg_attr(miri, ignore = "jemalloc is foreign code")]
    fn gaps_are_seen_when_they_come_though_their_size_was_dense() {
        // Others that run at the same time have no part in it.
        let arena = Arena::new().expect("an arena");
        let mut sizes = DenseSizes::default();
        let all: Vec<_> = (0..1_000).map(|_| arena.allocate(LAYOUT).expect("memory")).collect();
        assert_eq!(sparse(&mut sizes, &all), 0);
        let (kept, gone): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(index, _)| index % 4 == 0);
        let kept: Vec<NonNull<u8>> = kept.into_iter().map(|(_, region)| *region).collect();
        // SAFETY: it comes from there, and nobody uses it.
        let release = |region: &NonNull<u8>| unsafe { arena.release(*region, LAYOUT) };
        gone.into_iter().for_each(|(_, region)| release(region));
        let looks = kept.iter().position(|region| sparse(&mut sizes, &[*region]) > 0);
        assert!(looks.is_some_and(|looks| looks <= usize::from(LOOKS)), "{looks:?}");
        assert!(sparse(&mut sizes, &kept) > kept.len() / 2);
        assert_eq!(sizes.looks_left[place(LAYOUT.size())], 0);
        kept.iter().for_each(release);
    }

    #[test]
    #[cfg_attr(miri, ignore = "jemalloc is foreign code")]
    fn what_is_large_is_never_moved() {
        let layout = Layout::new::<[u8; 100_000]>();
        let arena = Arena::new().expect("an arena");
        let large = arena.allocate(layout).expect("memory");
        let mut sizes = DenseSizes::default();
        assert!((0..100).all(|_| !sizes.sits_sparsely(large.addr().get(), layout.size())));
        // SAFETY: it comes from there, and nobody uses it.
        unsafe { arena.release(large, layout) };
    }

    #[test]
    fn sizes_have_places_of_their_own() {
        let size_of = |bytes| if bytes <= 8 { 8 } else { size_class(bytes) };
        for bytes in 1..BYTES_MAX {
            let (here, next) = (place(bytes), place(bytes + 1));
            assert_eq!(size_of(bytes) == size_of(bytes + 1), here == next, "{bytes}");
            assert!(here <= next, "{bytes}");
        }
        assert_eq!((place(0), place(BYTES_MAX), place(usize::MAX)), (0, SIZES - 1, SIZES - 1));
    }
}
