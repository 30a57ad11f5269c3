//! How much the server does per second, averaged over the last moments.

use std::collections::VecDeque;

/// Samples that the mean is taken over.
const SAMPLES_MAX: usize = 4;

/// What was done since the server started or the counters were reset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    pub(super) commands: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) batches: u64,
    pub(super) batch_nanoseconds: u64,
}

impl Work {
    pub(super) fn add(&mut self, other: Self) {
        self.commands += other.commands;
        self.received += other.received;
        self.sent += other.sent;
        self.batches += other.batches;
        self.batch_nanoseconds += other.batch_nanoseconds;
    }
}

/// What was done per second lately.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Commands run.
    pub commands: f64,
    /// Bytes received.
    pub received: f64,
    /// Bytes sent.
    pub sent: f64,
    /// Batches of requests run.
    pub batches: f64,
    /// How long one batch took, in nanoseconds.
    pub nanoseconds_per_batch: f64,
}

/// The last samples of what was done.
#[derive(Debug, Default)]
pub(super) struct RecentRates {
    /// With the time of each in milliseconds since 1970; oldest first.
    samples: VecDeque<(u64, Work)>,
}

impl RecentRates {
    /// Notes what was done until `now_ms` (milliseconds since 1970).
    pub(super) fn sample(&mut self, now_ms: u64, work: Work) {
        self.samples.push_back((now_ms, work));
        if self.samples.len() > SAMPLES_MAX + 1 {
            self.samples.pop_front();
        }
    }

    /// The mean over the samples.
    pub(super) fn mean(&self) -> Rates {
        let (Some((first_ms, first)), Some((last_ms, last))) = (self.samples.front(), self.samples.back())
        else {
            return Rates::default();
        };
        let seconds = last_ms.saturating_sub(*first_ms) as f64 / 1000.0;
        if seconds == 0.0 {
            return Rates::default();
        }
        let done = |of: fn(&Work) -> u64| of(last).saturating_sub(of(first)) as f64;
        let batches = done(|work| work.batches);
        Rates {
            commands: done(|work| work.commands) / seconds,
            received: done(|work| work.received) / seconds,
            sent: done(|work| work.sent) / seconds,
            batches: batches / seconds,
            nanoseconds_per_batch: done(|work| work.batch_nanoseconds) / batches.max(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_over_the_last_samples_only() {
        let mut recent = RecentRates::default();
        let work = |commands| Work {
            commands,
            batches: commands,
            batch_nanoseconds: commands * 7,
            ..Work::default()
        };
        recent.sample(0, work(1_000_000));
        assert_eq!(recent.mean(), Rates::default());
        for half_second in 1..=10 {
            recent.sample(half_second * 500, work(1_000_000 + half_second * 50));
        }
        let rates = recent.mean();
        assert_eq!((rates.commands, rates.nanoseconds_per_batch), (100.0, 7.0));
        for half_second in 11..=20 {
            recent.sample(half_second * 500, work(1_000_500));
        }
        assert_eq!(recent.mean().commands, 0.0);
    }

    #[test]
    fn a_clock_that_stands_still_gives_no_infinite_rate() {
        let mut recent = RecentRates::default();
        recent.sample(5, Work::default());
        recent.sample(5, Work { commands: 9, ..Work::default() });
        assert_eq!(recent.mean(), Rates::default());
    }
}
