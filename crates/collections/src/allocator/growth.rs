//! Where jemalloc's arenas take the memory from that they grow by.
//!
//! An arena that draws from the reserve grows by a huge page at a time, which is ready when it is needed. Others,
//! and all when the reserve has come to its end, ask the system as jemalloc always does.

#[cfg(test)]
mod tests;

use std::alloc::Layout;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::thread::{self, Thread};

use tikv_jemalloc_sys::{
    MALLOCX_ALIGN, MALLOCX_ARENA, MALLOCX_TCACHE_NONE, extent_hooks_t, mallocx, sdallocx,
};

use super::control::exchange;
use super::reserve::{PAGE, Reserve};

/// What is kept ready. At three million new keys a second, of a hundred bytes each, this lasts for 28 ms, in which
/// the system can prepare more.
const AHEAD: usize = 4 * PAGE;

/// Where memory is limited no more than such a part of the limit is kept ready, but a page at least.
const AHEAD_SHARE: u64 = 32;

/// What is larger than this does not come from the reserve: it would be used up without having been ready.
const LARGEST: usize = AHEAD;

/// The addresses that are reserved, as a multiple of the machine's memory: more than arenas ask for, which use
/// again what they have been given, and so little that it does not matter among 2^47.
const MACHINE_MEMORY_FACTOR: usize = 2;

/// The reserve, and the functions by which arenas draw from it.
struct Growth {
    reserve: Reserve,
    hooks: extent_hooks_t,
    /// jemalloc's own.
    default_hooks: extent_hooks_t,
    /// The thread that keeps the reserve filled.
    filler: OnceLock<Thread>,
}

static GROWTH: OnceLock<Growth> = OnceLock::new();

/// Keeps the reserve filled, on a thread of its own.
#[derive(Debug)]
pub struct Filler(());

impl Filler {
    /// Does so as long as the process lives.
    pub fn run(self) {
        let Some(growth) = GROWTH.get() else { return };
        step_back();
        // There is only one filler.
        let _ = growth.filler.set(thread::current());
        loop {
            while growth.reserve.prepare() {
                // Whoever serves clients may have the same processor.
                thread::yield_now();
            }
            thread::park();
        }
    }
}

/// Sets up the reserve, once for the process, of which `limit` bytes may be used (0: all that there is). Without it, because the system does not give so many addresses or
/// because the reserve is there already, arenas go on as they are.
pub fn reserve(limit: u64) -> Option<Filler> {
    let memory = usize::try_from(rustix::system::sysinfo().totalram).ok()?;
    let len = memory.checked_mul(MACHINE_MEMORY_FACTOR)?.checked_next_multiple_of(PAGE)?;
    let default_hooks = default_hooks()?;
    let hooks = extent_hooks_t {
        alloc: Some(alloc),
        // What was handed out stays with the arenas, which use it again.
        dalloc: None,
        destroy: None,
        ..default_hooks
    };
    let reserve = Reserve::new(len, ahead(limit), wants_huge_pages()).ok()?;
    let growth = Growth { reserve, hooks, default_hooks, filler: OnceLock::new() };
    GROWTH.set(growth).is_ok().then_some(Filler(()))
}

/// Keeps as much ready from now on as goes with such a limit on memory, in bytes; 0 is no limit.
pub fn limit_reserve(limit: u64) {
    if let Some(growth) = GROWTH.get() {
        growth.reserve.set_ahead(ahead(limit));
    }
}

fn ahead(limit: u64) -> usize {
    match limit {
        0 => AHEAD,
        limit => usize::try_from(limit / AHEAD_SHARE).unwrap_or(AHEAD).min(AHEAD),
    }
}

/// Has the calling thread's arena draw from the reserve.
///
/// It stays one of the arenas that jemalloc shares out by itself: only these leave allocations of 8 MiB and more to the
/// arena that gives them back to the system at once.
pub fn draw_from_reserve() {
    let Some(growth) = GROWTH.get() else { return };
    let hooks: *const extent_hooks_t = &growth.hooks;
    // SAFETY: the values have the types that jemalloc's manual gives: the number of an arena, and hooks, which live
    // forever.
    unsafe {
        let Some(arena) = exchange::<c_uint, usize>(c"thread.arena", None) else { return };
        let name = CString::new(format!("arena.{arena}.extent_hooks")).unwrap_or_default();
        if exchange::<*const extent_hooks_t, _>(&name, Some(hooks)).is_some() {
            limit_growth(arena);
        }
    }
}

