//! How much memory the program has allocated: in a process of its own, to which the sum belongs, and one test.

use std::thread;

use nuthatch_collections::allocator::allocated;

// The tests' allocator need not be jemalloc, so memory is taken from it directly.
fn take(bytes: usize) -> *mut std::ffi::c_void {
    // SAFETY: what is allocated is not used.
    unsafe { tikv_jemalloc_sys::malloc(bytes) }
}

/// One test, because the sum belongs to the process.
#[test]
#[cfg_attr(miri, ignore = "jemalloc is foreign code")]
fn what_is_allocated_counts_until_it_is_released_by_whichever_thread() {
    const BYTES: u64 = 1 << 20;
    let before = allocated();
    let memory = take(BYTES as usize);
    assert!((BYTES..BYTES + 4096).contains(&(allocated() - before)), "{before} {}", allocated());
    let address = memory.expose_provenance();
    let other = thread::spawn(move || {
        let own = take(BYTES as usize);
        allocated();
        // SAFETY: both come from `malloc`, and are released once.
        unsafe {
            tikv_jemalloc_sys::free(std::ptr::with_exposed_provenance_mut(address));
            tikv_jemalloc_sys::free(own);
        }
        // It ends without telling so.
    });
    // Threads of a scope tell only after the scope has ended.
    other.join().expect("it does not panic");
    assert!(allocated().abs_diff(before) < 4096, "{before} {}", allocated());
    let small = take(100);
    let difference = allocated() - before;
    // SAFETY: as above.
    unsafe { tikv_jemalloc_sys::free(small) };
    assert!((96..4096).contains(&difference), "{difference}");
}
