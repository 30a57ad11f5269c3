//! When memory is defragmented, and with how much of a processor's time.
//!
//! Whoever serves clients also moves values, a slice of time after the other: see
//! [`Keyspace::defragment_step`](crate::keyspace::Keyspace::defragment_step). It begins when too much of the memory that the
//! allocator holds is in gaps, and ends when a quarter of that is, or when going through everything has hardly moved
//! anything: then the gaps are elsewhere.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::host::MemoryFacts;
use crate::keyspace::defragmentation::Defragmented;

/// After having moved hardly anything it is not tried again for so long, in milliseconds.
const REST_MS: u64 = 60_000;

/// The same where memory is limited, the first time; it is twice as long each time that it has not helped again.
const REST_MS_TIGHT: u64 = 1_000;

/// The part of the limit on memory that gaps may take besides.
const TOLERATED_SHARE: u64 = 50;

/// If gaps take such a part of the limit beyond that, as much of the time is taken as may be.
const INTOLERABLE_SHARE: u64 = 100;

/// Hardly anything was moved if it was fewer than one in so many allocations.
const MOVED_MIN: u64 = 50;

/// The same where memory is limited: gaps come back quickly there.
const MOVED_MIN_TIGHT: u64 = 200;

/// The directives, what is decided by them, and what was done.
#[derive(Debug)]
pub struct Defragmentation {
    /// `activedefrag`.
    pub enabled: AtomicBool,
    /// `active-defrag-ignore-bytes`: fewer bytes in gaps are not worth it.
    pub ignore_bytes: AtomicU64,
    /// `active-defrag-threshold-lower`: it begins with so many bytes in gaps for each hundred that are in use.
    pub threshold_lower: AtomicU32,
    /// `active-defrag-threshold-upper`: it takes most with so many.
    pub threshold_upper: AtomicU32,
    /// `active-defrag-cycle-min` and `active-defrag-cycle-max`: the share of the time of a thread, in percent.
    pub cycle_min: AtomicU32,
    /// See [`cycle_min`](Self::cycle_min).
    pub cycle_max: AtomicU32,
    /// `active-defrag-cycle-us`: how long a slice of that time is, in microseconds.
    pub cycle_us: AtomicU64,
    /// `active-defrag-max-scan-fields`: values of more elements are gone through in parts.
    pub elements_max: AtomicUsize,
    /// The share that it takes now, in percent; 0 while it does not go on.
    share: AtomicU32,
    /// How often it was decided.
    reviews: AtomicU64,
    /// Whether gaps make the process take more memory than the limit.
    is_tight: AtomicBool,
    moved: AtomicU64,
    kept: AtomicU64,
    keys_moved: AtomicU64,
    keys_kept: AtomicU64,
    course: Mutex<Course>,
}

/// How it went so far.
#[derive(Debug, Default)]
struct Course {
    /// Since when it goes on, in milliseconds since 1970.
    since_ms: Option<u64>,
    /// How long it went on before, in milliseconds.
    total_ms: u64,
    /// When it last ceased to go on, in milliseconds since 1970.
    paused_ms: u64,
    /// Before that it does not begin, where gaps do not make the process take more memory than the limit, and where they do.
    rests_until_ms: u64,
    rests_tight_until_ms: u64,
    /// How long it rests next where they do, in milliseconds, if it was in vain before; otherwise 0.
    rest_ms: u64,
    /// How many bytes in gaps there were at most while it was in vain.
    gaps_left: u64,
    attempt: Attempt,
}

/// What happened since it was last looked whether it helps. Short pauses do not matter: where there are about as many gaps as
/// are tolerated, it may go on for less than a pass at a time.
#[derive(Debug, Default)]
struct Attempt {
    /// Whether gaps have made the process take more memory than the limit.
    was_tight: bool,
    /// How many bytes in gaps there were at most.
    gaps_max: u64,
    /// Passes through a thread's shards, and what they did.
    passes: usize,
    done: Defragmented,
}

impl Default for Defragmentation {
    fn default() -> Self {
        Self {
            enabled: AtomicBool::new(false),
            ignore_bytes: AtomicU64::new(100 << 20),
            threshold_lower: AtomicU32::new(10),
            threshold_upper: AtomicU32::new(100),
            cycle_min: AtomicU32::new(1),
            cycle_max: AtomicU32::new(25),
            cycle_us: AtomicU64::new(500),
            elements_max: AtomicUsize::new(1000),
            share: AtomicU32::new(0),
            reviews: AtomicU64::new(0),
            is_tight: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            keys_moved: AtomicU64::new(0),
            keys_kept: AtomicU64::new(0),
            course: Mutex::default(),
        }
    }
}

