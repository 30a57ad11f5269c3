//! An event loop's part in defragmenting: a slice of time now and then, in which values of its shards are moved.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nuthatch_collections::allocator::{DenseSizes, Uncached};
use nuthatch_collections::mover::Mover;
use nuthatch_engine::Engine;
use nuthatch_engine::defragmentation::Load;
use nuthatch_engine::keyspace::defragmentation::{Cursor, Defragmented};

/// A loop that has slept longer than it should have makes up for so much of it.
const LATE_MAX: Duration = Duration::from_millis(10);

/// Where one event loop is in its shards.
pub(super) struct Defragmenter {
    /// The shard that it goes through, and how far.
    shard: usize,
    cursor: Cursor,
    sizes: DenseSizes,
    /// What was done since the first of its shards.
    pass: Defragmented,
    /// How often it had been decided whether this goes on when the last pass was over.
    reviews_seen: Option<u64>,
    /// When the next slice begins.
    next: Instant,
}

impl Defragmenter {
    /// Of the loop `number`, whose first shard has this number, too.
    pub(super) fn new(number: usize) -> Self {
        Self {
            shard: number,
            cursor: Cursor::default(),
            sizes: DenseSizes::default(),
            pass: Defragmented::default(),
            reviews_seen: None,
            next: Instant::now(),
        }
    }

    /// Defragments for a slice if its time has come. Returns how long it may sleep, in milliseconds, if it may otherwise sleep for `wait_ms`.
    pub(super) fn run(
        &mut self,
        engine: &Engine,
        number: usize,
        threads: usize,
        load: Load,
        wait_ms: u64,
    ) -> u64 {
        let share = engine.defragmentation.share(load);
        if share == 0 || self.reviews_seen == Some(engine.defragmentation.reviews()) {
            return wait_ms;
        }
        let begun = Instant::now();
        let mut now = begun;
        if now >= self.next {
            self.slice(engine, number, threads, begun);
            now = Instant::now();
            // What the loop slept too long, because clocks are coarse, is made up for in further slices, between which it
            // looks at its sockets; what it was busy with is not.
            let due = if load == Load::None { begun - LATE_MAX.min(begun - self.next) } else { begun };
            self.next = due + (now - begun) * 100 / share;
        }
        // No later than its time comes, and no earlier, lest the loop turns in vain.
        let until = self.next.saturating_duration_since(now).as_micros().div_ceil(1000);
        wait_ms.min(u64::try_from(until).unwrap_or(wait_ms))
    }

    fn slice(&mut self, engine: &Engine, number: usize, threads: usize, begun: Instant) {
        let settings = &engine.defragmentation;
        let length = Duration::from_micros(settings.cycle_us.load(Ordering::Relaxed));
        let elements_max = settings.elements_max.load(Ordering::Relaxed);
        let _uncached = Uncached::begin();
        let mut done = Defragmented::default();
        loop {
            let mover = Mover::of_sparse(elements_max, &mut self.sizes);
            let step = engine.keyspace.defragment_step(self.shard, &mut self.cursor, mover);
            // Who has the shard may have it for long.
            let Some((step, is_over)) = step else { break };
            done.add(step);
            self.pass.add(step);
            if is_over {
                self.shard += threads;
            }
            let is_pass_over = self.shard >= engine.keyspace.shards();
            if is_pass_over {
                self.shard = number;
                self.reviews_seen = Some(settings.reviews());
                settings.end_pass(std::mem::take(&mut self.pass));
            }
            if is_pass_over || begun.elapsed() >= length {
                break;
            }
        }
        settings.add(done);
    }
}
