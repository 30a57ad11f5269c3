//! The data set and files: what is being loaded and what was saved. Files are the host's; here is what is in them.

pub mod append_only;
mod background;
mod loading;
mod log;
mod moment;
mod saving;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::CommandError;

pub use background::{Background, Job};
pub use log::{LogFacts, LogState, Waiting};
pub use saving::{Content, SaveOptions, save};

/// What the server knows of loading and saving.
#[derive(Debug, Default)]
pub struct Persistence {
    /// Of the data set, when the server starts.
    pub loading: Loading,
    /// Of the append-only file.
    pub log: LogState,
    /// What is written in the background.
    pub background: Background,
    /// When the data set was saved last, in seconds since 1970.
    pub saved_s: AtomicU64,
    /// Whether the data set was saved for the last time, and nobody can use keys any more.
    is_closed: AtomicBool,
    /// Whether writes are refused when the data set could not be saved in the background.
    stops_writes: AtomicBool,
    /// Whether they are.
    refuses_writes: AtomicBool,
    /// How often it was saved since the server started.
    pub saves: AtomicU64,
    /// How many changes there had been when it was saved last.
    pub changes_saved: AtomicU64,
}

impl Persistence {
    /// Whether writes are refused.
    #[inline]
    pub fn refuses_writes(&self) -> bool {
        self.refuses_writes.load(Ordering::Relaxed)
    }

    /// What those hear who write then.
    pub(crate) fn refusal(&self) -> CommandError {
        if self.log.is_failing() {
            return self.log.refusal();
        }
        CommandError::fixed(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that \
             may modify the data set are disabled, because this instance is configured to report errors during writes if \
             RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about \
             the RDB error.",
        )
    }

    /// Has writes refused when the data set cannot be saved in the background, or not.
    pub fn stop_writes_on_failure(&self, stops: bool) {
        self.stops_writes.store(stops, Ordering::SeqCst);
        self.weigh();
    }

    /// Notes whether saving in the background has failed.
    pub fn note_failure(&self, has_failed: bool) {
        self.background.has_save_failed.store(has_failed, Ordering::SeqCst);
        self.weigh();
    }

    /// Has writes refused because the append-only file does not take them, or accepted again.
    pub fn note_log_problem(&self, problem: Option<String>) {
        self.log.set_problem(problem);
        self.weigh();
    }

    fn weigh(&self) {
        let has_failed = self.background.has_save_failed.load(Ordering::SeqCst);
        let is_unsaved = has_failed && self.stops_writes.load(Ordering::SeqCst);
        self.refuses_writes.store(is_unsaved || self.log.is_failing(), Ordering::SeqCst);
    }

    /// Notes that the data set was saved at this time, as it was after so many changes.
    pub fn note_save(&self, now_s: u64, changes: u64) {
        self.saved_s.store(now_s, Ordering::Relaxed);
        self.changes_saved.store(changes, Ordering::Relaxed);
        self.saves.fetch_add(1, Ordering::Relaxed);
    }
}

/// How far loading has come.
#[derive(Debug, Default)]
pub struct Loading {
    is_active: AtomicBool,
    is_cancelled: AtomicBool,
    /// Whether keys are kept that have expired: an append-only file may say later that they did not.
    pub keeps_expired: AtomicBool,
    /// When it began, in seconds since 1970.
    pub started_s: AtomicU64,
    /// The length of what is loaded.
    pub bytes: AtomicU64,
    /// How much of it is loaded.
    pub bytes_loaded: AtomicU64,
    /// The memory that the data took where it was saved, in bytes.
    pub memory_there: AtomicU64,
    /// Keys that were loaded, the last time.
    pub keys: AtomicU64,
    /// Keys that were left out because they had expired.
    pub keys_expired: AtomicU64,
    /// Keys that were left out because they held nothing.
    pub keys_empty: AtomicU64,
    /// Microseconds to wait after each key, or, if negative, how many keys to load before one is waited: `key-load-delay`.
    pub delay_us: std::sync::atomic::AtomicI64,
}

impl Loading {
    /// Whether the data set is being loaded: only some commands run meanwhile.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Relaxed)
    }

    /// Begins to load so many bytes.
    pub fn begin(&self, now_s: u64, bytes: u64) {
        self.started_s.store(now_s, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        for counter in
            [&self.bytes_loaded, &self.memory_there, &self.keys, &self.keys_expired, &self.keys_empty]
        {
            counter.store(0, Ordering::Relaxed);
        }
        self.is_active.store(true, Ordering::SeqCst);
    }

    /// The line that stock servers log when a file is loaded.
    pub fn in_words(&self) -> String {
        let [keys, expired, empty] =
            [&self.keys, &self.keys_expired, &self.keys_empty].map(|counter| counter.load(Ordering::Relaxed));
        let skipped = if empty > 0 { format!(", empty keys skipped: {empty}") } else { String::new() };
        format!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}{skipped}.")
    }

    /// All is loaded.
    pub fn end(&self) {
        self.is_active.store(false, Ordering::SeqCst);
    }

    /// Has those who load stop: the server ends.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether those who load are to stop.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}
