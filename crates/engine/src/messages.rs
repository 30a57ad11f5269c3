//! All who are to be told of something as it happens: subscribers, those who follow keys, those who see all commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::delivery::{Audience, Inbox, Message};
use crate::notifications::{self, Classes};
use crate::pubsub::Channels;
use crate::tracking::Followers;

/// Who is told of what.
#[derive(Debug, Default)]
pub struct Messages {
    /// Channels and their subscribers.
    pub channels: Channels,
    /// Clients that are told of keys that change.
    pub followers: Followers,
    /// Clients that see every command.
    pub monitors: Monitors,
    /// `notify-keyspace-events`, as bits of [`Classes`].
    notifications: AtomicU32,
}

impl Messages {
    /// Chooses the events that are published.
    pub fn set_notifications(&self, classes: Classes) {
        let has_channel = classes.intersects(Classes::KEYSPACE.union(Classes::KEYEVENT));
        let bits = if has_channel { classes.bits() } else { 0 };
        self.notifications.store(bits, Ordering::Relaxed);
    }

    /// The events that are published.
    #[inline]
    pub(crate) fn notifications(&self) -> Classes {
        Classes::from_bits_truncate(self.notifications.load(Ordering::Relaxed))
    }

    /// Publishes an event of a key, if its class was chosen.
    #[inline]
    pub(crate) fn notify(&self, database: u32, key: &[u8], event: &str) {
        let classes = self.notifications();
        if !classes.is_empty() {
            notifications::publish(&self.channels, classes, database, key, event);
        }
    }
}

/// Clients that see every command: MONITOR.
#[derive(Debug, Default)]
pub struct Monitors {
    audience: RwLock<Audience>,
    count: AtomicUsize,
}

impl Monitors {
    /// Whether there are any.
    #[inline]
    pub fn watch(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Adds a client that is not there.
    pub fn add(&self, inbox: &Inbox) {
        let mut audience = self.audience.write();
        audience.add(inbox);
        self.count.store(audience.len(), Ordering::Relaxed);
    }

    /// Takes a client out.
    pub fn remove(&self, inbox: &Inbox) {
        let mut audience = self.audience.write();
        audience.remove(inbox);
        self.count.store(audience.len(), Ordering::Relaxed);
    }

    /// Shows them a line.
    pub fn show(&self, line: Vec<u8>) {
        self.audience.read().send(&Arc::new(Message::Monitored(Arc::new(line))));
    }
}
