//! How far a snapshot is, and going on with it: by the thread that makes it, or by those who serve clients beside.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nuthatch_collections::table::Table;

use super::EntryForm;
use super::handover::Handover;
use super::ranges::Ranges;
use crate::keyspace::deadlines::DeadlineIndex;
use crate::keyspace::{KeyHash, Keyspace, ShardState};
use crate::rdb::file::EntryWriter;

/// Who serves clients does not go on while so many bytes wait for the file.
const WAITING_BYTES_MAX: usize = 16 * 1024;

/// How much is done under one hold of a shard's lock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// Ranges that are taken.
    pub(super) ranges: usize,
    /// How long the lock is waited for.
    patience: Duration,
    /// Entries that take more memory are left to others.
    pub(super) entry_bytes_max: usize,
}

impl Hold {
    /// Of the thread that makes the snapshot: some tens of microseconds.
    pub(super) const ALONE: Self =
        Self { ranges: 32, patience: Duration::from_millis(1), entry_bytes_max: usize::MAX };

    /// Of one who serves clients.
    const BESIDE: Self = Self { ranges: 8, patience: Duration::ZERO, entry_bytes_max: 16 * 1024 };
}

/// What came of going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more.
    More,
    /// Not now, or not by this one.
    Later,
    /// Everything was handed over.
    Over,
}

/// What came of helping with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// There is none that wants it.
    None,
    /// It will soon be wanted again.
    Later,
    /// It is wanted again at once.
    More,
}

/// A database that was flushed, with the ranges that are still to be taken.
pub(super) struct Flushed {
    pub(super) ranges: Ranges,
    pub(super) content: (Table<KeyHash>, DeadlineIndex),
}

/// How far a snapshot is.
pub(in crate::keyspace) struct Progress {
    form: EntryForm,
    handover: Arc<Handover>,
    /// The shard that comes next.
    pub(super) shard: usize,
    /// What comes before it.
    pub(super) flushed: Option<Flushed>,
    /// Entries that it has gone through so far, without those that were about to be changed.
    pub(super) entries: u64,
    /// How often others have helped.
    pub(super) helped: u64,
}

impl Progress {
    pub(super) fn new(form: EntryForm, handover: Arc<Handover>) -> Self {
        Self { form, handover, shard: 0, flushed: None, entries: 0, helped: 0 }
    }

    /// Goes on for one hold of a lock.
    pub(super) fn go_on(&mut self, keyspace: &Keyspace, hold: &Hold) -> Step {
        if let Some(flushed) = self.flushed.take() {
            return self.write_flushed(flushed, keyspace, hold);
        }
        let Some(shard) = keyspace.shards.get(self.shard) else { return Step::Over };
        let Some(mut state) = shard.state.try_lock_for(hold.patience) else { return Step::Later };
        let ShardState { databases, snapshot, .. } = &mut *state;
        let Some(part) = snapshot else {
            self.shard += 1;
            return Step::More;
        };
        if let Some(flushed) = part.flushed.pop() {
            self.flushed = Some(flushed);
            return Step::More;
        }
        match part.go_on(databases, hold) {
            Some((written, step)) => {
                self.entries += written;
                step
            }
            None => {
                part.give();
                *snapshot = None;
                Step::More
            }
        }
    }

    /// Writes some entries of a flushed database.
    fn write_flushed(&mut self, mut flushed: Flushed, keyspace: &Keyspace, hold: &Hold) -> Step {
        let mut entries = EntryWriter::new(self.form.compresses);
        let Flushed { ranges, content } = &mut flushed;
        let (written, step) = ranges.write_next(&content.0, &self.form, hold, &mut entries);
        self.entries += written;
        self.handover.give(ranges.number, &mut entries);
        if ranges.next().is_some() {
            self.flushed = Some(flushed);
            return step;
        }
        keyspace.discard_content(flushed.content);
        Step::More
    }
}

impl Keyspace {
    /// Whether a snapshot is made that those who serve clients are to help with.
    #[inline]
    pub fn snapshot_wants_help(&self) -> bool {
        self.snapshot_wants_help.load(Ordering::Relaxed)
    }

    /// Bytes of a snapshot that wait for the file.
    pub fn snapshot_bytes_waiting(&self) -> u64 {
        self.snapshot_bytes.load(Ordering::Relaxed) as u64
    }

    /// Helps with the snapshot that is being made, for about so long. For those who serve clients: no entry is touched that
    /// takes long, and no lock is waited for.
    pub fn help_snapshot(&self, time: Duration) -> Help {
        if !self.snapshot_wants_help() {
            return Help::None;
        }
        // Another one helps.
        let Some(mut progress) = self.snapshot_progress.try_lock() else { return Help::Later };
        let Some(progress) = progress.as_mut() else { return Help::None };
        let begun = Instant::now();
        loop {
            if progress.handover.waiting() > WAITING_BYTES_MAX {
                return Help::Later;
            }
            match progress.go_on(self, &Hold::BESIDE) {
                Step::More => {}
                Step::Later | Step::Over => return Help::Later,
            }
            progress.helped += 1;
            if begun.elapsed() >= time {
                return Help::More;
            }
        }
    }
}
