//! jemalloc's settings and commands, by name.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

use tikv_jemalloc_sys::mallctl;

/// Asks jemalloc for what has this name, and tells it the new value if there is one.
///
/// # Safety
/// The types are those that jemalloc's manual gives.
pub(super) unsafe fn exchange<Old: Copy, New>(name: &CStr, mut new: Option<New>) -> Option<Old> {
    let mut old = MaybeUninit::<Old>::uninit();
    let mut size = size_of::<Old>();
    let (new, new_size) = match &mut new {
        Some(new) => (ptr::from_mut(new).cast(), size_of::<New>()),
        None => (ptr::null_mut(), 0),
    };
    // SAFETY: the name ends with a zero byte, and the values have the types that jemalloc expects.
    let result = unsafe { mallctl(name.as_ptr(), old.as_mut_ptr().cast(), &mut size, new, new_size) };
    // SAFETY: jemalloc has written the value.
    (result == 0).then(|| unsafe { old.assume_init() })
}
