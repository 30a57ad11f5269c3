//! Channels, and who has subscribed to them.

use std::collections::HashMap;

use nuthatch_protocol::glob;
use parking_lot::RwLock;

use crate::delivery::{Audience, Inbox, Message};

/// The ways of naming what one subscribes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// Channels by name.
    Channels,
    /// Channels whose names match a pattern.
    Patterns,
    /// Channels of shards, which are apart from the others.
    ShardChannels,
}

type Audiences = HashMap<Box<[u8]>, Audience, foldhash::quality::RandomState>;

/// All channels that somebody has subscribed to. Locked behind shards, before mailboxes.
#[derive(Debug, Default)]
pub struct Channels {
    by_name: RwLock<Audiences>,
    by_pattern: RwLock<Audiences>,
    of_shards: RwLock<Audiences>,
}

/// Gives back the room of many names that are gone.
fn give_back_room(audiences: &mut Audiences) {
    /// So few are not worth it.
    const NAMES_MIN: usize = 64;
    if audiences.capacity() / 8 > audiences.len().max(NAMES_MIN) {
        audiences.shrink_to(2 * audiences.len());
    }
}

impl Channels {
    fn of(&self, namespace: Namespace) -> &RwLock<Audiences> {
        match namespace {
            Namespace::Channels => &self.by_name,
            Namespace::Patterns => &self.by_pattern,
            Namespace::ShardChannels => &self.of_shards,
        }
    }

    /// Adds a subscriber that is not there.
    pub fn subscribe(&self, namespace: Namespace, name: &[u8], subscriber: &Inbox) {
        self.of(namespace).write().entry(name.into()).or_default().add(subscriber);
    }

    /// Takes a subscriber out.
    pub fn unsubscribe(&self, namespace: Namespace, name: &[u8], subscriber: &Inbox) {
        let mut audiences = self.of(namespace).write();
        if let Some(audience) = audiences.get_mut(name) {
            audience.remove(subscriber);
            if audience.is_empty() {
                audiences.remove(name);
                give_back_room(&mut audiences);
            }
        }
    }

    /// Sends a text to all who have subscribed to the channel, by its name or by patterns. Says how many times it was
    /// sent.
    pub fn publish(&self, channel: &[u8], text: &[u8]) -> usize {
        let by_name = self.by_name.read();
        let mut count = match by_name.get(channel) {
            Some(audience) => audience.send(&Message::published(&[b"message", channel, text])),
            None => 0,
        };
        let by_pattern = self.by_pattern.read();
        for (pattern, audience) in by_pattern.iter().filter(|(pattern, _)| glob::matches(pattern, channel)) {
            count += audience.send(&Message::published(&[b"pmessage", pattern, channel, text]));
        }
        count
    }

    /// Sends a text to all who have subscribed to the channel of a shard. Says how many they are.
    pub fn publish_to_shard(&self, channel: &[u8], text: &[u8]) -> usize {
        match self.of_shards.read().get(channel) {
            Some(audience) => audience.send(&Message::published(&[b"smessage", channel, text])),
            None => 0,
        }
    }

    /// How many have subscribed to the channel by this name.
    pub fn subscribers(&self, namespace: Namespace, name: &[u8]) -> usize {
        self.of(namespace).read().get(name).map_or(0, Audience::len)
    }

    /// How many names have subscribers.
    pub fn len(&self, namespace: Namespace) -> usize {
        self.of(namespace).read().len()
    }

    /// Whether nobody has subscribed to anything that [`Self::publish`] sends to.
    #[inline]
    pub fn is_silent(&self) -> bool {
        self.by_name.read().is_empty() && self.by_pattern.read().is_empty()
    }

    /// The names that have subscribers and match the pattern; all if there is none.
    pub fn names(&self, namespace: Namespace, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let matches = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        self.of(namespace).read().keys().filter(|name| matches(name)).cloned().collect()
    }
}
