//! Looking at keys rather than using them, and at the databases as a whole.

use nuthatch_collections::entry::RecordRef;

use super::locked::Keys;
use super::{DatabaseFigures, Key};
use crate::access::LastUse;

impl Keys<'_> {
    /// The wall clock in milliseconds since 1970, which is not the moment of the command where a file is loaded.
    pub(crate) fn clock_ms(&self) -> u64 {
        self.access.now_ms
    }

    /// Looks at a key for a command that asks about it: counted as a hit or a miss, but no access is noted.
    pub fn inspect<T>(&mut self, key: &Key<'_>, look: impl FnOnce(RecordRef<'_>) -> T) -> Option<T> {
        let found = self.inspect_quietly(key, look);
        if found.is_none() {
            self.remove_if_expired(key);
            self.notify(key, "keymiss");
        }
        found
    }

    /// Counts that a key was missed, and publishes so.
    pub fn note_miss(&mut self, key: &Key<'_>) {
        self.remove_if_expired(key);
        self.counters.misses += 1;
        self.notify(key, "keymiss");
    }

    /// As [`Self::inspect`], but it is no event if there is no such key.
    pub fn inspect_quietly<T>(&mut self, key: &Key<'_>, look: impl FnOnce(RecordRef<'_>) -> T) -> Option<T> {
        let found = self.peek(key).map(look);
        match found {
            Some(_) => self.counters.hits += 1,
            None => self.counters.misses += 1,
        }
        found
    }

    /// Makes a key appear to have been used like that, as far as such a thing is kept.
    pub fn set_last_use(&mut self, key: &Key<'_>, last_use: LastUse) {
        let Some(field) = self.access.field_of(last_use) else { return };
        if let Some(mut slot) = self.database(key).table.find_mut(key.hash, key.bytes) {
            slot.get_mut().set_access(field);
        }
    }

    /// Figures of one database.
    pub fn figures(&self, database: u32) -> DatabaseFigures {
        let mut figures = DatabaseFigures::default();
        for shard in 0..self.keyspace.shards() {
            let state = self.visit(shard);
            figures.add(&state.databases[self.keyspace.place(database)]);
        }
        figures
    }

    /// How many keys a database has, those included whose deadline has passed but that are still kept.
    pub fn len(&self, database: u32) -> usize {
        let of_shard = |shard| self.visit(shard).databases[self.keyspace.place(database)].table.len();
        (0..self.keyspace.shards()).map(of_shard).sum()
    }

    /// Changes since the server started.
    pub fn changes(&self) -> u64 {
        (0..self.keyspace.shards()).map(|shard| self.visit(shard).changes).sum()
    }
}