/// What a thread does besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Nothing: most of the time that it may take is taken.
    None,
    /// It serves clients: so much as the gaps are worth.
    Clients,
    /// Many keys expire: gaps close by themselves, and nothing is taken, unless memory is short.
    Expiry,
}

/// What INFO tells.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DefragmentationFigures {
    /// The share of a thread's time, in percent, while it goes on.
    pub share: u32,
    /// What was done since the start or CONFIG RESETSTAT.
    pub done: Defragmented,
    /// How long it has gone on in all, in milliseconds.
    pub total_ms: u64,
    /// How long it has gone on this time.
    pub current_ms: u64,
}

impl Defragmentation {
    /// The share of its time, in percent, that a thread with this load gives; 0 for none.
    #[inline]
    pub fn share(&self, load: Load) -> u32 {
        match (self.share.load(Ordering::Relaxed), load) {
            (0, _) => 0,
            (share, Load::None) => share.max(self.cycle_max.load(Ordering::Relaxed)),
            (share, Load::Clients) => share,
            (share, Load::Expiry) if self.is_tight.load(Ordering::Relaxed) => share,
            (_, Load::Expiry) => 0,
        }
    }

    /// Decides anew, by what the allocator says now, which is only asked if that matters. One of `threads` threads calls this
    /// now and then.
    ///
    /// Where memory is limited to `limit` bytes, and gaps make the process take more, it begins earlier than the thresholds
    /// say, and takes more of the time: keys have been removed so that the limit holds.
    pub fn review(&self, memory: impl FnOnce() -> MemoryFacts, limit: u64, now_ms: u64, threads: usize) {
        let course = &mut *self.course.lock();
        let is_enabled = self.enabled.load(Ordering::Relaxed);
        let memory = if is_enabled { memory() } else { MemoryFacts::default() };
        let gaps = memory.active.saturating_sub(memory.allocated);
        let percent = (u128::from(gaps) * 100 / u128::from(memory.allocated.max(1))) as u64;
        let tolerated = limit / TOLERATED_SHARE;
        let is_tight = limit > 0 && memory.active > limit.saturating_add(tolerated) && gaps > tolerated;
        let lower = u64::from(self.threshold_lower.load(Ordering::Relaxed));
        if is_tight || course.since_ms.is_some() {
            course.attempt.was_tight |= is_tight;
            course.attempt.gaps_max = course.attempt.gaps_max.max(gaps);
        }
        if course.attempt.passes >= threads {
            // It may be over just now, and begin again at once.
            let next = Attempt { was_tight: is_tight, ..Attempt::default() };
            let Attempt { was_tight, gaps_max, done, .. } = std::mem::replace(&mut course.attempt, next);
            let Defragmented { moved, kept, .. } = done;
            let moved_min = if was_tight { MOVED_MIN_TIGHT } else { MOVED_MIN };
            if moved > 0 && moved.saturating_mul(moved_min) >= moved + kept {
                course.rest_ms = 0;
            } else {
                course.rests_until_ms = now_ms + REST_MS;
                if was_tight {
                    course.rest_ms = (2 * course.rest_ms).clamp(REST_MS_TIGHT, REST_MS);
                    course.rests_tight_until_ms = now_ms + course.rest_ms;
                    course.gaps_left = gaps_max;
                }
            }
        }
        // The clock may have been set back.
        course.rests_tight_until_ms = course.rests_tight_until_ms.min(now_ms + REST_MS);
        course.rests_until_ms = course.rests_until_ms.min(now_ms + REST_MS);
        let ignored = self.ignore_bytes.load(Ordering::Relaxed);
        let goes_on = is_enabled
            && match course.since_ms {
                // Gaps that have come since may be others.
                _ if is_tight => {
                    now_ms >= course.rests_tight_until_ms || gaps > course.gaps_left + tolerated / 4
                }
                _ if now_ms < course.rests_until_ms => false,
                None => gaps > ignored && percent >= lower,
                Some(_) => gaps > ignored / 4 && percent >= lower / 4,
            };
        match (goes_on, course.since_ms) {
            (true, None) => {
                if now_ms.saturating_sub(course.paused_ms) > REST_MS {
                    course.attempt = Attempt { was_tight: is_tight, gaps_max: gaps, ..Attempt::default() };
                }
                course.since_ms = Some(now_ms);
            }
            (false, Some(since_ms)) => {
                course.total_ms += now_ms.saturating_sub(since_ms);
                course.since_ms = None;
                course.paused_ms = now_ms;
            }
            _ => {}
        }
        let upper = u64::from(self.threshold_upper.load(Ordering::Relaxed));
        let share = match goes_on {
            true if is_tight => self.share_for(gaps - tolerated, limit / INTOLERABLE_SHARE),
            true => self.share_for(percent.saturating_sub(lower), upper.saturating_sub(lower)),
            false => 0,
        };
        self.is_tight.store(is_tight, Ordering::Relaxed);
        self.share.store(share, Ordering::Relaxed);
        self.reviews.fetch_add(1, Ordering::Relaxed);
    }

