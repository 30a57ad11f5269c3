//! Keyspace notifications: which events are published, and under which names.
//!
//! The classes and their letters are those of the documentation of `notify-keyspace-events`, Redis 8.2's included.

use bitflags::bitflags;

use crate::pubsub::Channels;

bitflags! {
    /// Classes of events, and the channels that they are published on.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Classes: u32 {
        /// On a channel for each key: `K`.
        const KEYSPACE = 1 << 0;
        /// On a channel for each event: `E`.
        const KEYEVENT = 1 << 1;
        /// Of keys of any type: `g`.
        const GENERIC = 1 << 2;
        /// Of strings: `$`.
        const STRING = 1 << 3;
        /// Of lists: `l`.
        const LIST = 1 << 4;
        /// Of sets: `s`.
        const SET = 1 << 5;
        /// Of hashes: `h`.
        const HASH = 1 << 6;
        /// Of sorted sets: `z`.
        const SORTED_SET = 1 << 7;
        /// Of keys whose deadlines have passed: `x`.
        const EXPIRED = 1 << 8;
        /// Of keys that had to go for lack of memory: `e`.
        const EVICTED = 1 << 9;
        /// Of streams: `t`.
        const STREAM = 1 << 10;
        /// Of reads that did not find their key: `m`.
        const MISSED = 1 << 11;
        /// Of values of modules: `d`.
        const MODULE = 1 << 12;
        /// Of keys that there were not before: `n`.
        const NEW = 1 << 13;
        /// Of values that took the place of others: `o`.
        const OVERWRITTEN = 1 << 14;
        /// Of values that took the place of values of another type: `c`.
        const TYPE_CHANGED = 1 << 15;
    }
}

impl Classes {
    /// The letters that `A` stands for.
    pub const ALL: Self = Self::GENERIC
        .union(Self::STRING)
        .union(Self::LIST)
        .union(Self::SET)
        .union(Self::HASH)
        .union(Self::SORTED_SET)
        .union(Self::EXPIRED)
        .union(Self::EVICTED)
        .union(Self::STREAM)
        .union(Self::MODULE);

    /// Those of a directive's letters. Letters that mean nothing are left out.
    pub fn of_letters(letters: &str) -> Self {
        letters.chars().map(Self::of_letter).collect()
    }

    fn of_letter(letter: char) -> Self {
        match letter {
            'A' => Self::ALL,
            'K' => Self::KEYSPACE,
            'E' => Self::KEYEVENT,
            'g' => Self::GENERIC,
            '$' => Self::STRING,
            'l' => Self::LIST,
            's' => Self::SET,
            'h' => Self::HASH,
            'z' => Self::SORTED_SET,
            'x' => Self::EXPIRED,
            'e' => Self::EVICTED,
            't' => Self::STREAM,
            'm' => Self::MISSED,
            'd' => Self::MODULE,
            'n' => Self::NEW,
            'o' => Self::OVERWRITTEN,
            'c' => Self::TYPE_CHANGED,
            _ => Self::empty(),
        }
    }

    /// The class of an event.
    pub fn of_event(event: &str) -> Self {
        match event {
            "copy_to" | "del" | "expire" | "move_from" | "move_to" | "persist" | "rename_from"
            | "rename_to" | "restore" => Self::GENERIC,
            "append" | "incrby" | "incrbyfloat" | "pfadd" | "set" | "setbit" | "setrange" => Self::STRING,
            "linsert" | "lpop" | "lpush" | "lrem" | "lset" | "ltrim" | "rpop" | "rpush" | "sortstore" => {
                Self::LIST
            }
            "sadd" | "sdiffstore" | "sinterstore" | "spop" | "srem" | "sunionstore" => Self::SET,
            "hdel" | "hexpire" | "hexpired" | "hincrby" | "hincrbyfloat" | "hpersist" | "hset" => Self::HASH,
            "expired" => Self::EXPIRED,
            "evicted" => Self::EVICTED,
            "keymiss" => Self::MISSED,
            "new" => Self::NEW,
            "overwritten" => Self::OVERWRITTEN,
            "type_changed" => Self::TYPE_CHANGED,
            of_stream if of_stream.starts_with('x') => Self::STREAM,
            of_sorted_set if of_sorted_set.starts_with('z') || of_sorted_set.starts_with("geo") => {
                Self::SORTED_SET
            }
            unknown => {
                debug_assert!(unknown.is_empty(), "no class of the event {unknown}");
                Self::empty()
            }
        }
    }
}

/// Publishes an event of a key, if its class is among `classes`.
pub(crate) fn publish(channels: &Channels, classes: Classes, database: u32, key: &[u8], event: &str) {
    if !classes.intersects(Classes::of_event(event)) || channels.is_silent() {
        return;
    }
    if classes.contains(Classes::KEYSPACE) {
        let channel = [format!("__keyspace@{database}__:").as_bytes(), key].concat();
        channels.publish(&channel, event.as_bytes());
    }
    if classes.contains(Classes::KEYEVENT) {
        channels.publish(format!("__keyevent@{database}__:{event}").as_bytes(), key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_a_class_of_its_own() {
        let letters = "g$lshzxetdmnocKE";
        let classes = Classes::of_letters(letters);
        assert_eq!(classes.bits().count_ones() as usize, letters.len());
        assert_eq!(classes, Classes::all());
        assert_eq!(Classes::of_letters("A"), Classes::of_letters("g$lshzxetd"));
    }
}
