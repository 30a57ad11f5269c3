//! Client-side caching: who is told that keys have changed.
//!
//! Which clients have read a key is kept by the key's shard (`keyspace/observers.rs`), so that a read is noted, and a
//! change is told of, under the same lock: no change can come between a read and its being noted. Clients that want to
//! be told of all keys with a prefix are kept here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::delivery::{Inbox, Message};

/// A client that is told of keys that change.
#[derive(Debug)]
pub struct Follower {
    /// The client.
    pub inbox: Arc<Inbox>,
    /// The client that gets the messages instead.
    pub redirection: Option<Arc<Inbox>>,
    /// Whether it is not told of what it changes itself.
    pub no_loop: bool,
    /// The prefixes of the keys that it is told of, whether it has read them or not; none if it is told of those that it
    /// has read.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl Follower {
    fn id(&self) -> u64 {
        self.inbox.recipient.client
    }

    /// Tells it of keys (an encoded array of them, or nothing for any) that were changed by the client `origin`.
    fn tell(&self, keys: Option<&Arc<Vec<u8>>>, origin: u64) {
        if self.no_loop && origin == self.id() {
            return;
        }
        let message = |is_redirected| Arc::new(Message::Invalidated { keys: keys.cloned(), is_redirected });
        match &self.redirection {
            None => self.inbox.send(message(false)),
            Some(other) if other.is_closed.load(Ordering::Acquire) => {
                self.inbox.is_redirection_broken.store(true, Ordering::Relaxed);
                self.inbox.send(Arc::new(Message::RedirectionBroken(other.recipient.client)));
            }
            Some(other) => other.send(message(true)),
        }
    }
}

type FollowersByPrefix = BTreeMap<Box<[u8]>, Vec<Arc<Follower>>>;

/// All clients that are told of keys that change. Locked behind shards, before mailboxes.
#[derive(Debug, Default)]
pub struct Followers {
    by_client: RwLock<HashMap<u64, Arc<Follower>>>,
    by_prefix: RwLock<FollowersByPrefix>,
    /// How many prefixes are followed.
    prefixes: AtomicUsize,
    /// How many keys are known to have been read, in all shards.
    pub tracked_keys: AtomicUsize,
    /// How many of them by which client, in all shards.
    pub tracked_items: AtomicUsize,
    /// `tracking-table-max-keys`; 0: no limit.
    pub tracked_keys_max: AtomicU64,
}

impl Followers {
    /// Adds a client, which may have been there with other wishes.
    pub fn add(&self, follower: Arc<Follower>) {
        self.remove(follower.id());
        let mut by_prefix = self.by_prefix.write();
        for prefix in &follower.prefixes {
            by_prefix.entry(prefix.clone()).or_default().push(follower.clone());
        }
        self.prefixes.store(by_prefix.len(), Ordering::Release);
        drop(by_prefix);
        self.by_client.write().insert(follower.id(), follower);
    }

    /// Takes a client out.
    pub fn remove(&self, client: u64) {
        let Some(follower) = self.by_client.write().remove(&client) else { return };
        let mut by_prefix = self.by_prefix.write();
        for prefix in &follower.prefixes {
            if let Some(followers) = by_prefix.get_mut(prefix) {
                followers.retain(|other| other.id() != client);
                if followers.is_empty() {
                    by_prefix.remove(prefix);
                }
            }
        }
        self.prefixes.store(by_prefix.len(), Ordering::Release);
    }

    /// No longer counts a key that these clients had read.
    pub(crate) fn forget(&self, readers: &BTreeSet<u64>) {
        self.tracked_keys.fetch_sub(1, Ordering::Relaxed);
        self.tracked_items.fetch_sub(readers.len(), Ordering::Relaxed);
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.by_client.read().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many prefixes are followed.
    #[inline]
    pub fn prefixes(&self) -> usize {
        self.prefixes.load(Ordering::Acquire)
    }

    /// Tells those of `clients` that still want to know that a key was changed by the client `origin`.
    pub fn tell_readers(&self, clients: impl Iterator<Item = u64>, key: &[u8], origin: u64) {
        let by_client = self.by_client.read();
        let mut keys = None;
        for follower in clients.filter_map(|client| by_client.get(&client)) {
            if follower.prefixes.is_empty() {
                follower.tell(Some(keys.get_or_insert_with(|| Message::encoded_keys(&[key]))), origin);
            }
        }
    }

    /// Tells those who follow prefixes of keys that were changed by the client `origin`: each key once, in order.
    pub fn tell_by_prefix<K: AsRef<[u8]>>(&self, keys: &[K], origin: u64) {
        for (prefix, followers) in self.by_prefix.read().iter() {
            let keys: Vec<&[u8]> = keys.iter().map(K::as_ref).filter(|key| key.starts_with(prefix)).collect();
            if !keys.is_empty() {
                let keys = Message::encoded_keys(&keys);
                followers.iter().for_each(|follower| follower.tell(Some(&keys), origin));
            }
        }
    }

    /// Tells everybody that any key may have changed.
    pub fn tell_all(&self) {
        /// The number of no client: whoever has flushed is told, too.
        const NOBODY: u64 = 0;
        self.by_client.read().values().for_each(|follower| follower.tell(None, NOBODY));
    }
}
