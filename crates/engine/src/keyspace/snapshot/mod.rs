//! A snapshot: all data as it was at one moment, read while commands go on changing it.
//!
//! When it begins, under the locks of all shards, each shard cuts the hash space of its databases into ranges of a few
//! entries. Whoever is about to change an entry whose range nobody has taken yet takes it before: writes its entries down,
//! under the lock of the shard that it holds anyway. The thread that makes the snapshot goes through the shards and takes the
//! ranges that are left, a few under one hold of the lock. So each range is taken once, as it was in the beginning.
//!
//! Memory grows by a bit for each range, and by what was written down and has not gone to the file yet, which is bounded:
//! who changes more than the file takes waits for it. A database that is flushed meanwhile goes to the snapshot as it is.
//! What expires is not looked at before it is removed: whoever reads the snapshot would remove it, too.

mod handover;
mod progress;
mod ranges;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::{fmt, io};

use nuthatch_collections::allocator;
use nuthatch_collections::table::Table;

use super::deadlines::DeadlineIndex;
use super::locked::{Guards, Keys};
use super::patience::Busy;
use super::{Database, DatabaseFigures, KeyHash, Keyspace, ShardState};
use crate::access::AccessPolicy;
use crate::rdb::file::EntryWriter;
use handover::Handover;
use progress::{Flushed, Hold, Step};
use ranges::Ranges;

pub use progress::Help;
pub(super) use progress::Progress;

/// Entries are handed over when there are so many bytes of them.
const PIECE_BYTES: usize = 8 * 1024;

/// How long the thread that makes the snapshot waits for others to help before it goes on alone.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long it waits between its own steps then.
const PATIENCE_ALONE: Duration = Duration::from_micros(50);

/// How entries are written down.
#[derive(Debug, Clone, Copy)]
pub struct EntryForm {
    /// Whether strings are compressed.
    pub compresses: bool,
    /// Whether it is written when or how often keys were used.
    pub with_last_use: bool,
    /// The moment of the snapshot, and how accesses are noted.
    pub policy: AccessPolicy,
}

/// What a shard keeps while a snapshot is made.
pub(super) struct Part {
    form: EntryForm,
    /// By place; none of databases that had no keys, and of those that are done.
    databases: Box<[Option<Ranges>]>,
    flushed: Vec<Flushed>,
    /// What was written down and not handed over.
    entries: EntryWriter,
    /// The database that those are of.
    number: u32,
    handover: Arc<Handover>,
}

impl Part {
    /// Writes down what is about to be changed, unless that was done.
    #[cold]
    #[inline(never)]
    pub(super) fn before_change(&mut self, place: usize, hash: u64, table: &Table<KeyHash>) {
        let Some(ranges) = self.databases.get_mut(place).and_then(Option::as_mut) else { return };
        let range = ranges.of_hash(hash);
        if !ranges.take(range) {
            return;
        }
        if self.number != ranges.number {
            self.handover.give(self.number, &mut self.entries);
            self.number = ranges.number;
        }
        // Whatever size it is of.
        let _ = ranges.write(range, table, &self.form, usize::MAX, &mut self.entries);
        if self.entries.bytes().len() >= PIECE_BYTES {
            self.give();
            self.handover.wait_for_room();
        }
    }

    /// Takes the content of a database that is flushed, or gives it back if the snapshot needs nothing of it.
    pub(super) fn keep_flushed(
        &mut self,
        place: usize,
        content: (Table<KeyHash>, DeadlineIndex),
    ) -> Option<(Table<KeyHash>, DeadlineIndex)> {
        match self.databases.get_mut(place).and_then(Option::take) {
            Some(ranges) => {
                self.flushed.push(Flushed { ranges, content });
                None
            }
            None => Some(content),
        }
    }

    /// Takes some of the ranges that are left, and returns how many entries there were; nothing if none are left.
    fn go_on(&mut self, databases: &[Database], hold: &Hold) -> Option<(u64, Step)> {
        let mut left = databases.iter().zip(&mut self.databases);
        let (database, ranges) = left.find(|(_, ranges)| ranges.is_some())?;
        let left = ranges.as_mut()?;
        if self.number != left.number {
            self.handover.give(self.number, &mut self.entries);
            self.number = left.number;
        }
        let (written, step) = left.write_next(&database.table, &self.form, hold, &mut self.entries);
        if left.next().is_none() {
            *ranges = None;
        }
        if self.entries.bytes().len() >= PIECE_BYTES {
            self.give();
        }
        Some((written, step))
    }

    /// Hands over what was written down.
    fn give(&mut self) {
        self.handover.give(self.number, &mut self.entries);
    }
}

/// A snapshot that has begun and that nobody goes on with yet.
pub struct Begun {
    handover: Arc<Handover>,
    databases: Vec<(u32, DatabaseFigures)>,
    changes: u64,
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Begun").field("changes", &self.changes).finish_non_exhaustive()
    }
}

/// A snapshot that is being made; dropping it ends it.
pub struct Snapshot<'k> {
    keyspace: &'k Keyspace,
    handover: Arc<Handover>,
    /// How often others had helped when it was looked at last, if they are to be waited for.
    helped: Option<u64>,
    /// Whether nobody has helped since.
    is_alone: bool,
    /// The databases that had keys, with their figures.
    pub databases: Vec<(u32, DatabaseFigures)>,
    /// How many changes there had been since the server started.
    pub changes: u64,
    /// Entries that it has gone through so far, without those that were about to be changed.
    pub entries: u64,
}

