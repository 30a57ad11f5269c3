//! How much memory may be used, and for how long more was.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuthatch_collections::allocator;
use parking_lot::RwLock;

use crate::keyspace::eviction::EvictionPolicy;

/// What happens at the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictionOptions {
    /// Which keys go: `maxmemory-policy`.
    pub policy: EvictionPolicy,
    /// About how many keys are looked at for each that goes: `maxmemory-samples`.
    pub samples: usize,
    /// Whether an adaptive policy has big keys go sooner, which saves most misses where sizes differ, though the bytes that are
    /// missed may be more: `adaptive-eviction-sizes`.
    pub minds_sizes: bool,
    /// How long one command may be kept waiting while keys go; nothing is no limit: `maxmemory-eviction-tenacity`.
    pub time_max: Option<Duration>,
}

impl Default for EvictionOptions {
    fn default() -> Self {
        Self {
            policy: EvictionPolicy::NONE,
            samples: 5,
            minds_sizes: true,
            time_max: Some(time_of_tenacity(10)),
        }
    }
}

/// How long a command may be kept waiting with this `maxmemory-eviction-tenacity`, below 100: 500 µs with the default of
/// 10, in proportion below, and a sixth more with each step above.
pub fn time_of_tenacity(tenacity: u32) -> Duration {
    const DEFAULT: u32 = 10;
    const AT_DEFAULT: Duration = Duration::from_micros(500);
    const GROWTH: f64 = 7.0 / 6.0;
    if tenacity <= DEFAULT {
        AT_DEFAULT * tenacity / DEFAULT
    } else {
        AT_DEFAULT.mul_f64(GROWTH.powi((tenacity - DEFAULT) as i32))
    }
}

/// The limit on memory.
#[derive(Debug, Default)]
pub struct Memory {
    /// `maxmemory` in bytes; 0 for none.
    limit: AtomicU64,
    options: RwLock<EvictionOptions>,
    /// Since when it is exceeded, in milliseconds since 1970; 0 if it is not.
    exceeded_since_ms: AtomicU64,
    /// For how long it was exceeded in the times before, in milliseconds.
    exceeded_ms: AtomicU64,
    /// What was allocated before there were any keys, in bytes.
    least: u64,
}

/// For how long more memory than allowed was used, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExceededTime {
    /// In all.
    pub total_ms: u64,
    /// This time.
    pub current_ms: u64,
}

impl Memory {
    /// Without a limit yet, and before there are any keys.
    pub fn new() -> Self {
        Self { least: allocator::allocated(), ..Self::default() }
    }

    /// Sets the limit, in bytes, and what happens there.
    pub fn configure(&self, limit: u64, options: EvictionOptions) {
        *self.options.write() = options;
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// The limit in bytes; 0 for none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// What happens at the limit.
    pub fn options(&self) -> EvictionOptions {
        *self.options.read()
    }

    /// Whether more memory is used than is allowed. What the process uses besides the data set counts, too, as far as that is not
    /// known yet to be about to go.
    #[inline]
    pub fn may_be_exceeded(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        (limit > 0 && allocator::allocated() > limit) || self.exceeded_since_ms.load(Ordering::Relaxed) > 0
    }

    /// How much of the limit the buffers of clients may take, in bytes, where keys are removed to make room: beyond it they
    /// do not displace keys, and the clients with the biggest are closed. No limit where keys are not removed.
    pub fn client_bytes_max(&self) -> u64 {
        /// Limits this small are set in trials, where nobody expects clients to be closed.
        const LEAST: u64 = 8 * 1024 * 1024;
        match self.limit() {
            limit if limit > 0 && self.options().policy.choice.is_some() => LEAST.max(limit / 2),
            _ => u64::MAX,
        }
    }

    /// By how many bytes more is used than allowed.
    pub fn excess(&self) -> u64 {
        match self.limit() {
            0 => 0,
            limit => allocator::allocated().saturating_sub(limit),
        }
    }

    /// By how many bytes more is used than allowed while what is flushed is being released, with `level` bytes in use when
    /// that began. All that is used may be allowed for a while, if the limit can be kept afterwards.
    pub fn excess_above(&self, level: u64) -> u64 {
        let limit = self.limit();
        if limit <= self.least {
            return self.excess();
        }
        // What comes first needs room before anything is released.
        let allowed = limit.max(level).saturating_add(limit / 8);
        allocator::allocated().saturating_sub(allowed)
    }

    /// Notes whether the limit is exceeded at `now_ms` (milliseconds since 1970).
    pub fn note(&self, is_exceeded: bool, now_ms: u64) {
        let since_ms = self.exceeded_since_ms.load(Ordering::Relaxed);
        if is_exceeded == (since_ms > 0) {
            return;
        }
        // Only one of several threads that note the same at once changes anything.
        let after = if is_exceeded { now_ms.max(1) } else { 0 };
        let change =
            self.exceeded_since_ms.compare_exchange(since_ms, after, Ordering::Relaxed, Ordering::Relaxed);
        if change.is_ok() && !is_exceeded {
            self.exceeded_ms.fetch_add(now_ms.saturating_sub(since_ms), Ordering::Relaxed);
        }
    }

    /// For how long it was exceeded until `now_ms` (milliseconds since 1970).
    pub fn exceeded_time(&self, now_ms: u64) -> ExceededTime {
        let current_ms = match self.exceeded_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            since_ms => now_ms.saturating_sub(since_ms),
        };
        ExceededTime { total_ms: self.exceeded_ms.load(Ordering::Relaxed) + current_ms, current_ms }
    }

    /// Counts that time anew: CONFIG RESETSTAT.
    pub fn reset(&self, now_ms: u64) {
        self.exceeded_ms.store(0, Ordering::Relaxed);
        let since_ms = self.exceeded_since_ms.load(Ordering::Relaxed);
        if since_ms > 0 {
            // Unless it has just ended.
            let _ = self.exceeded_since_ms.compare_exchange(
                since_ms,
                now_ms.max(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_is_patience() {
        let times: Vec<Duration> = (0..100).map(time_of_tenacity).collect();
        assert_eq!((times[0], times[10]), (Duration::ZERO, Duration::from_micros(500)));
        assert!(times.is_sorted() && times[99] > Duration::from_secs(100), "{:?}", times[99]);
    }

    #[test]
    fn the_time_beyond_the_limit_adds_up() {
        let memory = Memory::default();
        let time = |total_ms, current_ms| ExceededTime { total_ms, current_ms };
        memory.note(false, 1_000);
        assert_eq!(memory.exceeded_time(2_000), time(0, 0));
        memory.note(true, 2_000);
        memory.note(true, 2_500);
        assert_eq!(memory.exceeded_time(3_000), time(1_000, 1_000));
        memory.note(false, 4_000);
        assert_eq!(memory.exceeded_time(9_000), time(2_000, 0));
        memory.note(true, 9_000);
        assert_eq!(memory.exceeded_time(9_500), time(2_500, 500));
        memory.reset(9_500);
        assert_eq!(memory.exceeded_time(9_700), time(200, 200));
        memory.note(false, 9_800);
        memory.reset(9_900);
        assert_eq!(memory.exceeded_time(10_000), time(0, 0));
    }
}
