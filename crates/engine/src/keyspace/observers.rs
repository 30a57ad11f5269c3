//! Clients that want to know whether keys change: those who watch them for a transaction, and those who keep copies.
//!
//! Both are kept by the keys' shards, so that they are told under the lock under which a key changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::locked::{Keys, is_live};
use super::patience::{Busy, OwnedKey, Postponed};
use super::{Key, Keyspace, ShardState};
use crate::effect::{Change, Effect};
use crate::watch::Watch;

/// The number of no client: that of the server's own doing.
pub(crate) const NOBODY: u64 = 0;

#[derive(Debug)]
struct Watcher {
    watch: Arc<Watch>,
    /// Whether the key's deadline had passed when it began, so that the key's removal is no change.
    was_expired: bool,
}

/// Those who observe keys of a shard.
#[derive(Debug, Default)]
pub(super) struct Observers {
    watched: HashMap<(u32, Box<[u8]>), Vec<Watcher>>,
    /// By key, in whichever database: the clients that have read it.
    tracked: HashMap<Box<[u8]>, BTreeSet<u64>>,
}

impl Observers {
    fn is_empty(&self) -> bool {
        self.watched.is_empty() && self.tracked.is_empty()
    }

    fn break_watches(&mut self, database: u32, key: &[u8], is_removal: bool) {
        if self.watched.is_empty() {
            return;
        }
        let place = (database, key.into());
        let Some(watchers) = self.watched.get_mut(&place) else { return };
        // Once broken, a watch need not be told of further changes.
        watchers.retain_mut(|watcher| {
            let is_no_change = is_removal && std::mem::take(&mut watcher.was_expired);
            if !is_no_change {
                watcher.watch.break_off();
            }
            is_no_change
        });
        if watchers.is_empty() {
            self.watched.remove(&place);
        }
    }
}

impl Keyspace {
    /// Tells everybody of a change, or of an event, of a key in a shard whose lock is held.
    #[inline]
    pub(super) fn tell(&self, observers: &mut Option<Box<Observers>>, effect: &Effect<'_>, origin: u64) {
        if let Some(log) = self.log() {
            log.append(effect);
        }
        if observers.is_some() {
            self.tell_observers(observers, effect.database, effect.key, effect.change, origin);
        }
        self.messages.notify(effect.database, effect.key, effect.event);
    }

    #[cold]
    fn tell_observers(
        &self,
        observers: &mut Option<Box<Observers>>,
        database: u32,
        key: &[u8],
        change: Change<'_>,
        origin: u64,
    ) {
        let Some(present) = observers else { return };
        present.break_watches(database, key, matches!(change, Change::Remove));
        if let Some(readers) = present.tracked.remove(key) {
            self.messages.followers.forget(&readers);
            self.messages.followers.tell_readers(readers.into_iter(), key, origin);
        }
        if present.is_empty() {
            *observers = None;
        }
    }

    /// Ends a client's watching of a key.
    pub fn unwatch(&self, key: &Key<'_>, watch: &Arc<Watch>) {
        match self.lock(self.shard_of(key.hash)) {
            Ok(mut state) => state.unwatch(key, watch),
            Err(Busy) => self.postpone(Postponed::Unwatch(OwnedKey::of(key), watch.clone())),
        }
    }

    /// Forgets who has read keys until no more keys than the limit are known, telling those who have. It begins at a shard
    /// by chance, so that it is not always the same keys.
    pub fn limit_tracked_keys(&self) {
        let followers = &self.messages.followers;
        let is_over = || {
            let max = followers.tracked_keys_max.load(Ordering::Relaxed);
            max > 0 && followers.tracked_keys.load(Ordering::Relaxed) as u64 > max
        };
        let first = if is_over() { fastrand::usize(..self.shards()) } else { return };
        for shard in (first..self.shards()).chain(0..first).take_while(|_| is_over()) {
            let Ok(mut state) = self.lock(shard) else { return };
            let Some(observers) = &mut state.observers else { continue };
            observers.tracked.retain(|key, readers| {
                let is_kept = !is_over();
                if !is_kept {
                    followers.forget(readers);
                    followers.tell_readers(std::mem::take(readers).into_iter(), key, NOBODY);
                }
                is_kept
            });
            if observers.is_empty() {
                state.observers = None;
            }
        }
    }
}

