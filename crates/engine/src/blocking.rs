//! A client that waits: what it wants from which keys, and how its wait ends.
//!
//! A wait ends once, by whoever is first: a write that serves it, its timeout, CLIENT UNBLOCK, or the end of the
//! connection. The reply is left in the [`BlockedClient`], and the thread that serves the client is told.

mod ending;
mod synchronization;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nuthatch_protocol::Reply;

use self::ending::Ending;
use crate::clients::{Unblock, WaitCounters};
use crate::delivery::{Mailbox, Signal};
use crate::error::CommandError;
use crate::keyspace::locked::Keys;
use crate::keyspace::waiting::Waiter;
use crate::keyspace::{Key, Keyspace};

/// What a blocking command does with a key as soon as it can.
pub trait Take: Send + Sync + Debug {
    /// Whether the key has what is wanted.
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool;

    /// Takes what is wanted from the keys, or from the first that has it, and writes the reply. Says whether any had it;
    /// if not, nothing is written.
    ///
    /// # Errors
    /// A key, or the destination, holds a value of another type.
    fn take(&self, keys: &mut Keys<'_>, wanted: &[Key<'_>], reply: &mut Reply) -> Result<bool, CommandError>;

    /// Whether the wait also ends when a key is gone: then the key counts as one that has what is wanted, and the command
    /// answers with an error.
    fn minds_absence(&self) -> bool {
        false
    }

    /// The key that gets what is taken.
    fn destination(&self) -> Option<&[u8]> {
        None
    }

    /// Writes the reply in a transaction, which does not wait for anything.
    fn not_yet(&self, reply: &mut Reply) {
        self.nothing(reply);
    }

    /// Writes the reply to a wait that ended without anything.
    fn nothing(&self, reply: &mut Reply) {
        reply.null_array();
    }
}

