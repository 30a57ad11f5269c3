//! How long the turns of an event loop take: by the clock, and of the processor.
//!
//! By the clock, a turn also takes what the machine does meanwhile: it may run other threads, or other virtual
//! machines. The processor time is the turn's own. Reading it is a system call, so that it is read only now and
//! then, and after a turn that may have been the costliest: what such a turn is charged may be too much by what
//! was done since the last reading, never too little.

use std::time::{Duration, Instant};

use nuthatch_engine::statistics::Counters;
use rustix::time::{ClockId, clock_gettime};

/// How old the last reading of the processor time may be when a turn begins: the most that a turn is charged
/// for others.
const READING_AGE_MAX: Duration = Duration::from_micros(50);

/// Times the turns of the thread that owns it.
#[derive(Debug)]
pub(super) struct Stopwatch {
    started: Instant,
    read: Instant,
    /// The thread's processor time when it was read.
    processor: Duration,
}

impl Stopwatch {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { started: now, read: now, processor: processor_time() }
    }

    /// A turn begins.
    pub(super) fn start(&mut self) {
        self.started = Instant::now();
        if self.started - self.read > READING_AGE_MAX {
            self.processor = processor_time();
            self.read = self.started;
        }
    }

    /// How long the turn has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The turn ends; `counters` keep the longest and the costliest.
    pub(super) fn stop(&mut self, counters: &mut Counters) {
        let elapsed = nanoseconds(self.started.elapsed());
        counters.longest_turn = counters.longest_turn.max(elapsed);
        // No turn takes more of the processor than of the clock.
        if elapsed > counters.costliest_turn {
            let processor = nanoseconds(processor_time().saturating_sub(self.processor));
            counters.costliest_turn = counters.costliest_turn.max(processor.min(elapsed));
        }
    }
}

/// The time that the calling thread has had a processor.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    fn counters_of(turn: impl FnOnce()) -> Counters {
        let mut counters = Counters::default();
        let mut stopwatch = Stopwatch::new();
        stopwatch.start();
        turn();
        stopwatch.stop(&mut counters);
        counters
    }

    #[test]
    fn a_turn_that_the_machine_holds_up_is_long_but_not_costly() {
        let counters = counters_of(|| sleep(Duration::from_millis(50)));
        assert!(counters.longest_turn >= 50_000_000, "{counters:?}");
        assert!(counters.costliest_turn < 25_000_000, "{counters:?}");
    }

    #[test]
    fn a_turn_that_works_is_charged_its_processor_time() {
        let counters = counters_of(|| {
            let begun = processor_time();
            while processor_time() - begun < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
        });
        assert!(counters.costliest_turn >= 20_000_000, "{counters:?}");
        assert!(counters.longest_turn >= counters.costliest_turn, "{counters:?}");
    }

    #[test]
    fn the_longest_turn_is_kept() {
        let mut counters = Counters { longest_turn: u64::MAX, ..Counters::default() };
        let mut stopwatch = Stopwatch::new();
        stopwatch.start();
        stopwatch.stop(&mut counters);
        assert_eq!(counters.longest_turn, u64::MAX);
    }
}
