//! Keys under other names and in other databases; whole databases flushed and exchanged.

use std::sync::atomic::Ordering;

use nuthatch_collections::entry::Entry;

use super::deadlines::Dues;
use super::locked::{Keys, is_live, note_creation};
use super::{Garbage, Key};
use crate::effect::{Change, Effect};

impl Keys<'_> {
    /// Moves a key with its deadline to another name or database, replacing what is there. Says whether
    /// there was a key to move.
    pub fn rename(&mut self, from: &Key<'_>, to: &Key<'_>) -> bool {
        if !self.contains(from) {
            return false;
        }
        let Some(entry) = self.extract(from) else { return false };
        let change = Change::Rename { database: to.database, key: to.bytes };
        self.append_effect(from, "rename", change);
        self.place_entry(to, entry.with_key(to.bytes));
        true
    }

    /// Copies a key with its deadline, replacing what is there. Says whether there was a key to copy.
    pub fn copy(&mut self, from: &Key<'_>, to: &Key<'_>) -> bool {
        let access = self.access;
        let now_ms = self.now_ms;
        let Some(mut entry) = self
            .database(from)
            .table
            .find(from.hash, from.bytes)
            .filter(|record| is_live(*record, now_ms))
            .map(|record| Entry::copy_of(record, to.bytes))
        else {
            return false;
        };
        note_creation(&mut entry.as_mut(), access);
        self.place_entry(to, entry);
        self.append_put(to, "copy_to");
        true
    }

    fn place_entry(&mut self, key: &Key<'_>, mut entry: Entry) {
        if let Some(replaced) = self.extract(key) {
            self.discard(replaced);
        }
        let dues = Dues::of(entry.as_ref());
        entry.as_mut().set_mark(false);
        self.database(key).table.insert(key.hash, entry);
        if dues.earliest().is_some() {
            self.index_deadline(key, Dues::default(), dues);
        }
        self.mark_ready(key);
    }

    /// Removes every key of a database, releasing the memory elsewhere or, if `wait`, before it returns.
    /// The command holds all shards. Returns how many keys there were.
    pub fn flush(&mut self, database: u32, wait: bool) -> usize {
        let keyspace = self.keyspace;
        let place = keyspace.place(database);
        let mut keys = 0;
        for shard in self.all_shards() {
            let part = &mut shard.databases[place];
            keys += part.table.len();
            shard.changes += part.table.len() as u64;
            part.with_deadline = 0;
            part.with_field_deadlines = 0;
            let deadlines = std::mem::take(&mut part.deadlines);
            if part.table.is_empty() {
                continue;
            }
            let content = part.table.take();
            if wait {
                drop(content);
            } else {
                (keyspace.reclaim)(Garbage::Content(Box::new((content, deadlines))));
            }
        }
        self.append_database_effect(database, "flushdb", Change::Flush);
        keys
    }

    /// Exchanges the contents of two databases. The command holds all shards.
    pub fn swap_databases(&mut self, first: u32, second: u32) {
        let places = &self.keyspace.places;
        if let (Some(one), Some(other)) = (places.get(first as usize), places.get(second as usize)) {
            let place = one.load(Ordering::Relaxed);
            one.store(other.swap(place, Ordering::Relaxed), Ordering::Relaxed);
        }
        if let Some(shard) = self.all_shards().next() {
            shard.changes += 1;
        }
        self.append_database_effect(first, "swapdb", Change::Swap(second));
        self.mark_database_ready(first);
        self.mark_database_ready(second);
    }

    fn append_database_effect(&self, database: u32, event: &'static str, change: Change<'_>) {
        if let Some(log) = &self.keyspace.log {
            log.append(&Effect { database, key: &[], event, change });
        }
    }
}
