//! Giving memory back to the system.

use tikv_jemalloc_sys::{free, mallctl, malloc};

use super::control::exchange;

/// Gives back what has been free for a while on a thread of jemalloc's own, since that takes milliseconds when it is
/// much. Says whether jemalloc can.
pub fn release_in_background() -> bool {
    /// jemalloc keeps allocations of so many bytes in an arena of their own.
    const BIG: usize = 16 << 20;
    // jemalloc makes that arena for the first such allocation and has it give back at once what is freed, but only
    // if there is no such thread yet. With one, big values that are overwritten would take twice their memory.
    // SAFETY: the allocation is not used.
    unsafe { free(malloc(BIG)) };
    // SAFETY: the manual gives these types.
    unsafe { exchange::<bool, bool>(c"background_thread", Some(true)).is_some() }
}

/// Gives the pages that hold no allocation back to the system, those of all threads. Says whether jemalloc knows how.
pub fn purge() -> bool {
    // "arena.4096" stands for all arenas: `MALLCTL_ARENAS_ALL` in jemalloc's manual.
    let name = c"arena.4096.purge";
    let nothing = std::ptr::null_mut();
    // SAFETY: the name ends with a zero byte, and this command takes no value and returns none.
    unsafe { mallctl(name.as_ptr(), nothing, std::ptr::null_mut(), nothing, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "jemalloc is foreign code")]
    fn jemalloc_knows_how_to_purge() {
        assert!(purge());
    }

    #[test]
    #[cfg_attr(miri, ignore = "jemalloc is foreign code")]
    fn jemalloc_has_a_thread_that_gives_memory_back() {
        assert!(release_in_background());
        // SAFETY: the manual gives these types.
        assert_eq!(unsafe { exchange::<bool, bool>(c"background_thread", None) }, Some(true));
    }
}
