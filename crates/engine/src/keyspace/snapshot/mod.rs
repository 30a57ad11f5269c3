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

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use nuthatch_collections::table::{KeyHasher, Table};
use parking_lot::{Condvar, Mutex};

use super::deadlines::DeadlineIndex;
use super::locked::Guards;
use super::patience::Busy;
use super::{Database, DatabaseFigures, Garbage, KeyHash, Keyspace, ShardState};
use crate::access::AccessPolicy;
use crate::rdb::file::EntryWriter;

/// Entries of a range, about: as many are written down before the first of them is changed.
const RANGE_ENTRIES: usize = 4;

/// Ranges that are taken under one hold of a lock: some tens of microseconds.
const RANGES_PER_HOLD: usize = 64;

/// Bytes after which a lock is given back.
const BYTES_PER_HOLD: usize = 16 * 1024;

/// Entries that were written down before a change are handed over when there are so many bytes of them.
const PIECE_BYTES: usize = 64 * 1024;

/// The most bytes that wait for the file.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long a lock is waited for before what others have handed over is looked at.
const PATIENCE: Duration = Duration::from_millis(1);

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

/// Entries of a database, as they are in files.
struct Piece {
    database: u32,
    bytes: Vec<u8>,
}

/// What was written down and not taken yet.
#[derive(Default)]
struct Pieces {
    pieces: VecDeque<Piece>,
    bytes: usize,
    is_over: bool,
}

/// What the shards and the snapshot share.
#[derive(Default)]
struct Common {
    waiting: Mutex<Pieces>,
    taken: Condvar,
}

impl Common {
    /// Hands over what was written down of a database.
    fn give(&self, database: u32, entries: &mut EntryWriter) {
        if entries.bytes().is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        waiting.bytes += entries.bytes().len();
        waiting.pieces.push_back(Piece { database, bytes: entries.take() });
    }

    /// Waits until not too much waits for the file: for those who change data, not for the one who writes the file.
    fn wait(&self) {
        let mut waiting = self.waiting.lock();
        while waiting.bytes > WAITING_BYTES_MAX && !waiting.is_over {
            self.taken.wait(&mut waiting);
        }
    }

    fn take(&self) -> VecDeque<Piece> {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        self.taken.notify_all();
        mem::take(&mut waiting.pieces)
    }
}

/// The ranges of one database's part of a shard.
struct Ranges {
    /// The number that the database had in the moment of the snapshot.
    number: u32,
    /// A range has all hashes with the same upper bits, so many of them.
    bits: u32,
    /// A bit for each: whether it was taken.
    taken: Box<[u64]>,
    /// All ranges before this one were taken.
    first_left: usize,
}

impl Ranges {
    fn of(number: u32, table: &Table<KeyHash>) -> Self {
        let ranges = (table.len() / RANGE_ENTRIES).next_power_of_two();
        let words = ranges.div_ceil(64);
        Self { number, bits: ranges.trailing_zeros(), taken: vec![0; words].into(), first_left: 0 }
    }

    fn count(&self) -> usize {
        1 << self.bits
    }

    fn of_hash(&self, hash: u64) -> usize {
        // Without bits there is one range.
        hash.checked_shr(u64::BITS - self.bits).unwrap_or(0) as usize
    }

