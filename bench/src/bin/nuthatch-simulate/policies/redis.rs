//! What Redis and Valkey document as `allkeys-lru` and `allkeys-lfu` (redis.conf, "Key eviction"): five
//! random keys a time go to a pool of 16 candidates, of which the best one is evicted. Times have a
//! resolution of a second. Uses are counted in a logarithmic counter with `lfu-log-factor` 10 that loses one
//! in each minute (`lfu-decay-time` 1).

use crate::cache::{Policy, World};
use crate::parts::{Members, Places, Random};
use nuthatch_bench::traces::{Key, Steps};

const SAMPLES: usize = 5;
const POOL: usize = 16;
const CLOCK_MS: u32 = 1000;
const LOG_FACTOR: f64 = 10.0;
const DECAY_MS: u32 = 60_000;
const FIRST_COUNT: u8 = 5;

/// The resident keys, and candidates with the score that they had when they were drawn; the highest score
/// goes first.
struct Pool {
    members: Members,
    places: Places,
    resident: Vec<bool>,
    candidates: Vec<(u32, Key)>,
    random: Random,
}

impl Pool {
    fn new(steps: &Steps) -> Pool {
        Pool {
            members: Members::new(),
            places: vec![0; steps.keys()],
            resident: vec![false; steps.keys()],
            candidates: Vec::with_capacity(POOL + 1),
            random: Random::new(),
        }
    }

    fn add(&mut self, key: Key) {
        self.resident[key as usize] = true;
        self.members.add(key, &mut self.places);
    }

    fn remove(&mut self, key: Key) {
        self.resident[key as usize] = false;
        self.members.remove(key, &mut self.places);
    }

    fn evict(&mut self, newcomer: Key, score: impl Fn(Key) -> u32) -> Key {
        if self.members.len() == 1 {
            self.remove(newcomer);
            return newcomer;
        }
        loop {
            for _ in 0..SAMPLES {
                let key = self.members.draw(&mut self.random);
                if key != newcomer && self.candidates.iter().all(|(_, candidate)| *candidate != key) {
                    let entry = (score(key), key);
                    let place = self.candidates.partition_point(|candidate| candidate.0 < entry.0);
                    self.candidates.insert(place, entry);
                }
                if self.candidates.len() > POOL {
                    self.candidates.remove(0);
                }
            }
            while let Some((_, key)) = self.candidates.pop() {
                if self.resident[key as usize] && key != newcomer {
                    self.remove(key);
                    return key;
                }
            }
        }
    }
}

pub(crate) struct SampledLru {
    pool: Pool,
    used_at: Vec<u32>,
}

impl SampledLru {
    pub(crate) fn new(steps: &Steps) -> SampledLru {
        SampledLru { pool: Pool::new(steps), used_at: vec![0; steps.keys()] }
    }
}

impl Policy for SampledLru {
    fn hit(&mut self, key: Key, world: &World) {
        self.used_at[key as usize] = world.now_ms / CLOCK_MS;
    }

    fn insert(&mut self, key: Key, world: &World) {
        self.used_at[key as usize] = world.now_ms / CLOCK_MS;
        self.pool.add(key);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let used_at = &self.used_at;
        self.pool.evict(newcomer, |key| world.now_ms / CLOCK_MS - used_at[key as usize])
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.pool.remove(key);
    }
}

pub(crate) struct SampledLfu {
    pool: Pool,
    counts: Vec<u8>,
    counted_at: Vec<u32>,
}

impl SampledLfu {
    pub(crate) fn new(steps: &Steps) -> SampledLfu {
        SampledLfu {
            pool: Pool::new(steps),
            counts: vec![0; steps.keys()],
            counted_at: vec![0; steps.keys()],
        }
    }
}

fn decayed(count: u8, counted_at: u32, world: &World) -> u8 {
    count.saturating_sub((world.now_ms / DECAY_MS - counted_at) as u8)
}

impl Policy for SampledLfu {
    fn hit(&mut self, key: Key, world: &World) {
        let place = key as usize;
        let count = decayed(self.counts[place], self.counted_at[place], world);
        let above = f64::from(count.saturating_sub(FIRST_COUNT));
        let rises = self.pool.random.fraction() < 1.0 / (above * LOG_FACTOR + 1.0);
        self.counts[place] = count.saturating_add(u8::from(rises));
        self.counted_at[place] = world.now_ms / DECAY_MS;
    }

    fn insert(&mut self, key: Key, world: &World) {
        self.counts[key as usize] = FIRST_COUNT;
        self.counted_at[key as usize] = world.now_ms / DECAY_MS;
        self.pool.add(key);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let (counts, counted_at) = (&self.counts, &self.counted_at);
        let score =
            |key: Key| 255 - u32::from(decayed(counts[key as usize], counted_at[key as usize], world));
        self.pool.evict(newcomer, score)
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.pool.remove(key);
    }
}