    /// The share between the least and the most that belongs to `above` where the most belongs to `range`.
    fn share_for(&self, above: u64, range: u64) -> u32 {
        let value = |of: &AtomicU32| u64::from(of.load(Ordering::Relaxed));
        let (least, most) = (value(&self.cycle_min), value(&self.cycle_max));
        let part = u128::from(most.saturating_sub(least)) * u128::from(above.min(range));
        let share = u128::from(least) + part / u128::from(range.max(1));
        u32::try_from(share.clamp(1, 99)).unwrap_or(99)
    }

    /// Counts what was done.
    pub fn add(&self, done: Defragmented) {
        self.moved.fetch_add(done.moved, Ordering::Relaxed);
        self.kept.fetch_add(done.kept, Ordering::Relaxed);
        self.keys_moved.fetch_add(done.keys_moved, Ordering::Relaxed);
        self.keys_kept.fetch_add(done.keys_kept, Ordering::Relaxed);
    }

    /// How often it was decided anew: a thread that has gone through all of its shards does not begin again before that.
    pub fn reviews(&self) -> u64 {
        self.reviews.load(Ordering::Relaxed)
    }

    /// A thread has gone through all of its shards, and has done this.
    pub fn end_pass(&self, done: Defragmented) {
        let mut course = self.course.lock();
        course.attempt.passes += 1;
        course.attempt.done.add(done);
    }

    /// What INFO tells.
    pub fn figures(&self, now_ms: u64) -> DefragmentationFigures {
        let course = self.course.lock();
        let current_ms = course.since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        DefragmentationFigures {
            share: self.share.load(Ordering::Relaxed),
            done: Defragmented {
                moved: self.moved.load(Ordering::Relaxed),
                kept: self.kept.load(Ordering::Relaxed),
                keys_moved: self.keys_moved.load(Ordering::Relaxed),
                keys_kept: self.keys_kept.load(Ordering::Relaxed),
            },
            total_ms: course.total_ms + current_ms,
            current_ms,
        }
    }

