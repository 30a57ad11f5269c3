//! The thread that brings to the disk what was written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::AppendOnly;
use crate::config::{Fsync, system_text};
use crate::disk::DiskFile;
use crate::{log, memory};

/// How often it is looked at what is due.
const ROUND: Duration = Duration::from_millis(100);

/// How often all is brought to the disk that was written: `appendfsync everysec`.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How long an fsync may take before it is told.
const SYNC_PATIENCE: Duration = Duration::from_secs(2);

impl AppendOnly {
    /// Asks for what was appended to be brought to the disk.
    pub(super) fn wish_sync(&self) {
        self.wishes.lock().sync = true;
        self.wish.notify_one();
    }

    /// Ends [`Self::keep_synced`] once all is on the disk.
    pub(crate) fn stop(&self) {
        self.cancel_rewrite();
        self.wishes.lock().stop = true;
        self.wish.notify_one();
    }

    /// Brings to the disk what was written, as often as the settings say, and has the file rewritten when it has grown. One
    /// thread does so until the server ends.
    pub(crate) fn keep_synced(self: &Arc<Self>) {
        let mut synced = Instant::now();
        let mut is_stopping = false;
        while !is_stopping {
            memory::count_thread();
            let mut wishes = self.wishes.lock();
            if !wishes.sync && !wishes.stop {
                self.wish.wait_for(&mut wishes, ROUND);
            }
            let is_wished = std::mem::take(&mut wishes.sync);
            is_stopping = wishes.stop;
            drop(wishes);
            if !self.engine().is_some_and(|engine| engine.persistence.log.is_enabled()) {
                if self.rewriting.is_scheduled() && self.switches.load(Ordering::SeqCst) == 0 {
                    // The log says why, if it cannot be.
                    let _ = self.rewrite();
                }
                continue;
            }
            let policy = self.settings.lock().fsync;
            self.sync_files_before();
            if policy == Fsync::Always {
                if is_wished || self.is_failing() {
                    self.keep_group();
                }
            } else {
                if is_wished && !self.is_failing() {
                    self.write(&mut self.output.lock());
                }
                if !self.is_failing() {
                    self.release(self.written.load(Ordering::Acquire));
                }
            }
            if policy != Fsync::Always && synced.elapsed() >= SYNC_INTERVAL {
                synced = Instant::now();
                // What was appended beside turns, and what could not be written before.
                self.write(&mut self.output.lock());
                if policy == Fsync::EverySecond && !self.may_skip_sync() {
                    self.sync();
                }
            }
            self.rewrite_if_grown();
        }
        self.finish();
    }

    /// Writes and syncs what all have appended who wait for it now.
    fn keep_group(&self) {
        let position = {
            let mut output = self.output.lock();
            if !self.write(&mut output) {
                return;
            }
            output.position
        };
        if self.may_skip_sync() || self.sync() {
            self.release(position);
        }
    }

    /// Brings the files to the disk that were written before the one that effects go to now, which waits for that.
    pub(super) fn sync_files_before(&self) {
        let files = self.output.lock().superseded.clone();
        if files.is_empty() || self.trouble.lock().sync.is_some() {
            return;
        }
        if self.sync_all(&files) {
            self.output.lock().note_synced(&files);
        }
    }

    /// Brings files to the disk, one after another, or notes which of them could not be.
    fn sync_all(&self, files: &[Arc<DiskFile>]) -> bool {
        // The system tells of an error once only: nobody else may go on as if there were none before it is noted.
        let _alone = self.syncing.lock();
        for file in files {
            if let Err(problem) = file.sync_data() {
                self.trouble(|trouble| {
                    trouble.sync = Some(system_text(&problem));
                    if !trouble.lost.iter().any(|lost| Arc::ptr_eq(lost, file)) {
                        trouble.lost.push(file.clone());
                    }
                });
                return false;
            }
        }
        true
    }

    /// Lets replies leave that wait for what is before a position.
    pub(super) fn release(&self, position: u64) {
        if self.released.fetch_max(position, Ordering::AcqRel) < position {
            self.tell_holders();
        }
    }

    fn may_skip_sync(&self) -> bool {
        self.settings.lock().no_fsync_on_rewrite && self.rewriting.is_active()
    }

    /// Brings all that was written to the disk. Says whether it is there.
    pub(super) fn sync(&self) -> bool {
        let (files, position) = {
            let output = self.output.lock();
            (output.files(), output.position)
        };
        if self.synced.load(Ordering::Acquire) >= position {
            return true;
        }
        let begun = Instant::now();
        self.is_syncing.store(true, Ordering::Relaxed);
        let is_synced = self.sync_all(&files);
        self.is_syncing.store(false, Ordering::Relaxed);
        if begun.elapsed() > SYNC_PATIENCE {
            self.delayed.fetch_add(1, Ordering::Relaxed);
            log::notice!(
                "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for \
                 fsync to complete, this may slow down the server."
            );
        }
        if !is_synced {
            return false;
        }
        self.output.lock().note_synced(&files);
        // After an error, another attempt that has none proves nothing: the system forgets what it could not write.
        let is_lost = self.trouble.lock().sync.is_some();
        let is_complete = !self.rewriting.is_first() && self.switches.load(Ordering::SeqCst) == 0;
        if !is_lost && is_complete {
            self.note_synced(position);
        }
        !is_lost
    }

    /// Notes up to where all is on the disk.
    pub(super) fn note_synced(&self, position: u64) {
        match self.engine() {
            Some(engine) => engine.persistence.log.note_synced(position),
            None => drop(self.synced.fetch_max(position, Ordering::AcqRel)),
        }
    }

    /// Brings all to the disk before the server ends.
    fn finish(&self) {
        self.wait_for_rewrite();
        if self.engine().is_some_and(|engine| engine.persistence.log.is_enabled()) {
            log::notice!("Calling fsync() on the AOF file.");
            self.sync_files_before();
            self.write(&mut self.output.lock());
            self.sync();
        }
    }
}
