//! Keys under other names and in other databases; whole databases flushed and exchanged.

use std::sync::atomic::Ordering;

use nuthatch_collections::entry::Entry;

use super::deadlines::Dues;
use super::eviction::adaptive::note_creation;
use super::locked::Keys;
use super::{Deadlined, Key};
use crate::effect::{Change, Effect};
use crate::value::Kind;

impl Keys<'_> {
    /// Moves a key with its deadline to another name or database, replacing what is there, as the events of the two
    /// names say. Says whether there was a key to move.
    pub fn rename(&mut self, from: &Key<'_>, to: &Key<'_>, events: [&'static str; 2]) -> bool {
        self.remove_if_expired(from);
        self.remove_if_expired(to);
        let Some(entry) = self.extract(from) else { return false };
        self.notify(to, "new");
        let change = Change::Rename { database: to.database, key: to.bytes };
        self.mark_ready(from);
        self.append_effect(from, events[0], change);
        let replaced = self.place_entry(to, entry.with_key(to.bytes));
        self.append_event(to, events[1]);
        self.notify_of_replacing(to, replaced);
        true
    }

    /// Copies a key with its deadline, replacing what is there. Says whether there was a key to copy.
    pub fn copy(&mut self, from: &Key<'_>, to: &Key<'_>) -> bool {
        let access = self.access;
        self.remove_if_expired(from);
        self.remove_if_expired(to);
        let record = self.database(from).table.find(from.hash, from.bytes);
        let Some(mut entry) = record.map(|record| Entry::copy_of(record, to.bytes)) else { return false };
        let database = self.database(to);
        let residents = database.residents(access);
        note_creation(&mut entry.as_mut(), access, &mut database.learner, residents, to.hash);
        self.notify(to, "new");
        let replaced = self.place_entry(to, entry);
        self.note(to, "copy_to");
        self.notify_of_replacing(to, replaced);
        true
    }

    /// Puts an entry into its place. Returns the kind of the value that was there.
    fn place_entry(&mut self, key: &Key<'_>, mut entry: Entry) -> Option<Kind> {
        let replaced = self.extract(key);
        let kind = replaced.as_ref().map(|replaced| Kind::of(replaced.as_ref().kind()));
        if let Some(replaced) = replaced {
            self.discard(replaced);
        }
        let dues = Dues::of(entry.as_ref());
        entry.as_mut().set_mark(false);
        self.database(key).table.insert(key.hash, entry);
        if dues.earliest().is_some() {
            self.index_deadline(key, Dues::default(), dues);
        }
        self.mark_ready(key);
        kind
    }

    fn notify_of_replacing(&self, key: &Key<'_>, replaced: Option<Kind>) {
        if let (Some(before), Some(after)) = (replaced, self.peek(key).map(|record| Kind::of(record.kind())))
        {
            self.notify_of_overwriting(key, before, after);
        }
    }

    /// Removes every key of a database, releasing the memory elsewhere or, if `wait`, before it returns.
    /// The command holds all shards. Returns how many keys there were.
    pub fn flush(&mut self, database: u32, wait: bool) -> usize {
        let keyspace = self.keyspace;
        let place = keyspace.place(database);
        self.break_watches_of_database(database, None);
        let mut keys = 0;
        for shard in self.all_shards() {
            let part = &mut shard.databases[place];
            keys += part.table.len();
            shard.changes += part.table.len() as u64;
            part.with_deadline = Deadlined::default();
            part.with_field_deadlines = 0;
            let deadlines = std::mem::take(&mut part.deadlines);
            if part.table.memory_bytes() == 0 {
                continue;
            }
            let content = (part.table.take(), deadlines);
            let left = match &mut shard.snapshot {
                Some(snapshot) => snapshot.keep_flushed(place, content),
                None => Some(content),
            };
            match left {
                Some(content) if !wait => keyspace.discard_content(content),
                // Without a snapshot that needs it, it is dropped here.
                _ => {}
            }
        }
        self.mark_database_ready(database);
        self.append_database_effect(database, Change::Flush);
        keys
    }

    /// Exchanges the contents of two databases. The command holds all shards.
    pub fn swap_databases(&mut self, first: u32, second: u32) {
        self.break_watches_of_database(first, Some(second));
        self.break_watches_of_database(second, Some(first));
        let places = &self.keyspace.places;
        if let (Some(one), Some(other)) = (places.get(first as usize), places.get(second as usize)) {
            let place = one.load(Ordering::Relaxed);
            one.store(other.swap(place, Ordering::Relaxed), Ordering::Relaxed);
        }
        if let Some(shard) = self.all_shards().next() {
            shard.changes += 1;
        }
        self.append_database_effect(first, Change::Swap(second));
        self.tell_followers_of_flush();
        self.mark_database_ready(first);
        self.mark_database_ready(second);
    }

    /// Tells the log about a change of a whole database, which has no event.
    fn append_database_effect(&self, database: u32, change: Change<'_>) {
        if let Some(log) = self.keyspace.log() {
            log.append(&Effect { database, key: &[], event: "", change });
        }
    }
}