    /// Forgets what was done: CONFIG RESETSTAT.
    pub fn reset(&self, now_ms: u64) {
        for counter in [&self.moved, &self.kept, &self.keys_moved, &self.keys_kept] {
            counter.store(0, Ordering::Relaxed);
        }
        let mut course = self.course.lock();
        course.total_ms = 0;
        if course.since_ms.is_some() {
            course.since_ms = Some(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn memory(gaps: u64) -> MemoryFacts {
        MemoryFacts { allocated: 1000 * MIB, active: (1000 + gaps) * MIB, ..MemoryFacts::default() }
    }

    fn enabled() -> Defragmentation {
        let defragmentation = Defragmentation::default();
        defragmentation.enabled.store(true, Ordering::Relaxed);
        defragmentation
    }

    #[test]
    fn it_begins_at_the_threshold_and_ends_at_a_quarter_of_it() {
        let defragmentation = enabled();
        for (now_ms, gaps, share) in
            [(1, 99, 0), (2, 101, 1), (3, 40, 1), (4, 19, 0), (5, 99, 0), (6, 550, 13)]
        {
            defragmentation.review(|| memory(gaps), 0, now_ms, 1);
            assert_eq!(defragmentation.share(Load::Clients), share, "{gaps} MiB");
        }
        assert_eq!(defragmentation.share(Load::None), 25);
        defragmentation.review(|| memory(5000), 0, 10, 1);
        assert_eq!(defragmentation.share(Load::Clients), 25);
        let figures = defragmentation.figures(12);
        assert_eq!((figures.total_ms, figures.current_ms), (8, 6));
    }

    #[test]
    fn keys_that_expire_put_it_off_unless_memory_is_short() {
        let defragmentation = enabled();
        for (limit, share) in [(0, 0), (1100 * MIB, 25)] {
            defragmentation.review(|| memory(550), limit, 1, 1);
            assert_eq!(defragmentation.share(Load::Expiry), share, "{limit}");
        }
    }

    #[test]
    fn it_does_nothing_when_it_is_off_or_little_is_lost() {
        let defragmentation = Defragmentation::default();
        defragmentation.review(|| memory(900), 0, 1, 1);
        assert_eq!(defragmentation.share(Load::None), 0);
        let small = MemoryFacts { allocated: 10 * MIB, active: 90 * MIB, ..MemoryFacts::default() };
        let defragmentation = enabled();
        defragmentation.review(|| small, 0, 1, 1);
        assert_eq!(defragmentation.share(Load::None), 0);
    }

    #[test]
    fn gaps_beyond_a_limit_on_memory_are_closed_however_few_they_are() {
        let defragmentation = enabled();
        let small = |active| MemoryFacts { allocated: 10 * MIB, active, ..MemoryFacts::default() };
        for (active, limit, goes_on) in [(11, 0, false), (11, 10, true), (11, 11, false), (10, 10, false)] {
            defragmentation.review(|| small(active * MIB), limit * MIB, 1, 1);
            for load in [Load::Clients, Load::Expiry] {
                assert_eq!(defragmentation.share(load) > 0, goes_on, "{active} of {limit} MiB, {load:?}");
            }
        }
    }

    #[test]
    fn gaps_that_cannot_be_closed_are_tried_more_and_more_seldom() {
        let defragmentation = enabled();
        let tight = MemoryFacts { allocated: 10 * MIB, active: 12 * MIB, ..MemoryFacts::default() };
        let mut now_ms = 0;
        for rest_ms in [1, 2, 4, 8, 16, 32, 60, 60].map(|seconds| seconds * 1_000) {
            defragmentation.review(|| tight, 10 * MIB, now_ms, 1);
            assert!(defragmentation.share(Load::Clients) > 0);
            defragmentation.end_pass(Defragmented { kept: 1000, ..Defragmented::default() });
            defragmentation.review(|| tight, 10 * MIB, now_ms, 1);
            now_ms += rest_ms;
            defragmentation.review(|| tight, 10 * MIB, now_ms - 1, 1);
            assert_eq!(defragmentation.share(Load::Clients), 0, "{rest_ms}");
        }
    }

    #[test]
    fn it_rests_where_gaps_are_about_as_many_as_are_tolerated() {
        // How many passes two threads make from one review to the next: where there are few keys, and where there are many.
        for passes in [[2; 4], [1, 1, 0, 0], [0, 1, 0, 1]] {
            let defragmentation = enabled();
            let mut busy_ms = 0;
            // Asking for figures takes a buffer: without it gaps are less than tolerated, and with it they differ, too.
            let gaps = [14, 28, 14, 30];
            for (now_ms, (gaps, passes)) in
                (0..300_000).step_by(500).zip(gaps.into_iter().zip(passes).cycle())
            {
                defragmentation.review(|| memory(gaps), 1000 * MIB, now_ms, 2);
                if defragmentation.share(Load::None) > 0 {
                    busy_ms += 500;
                    for _ in 0..passes {
                        defragmentation.end_pass(Defragmented { kept: 1000, ..Defragmented::default() });
                    }
                }
            }
            assert!((1..=30_000).contains(&busy_ms), "{passes:?}: {busy_ms}");
        }
    }

    #[test]
    fn it_rests_where_memory_is_short_every_other_moment_and_there_are_many_gaps() {
        let defragmentation = enabled();
        let mut busy_ms = 0;
        for now_ms in (0..300_000).step_by(500) {
            let limit = if now_ms % 1000 == 0 { 1100 * MIB } else { 1300 * MIB };
            defragmentation.review(|| memory(200), limit, now_ms, 1);
            if defragmentation.share(Load::None) > 0 {
                busy_ms += 500;
                defragmentation.end_pass(Defragmented { kept: 1000, ..Defragmented::default() });
            }
        }
        assert!((1..=30_000).contains(&busy_ms), "{busy_ms}");
    }

    #[test]
    fn what_some_threads_did_long_ago_is_forgotten() {
        let defragmentation = enabled();
        let in_vain = Defragmented { kept: 1000, ..Defragmented::default() };
        defragmentation.review(|| memory(300), 0, 1, 2);
        defragmentation.end_pass(in_vain);
        defragmentation.review(|| memory(0), 0, 2, 2);
        defragmentation.review(|| memory(300), 0, 3 + REST_MS, 2);
        defragmentation.end_pass(in_vain);
        defragmentation.review(|| memory(300), 0, 4 + REST_MS, 2);
        assert!(defragmentation.share(Load::None) > 0, "one of two threads has not gone through its shards");
    }

    #[test]
    fn where_there_is_nothing_to_move_it_rests() {
        let defragmentation = enabled();
        let empty = MemoryFacts { allocated: MIB, active: 12 * MIB, ..MemoryFacts::default() };
        defragmentation.review(|| empty, MIB, 1, 1);
        assert_eq!(defragmentation.share(Load::Clients), 25);
        for done in [Defragmented::default(), Defragmented { kept: 100, ..Defragmented::default() }] {
            defragmentation.end_pass(done);
            defragmentation.review(|| empty, MIB, 1, 1);
            assert_eq!(defragmentation.share(Load::None), 0, "{done:?}");
        }
    }

    #[test]
    fn memory_is_short_whatever_the_thresholds_are() {
        let defragmentation = enabled();
        defragmentation.threshold_lower.store(100, Ordering::Relaxed);
        for (gaps, share) in [(20, 0), (21, 3), (25, 13), (30, 25), (1000, 25)] {
            defragmentation.review(|| memory(gaps), 1000 * MIB, 1, 1);
            assert_eq!(defragmentation.share(Load::Clients), share, "{gaps} MiB");
        }
    }

    #[test]
    fn what_was_in_vain_before_memory_was_short_is_tried_again_when_it_is() {
        let defragmentation = enabled();
        defragmentation.review(|| memory(300), 0, 1, 1);
        defragmentation.end_pass(Defragmented { kept: 1000, ..Defragmented::default() });
        for (limit, goes_on) in [(0, false), (1100 * MIB, true), (0, false)] {
            defragmentation.review(|| memory(300), limit, 2, 1);
            assert_eq!(defragmentation.share(Load::Clients) > 0, goes_on, "{limit}");
        }
    }

    #[test]
    fn a_rest_ends_when_there_are_more_gaps_and_memory_is_short() {
        let defragmentation = enabled();
        defragmentation.review(|| memory(100), 1000 * MIB, 1, 1);
        defragmentation.end_pass(Defragmented { kept: 1000, ..Defragmented::default() });
        for (gaps, goes_on) in [(100, false), (104, false), (106, true)] {
            defragmentation.review(|| memory(gaps), 1000 * MIB, 1, 1);
            assert_eq!(defragmentation.share(Load::Clients) > 0, goes_on, "{gaps}");
        }
    }

    #[test]
    fn it_rests_when_going_through_everything_has_moved_hardly_anything() {
        let defragmentation = enabled();
        let pass = |moved| Defragmented { moved, kept: 1000, ..Defragmented::default() };
        defragmentation.review(|| memory(300), 0, 1, 2);
        defragmentation.end_pass(pass(5));
        defragmentation.review(|| memory(300), 0, 2, 2);
        assert!(
            defragmentation.share(Load::Clients) > 0,
            "one of two threads has not gone through its shards"
        );
        defragmentation.end_pass(pass(100));
        defragmentation.review(|| memory(300), 0, 3, 2);
        assert!(defragmentation.share(Load::Clients) > 0, "it helped");
        defragmentation.end_pass(pass(5));
        defragmentation.end_pass(pass(5));
        defragmentation.review(|| memory(300), 0, 4, 2);
        assert_eq!(defragmentation.share(Load::Clients), 0);
        defragmentation.review(|| memory(300), 0, 4 + REST_MS, 2);
        assert!(defragmentation.share(Load::Clients) > 0);
    }
}
