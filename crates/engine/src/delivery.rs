//! Messages to clients that did not ask for them just now: who gets them, and how they reach the threads that serve
//! those clients.
//!
//! Whoever has a message leaves it in the mailbox of each thread that serves one of its recipients, once for all of
//! them, and the thread writes it to their connections. A message that was left before a request arrived is written
//! before the request is run, and what a command itself gives rise to is written right behind its reply.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nuthatch_protocol::Reply;
use parking_lot::Mutex;

/// What a client is asked to do by another thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End the connection at once.
    Close,
    /// Look at whether commands are still held back.
    Resume,
    /// The wait of the blocked client has ended.
    Served,
}

/// Reaches a thread that serves clients.
pub trait Mailbox: Send + Sync + Debug {
    /// Leaves `signal` for the client and wakes its thread.
    fn post(&self, client: u64, signal: Signal);

    /// Leaves a message for some of the thread's clients and wakes it. Deliveries stay in their order.
    fn deliver(&self, delivery: Delivery);
}

/// A message on its way to clients of one thread.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Who gets it.
    pub to: Recipients,
    /// What they get.
    pub message: Arc<Message>,
}

/// Who gets a message.
#[derive(Debug, Clone)]
pub enum Recipients {
    /// One client.
    One(Recipient),
    /// All who are members when it is written.
    Members(Arc<Members>),
}

/// A client, as the thread that serves it finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// The client's number.
    pub client: u64,
    /// Its connection's number in the thread, which another client may get later.
    pub connection: usize,
}

/// Where messages to a client go.
#[derive(Debug)]
pub struct Inbox {
    /// The client.
    pub recipient: Recipient,
    /// The number of the thread that serves it.
    pub thread: u32,
    /// How to reach that thread.
    pub mailbox: Arc<dyn Mailbox>,
    /// Whether the client is gone.
    pub is_closed: AtomicBool,
    /// Whether a message about keys did not reach the client that was to get it instead, because that one is gone.
    pub is_redirection_broken: AtomicBool,
}

impl Inbox {
    /// That of a client that has just connected.
    pub fn new(recipient: Recipient, thread: u32, mailbox: Arc<dyn Mailbox>) -> Self {
        let (is_closed, is_redirection_broken) = Default::default();
        Self { recipient, thread, mailbox, is_closed, is_redirection_broken }
    }
}

impl Inbox {
    /// Sends a message to the client.
    pub fn send(&self, message: Arc<Message>) {
        self.mailbox.deliver(Delivery { to: Recipients::One(self.recipient), message });
    }
}

/// The part of an audience that one thread serves.
#[derive(Debug)]
pub struct Members {
    mailbox: Arc<dyn Mailbox>,
    /// The numbers of their connections by their own. Changed and visited by the thread that serves them only.
    connections: Mutex<BTreeMap<u64, usize>>,
    /// How many they are, for those who send.
    count: AtomicUsize,
}

impl Members {
    /// Visits all of them. Nobody joins or leaves meanwhile.
    pub fn for_each(&self, visit: impl FnMut(Recipient)) {
        let recipient = |(&client, &connection)| Recipient { client, connection };
        self.connections.lock().iter().map(recipient).for_each(visit);
    }
}

/// Clients that get the same messages.
#[derive(Debug, Default)]
pub struct Audience {
    /// By the number of the thread that serves them.
    threads: Vec<Option<Arc<Members>>>,
    len: usize,
}

impl Audience {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a client that is not there.
    pub fn add(&mut self, inbox: &Inbox) {
        let thread = inbox.thread as usize;
        if self.threads.len() <= thread {
            self.threads.resize(thread + 1, None);
        }
        let members = self.threads[thread].get_or_insert_with(|| {
            let mailbox = inbox.mailbox.clone();
            Arc::new(Members { mailbox, connections: Mutex::default(), count: AtomicUsize::new(0) })
        });
        let Recipient { client, connection } = inbox.recipient;
        members.connections.lock().insert(client, connection);
        members.count.fetch_add(1, Ordering::Relaxed);
        self.len += 1;
    }