impl Keys<'_> {
    /// Begins a snapshot of this moment, for a command that holds all shards. There must be no other one.
    pub(crate) fn begin_snapshot(&mut self, form: EntryForm) -> Begun {
        let keyspace = self.keyspace();
        keyspace.begin_with(self.all_shards(), form)
    }
}

impl Keyspace {
    /// Begins a snapshot of this moment, and calls `at_moment` while nobody can change anything. There must be no other
    /// one.
    ///
    /// # Errors
    /// A script holds a shard that has run for too long.
    pub fn begin_snapshot(&self, form: EntryForm, at_moment: &mut dyn FnMut()) -> Result<Snapshot<'_>, Busy> {
        let Guards::Many(mut guards) = self.lock_all()? else { return Err(Busy) };
        let begun = self.begin_with(guards.iter_mut().map(|(_, state)| &mut **state), form);
        at_moment();
        drop(guards);
        Ok(self.go_on_with(begun))
    }

    /// Begins a snapshot in all shards, which the caller holds.
    fn begin_with<'s>(&self, shards: impl Iterator<Item = &'s mut ShardState>, form: EntryForm) -> Begun {
        let handover = Arc::new(Handover::new(self.snapshot_bytes.clone()));
        let mut figures = vec![DatabaseFigures::default(); self.places.len()];
        let mut changes = 0;
        for ShardState { databases, snapshot, changes: changes_here, .. } in shards {
            let mut ranges: Box<[Option<Ranges>]> = databases.iter().map(|_| None).collect();
            for (number, figures) in (0..).zip(&mut figures) {
                let place = self.place(number);
                figures.add(&databases[place]);
                if !databases[place].table.is_empty() {
                    ranges[place] = Some(Ranges::of(number, &databases[place].table));
                }
            }
            debug_assert!(snapshot.is_none(), "a snapshot is made already");
            *snapshot = Some(Box::new(Part {
                form,
                databases: ranges,
                flushed: Vec::new(),
                entries: EntryWriter::new(form.compresses),
                number: 0,
                handover: handover.clone(),
            }));
            changes += *changes_here;
        }
        *self.snapshot_progress.lock() = Some(Progress::new(form, handover.clone()));
        let databases = (0..).zip(figures).filter(|(_, figures)| figures.keys > 0).collect();
        Begun { handover, databases, changes }
    }

    /// The snapshot that has begun. Whoever has begun one sees to it that somebody calls this.
    pub(crate) fn go_on_with(&self, begun: Begun) -> Snapshot<'_> {
        let Begun { handover, databases, changes } = begun;
        Snapshot { keyspace: self, handover, helped: None, is_alone: false, databases, changes, entries: 0 }
    }
}

impl Keyspace {
    /// Changes since the server started; nothing while scripts run for too long.
    pub fn changes(&self) -> Option<u64> {
        (0..self.shards.len()).map(|shard| self.lock(shard).ok().map(|state| state.changes)).sum()
    }
}

impl Snapshot<'_> {
    /// Has those who serve clients help from now on, by [`Keyspace::help_snapshot`], if they come when `call` calls them.
    pub fn ask_for_help(&mut self, call: impl FnOnce() -> bool) {
        // Before they are called: who comes too early would sleep again.
        self.keyspace.snapshot_wants_help.store(true, Ordering::SeqCst);
        if call() {
            self.helped = Some(0);
        } else {
            self.keyspace.snapshot_wants_help.store(false, Ordering::Relaxed);
        }
    }

    /// Goes on for a while: shows `give` entries as they are in files, with the numbers of their databases. Says whether
    /// there is more to come.
    ///
    /// # Errors
    /// `give` has failed.
    pub fn step(&mut self, give: &mut dyn FnMut(u32, &[u8]) -> io::Result<()>) -> io::Result<bool> {
        let patience = match self.helped {
            None => Duration::ZERO,
            Some(_) if self.is_alone => PATIENCE_ALONE,
            Some(_) => PATIENCE,
        };
        if self.write(patience, give)? {
            return Ok(true);
        }
        let mut progress = self.keyspace.snapshot_progress.lock();
        let Some(progress) = progress.as_mut() else { return Ok(false) };
        self.entries = progress.entries;
        if self.helped.is_some_and(|before| before != progress.helped) {
            self.helped = Some(progress.helped);
            self.is_alone = false;
            return Ok(true);
        }
        self.is_alone = true;
        match progress.go_on(self.keyspace, &Hold::ALONE) {
            Step::More | Step::Later => Ok(true),
            // What was handed over last.
            Step::Over => self.write(Duration::ZERO, give),
        }
    }

    /// Writes what was handed over. Says whether there was anything.
    fn write(
        &self,
        patience: Duration,
        give: &mut dyn FnMut(u32, &[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let pieces = self.handover.take(patience);
        let is_any = !pieces.is_empty();
        for piece in pieces {
            give(piece.database, &piece.bytes)?;
            self.handover.give_back(piece.bytes);
        }
        // Tells others what has been released so far.
        allocator::allocated();
        Ok(is_any)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        self.handover.end();
        self.keyspace.snapshot_wants_help.store(false, Ordering::Relaxed);
        let progress = self.keyspace.snapshot_progress.lock().take();
        let mut flushed = Vec::new();
        let mut first_left = 0;
        if let Some(progress) = progress {
            first_left = progress.shard.min(self.keyspace.shards.len());
            flushed.extend(progress.flushed);
        }
        for shard in &self.keyspace.shards[first_left..] {
            // Whoever holds it gives it back, a script that has run for too long at last.
            let part = shard.state.lock().snapshot.take();
            flushed.extend(part.into_iter().flat_map(|part| part.flushed));
        }
        for flushed in flushed {
            self.keyspace.discard_content(flushed.content);
        }
    }
}
