//! Visits to many keys, one shard after another: SCAN, KEYS and random keys. They take each shard's lock
//! for a few buckets at a time and hold no lock between them, but in a transaction, which holds all.

use nuthatch_collections::entry::RecordRef;

use super::locked::{Keys, is_live};

/// The low bits of a cursor, which hold the shard's number.
pub(super) const SHARD_BITS: u32 = 10;

/// A position in a shard's hash space is a multiple of this power of two.
const POSITION_BITS: u32 = 32;

/// Buckets that one call passes for each key that it was asked for.
const BUCKETS_PER_KEY: usize = 10;

/// Buckets of a small table: one call passes as many for each shard, so that it gets to the end of a small database at
/// once.
const BUCKETS_PER_SHARD: usize = 64;

/// Buckets visited under one hold of a lock: at most some tens of microseconds.
const BUCKETS_PER_HOLD: usize = 64;

/// Where a scan goes on: the shard's number in the low bits, the position in its hash space above them.
///
/// Cursors are below 2^53, because some clients take them for floating-point numbers.
fn cursor_of(shard: usize, position: u64) -> u64 {
    ((position >> POSITION_BITS) << SHARD_BITS) | shard as u64
}

/// The shard and position of any cursor, also of one that was never given out.
fn place_of(cursor: u64) -> (usize, u64) {
    let shard = cursor & ((1 << SHARD_BITS) - 1);
    (shard as usize, (cursor >> SHARD_BITS) << POSITION_BITS)
}

impl Keys<'_> {
    /// Visits about `count` keys of a database from `cursor` on and returns the next cursor, 0 at the end.
    ///
    /// Every key that is there from the first call to the last is visited at least once, however the table
    /// grows or shrinks meanwhile; nothing is kept between calls.
    pub fn scan(
        &self,
        database: u32,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> u64 {
        let (shards, now_ms) = (self.keyspace.shards(), self.now_ms);
        let (mut shard, mut position) = place_of(cursor);
        let mut visited = 0;
        let mut buckets = 0;
        let buckets_max = count.saturating_mul(BUCKETS_PER_KEY).max(shards * BUCKETS_PER_SHARD);
        while shard < shards {
            let mut state = self.visit(shard);
            loop {
                let next =
                    state.databases[self.keyspace.place(database)].table.scan(position, &mut |record| {
                        if is_live(record, now_ms) {
                            visited += 1;
                            visit(record);
                        }
                    });
                let Some(next) = next else { break };
                position = next;
                buckets += 1;
                if visited >= count || buckets >= buckets_max {
                    return cursor_of(shard, position);
                }
                if buckets.is_multiple_of(BUCKETS_PER_HOLD) {
                    state.give_way();
                }
            }
            (shard, position) = (shard + 1, 0);
            if visited >= count && shard < shards {
                return cursor_of(shard, position);
            }
        }
        0
    }

    /// Visits every key of a database.
    pub fn for_each(&self, database: u32, visit: &mut dyn FnMut(RecordRef<'_>)) {
        /// Keys visited under one hold of a lock: about ten microseconds.
        const STEP: usize = 128;
        let mut cursor = 0;
        loop {
            cursor = self.scan(database, cursor, STEP, visit);
            if cursor == 0 {
                return;
            }
        }
    }

    /// A key of a database, each about as likely as any other, or `None` if there is none.
    pub fn random_key(&self, database: u32) -> Option<Vec<u8>> {
        /// Tries at hitting a key that has not expired before any such key will do.
        const TRIES: usize = 32;
        let (shards, now_ms) = (self.keyspace.shards(), self.now_ms);
        let lengths: Vec<usize> = (0..shards)
            .map(|shard| self.visit(shard).databases[self.keyspace.place(database)].table.len())
            .collect();
        let total: usize = lengths.iter().sum();
        if total == 0 {
            return None;
        }
        for _ in 0..TRIES {
            let mut chosen = fastrand::usize(..total);
            let shard = lengths.iter().position(|length| match chosen.checked_sub(*length) {
                Some(rest) => {
                    chosen = rest;
                    false
                }
                None => true,
            })?;
            let state = self.visit(shard);
            let table = &state.databases[self.keyspace.place(database)].table;
            if let Some(record) =
                table.sample(&mut || fastrand::u64(..)).filter(|record| is_live(*record, now_ms))
            {
                return Some(record.key().to_vec());
            }
        }
        let mut found = None;
        let mut cursor = 0;
        loop {
            cursor = self.scan(database, cursor, 1, &mut |record| found = Some(record.key().to_vec()));
            if cursor == 0 || found.is_some() {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_fit_a_floating_point_number() {
        let last = cursor_of((1 << SHARD_BITS) - 1, u64::MAX << POSITION_BITS);
        assert!(last < 1 << 53);
        assert_eq!(place_of(last), ((1 << SHARD_BITS) - 1, u64::MAX << POSITION_BITS));
    }
}
