//! The allocator's figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use nuthatch_collections::allocator;
use nuthatch_engine::Engine;
use nuthatch_engine::host::MemoryFacts;
use rustix::thread::disable_transparent_huge_pages;
use tikv_jemalloc_ctl::{epoch, stats};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What the allocator and the system say now. What they do not tell is 0.
pub(crate) fn figures() -> MemoryFacts {
    // jemalloc's statistics are a snapshot that advancing the epoch renews.
    let _ = epoch::advance();
    MemoryFacts {
        allocated: allocated(),
        allocated_peak: PEAK.load(Ordering::Relaxed),
        active: stats::active::read().unwrap_or(0) as u64,
        resident: stats::resident::read().unwrap_or(0) as u64,
        process_resident: process_resident().unwrap_or(0),
        system: rustix::system::sysinfo().totalram as u64,
        ..MemoryFacts::default()
    }
}

/// The most that was allocated when a thread counted it, in bytes.
static PEAK: AtomicU64 = AtomicU64::new(0);

/// What is allocated, in bytes.
pub(crate) fn allocated() -> u64 {
    let allocated = allocator::allocated();
    if allocated > PEAK.load(Ordering::Relaxed) {
        PEAK.fetch_max(allocated, Ordering::Relaxed);
    }
    allocated
}

/// The allocator's version, as INFO's `mem_allocator` gives it.
pub(crate) fn version() -> String {
    let version = tikv_jemalloc_ctl::version::read().unwrap_or("?");
    format!("jemalloc-{}", version.split('-').next().unwrap_or(version))
}

/// Has what the calling thread allocates and releases count: what it has done so far now, and the rest when it ends or calls
/// this again. Each thread has to do so at its beginning, because memory is released by other threads than have allocated it.
pub(crate) fn count_thread() {
    allocated();
}

/// Starts the threads that have memory ready before the event loops need it and give back what they need no more. `limit`
/// bytes may be used; 0 is no limit.
///
/// # Errors
/// The system refuses the thread.
pub(crate) fn start_threads(limit: u64) -> io::Result<()> {
    // Without that thread the event loops give it back.
    let _ = allocator::release_in_background();
    if let Some(filler) = allocator::reserve(limit) {
        start_beside("memory", move || filler.run())?;
    }
    Ok(())
}

/// Starts a thread that does not serve clients: such threads share an arena of the allocator.
///
/// # Errors
/// The system refuses the thread.
pub(crate) fn start_beside<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        allocator::share_first_arena();
        run()
    })
}

/// Starts a thread that gives free pages back at once where memory is limited: else they would be there for ten seconds
/// besides what the limit allows. It also sees to it that they stay with the system, see [`HugePages`]. It ends with the
/// engine.
///
/// # Errors
/// The system refuses the thread.
pub(crate) fn keep_within_limit(engine: &Arc<Engine>) -> io::Result<()> {
    /// How often it is looked at that.
    const PERIOD: Duration = Duration::from_millis(100);
    /// As much may be free, which will soon be used again: a part of the limit, and bytes.
    const FREE_SHARE: u64 = 1000;
    const FREE_BYTES: u64 = 1024 * 1024;
    let engine = Arc::downgrade(engine);
    let mut huge_pages = HugePages::default();
    start_beside("purge", move || {
        while let Some(engine) = engine.upgrade() {
            let limit = engine.memory.limit();
            drop(engine);
            let figures = if limit > 0 { figures() } else { MemoryFacts::default() };
            if figures.resident > limit && free_bytes(figures) > FREE_BYTES.max(limit / FREE_SHARE) {
                purge();
            }
            huge_pages.review(figures.resident, limit);
            thread::sleep(PERIOD);
        }
    })?;
    Ok(())
}

/// What is in pages that hold neither allocations nor the allocator's own notes.
fn free_bytes(figures: MemoryFacts) -> u64 {
    let notes = stats::metadata::read().unwrap_or(0) as u64;
    figures.resident.saturating_sub(figures.active).saturating_sub(notes)
}

/// Whether the system makes huge pages for this process.
///
/// It also makes them later, of regions in which some pages are in use, and then fills those that were given back: some
/// megabytes each second, so that within minutes a process with a limit takes a tenth more than it uses. So it is told not
/// to once the limit is reached. Huge pages that there are by then stay.
#[derive(Debug, Default)]
struct HugePages {
    are_refused: bool,
}

impl HugePages {
    /// Decides anew, with so many bytes resident and so many allowed (0: all that there are).
    fn review(&mut self, resident: u64, limit: u64) {
        let are_refused = match self.are_refused {
            false => limit > 0 && resident > limit,
            true => limit > 0 && resident > limit / 2,
        };
        // Where the system does not know this, it stays as it is.
        if are_refused != self.are_refused && disable_transparent_huge_pages(are_refused).is_ok() {
            self.are_refused = are_refused;
        }
    }
}

/// Has no more memory ready than goes with another limit.
pub(crate) fn limit_reserve(limit: u64) {
    allocator::limit_reserve(limit);
}

/// Has the calling thread use that memory.
pub(crate) fn draw_from_reserve() {
    allocator::draw_from_reserve();
}

/// Gives free pages back to the system.
pub(crate) fn purge() {
    // jemalloc is the allocator, so it knows how.
    let _ = allocator::purge();
}

/// The allocator's own report. What it has given out includes what threads keep for what they ask for next.
pub(crate) fn report() -> String {
    let figures = figures();
    format!(
        "{} ({}): allocated {} active {} resident {}\n",
        version(),
        allocator::settings().to_string_lossy(),
        stats::allocated::read().unwrap_or(0),
        figures.active,
        figures.resident
    )
}

fn process_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = status.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