impl ShardState {
    fn observers(&mut self) -> &mut Observers {
        self.observers.get_or_insert_default()
    }

    fn unwatch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) {
        let Some(observers) = &mut self.observers else { return };
        let place = (key.database, key.bytes.into());
        if let Some(watchers) = observers.watched.get_mut(&place) {
            watchers.retain(|watcher| !Arc::ptr_eq(&watcher.watch, watch));
            if watchers.is_empty() {
                observers.watched.remove(&place);
            }
        }
        if observers.is_empty() {
            self.observers = None;
        }
    }
}

impl Keys<'_> {
    /// How many keys are watched.
    pub fn watched_keys(&self) -> usize {
        let of_shard = |shard| self.visit(shard).observers.as_ref().map_or(0, |all| all.watched.len());
        (0..self.keyspace.shards()).map(of_shard).sum()
    }

    /// Has `watch` broken when the key changes.
    pub fn watch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) {
        let was_expired = self.is_expired(key);
        let watcher = Watcher { watch: watch.clone(), was_expired };
        let observers = self.shard(key.hash).observers();
        observers.watched.entry((key.database, key.bytes.into())).or_default().push(watcher);
    }

    /// Ends a watch of a key. Says whether the key has expired meanwhile, which counts as a change.
    pub fn end_watch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) -> bool {
        let is_expired = self.is_expired(key);
        let state = self.shard(key.hash);
        let watchers = state
            .observers
            .as_ref()
            .and_then(|observers| observers.watched.get(&(key.database, key.bytes.into())));
        let has_expired = is_expired
            && watchers.into_iter().flatten().any(|own| Arc::ptr_eq(&own.watch, watch) && !own.was_expired);
        state.unwatch(key, watch);
        has_expired
    }

    fn is_expired(&mut self, key: &Key<'_>) -> bool {
        let now_ms = self.now_ms;
        let record = self.database(key).table.find(key.hash, key.bytes);
        record.is_some_and(|record| !is_live(record, now_ms))
    }

    /// Notes that a client has read a key and keeps what it held.
    pub fn track(&mut self, key: &Key<'_>, client: u64) {
        let followers = &self.keyspace.messages.followers;
        let readers = self.shard(key.hash).observers().tracked.entry(key.bytes.into()).or_insert_with(|| {
            followers.tracked_keys.fetch_add(1, Ordering::Relaxed);
            BTreeSet::new()
        });
        if readers.insert(client) {
            followers.tracked_items.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Breaks the watches of all keys of a database that exist, or that exist in `other`. The command holds all shards.
    pub(super) fn break_watches_of_database(&mut self, database: u32, other: Option<u32>) {
        let keyspace = self.keyspace;
        let places = [Some(database), other].map(|number| number.map(|number| keyspace.place(number)));
        for state in self.all_shards() {
            let ShardState { observers, databases, .. } = state;
            let Some(observers) = observers else { continue };
            for ((_, key), watchers) in
                observers.watched.iter().filter(|((number, _), _)| *number == database)
            {
                let hash = keyspace.hash(key);
                let exists = |place: usize| databases[place].table.find(hash, key).is_some();
                if places.into_iter().flatten().any(exists) {
                    watchers.iter().for_each(|watcher| watcher.watch.break_off());
                }
            }
        }
    }

    /// Tells those who keep copies that any key may have changed. The command holds all shards.
    pub fn tell_followers_of_flush(&mut self) {
        let followers = &self.keyspace.messages.followers;
        for state in self.all_shards() {
            if let Some(observers) = &mut state.observers {
                observers.tracked = HashMap::new();
            }
        }
        followers.tracked_keys.store(0, Ordering::Relaxed);
        followers.tracked_items.store(0, Ordering::Relaxed);
        followers.tell_all();
    }
}
