//! Looking at keys rather than using them, and at the databases as a whole.

use nuthatch_collections::entry::RecordRef;

use super::locked::Keys;
use super::{DatabaseFigures, Key};

impl Keys<'_> {
    /// Looks at a key for a command that asks about it: counted as a hit or a miss, but no access is noted.
    pub fn inspect<T>(&mut self, key: &Key<'_>, look: impl FnOnce(RecordRef<'_>) -> T) -> Option<T> {
        let found = self.peek(key).map(look);
        match found {
            Some(_) => self.counters.hits += 1,
            None => self.counters.misses += 1,
        }
        found
    }

    /// Figures of one database, for a command that holds all shards.
    pub fn figures(&mut self, database: u32) -> DatabaseFigures {
        let place = self.keyspace().place(database);
        let mut figures = DatabaseFigures::default();
        for shard in self.all_shards() {
            figures.add(&shard.databases[place]);
        }
        figures
    }
}
