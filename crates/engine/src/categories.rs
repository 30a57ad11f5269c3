//! The categories by which ACL rules speak of commands: almost all of them follow from a row's flags and
//! group.

use bitflags::bitflags;

use crate::command::{Command, Flags, Group};

bitflags! {
    /// ACL categories, in the order in which COMMAND INFO lists them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Categories: u32 {
        /// About keys of any type.
        const KEYSPACE = 1 << 0;
        /// Reads keys.
        const READ = 1 << 1;
        /// Changes keys.
        const WRITE = 1 << 2;
        /// About sets.
        const SET = 1 << 3;
        /// About sorted sets.
        const SORTEDSET = 1 << 4;
        /// About lists.
        const LIST = 1 << 5;
        /// About hashes.
        const HASH = 1 << 6;
        /// About strings.
        const STRING = 1 << 7;
        /// About bits in strings.
        const BITMAP = 1 << 8;
        /// About estimates of cardinality.
        const HYPERLOGLOG = 1 << 9;
        /// About places on the earth.
        const GEO = 1 << 10;
        /// About streams.
        const STREAM = 1 << 11;
        /// About messages.
        const PUBSUB = 1 << 12;
        /// For operators.
        const ADMIN = 1 << 13;
        /// Takes constant or logarithmic time.
        const FAST = 1 << 14;
        /// Not [`Categories::FAST`].
        const SLOW = 1 << 15;
        /// May wait.
        const BLOCKING = 1 << 16;
        /// Should not be in everybody's hands.
        const DANGEROUS = 1 << 17;
        /// About connections.
        const CONNECTION = 1 << 18;
        /// About commands that run together.
        const TRANSACTION = 1 << 19;
        /// About scripts.
        const SCRIPTING = 1 << 20;
    }
}

impl Categories {
    /// The categories of a command.
    pub fn of(command: &Command) -> Self {
        let mut categories = command.also_in | Self::of_group(command);
        for (flag, category) in [
            (Flags::READONLY, Self::READ),
            (Flags::WRITE, Self::WRITE),
            (Flags::PUBSUB, Self::PUBSUB),
            (Flags::ADMIN, Self::ADMIN | Self::DANGEROUS),
            (Flags::BLOCKING, Self::BLOCKING),
        ] {
            if command.flags.contains(flag) {
                categories |= category;
            }
        }
        if command.script.is_some() {
            // What a script reads is up to the script.
            categories = categories.difference(Self::READ);
        }
        categories | if command.flags.contains(Flags::FAST) { Self::FAST } else { Self::SLOW }
    }

    fn of_group(command: &Command) -> Self {
        if !command.in_group || !command.subcommands.is_empty() {
            // A container's group is the category of its subcommands only.
            return Self::empty();
        }
        match command.group {
            Group::String => Self::STRING,
            Group::Bitmap => Self::BITMAP,
            Group::Hash => Self::HASH,
            Group::List => Self::LIST,
            Group::Set => Self::SET,
            Group::SortedSet => Self::SORTEDSET,
            Group::Geo => Self::GEO,
            Group::HyperLogLog => Self::HYPERLOGLOG,
            Group::Stream => Self::STREAM,
            Group::Generic => Self::KEYSPACE,
            Group::Connection => Self::CONNECTION,
            Group::Transactions => Self::TRANSACTION,
            Group::Scripting => Self::SCRIPTING,
            // The flag tells what is about messages.
            Group::PubSub | Group::Server => Self::empty(),
        }
    }

    /// The categories' names in ACL rules, without the leading `@`.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.iter_names().map(|(name, _)| name.to_ascii_lowercase())
    }
}