/// Takes from the first of the keys that has what is wanted. Says whether any had it.
///
/// # Errors
/// Those of `take`.
pub fn take_from_first(
    wanted: &[Key<'_>],
    mut take: impl FnMut(&Key<'_>) -> Result<bool, CommandError>,
) -> Result<bool, CommandError> {
    for key in wanted {
        if take(key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A client that waits.
#[derive(Debug)]
pub struct BlockedClient {
    client: u64,
    mailbox: Arc<dyn Mailbox>,
    resp3: bool,
    silent: bool,
    tracks: bool,
    database: u32,
    keys: Box<[Box<[u8]>]>,
    take: Box<dyn Take>,
    /// The shards of the keys and the destination, if they are several.
    reaches: Box<[usize]>,
    deadline_ms: Option<u64>,
    counters: Arc<WaitCounters>,
    ending: Ending<Reply>,
    /// Whether a write has ended the wait: what the client took is gone from the keys.
    has_taken: AtomicBool,
}

/// What a wait is made from.
pub(crate) struct Wait<'a> {
    /// The client's number.
    pub(crate) client: u64,
    /// How to reach the thread that serves it.
    pub(crate) mailbox: Arc<dyn Mailbox>,
    /// Whether it speaks RESP3.
    pub(crate) resp3: bool,
    /// Whether it wants no reply.
    pub(crate) silent: bool,
    /// Whether it is to be told of changes of what it reads.
    pub(crate) tracks: bool,
    /// What it waits for, in the order in which the keys were named.
    pub(crate) keys: &'a [Key<'a>],
    /// What it does with one of them.
    pub(crate) take: Box<dyn Take>,
    /// When it gives up, in milliseconds since 1970.
    pub(crate) deadline_ms: Option<u64>,
    /// Counts the wait.
    pub(crate) counters: Arc<WaitCounters>,
}

impl BlockedClient {
    /// Begins a wait for keys that the running command has locked.
    pub(crate) fn begin(wait: Wait<'_>, keys: &mut Keys<'_>) -> Arc<Self> {
        wait.counters.begin(wait.deadline_ms.is_some());
        let keyspace = keys.keyspace();
        let destination = wait.take.destination().map(|bytes| keyspace.hash(bytes));
        let hashes = wait.keys.iter().map(|key| key.hash).chain(destination);
        let mut reaches: Vec<usize> = hashes.map(|hash| keyspace.shard_of(hash)).collect();
        reaches.sort_unstable();
        reaches.dedup();
        let blocked = Arc::new(Self {
            client: wait.client,
            mailbox: wait.mailbox,
            resp3: wait.resp3,
            silent: wait.silent,
            tracks: wait.tracks,
            database: wait.keys.first().map_or(0, |key| key.database),
            keys: wait.keys.iter().map(|key| key.bytes.into()).collect(),
            reaches: if reaches.len() > 1 { reaches.into() } else { Box::default() },
            take: wait.take,
            deadline_ms: wait.deadline_ms,
            counters: wait.counters,
            ending: Ending::new(),
            has_taken: AtomicBool::new(false),
        });
        for key in wait.keys {
            keys.wait_for(key, blocked.clone());
        }
        blocked
    }

    /// When the client gives up, in milliseconds since 1970; never if there is no time.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    /// The reply, when the wait has ended with one.
    pub fn take_reply(&self) -> Option<Reply> {
        self.ending.take()
    }

    /// Whether the client may have taken something from its keys, once its reply is there.
    pub fn has_taken(&self) -> bool {
        self.has_taken.load(Ordering::Relaxed)
    }

    /// Ends the wait at its deadline. The reply is there afterwards, unless somebody is just writing another one.
    pub fn time_out(&self) {
        if self.claim() {
            self.answer(|reply| self.take.nothing(reply));
        }
    }

    /// Ends the wait, if it has not ended, without a reply, and leaves all queues.
    pub fn leave(self: &Arc<Self>, keyspace: &Keyspace) {
        self.claim();
        let waiter: Arc<dyn Waiter> = self.clone();
        self.keys(keyspace).for_each(|key| keyspace.forget_waiter(&key, &waiter));
    }

    fn keys<'a>(&'a self, keyspace: &Keyspace) -> impl Iterator<Item = Key<'a>> {
        self.keys.iter().map(|bytes| Key { bytes, hash: keyspace.hash(bytes), database: self.database })
    }

    /// Whether the caller is the one who ends the wait.
    fn claim(&self) -> bool {
        let is_first = self.ending.claim();
        if is_first {
            self.counters.end(self.deadline_ms.is_some());
        }
        is_first
    }

    fn answer(&self, write: impl FnOnce(&mut Reply)) {
        let mut reply = Reply::new();
        reply.set_resp3(self.resp3);
        let start = reply.mark();
        write(&mut reply);
        if self.silent {
            reply.truncate(start);
        }
        self.ending.give(reply);
    }
}

impl Waiter for BlockedClient {
    fn reaches(&self) -> &[usize] {
        &self.reaches
    }

    fn minds_absence(&self) -> bool {
        self.take.minds_absence()
    }

    fn serve(&self, keys: &mut Keys<'_>, key: &Key<'_>) -> bool {
        if self.ending.is_claimed() {
            return true;
        }
        if !self.take.can_take(keys, key) {
            return false;
        }
        if !self.claim() {
            return true;
        }
        self.has_taken.store(true, Ordering::Relaxed);
        // The command as a whole runs again: a key that was named earlier may have something by now, too, or be of
        // another type.
        let writer = std::mem::replace(&mut keys.client, self.client);
        self.answer(|reply| {
            let start = reply.mark();
            let wanted: Vec<Key<'_>> = self.keys(keys.keyspace()).collect();
            if let Err(error) = self.take.take(keys, &wanted, reply) {
                reply.truncate(start);
                reply.error(error.text());
            }
        });
        if self.tracks {
            self.keys(keys.keyspace()).for_each(|key| keys.track(&key, self.client));
        }
        keys.finish_served(self.database);
        keys.tell_by_prefix();
        keys.client = writer;
        keys.served.push((self.client, self.mailbox.clone()));
        true
    }
}

impl Unblock for BlockedClient {
    fn unblock(&self, with_error: bool) -> bool {
        let claimed = self.claim();
        if claimed {
            self.answer(|reply| {
                if with_error {
                    reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
                } else {
                    self.take.nothing(reply);
                }
            });
            self.mailbox.post(self.client, Signal::Served);
        }
        claimed
    }

    fn abandon(&self) {
        self.claim();
    }
}
