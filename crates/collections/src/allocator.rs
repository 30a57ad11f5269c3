//! How memory is asked for: the settings that jemalloc reads before the program starts, and a reserve of memory
//! that is ready to be used.
//!
//! Tables and entries are reached at random, and with 4 KiB pages nearly every access of a big table misses the
//! processor's address cache as well as its data cache: with huge pages a lookup among a million keys took two
//! thirds of the time. Other stores advise against huge pages because they fork to save and then copy whole
//! pages; this one does not fork.

mod control;
mod growth;
mod release;
mod reserve;
mod usage;
mod utilization;

use std::ffi::CStr;

pub(crate) use growth::Arena;
pub use growth::{Filler, draw_from_reserve, limit_reserve, reserve, share_first_arena};
pub use release::{purge, release_in_background};
pub use usage::allocated;
pub(crate) use usage::correct;
pub use utilization::{DenseSizes, Uncached};

/// In the notation of jemalloc's manual, "TUNING". What jemalloc notes down for itself is in small pages: it takes
/// them when the heap grows, and then a thread waits for one at a time.
const SETTINGS: &CStr = c"thp:always,metadata_thp:disabled,cache_oblivious:false";

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
