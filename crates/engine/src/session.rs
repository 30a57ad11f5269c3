//! What the engine knows of one client.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::blocking::BlockedClient;
use crate::clients::ClientRecord;
use crate::pubsub::Namespace;
use crate::scripts::BusyScript;
use crate::tracking::Follower;
use crate::transaction::{Transaction, WatchedKeys};

/// Which replies a client wants: CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    On,
    /// None.
    Off,
    /// Not that to the next command.
    SkipNext,
    /// Not that to the running command.
    Skip,
}

/// What a client has subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: HashSet<Box<[u8]>>,
    patterns: HashSet<Box<[u8]>>,
    shard_channels: HashSet<Box<[u8]>>,
    name_bytes: usize,
}

impl Subscriptions {
    /// The names of a kind.
    pub fn of(&self, namespace: Namespace) -> &HashSet<Box<[u8]>> {
        match namespace {
            Namespace::Channels => &self.channels,
            Namespace::Patterns => &self.patterns,
            Namespace::ShardChannels => &self.shard_channels,
        }
    }

    fn of_mut(&mut self, namespace: Namespace) -> &mut HashSet<Box<[u8]>> {
        match namespace {
            Namespace::Channels => &mut self.channels,
            Namespace::Patterns => &mut self.patterns,
            Namespace::ShardChannels => &mut self.shard_channels,
        }
    }

    /// Adds a name of a kind. Says whether it was not there.
    pub fn add(&mut self, namespace: Namespace, name: &[u8]) -> bool {
        let is_new = self.of_mut(namespace).insert(name.into());
        self.name_bytes += if is_new { name.len() } else { 0 };
        is_new
    }

    /// Takes a name of a kind out. Says whether it was there.
    pub fn remove(&mut self, namespace: Namespace, name: &[u8]) -> bool {
        let was_there = self.of_mut(namespace).remove(name);
        self.name_bytes -= if was_there { name.len() } else { 0 };
        was_there
    }

    /// About how much memory they take, in bytes, here and with the channels.
    pub fn memory(&self) -> usize {
        /// What a name takes besides its own bytes, which are here and with the channel.
        const NAME_BYTES: usize = 400;
        let names = self.channels.len() + self.patterns.len() + self.shard_channels.len();
        names * NAME_BYTES + 2 * self.name_bytes
    }

    /// How many names there are that count together with those of a kind: channels and patterns do.
    pub fn count(&self, namespace: Namespace) -> usize {
        match namespace {
            Namespace::Channels | Namespace::Patterns => self.channels.len() + self.patterns.len(),
            Namespace::ShardChannels => self.shard_channels.len(),
        }
    }

    /// Whether there is no name of any kind.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty()
    }
}

/// Of which reads it is kept that the client has the value, and so is to be told of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Of all.
    All,
    /// Of those that CLIENT CACHING YES precedes.
    OptIn,
    /// Of those that CLIENT CACHING NO does not precede.
    OptOut,
    /// Of none: it is told of all keys with some prefixes.
    Broadcast,
}

/// That a client is told of keys that change: CLIENT TRACKING.
#[derive(Debug)]
pub struct Tracking {
    /// Of which reads it is kept.
    pub caching: Caching,
    /// What CLIENT CACHING has said of the next command.
    pub next: Option<bool>,
    /// How it is told.
    pub follower: Arc<Follower>,
}

impl Tracking {
    /// Whether it is kept that the client has what the running command reads.
    pub fn is_noted(&self) -> bool {
        match self.caching {
            Caching::All => true,
            Caching::OptIn => self.next == Some(true),
            Caching::OptOut => self.next != Some(false),
            Caching::Broadcast => false,
        }
    }
}

/// One client's state, owned by the thread that serves it.
#[derive(Debug)]
pub struct Session {
    /// What other threads may see and ask of the client.
    pub record: Arc<ClientRecord>,
    /// The selected database.
    pub database: u32,
    /// Whether the client may run commands that need a password.
    pub authenticated: bool,
    /// Which replies it wants.
    pub reply_mode: ReplyMode,
    /// Whether its reads leave no trace in the keys' access fields: CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// What the client waits for. It runs no further command until the wait has ended.
    pub blocked: Option<Arc<BlockedClient>>,
    /// What it has queued since MULTI.
    pub transaction: Option<Box<Transaction>>,
    /// Whether the commands that run are those of a transaction, which do not wait.
    pub is_executing: bool,
    /// Whether the commands that run are those of a script.
    pub runs_script: bool,
    /// The time that its script sees, in microseconds since 1970, once it has looked at the clock.
    pub script_time_us: Option<u64>,
    /// Whether it has asked for the debugger of scripts, which is not there: its next script is refused, because its writes
    /// would stay.
    pub wants_debugger: bool,
    /// Those of its scripts that have run for too long, until their locks are given back.
    pub busy_scripts: Vec<Arc<BusyScript>>,
    /// The keys that it watches.
    pub watched: Option<Box<WatchedKeys>>,
    /// What it has subscribed to; nothing if there is no name.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// That it is told of keys that change.
    pub tracking: Option<Box<Tracking>>,
    /// Whether it sees the commands of all clients: MONITOR.
    pub is_monitor: bool,
    /// Whether its commands are those of a file, which were run before.
    pub is_replayed: bool,
    /// How many errors that these have answered were logged.
    pub logged_errors: u64,
    /// Whether the connection ends once the replies so far are sent.
    pub closing: bool,
}

impl Session {
    /// A new client's state.
    pub fn new(record: Arc<ClientRecord>, authenticated: bool) -> Self {
        Self {
            record,
            database: 0,
            authenticated,
            reply_mode: ReplyMode::On,
            no_touch: false,
            blocked: None,
            transaction: None,
            is_executing: false,
            runs_script: false,
            script_time_us: None,
            wants_debugger: false,
            busy_scripts: Vec::new(),
            watched: None,
            subscriptions: None,
            tracking: None,
            is_monitor: false,
            is_replayed: false,
            logged_errors: 0,
            closing: false,
        }
    }

    /// Whether the client may run any command, and at once.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.authenticated && self.transaction.is_none() && self.subscriptions.is_none() && !self.is_monitor
    }

    /// Selects a database, which must be there.
    pub fn select(&mut self, database: u32) {
        self.database = database;
        self.record.database.store(database, Ordering::Relaxed);
    }

    /// Whether it has subscribed to anything.
    #[inline]
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// Bytes that are kept for it until they are run.
    pub fn queued_bytes(&self) -> usize {
        self.transaction.as_ref().map_or(0, |transaction| transaction.memory())
    }

    /// Shows others how many names it has subscribed to, and forgets the lists if they are empty.
    pub fn publish_subscriptions(&mut self) {
        let counts = &self.record.subscriptions;
        let count = |namespace| {
            let names =
                self.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.of(namespace).len());
            u32::try_from(names).unwrap_or(u32::MAX)
        };
        counts.channels.store(count(Namespace::Channels), Ordering::Relaxed);
        counts.patterns.store(count(Namespace::Patterns), Ordering::Relaxed);
        counts.shard_channels.store(count(Namespace::ShardChannels), Ordering::Relaxed);
        let bytes = self.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.memory());
        self.record.subscribed_bytes.store(bytes as u64, Ordering::Relaxed);
        self.subscriptions.take_if(|subscriptions| subscriptions.is_empty());
    }
}
