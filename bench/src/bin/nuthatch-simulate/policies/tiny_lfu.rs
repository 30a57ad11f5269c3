//! W-TinyLFU: new keys pass a window by recency; who leaves it must have been asked for more often than the
//! next victim of the main part, by a sketch that ages (Einziger, Friedman and Manes, ACM TOS 13, 2017). The
//! size of the window climbs the hill of hit ratios (Einziger, Eytan, Friedman and Manes, "Adaptive software
//! cache management", Middleware '18), with the constants of Caffeine, their implementation.

use crate::cache::{Policy, World};
use crate::parts::{Queue, Random, hash};
use nuthatch_bench::traces::{Key, Steps};

/// The window's first part of the capacity, and the protected segment's part of the rest.
const WINDOW_PART: f64 = 0.01;
const PROTECTED_PART: f64 = 0.8;
/// The climber looks after so many times the number of keys, moves by this part of the capacity first and by
/// less and less.
const CLIMB_PERIOD: u64 = 10;
const STEP_PART: f64 = 0.0625;
const STEP_DECAY: f64 = 0.98;
const RESTART_CHANGE: f64 = 0.05;
/// The sketch halves its counters after so many times the number of keys.
const SKETCH_PERIOD: u64 = 10;
const ROWS: usize = 4;
const COUNT_MAX: u8 = 15;

pub(crate) struct WindowTinyLfu {
    window: Queue,
    probation: Queue,
    protected: Queue,
    capacity: f64,
    window_max: f64,
    sketch: Sketch,
    climber: Climber,
    candidate: Option<Key>,
    random: Random,
}

impl WindowTinyLfu {
    pub(crate) fn new(steps: &Steps, capacity: u64) -> WindowTinyLfu {
        let keys = (capacity * steps.keys() as u64 / steps.footprint()).max(1);
        WindowTinyLfu {
            window: Queue::new(&steps.costs),
            probation: Queue::new(&steps.costs),
            protected: Queue::new(&steps.costs),
            capacity: capacity as f64,
            window_max: (capacity as f64 * WINDOW_PART).max(1.0),
            sketch: Sketch::new(keys),
            climber: Climber::new(keys),
            candidate: None,
            random: Random::new(),
        }
    }

    fn note(&mut self, key: Key, hit: bool) {
        self.sketch.add(key);
        if let Some(change) = self.climber.note(hit) {
            self.window_max =
                (self.window_max + change * self.capacity).clamp(1.0, self.capacity * PROTECTED_PART);
        }
        self.shrink();
    }

    /// Keeps the window and the protected segment within their limits.
    fn shrink(&mut self) {
        while self.window.cost() as f64 > self.window_max {
            let Some(key) = self.window.pop_back() else { break };
            self.probation.push_front(key);
            self.candidate = Some(key);
        }
        while self.protected.cost() as f64 > (self.capacity - self.window_max) * PROTECTED_PART {
            let Some(key) = self.protected.pop_back() else { break };
            self.probation.push_front(key);
        }
    }

    fn admits(&mut self, candidate: Key, victim: Key) -> bool {
        let (new, old) = (self.sketch.count(candidate), self.sketch.count(victim));
        // A victim that seems popular to the sketch by collision must not stay for ever.
        new > old || new > 5 && self.random.below(128) == 0
    }
}

impl Policy for WindowTinyLfu {
    fn hit(&mut self, key: Key, _world: &World) {
        if self.window.contains(key) {
            self.window.refresh(key);
        } else {
            self.probation.remove(key);
            self.protected.refresh(key);
        }
        self.note(key, true);
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.window.push_front(key);
        self.note(key, false);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let victim =
            self.probation.back().or(self.protected.back()).or(self.window.back()).unwrap_or(newcomer);
        let candidate = self.candidate.take().filter(|candidate| self.probation.contains(*candidate));
        let loser = match candidate {
            Some(candidate) if candidate != victim && !self.admits(candidate, victim) => candidate,
            _ => victim,
        };
        self.remove(loser, world);
        loser
    }

    fn remove(&mut self, key: Key, _world: &World) {
        let _ = self.window.remove(key) || self.probation.remove(key) || self.protected.remove(key);
    }
}

/// How often keys were asked for of late, roughly (a count-min sketch with conservative counters of four
/// bits).
struct Sketch {
    counts: Vec<u8>,
    mask: usize,
    added: u64,
    period: u64,
}

impl Sketch {
    fn new(keys: u64) -> Sketch {
        let width = keys.next_power_of_two() as usize * ROWS;
        Sketch { counts: vec![0; width], mask: width - 1, added: 0, period: keys * SKETCH_PERIOD }
    }

    fn places(&self, key: Key) -> [usize; ROWS] {
        let (hash, mask) = (hash(key), self.mask);
        std::array::from_fn(|row| {
            (hash.rotate_left(16 * row as u32) as usize).wrapping_mul(row * 2 + 1) & mask
        })
    }

    fn count(&self, key: Key) -> u8 {
        self.places(key).map(|place| self.counts[place]).into_iter().min().unwrap_or(0)
    }

    fn add(&mut self, key: Key) {
        let least = self.count(key);
        for place in self.places(key) {
            if self.counts[place] == least {
                self.counts[place] = (least + 1).min(COUNT_MAX);
            }
        }
        self.added += 1;
        if self.added >= self.period {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.added /= 2;
        }
    }
}

/// Looks for the window's best size.
struct Climber {
    period: u64,
    requests: u64,
    hits: u64,
    before: f64,
    step: f64,
}

impl Climber {
    fn new(keys: u64) -> Climber {
        Climber { period: keys * CLIMB_PERIOD, requests: 0, hits: 0, before: 0.0, step: STEP_PART }
    }

    /// The part of the capacity by which the window is to grow, when it is time.
    fn note(&mut self, hit: bool) -> Option<f64> {
        self.requests += 1;
        self.hits += u64::from(hit);
        if self.requests < self.period {
            return None;
        }
        let ratio = self.hits as f64 / self.requests as f64;
        let gain = ratio - self.before;
        let change = if gain >= 0.0 { self.step } else { -self.step };
        self.step =
            if gain.abs() >= RESTART_CHANGE { STEP_PART.copysign(change) } else { change * STEP_DECAY };
        (self.before, self.requests, self.hits) = (ratio, 0, 0);
        Some(change)
    }
}
