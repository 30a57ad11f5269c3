//! Making room when more memory is used than `maxmemory` allows, before a command runs that may use more.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use nuthatch_collections::table::{Pin, pin};

use super::Worker;
use crate::Engine;
use crate::access::AccessPolicy;
use crate::keyspace::eviction::Eviction;
use crate::keyspace::locked::KeyCounters;

/// How many keys are removed between two looks at the clock.
const KEYS_PER_LOOK: u32 = 16;

/// What is being released need not be waited for as long as it takes no more than such a part of what is allowed.
const RELEASED_SHARE: u64 = 64;

/// Whether more memory is used than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// No.
    None,
    /// It is, until what is gone already has been released.
    Passing,
    /// It is.
    Lasting,
}

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
        let eviction = Eviction {
            policy: options.policy,
            samples: options.samples,
            minds_sizes: options.minds_sizes,
            access,
        };
        let may_all_go = options.policy.choice.is_some() && !options.policy.is_volatile;
        let mut begun = None;
        let mut is_time_over = || {
            let begun = begun.get_or_insert_with(Instant::now);
            options.time_max.is_some_and(|time_max| begun.elapsed() >= time_max)
        };
        let mut removed = 0;
        let room = loop {
            let shortage = engine.shortage();
            if shortage == Shortage::None {
                break Room::Enough;
            }
            let may_go = shortage == Shortage::Lasting;
            if may_go && engine.keyspace.evict(pin, &mut self.evictor, &eviction, counters) {
                removed += 1;
            } else if !may_go || may_all_go && engine.keyspace.is_reclaiming() {
                // What takes too much is about to be free.
                removed = 0;
                thread::yield_now();
            } else if engine.keyspace.is_busy() {
                break Room::Enough;
            } else {
                break Room::None;
            }
            if removed % KEYS_PER_LOOK == 0 && is_time_over() {
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
    /// How much the buffers of all clients may take, in bytes: with more, the clients that take most are closed.
    pub fn client_bytes_max(&self) -> u64 {
        if self.client_memory_max().is_some() || self.memory.may_be_exceeded() {
            self.client_part()
        } else {
            u64::MAX
        }
    }

    /// How much the buffers of all clients take at most before clients are closed when all memory is used, in bytes. Those of
    /// clients that are not closed for it may take more, unless a limit was set.
    fn client_part(&self) -> u64 {
        let part = || self.memory.client_bytes_max().saturating_add(self.clients.exempt_bytes());
        self.client_memory_max().unwrap_or_else(part)
    }

    /// The limit that was set for that: `maxmemory-clients`.
    fn client_memory_max(&self) -> Option<u64> {
        /// With less nobody could set another limit, as in Redis.
        const LEAST: u64 = 128 * 1024;
        let bytes_max = self.clients.memory_max.load(Ordering::Relaxed);
        (bytes_max > 0).then(|| bytes_max.max(LEAST))
    }

    /// Whether more memory than allowed is used, and no key may go for it.
    pub(super) fn lacks_memory(&self) -> bool {
        self.memory.options().policy.choice.is_none() && self.shortage() != Shortage::None
    }

    /// Whether more memory than allowed is used. What is about to be written to files does not count, nor what clients'
    /// buffers take beyond their part, nor a little of what is about to be released. What is written while flushed databases
    /// are released takes their place.
    fn shortage(&self) -> Shortage {
        if self.memory.excess() == 0 {
            return Shortage::None;
        }
        // Before it is looked how much is used: what is released meanwhile must not seem to be neither gone nor going.
        let (level, reclaiming) = (self.keyspace.level_reclaimed(), self.keyspace.reclaiming_bytes());
        let excess = self.memory.excess();
        let buffers = self.clients.memory_bytes().saturating_sub(self.client_part());
        let buffers = buffers.saturating_add(self.clients.leaving_bytes());
        let excess = excess.saturating_sub(self.uncounted_memory()).saturating_sub(buffers);
        let excess = match level {
            Some(level) => self.memory.excess_above(level).min(excess),
            None => excess,
        };
        if excess <= reclaiming.min(self.memory.limit() / RELEASED_SHARE) {
            Shortage::None
        } else if excess <= reclaiming {
            Shortage::Passing
        } else {
            Shortage::Lasting
        }
    }

    /// Bytes that do not count, because they are about to be written to files.
    pub fn uncounted_memory(&self) -> u64 {
        self.persistence.log.buffered() + self.keyspace.snapshot_bytes_waiting()
    }
}
