//! The ranges of a database's part of a shard, and which of them were taken.

use nuthatch_collections::table::{KeyHasher, Table};

use super::progress::{Hold, Step};
use super::{EntryForm, PIECE_BYTES};
use crate::keyspace::KeyHash;
use crate::rdb::file::EntryWriter;

/// Entries of a range, about: as many are written down before the first of them is changed.
const RANGE_ENTRIES: usize = 4;

/// The ranges of one database's part of a shard.
pub(super) struct Ranges {
    /// The number that the database had in the moment of the snapshot.
    pub(super) number: u32,
    /// A range has all hashes with the same upper bits, so many of them.
    bits: u32,
    /// A bit for each: whether it was taken.
    taken: Box<[u64]>,
    /// All ranges before this one were taken.
    first_left: usize,
}

impl Ranges {
    pub(super) fn of(number: u32, table: &Table<KeyHash>) -> Self {
        let ranges = (table.len() / RANGE_ENTRIES).next_power_of_two();
        let words = ranges.div_ceil(64);
        Self { number, bits: ranges.trailing_zeros(), taken: vec![0; words].into(), first_left: 0 }
    }

    fn count(&self) -> usize {
        1 << self.bits
    }

    pub(super) fn of_hash(&self, hash: u64) -> usize {
        // Without bits there is one range.
        hash.checked_shr(u64::BITS - self.bits).unwrap_or(0) as usize
    }

    fn is_taken(&self, range: usize) -> bool {
        self.taken.get(range / 64).is_none_or(|word| word & (1 << (range % 64)) != 0)
    }

    /// Takes a range. Says whether nobody had.
    pub(super) fn take(&mut self, range: usize) -> bool {
        let is_new = !self.is_taken(range);
        if let Some(word) = self.taken.get_mut(range / 64) {
            *word |= 1 << (range % 64);
        }
        is_new
    }

    /// The first of those that are left.
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.first_left < self.count() {
            if !self.is_taken(self.first_left) {
                return Some(self.first_left);
            }
            self.first_left += 1;
        }
        None
    }

    /// Takes some of those that are left, and writes their entries down. Returns how many there were.
    pub(super) fn write_next(
        &mut self,
        table: &Table<KeyHash>,
        form: &EntryForm,
        hold: &Hold,
        out: &mut EntryWriter,
    ) -> (u64, Step) {
        let mut written = 0;
        for _ in 0..hold.ranges {
            let Some(range) = self.next() else { break };
            let Some(entries) = self.write(range, table, form, hold.entry_bytes_max, out) else {
                return (written, Step::Later);
            };
            self.take(range);
            written += entries;
            if out.bytes().len() >= PIECE_BYTES {
                break;
            }
        }
        (written, Step::More)
    }

    /// Writes the entries of a range down, and returns how many there were. If one of them takes more memory than this,
    /// nothing is written.
    pub(super) fn write(
        &self,
        range: usize,
        table: &Table<KeyHash>,
        form: &EntryForm,
        entry_bytes_max: usize,
        out: &mut EntryWriter,
    ) -> Option<u64> {
        let before = out.bytes().len();
        let mut written = 0;
        let mut has_bigger = false;
        let mut position = (range as u64).checked_shl(u64::BITS - self.bits).unwrap_or(0);
        loop {
            let next = table.scan(position, &mut |record| {
                // A bucket can have more than a range.
                if has_bigger || self.of_hash(table.hasher().hash(record.key())) != range {
                    return;
                }
                has_bigger = record.allocated_bytes() > entry_bytes_max;
                if !has_bigger {
                    let last_use = form.with_last_use.then(|| form.policy.last_use_of(record.access()));
                    written += u64::from(out.write(record, form.policy.now_ms, last_use));
                }
            });
            match next {
                _ if has_bigger => {
                    out.truncate(before);
                    return None;
                }
                Some(next) if self.of_hash(next) == range => position = next,
                _ => return Some(written),
            }
        }
    }
}
