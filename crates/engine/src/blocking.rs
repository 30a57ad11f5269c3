//! A client that waits: what it wants from which keys, and how its wait ends.
//!
//! A wait ends once, by whoever is first: a write that serves it, its timeout, CLIENT UNBLOCK, or the end of the
//! connection. The reply is left in the [`BlockedClient`], and the thread that serves the client is told.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nuthatch_protocol::Reply;
use parking_lot::Mutex;

use crate::clients::{Mailbox, Signal, Unblock};
use crate::error::CommandError;
use crate::keyspace::locked::Keys;
use crate::keyspace::waiting::Waiter;
use crate::keyspace::{Key, Keyspace};

/// What a blocking command does with a key as soon as it can.
pub trait Take: Send + Sync + Debug {
    /// Whether the key has what is wanted.
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool;

    /// Takes it and writes the reply. Says whether the key had it.
    ///
    /// # Errors
    /// The key, or the destination, holds a value of another type.
    fn take(&self, keys: &mut Keys<'_>, key: &Key<'_>, reply: &mut Reply) -> Result<bool, CommandError>;

    /// The key that gets what is taken.
    fn destination(&self) -> Option<&[u8]> {
        None
    }

    /// Writes the reply to a wait that ended without anything.
    fn nothing(&self, reply: &mut Reply) {
        reply.null_array();
    }
}

/// A client that waits.
#[derive(Debug)]
pub struct BlockedClient {
    client: u64,
    mailbox: Arc<dyn Mailbox>,
    resp3: bool,
    silent: bool,
    database: u32,
    keys: Box<[Box<[u8]>]>,
    take: Box<dyn Take>,
    /// The hash of the destination's key.
    destination: Option<u64>,
    deadline_ms: Option<u64>,
    /// Whether somebody has ended the wait, or is about to.
    ended: AtomicBool,
    reply: Mutex<Option<Reply>>,
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
    /// What it waits for, in the order in which the keys were named.
    pub(crate) keys: &'a [Key<'a>],
    /// What it does with one of them.
    pub(crate) take: Box<dyn Take>,
    /// When it gives up, in milliseconds since 1970.
    pub(crate) deadline_ms: Option<u64>,
}

impl BlockedClient {
    /// Begins a wait for keys that the running command has locked.
    pub(crate) fn begin(wait: Wait<'_>, keys: &mut Keys<'_>) -> Arc<Self> {
        let blocked = Arc::new(Self {
            client: wait.client,
            mailbox: wait.mailbox,
            resp3: wait.resp3,
            silent: wait.silent,
            database: wait.keys.first().map_or(0, |key| key.database),
            keys: wait.keys.iter().map(|key| key.bytes.into()).collect(),
            destination: wait.take.destination().map(|bytes| keys.keyspace().hash(bytes)),
            take: wait.take,
            deadline_ms: wait.deadline_ms,
            ended: AtomicBool::new(false),
            reply: Mutex::new(None),
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
        self.reply.lock().take()
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
        for bytes in &self.keys {
            keyspace
                .forget_waiter(&Key { bytes, hash: keyspace.hash(bytes), database: self.database }, &waiter);
        }
    }

    /// Whether the caller is the one who ends the wait.
    fn claim(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    fn answer(&self, write: impl FnOnce(&mut Reply)) {
        let mut reply = Reply::new();
        reply.set_resp3(self.resp3);
        let start = reply.mark();
        write(&mut reply);
        if self.silent {
            reply.truncate(start);
        }
        *self.reply.lock() = Some(reply);
    }
}

impl Waiter for BlockedClient {
    fn destination(&self) -> Option<u64> {
        self.destination
    }

    fn serve(&self, keys: &mut Keys<'_>, key: &Key<'_>) -> bool {
        if self.ended.load(Ordering::Acquire) {
            return true;
        }
        if !self.take.can_take(keys, key) {
            return false;
        }
        if !self.claim() {
            return true;
        }
        self.answer(|reply| {
            let start = reply.mark();
            if let Err(error) = self.take.take(keys, key, reply) {
                reply.truncate(start);
                reply.error(error.text());
            }
        });
        keys.finish_served(self.database);
        self.mailbox.post(self.client, Signal::Served);
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
}
