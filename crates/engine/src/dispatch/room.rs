//! Making room when more memory is used than `maxmemory` allows, before a command runs that may use more.

use std::time::Instant;

use nuthatch_collections::table::{Pin, pin};

use super::Worker;
use crate::Engine;
use crate::access::AccessPolicy;
use crate::keyspace::eviction::Eviction;
use crate::keyspace::locked::KeyCounters;

/// How many keys are removed between two looks at the clock.
const KEYS_PER_LOOK: u32 = 16;

/// What came of making room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The limit is not exceeded.
    Enough,
    /// It is, but keys are being removed: the time is over that a command may be kept waiting.
    Soon,
    /// It is, and no key can be removed.
    None,
}

impl Worker {
    /// Removes keys until no more memory than allowed is used, or none is left that may be removed, or it has taken as long
    /// as it may. The caller holds no shards. Counts the keys.
    pub(super) fn evict(
        &mut self,
        engine: &Engine,
        pin: &Pin,
        access: AccessPolicy,
        counters: &mut KeyCounters,
    ) -> Room {
        let may_wait = engine.persistence.loading.is_active()
            || engine.keyspace.is_busy()
            || engine.clients.paused_until(true, access.now_ms).is_some();
        if may_wait {
            return Room::Enough;
        }
        let options = engine.memory.options();
        let eviction = Eviction { policy: options.policy, samples: options.samples, access };
        let mut begun = None;
        let mut removed = 0;
        let room = loop {
            if engine.excess_memory() == 0 {
                break Room::Enough;
            }
            if !engine.keyspace.evict(pin, &mut self.evictor, &eviction, counters) {
                break Room::None;
            }
            removed += 1;
            if removed % KEYS_PER_LOOK == 0
                && let Some(time_max) = options.time_max
                && begun.get_or_insert_with(Instant::now).elapsed() >= time_max
            {
                break Room::Soon;
            }
        };
        engine.memory.note(room != Room::Enough, access.now_ms);
        room
    }

    /// Goes on removing keys where commands had not the time for it. Says whether there is more to do.
    pub fn evict_further(&mut self, engine: &Engine) -> bool {
        if !engine.memory.may_be_exceeded() {
            return false;
        }
        let mut counters = KeyCounters::default();
        let access = engine.settings.access_policy(engine.now_ms());
        let room = self.evict(engine, &pin(), access, &mut counters);
        self.counters().keys.add(counters);
        room == Room::Soon
    }
}

impl Engine {
    /// Whether more memory than allowed is used, and no key may go for it.
    pub(super) fn lacks_memory(&self) -> bool {
        self.memory.options().policy.choice.is_none() && self.excess_memory() > 0
    }

    /// By how many bytes more memory is used than allowed. What is about to be written to files or to be released does not
    /// count, nor what clients' buffers take beyond their part. What is written while flushed databases are released takes
    /// their place.
    fn excess_memory(&self) -> u64 {
        if self.memory.excess(0) == 0 {
            return 0;
        }
        let buffers = self.clients.memory_bytes().saturating_sub(self.memory.client_bytes_max());
        let uncounted = self.uncounted_memory().saturating_add(self.keyspace.reclaiming_bytes());
        let excess = self.memory.excess(uncounted.saturating_add(buffers));
        match self.keyspace.level_reclaimed() {
            Some(level) => self.memory.excess_above(level).min(excess),
            None => excess,
        }
    }

    /// Bytes that do not count, because they are about to be written to files.
    pub fn uncounted_memory(&self) -> u64 {
        self.persistence.log.buffered() + self.keyspace.snapshot_bytes_waiting()
    }
}
