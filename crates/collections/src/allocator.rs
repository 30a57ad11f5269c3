//! How memory is asked for: the settings that jemalloc reads before the program starts, and a reserve of memory
//! that is ready to be used.
//!
//! Tables and entries are reached at random, and with 4 KiB pages nearly every access of a big table misses the
//! processor's address cache as well as its data cache: with huge pages a lookup among a million keys took two
//! thirds of the time. Other stores advise against huge pages because they fork to save and then copy whole
//! pages; this one does not fork.

mod growth;
mod reserve;

use std::ffi::CStr;

pub use growth::{Filler, draw_from_reserve, reserve};

/// In the notation of jemalloc's manual, "TUNING". Memory that has not been used for a while goes back to the
/// system on a thread of jemalloc's own, since that takes milliseconds when it is much.
const SETTINGS: &CStr = c"thp:always,metadata_thp:auto,background_thread:true";

/// A pointer that may be shared: it points to a constant.
#[repr(transparent)]
struct Text(*const std::ffi::c_char);

// SAFETY: what it points to is never written.
unsafe impl Sync for Text {}

// SAFETY: jemalloc declares this symbol weakly, as a pointer to a text that ends with a zero byte, for programs to
// define; nothing else has this name.
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Text = Text(SETTINGS.as_ptr());

/// The settings. Calling this from the program is what makes the linker include them.
pub fn settings() -> &'static CStr {
    // SAFETY: it points to the constant text above.
    unsafe { CStr::from_ptr(std::hint::black_box(&MALLOC_CONF).0) }
}

/// Gives the pages that hold no allocation back to the system, those of all threads. Says whether jemalloc knows how.
pub fn purge() -> bool {
    // "arena.4096" stands for all arenas: `MALLCTL_ARENAS_ALL` in jemalloc's manual.
    let name = c"arena.4096.purge";
    let nothing = std::ptr::null_mut();
    // SAFETY: the name ends with a zero byte, and this command takes no value and returns none.
    unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), nothing, std::ptr::null_mut(), nothing, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "jemalloc is foreign code")]
    fn jemalloc_knows_how_to_purge() {
        assert!(purge());
    }
}