    /// Takes a range. Says whether nobody had.
    fn take(&mut self, range: usize) -> bool {
        let Some(word) = self.taken.get_mut(range / 64) else { return false };
        let bit = 1 << (range % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes the first of those that are left.
    fn take_next(&mut self) -> Option<usize> {
        while self.first_left < self.count() {
            let range = self.first_left;
            self.first_left += 1;
            if self.take(range) {
                return Some(range);
            }
        }
        None
    }

    /// Writes the entries of a range down, and returns how many there were.
    fn write(&self, range: usize, table: &Table<KeyHash>, form: &EntryForm, out: &mut EntryWriter) -> u64 {
        let mut written = 0;
        let mut position = (range as u64).checked_shl(u64::BITS - self.bits).unwrap_or(0);
        loop {
            let next = table.scan(position, &mut |record| {
                // A bucket can have more than a range.
                if self.of_hash(table.hasher().hash(record.key())) == range {
                    let last_use = form.with_last_use.then(|| form.policy.last_use_of(record.access()));
                    written += u64::from(out.write(record, form.policy.now_ms, last_use));
                }
            });
            match next {
                Some(next) if self.of_hash(next) == range => position = next,
                _ => return written,
            }
        }
    }
}

/// A database that was flushed, with the ranges that are still to be taken.
struct Flushed {
    ranges: Ranges,
    content: (Table<KeyHash>, DeadlineIndex),
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
    common: Arc<Common>,
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
            self.common.give(self.number, &mut self.entries);
            self.number = ranges.number;
        }
        ranges.write(range, table, &self.form, &mut self.entries);
        if self.entries.bytes().len() >= PIECE_BYTES {
            self.common.give(self.number, &mut self.entries);
            self.common.wait();
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
    fn go_on(&mut self, databases: &[Database]) -> Option<u64> {
        let mut written = 0;
        for (place, database) in databases.iter().enumerate() {
            let Some(ranges) = self.databases.get_mut(place).and_then(Option::as_mut) else { continue };
            if self.number != ranges.number {
                self.common.give(self.number, &mut self.entries);
                self.number = ranges.number;
            }
            for _ in 0..RANGES_PER_HOLD {
                let Some(range) = ranges.take_next() else {
                    self.databases[place] = None;
                    break;
                };
                written += ranges.write(range, &database.table, &self.form, &mut self.entries);
                if self.entries.bytes().len() >= BYTES_PER_HOLD {
                    break;
                }
            }
            return Some(written);
        }
        None
    }
}

/// A snapshot that is being made; dropping it ends it.
pub struct Snapshot<'k> {
    keyspace: &'k Keyspace,
    common: Arc<Common>,
    form: EntryForm,
    /// The shard that comes next.
    shard: usize,
    /// What comes before it.
    flushed: Option<Flushed>,
    /// The databases that had keys, with their figures.
    pub databases: Vec<(u32, DatabaseFigures)>,
    /// How many changes there had been since the server started.
    pub changes: u64,
    /// Entries that it has gone through so far, without those that were about to be changed.
    pub entries: u64,
}

impl Keyspace {
    /// Begins a snapshot of this moment, and calls `at_moment` while nobody can change anything. There must be no other
    /// one.
    ///
    /// # Errors
    /// A script holds a shard that has run for too long.
    pub fn begin_snapshot(&self, form: EntryForm, at_moment: &mut dyn FnMut()) -> Result<Snapshot<'_>, Busy> {
        let Guards::Many(mut guards) = self.lock_all()? else { return Err(Busy) };
        let common = Arc::new(Common::default());
        let mut figures = vec![DatabaseFigures::default(); self.places.len()];
        let mut changes = 0;
        for (_, state) in &mut guards {
            let ShardState { databases, snapshot, .. } = &mut **state;
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
                common: common.clone(),
            }));
            changes += state.changes;
        }
        at_moment();
        drop(guards);
        let databases = (0..).zip(figures).filter(|(_, figures)| figures.keys > 0).collect();
        Ok(Snapshot { keyspace: self, common, form, shard: 0, flushed: None, databases, changes, entries: 0 })
    }
}

impl Keyspace {
    /// Changes since the server started; nothing while scripts run for too long.
    pub fn changes(&self) -> Option<u64> {
        (0..self.shards.len()).map(|shard| self.lock(shard).ok().map(|state| state.changes)).sum()
    }
}

impl Snapshot<'_> {
    /// Goes on for a while: shows `give` entries as they are in files, with the numbers of their databases. Says whether
    /// there is more to come.
    ///
    /// # Errors
    /// `give` has failed.
    pub fn step(&mut self, give: &mut dyn FnMut(u32, &[u8]) -> io::Result<()>) -> io::Result<bool> {
        for piece in self.common.take() {
            give(piece.database, &piece.bytes)?;
        }
        if let Some(flushed) = self.flushed.take() {
            self.write_flushed(flushed, give)?;
            return Ok(true);
        }
        let Some(shard) = self.keyspace.shards.get(self.shard) else { return Ok(false) };
        let Some(mut state) = shard.state.try_lock_for(PATIENCE) else { return Ok(true) };
        let ShardState { databases, snapshot, .. } = &mut *state;
        let Some(part) = snapshot else {
            self.shard += 1;
            return Ok(true);
        };
        if let Some(flushed) = part.flushed.pop() {
            self.flushed = Some(flushed);
            return Ok(true);
        }
        let written = part.go_on(databases);
        let (number, bytes) = (part.number, part.entries.take());
        if written.is_none() {
            *snapshot = None;
        }
        drop(state);
        self.entries += written.unwrap_or(0);
        if !bytes.is_empty() {
            give(number, &bytes)?;
        }
        Ok(true)
    }

    /// Writes some entries of a flushed database.
    fn write_flushed(
        &mut self,
        mut flushed: Flushed,
        give: &mut dyn FnMut(u32, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut entries = EntryWriter::new(self.form.compresses);
        let Flushed { ranges, content } = &mut flushed;
        while entries.bytes().len() < PIECE_BYTES
            && let Some(range) = ranges.take_next()
        {
            self.entries += ranges.write(range, &content.0, &self.form, &mut entries);
        }
        if entries.bytes().is_empty() {
            (self.keyspace.reclaim)(Garbage::Content(Box::new(flushed.content)));
            return Ok(());
        }
        let number = ranges.number;
        self.flushed = Some(flushed);
        give(number, entries.bytes())
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        self.common.waiting.lock().is_over = true;
        self.common.taken.notify_all();
        if let Some(flushed) = self.flushed.take() {
            (self.keyspace.reclaim)(Garbage::Content(Box::new(flushed.content)));
        }
        for shard in &self.keyspace.shards[self.shard.min(self.keyspace.shards.len())..] {
            // Whoever holds it gives it back, a script that has run for too long at last.
            let part = shard.state.lock().snapshot.take();
            for flushed in part.into_iter().flat_map(|part| part.flushed) {
                (self.keyspace.reclaim)(Garbage::Content(Box::new(flushed.content)));
            }
        }
    }
}
