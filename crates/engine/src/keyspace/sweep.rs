//! Visits to many keys, one shard after another: SCAN, KEYS and random keys. They take each shard's lock
//! for a few buckets at a time and hold no lock between them.

use nuthatch_collections::entry::RecordRef;

use super::Keyspace;
use super::locked::is_live;

/// The low bits of a cursor are the shard's number, the others the position in its hash space.
const SHARD_MASK: u64 = 0xffff;

/// Empty buckets that one step passes for each key that it was asked for.
const BUCKETS_PER_KEY: usize = 10;

impl Keyspace {
    /// Visits about `count` keys of a database from `cursor` on and returns the next cursor, 0 at the end.
    ///
    /// Every key that is there from the first call to the last is visited at least once, however the table
    /// grows or shrinks meanwhile; nothing is kept between calls.
    pub fn scan(
        &self,
        database: u32,
        cursor: u64,
        count: usize,
        now_ms: u64,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> u64 {
        let mut shard = (cursor & SHARD_MASK) as usize;
        let mut position = cursor & !SHARD_MASK;
        let mut visited = 0;
        let mut buckets = count.saturating_mul(BUCKETS_PER_KEY);
        while shard < self.shards() {
            let state = self.lock(shard);
            let table = &state.databases[self.place(database)].table;
            loop {
                let next = table.scan(position, &mut |record| {
                    if is_live(record, now_ms) {
                        visited += 1;
                        visit(record);
                    }
                });
                buckets = buckets.saturating_sub(1);
                let Some(next) = next else { break };
                position = next;
                if visited >= count || buckets == 0 {
                    return position | shard as u64;
                }
            }
            shard += 1;
            position = 0;
            if (visited >= count || buckets == 0) && shard < self.shards() {
                return shard as u64;
            }
        }
        0
    }

    /// Visits every key of a database.
    pub fn for_each(&self, database: u32, now_ms: u64, visit: &mut dyn FnMut(RecordRef<'_>)) {
        /// Keys visited under one hold of a lock: about ten microseconds.
        const STEP: usize = 128;
        let mut cursor = 0;
        loop {
            cursor = self.scan(database, cursor, STEP, now_ms, visit);
            if cursor == 0 {
                return;
            }
        }
    }

    /// A key of a database, each about as likely as any other, or `None` if there is none.
    pub fn random_key(&self, database: u32, now_ms: u64) -> Option<Vec<u8>> {
        /// Tries at hitting a key that has not expired before any such key will do.
        const TRIES: usize = 32;
        let lengths: Vec<usize> = (0..self.shards())
            .map(|shard| self.lock(shard).databases[self.place(database)].table.len())
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
            let state = self.lock(shard);
            let table = &state.databases[self.place(database)].table;
            if let Some(record) = table.sample(&mut || fastrand::u64(..)).filter(|record| is_live(*record, now_ms)) {
                return Some(record.key().to_vec());
            }
        }
        let mut found = None;
        let mut cursor = 0;
        loop {
            cursor = self.scan(database, cursor, 1, now_ms, &mut |record| found = Some(record.key().to_vec()));
            if cursor == 0 || found.is_some() {
                return found;
            }
        }
    }
}
