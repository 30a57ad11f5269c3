//! What is written in the background: one snapshot at a time.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::saving::SaveMoment;
use crate::keyspace::snapshot::Begun;

/// What a snapshot is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Job {
    /// To save the data set: BGSAVE.
    Save = 1,
    /// To begin an append-only file anew: BGREWRITEAOF.
    Rewrite = 2,
}

/// What is being written, and how that went the last time.
#[derive(Debug)]
pub struct Background {
    /// The [`Job`] that goes on, or 0.
    running: AtomicU8,
    /// Whether the data set is to be saved when nothing else goes on.
    pub is_save_scheduled: AtomicBool,
    is_cancelled: AtomicBool,
    /// Held by whoever writes the file of the data set: SAVE does not wait for a job that writes something else.
    pub file: Mutex<()>,
    /// What is to be saved, if a command has asked for that; held while it does so.
    pub(super) moment: Mutex<Option<SaveMoment<Begun>>>,
    /// When the job began, in seconds since 1970.
    pub started_s: AtomicU64,
    /// Keys that the snapshot has gone through.
    pub keys: AtomicU64,
    /// Keys that there were when it began.
    pub keys_total: AtomicU64,
    /// Whether the last save failed.
    pub has_save_failed: AtomicBool,
    /// How long the last save took in seconds, or -1.
    pub save_seconds: AtomicI64,
    /// Microseconds to wait after each key, or, if negative, how many keys to write before one is waited:
    /// `rdb-key-save-delay`.
    pub delay_us: AtomicI64,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            running: AtomicU8::new(0),
            is_save_scheduled: AtomicBool::new(false),
            is_cancelled: AtomicBool::new(false),
            file: Mutex::new(()),
            moment: Mutex::new(None),
            started_s: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            keys_total: AtomicU64::new(0),
            has_save_failed: AtomicBool::new(false),
            save_seconds: AtomicI64::new(-1),
            delay_us: AtomicI64::new(0),
        }
    }
}

impl Background {
    /// What goes on.
    pub fn running(&self) -> Option<Job> {
        match self.running.load(Ordering::SeqCst) {
            1 => Some(Job::Save),
            2 => Some(Job::Rewrite),
            _ => None,
        }
    }

    /// Begins a job at this time. Says whether it may: nothing else goes on.
    pub fn begin(&self, job: Job, now_s: u64) -> bool {
        if self.running.compare_exchange(0, job as u8, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return false;
        }
        self.is_cancelled.store(false, Ordering::SeqCst);
        self.started_s.store(now_s, Ordering::Relaxed);
        self.keys.store(0, Ordering::Relaxed);
        self.keys_total.store(0, Ordering::Relaxed);
        true
    }

    /// Begins a save that was scheduled or is due at this time. If something else goes on, one that was scheduled stays so.
    pub fn begin_due_save(&self, now_s: u64) -> bool {
        let has_begun = self.begin(Job::Save, now_s);
        if has_begun {
            // Its moment is still to come.
            self.is_save_scheduled.store(false, Ordering::SeqCst);
        }
        has_begun
    }

    /// The job has ended.
    pub fn end(&self) {
        self.running.store(0, Ordering::SeqCst);
    }

    /// Has the job stop.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
    }

    /// Whether the job is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_save_is_not_forgotten_if_something_else_begins_before_it() {
        let background = Background::default();
        background.is_save_scheduled.store(true, Ordering::SeqCst);
        assert!(background.begin(Job::Rewrite, 1));
        assert!(!background.begin_due_save(1));
        background.end();
        assert!(background.is_save_scheduled.load(Ordering::SeqCst));
        assert!(background.begin_due_save(2));
        assert!(!background.is_save_scheduled.load(Ordering::SeqCst));
    }
}