    /// Takes a client out.
    pub fn remove(&mut self, inbox: &Inbox) {
        let Some(Some(members)) = self.threads.get(inbox.thread as usize) else { return };
        if members.connections.lock().remove(&inbox.recipient.client).is_some() {
            members.count.fetch_sub(1, Ordering::Relaxed);
            self.len -= 1;
        }
    }

    /// Sends them a message. Says how many they are.
    pub fn send(&self, message: &Arc<Message>) -> usize {
        for members in self.threads.iter().flatten() {
            if members.count.load(Ordering::Relaxed) > 0 {
                let to = Recipients::Members(members.clone());
                members.mailbox.deliver(Delivery { to, message: message.clone() });
            }
        }
        self.len
    }
}

/// What clients get that they did not ask for just now. Texts are encoded once for all recipients.
#[derive(Debug)]
pub enum Message {
    /// An array, or a push in RESP3: all but the sign that tells which.
    Published(Arc<Vec<u8>>),
    /// Keys that may have changed.
    Invalidated {
        /// An encoded array of them, or nothing if it may be any key.
        keys: Option<Arc<Vec<u8>>>,
        /// Whether the recipient gets it in place of another client.
        is_redirected: bool,
    },
    /// The client that invalidations were to go to is gone; its number.
    RedirectionBroken(u64),
    /// A line about a command that a client has run.
    Monitored(Arc<Vec<u8>>),
}

impl Message {
    /// A message from its parts.
    pub fn published(parts: &[&[u8]]) -> Arc<Self> {
        let mut text = Reply::new();
        text.array(parts.len());
        parts.iter().for_each(|part| text.bulk(part));
        Self::encoded(text)
    }

    /// A message that was encoded as a reply.
    pub fn encoded(reply: Reply) -> Arc<Self> {
        let mut text = reply.into_bytes();
        text.drain(..1);
        Arc::new(Self::Published(Arc::new(text)))
    }

    /// An array of keys that have changed, for [`Self::Invalidated`].
    pub fn encoded_keys(keys: &[&[u8]]) -> Arc<Vec<u8>> {
        let mut text = Reply::new();
        text.array(keys.len());
        keys.iter().for_each(|key| text.bulk(key));
        Arc::new(text.into_bytes())
    }

    /// About what it takes, in bytes.
    pub fn memory(&self) -> usize {
        let text = match self {
            Self::Published(text) | Self::Monitored(text) => text.len(),
            Self::Invalidated { keys, .. } => keys.as_ref().map_or(0, |keys| keys.len()),
            Self::RedirectionBroken(_) => 0,
        };
        size_of::<Self>() + text
    }

    /// Writes it for one recipient, who has subscribed to messages or not, and wants replies or not.
    pub fn write(&self, reply: &mut Reply, is_subscriber: bool, wants_replies: bool) {
        match self {
            Self::Published(text) => {
                reply.raw(if reply.resp3() { b">" } else { b"*" });
                reply.raw_shared(text);
            }
            Self::Invalidated { keys, is_redirected } => {
                if reply.resp3() {
                    reply.push(2);
                    reply.bulk(b"invalidate");
                } else if is_subscriber && *is_redirected {
                    reply.array(3);
                    reply.bulk(b"message");
                    reply.bulk(INVALIDATION_CHANNEL);
                } else {
                    // Without RESP3 only subscribers expect messages, and those of others.
                    return;
                }
                match keys {
                    Some(keys) => reply.raw_shared(keys),
                    None => reply.null(),
                }
            }
            Self::RedirectionBroken(client) => {
                if reply.resp3() {
                    reply.push(2);
                    reply.bulk(b"tracking-redir-broken");
                    reply.integer(client.cast_signed());
                }
            }
            Self::Monitored(line) => {
                if wants_replies {
                    reply.raw_shared(line);
                }
            }
        }
    }
}

/// Where clients without RESP3 listen for invalidations.
const INVALIDATION_CHANNEL: &[u8] = b"__redis__:invalidate";
