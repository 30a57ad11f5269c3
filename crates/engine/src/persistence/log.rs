//! What is known of the append-only file: how far it is on the disk, who waits for that, and whether it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::CommandError;

/// One who waits until something is on the disk.
pub trait Waiting: Send + Sync + std::fmt::Debug {
    /// It is there.
    fn end(&self);
}

/// The state of the append-only file, as far as commands look at it. Positions are bytes since the server started.
#[derive(Debug, Default)]
pub struct LogState {
    is_enabled: AtomicBool,
    is_failing: AtomicBool,
    problem: Mutex<String>,
    /// Up to where effects were appended.
    pub appended: Arc<AtomicU64>,
    /// Up to where they were written.
    pub written: Arc<AtomicU64>,
    /// Up to where they are on the disk.
    pub synced: Arc<AtomicU64>,
    /// Those who wait until what is before a position is on the disk.
    waits: Mutex<Vec<(u64, Arc<dyn Waiting>)>>,
}

/// Figures for INFO.
#[derive(Debug, Clone, Default)]
pub struct LogFacts {
    /// Whether a rewrite runs.
    pub is_rewriting: bool,
    /// Whether one is to run when what is in its way has ended.
    pub is_scheduled: bool,
    /// How long the last rewrite took, in seconds.
    pub last_rewrite_s: Option<u64>,
    /// How long the one that runs has taken, in seconds.
    pub current_rewrite_s: Option<u64>,
    /// Whether the last one has failed.
    pub rewrite_failed: bool,
    /// How many there were.
    pub rewrites: u64,
    /// How many have failed since the last one that did not.
    pub failures: u64,
    /// The length of the files.
    pub bytes: u64,
    /// Their length when they were rewritten last, or the server started.
    pub bytes_base: u64,
    /// What is not written yet, in bytes.
    pub buffered: u64,
    /// Whether the disk is being waited for.
    pub is_syncing: bool,
    /// How often the disk took too long.
    pub delayed: u64,
}

impl LogState {
    /// What was appended and not written yet, in bytes.
    pub fn buffered(&self) -> u64 {
        self.appended.load(Ordering::Relaxed).saturating_sub(self.written.load(Ordering::Relaxed))
    }

    /// Whether there is an append-only file.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled.load(Ordering::Relaxed)
    }

    /// There is an append-only file from now on, or not.
    pub fn enable(&self, is_enabled: bool) {
        self.is_enabled.store(is_enabled, Ordering::Relaxed);
    }

    /// Whether the file does not take what is written, so that nothing more may be.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::SeqCst)
    }

    /// Notes a problem, or that there is none any more.
    pub(super) fn set_problem(&self, problem: Option<String>) {
        let mut shown = self.problem.lock();
        self.is_failing.store(problem.is_some(), Ordering::SeqCst);
        *shown = problem.unwrap_or_default();
    }

    /// What a client is told that wants to write.
    pub(super) fn refusal(&self) -> CommandError {
        CommandError::new(format!("MISCONF Errors writing to the AOF file: {}", self.problem.lock()))
    }

    /// Whether all that was appended before a position is on the disk.
    pub fn is_synced(&self, position: u64) -> bool {
        self.synced.load(Ordering::Acquire) >= position
    }

    /// Has a wait end when all that was appended before a position is on the disk.
    pub fn wait_for(&self, position: u64, wait: Arc<dyn Waiting>) {
        self.waits.lock().push((position, wait.clone()));
        // It may have come there meanwhile.
        if self.is_synced(position) {
            wait.end();
        }
    }

    /// All that was appended before a position is on the disk.
    pub fn note_synced(&self, position: u64) {
        self.synced.fetch_max(position, Ordering::AcqRel);
        let mut waits = self.waits.lock();
        if waits.is_empty() {
            return;
        }
        let (over, left) = waits.drain(..).partition(|(wanted, _)| self.is_synced(*wanted));
        *waits = left;
        drop(waits);
        let over: Vec<(u64, Arc<dyn Waiting>)> = over;
        for (_, wait) in over {
            wait.end();
        }
    }
}