/// Has the calling thread allocate from the first arena, together with others that do not serve clients: an arena of its own
/// would take a huge page, however little is allocated.
pub fn share_first_arena() {
    // SAFETY: the manual gives this type.
    let _ = unsafe { exchange::<c_uint, c_uint>(c"thread.arena", Some(0)) };
}

/// An arena of its own for what is allocated with [`Arena::allocate`]: a number of jemalloc's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arena(c_int);

impl Arena {
    /// A new arena, which draws from the reserve if there is one by now.
    pub(crate) fn new() -> Option<Arena> {
        let hooks = GROWTH.get().map(|growth| &raw const growth.hooks);
        // SAFETY: the manual gives these types; hooks live forever.
        let number = unsafe { exchange::<c_uint, *const extent_hooks_t>(c"arenas.create", hooks) }?;
        if hooks.is_some() {
            limit_growth(number);
        }
        c_int::try_from(number).ok().map(Arena)
    }

    /// How it is allocated from and released to: aligned, and past the threads' caches.
    fn flags(self, align: usize) -> c_int {
        MALLOCX_ARENA(self.0 as usize) | MALLOCX_TCACHE_NONE | MALLOCX_ALIGN(align)
    }

    /// Memory of this size, which is not zero, and alignment, a power of two.
    pub(crate) fn allocate(self, layout: Layout) -> Option<NonNull<u8>> {
        debug_assert!(layout.size() > 0);
        // SAFETY: the size is not zero, and the flags are valid.
        NonNull::new(unsafe { mallocx(layout.size(), self.flags(layout.align())) }.cast())
    }

    /// Gives memory back.
    ///
    /// # Safety
    /// It comes from [`allocate`](Self::allocate) with the same layout, and nobody uses it any more.
    pub(crate) unsafe fn release(self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { sdallocx(memory.as_ptr().cast(), layout.size(), self.flags(layout.align())) }
    }
}

/// Has an arena that draws from the reserve grow by what is ready. Larger steps would need more, and leave much of it unused.
fn limit_growth(arena: c_uint) {
    let name = CString::new(format!("arena.{arena}.retain_grow_limit")).unwrap_or_default();
    // SAFETY: the manual gives this type.
    let _ = unsafe { exchange::<usize, usize>(&name, Some(PAGE)) };
}

fn default_hooks() -> Option<extent_hooks_t> {
    // SAFETY: the manual gives this type. No arena has other hooks than jemalloc's own yet, which are a constant.
    unsafe {
        let hooks: *const extent_hooks_t = exchange::<_, usize>(c"arena.0.extent_hooks", None)?;
        Some(*hooks)
    }
}

/// Has the calling thread run only when no other wants its processor. Preparing a page takes milliseconds where a
/// virtual machine's host has to find the memory, in which an event loop would have to wait for its turn.
fn step_back() {
    let lowest = libc::sched_param { sched_priority: 0 };
    // SAFETY: zero stands for the calling thread, and the structure is only read. Should the system refuse, the thread
    // goes on as it is.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &lowest) };
}

/// Whether the settings, which the environment may change, ask for huge pages everywhere.
fn wants_huge_pages() -> bool {
    // SAFETY: the manual gives this type, and what it points to is a constant that ends with a zero byte.
    unsafe {
        exchange::<*const c_char, usize>(c"opt.thp", None)
            .is_some_and(|setting| CStr::from_ptr(setting) == c"always")
    }
}

/// What an arena asks for memory: its manual describes this under "arena.<i>.extent_hooks". It is called under
/// locks of the arena and so must not allocate.
unsafe extern "C" fn alloc(
    hooks: *mut extent_hooks_t,
    wanted: *mut c_void,
    size: usize,
    align: usize,
    zero: *mut bool,
    commit: *mut bool,
    arena: c_uint,
) -> *mut c_void {
    let Some(growth) = GROWTH.get() else { return ptr::null_mut() };
    if wanted.is_null()
        && size <= LARGEST
        && let Some(memory) = growth.reserve.take(size, align)
    {
        // SAFETY: jemalloc passes two variables of its own. The memory is zeroed and may be written to.
        unsafe {
            *zero = true;
            *commit = true;
        }
        if let Some(filler) = growth.filler.get() {
            filler.unpark();
        }
        return memory.as_ptr();
    }
    match growth.default_hooks.alloc {
        // SAFETY: the arguments are as jemalloc passed them.
        Some(default) => unsafe { default(hooks, wanted, size, align, zero, commit, arena) },
        None => ptr::null_mut(),
    }
}
