//! `maxmemory-policy`: which keys have to go first.

use nuthatch_collections::entry::RecordRef;

use crate::access::{AccessPolicy, Tracking};

/// By what keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// By chance.
    Random,
    /// Those that were not used for the longest time.
    LastUse,
    /// Those that were not changed for the longest time.
    LastChange,
    /// Those that are used least often.
    Frequency,
    /// Those whose deadlines come first.
    Deadline,
    /// Those that are expected to bring fewest hits for the time for which they have to be kept.
    HitDensity,
}

/// Which keys have to go when memory is short.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct EvictionPolicy {
    /// By what they are chosen; none goes without.
    pub choice: Option<Choice>,
    /// Only keys that have a deadline.
    pub is_volatile: bool,
}

impl EvictionPolicy {
    /// No key has to go.
    pub const NONE: Self = Self { choice: None, is_volatile: false };

    /// The names that `maxmemory-policy` takes, in the order in which stock servers list theirs.
    pub const NAMES: &[&str] = &[
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
        "volatile-lrm",
        "allkeys-lrm",
        "volatile-adaptive",
        "allkeys-adaptive",
    ];

    /// The policy of this name.
    pub fn of_name(name: &str) -> Self {
        let Some((keys, choice)) = name.split_once('-') else { return Self::NONE };
        let choice = match choice {
            "lru" => Choice::LastUse,
            "lrm" => Choice::LastChange,
            "lfu" => Choice::Frequency,
            "random" => Choice::Random,
            "ttl" => Choice::Deadline,
            "adaptive" => Choice::HitDensity,
            _ => return Self::NONE,
        };
        Self { choice: Some(choice), is_volatile: keys == "volatile" }
    }

    /// Whether it goes by when or how often keys were used.
    pub fn minds_use(self) -> bool {
        matches!(self.choice, Some(Choice::LastUse | Choice::LastChange | Choice::Frequency))
    }

    /// What has to be kept of each key's use.
    pub fn tracking(self) -> Tracking {
        match self.choice {
            Some(Choice::Frequency) => Tracking::Frequency,
            Some(Choice::LastChange) => Tracking::LastChange,
            Some(Choice::HitDensity) => Tracking::HitDensity { is_volatile: self.is_volatile },
            Some(Choice::Random | Choice::LastUse | Choice::Deadline) | None => Tracking::LastUse,
        }
    }
}

impl Choice {
    /// How willingly a key goes: the more, the sooner.
    pub(super) fn score(self, record: RecordRef<'_>, access: AccessPolicy) -> u64 {
        match self {
            // Keys that are side by side in memory have come in this order.
            Self::Random => fastrand::u64(..),
            // It has ranks of its own.
            Self::HitDensity => 0,
            Self::LastUse | Self::LastChange => access.idle_seconds(record.access()),
            Self::Frequency => u64::from(u8::MAX) - u64::from(access.frequency_of(record.access())),
            Self::Deadline => u64::MAX - record.stamp().unwrap_or(u64::MAX),
        }
    }
}
