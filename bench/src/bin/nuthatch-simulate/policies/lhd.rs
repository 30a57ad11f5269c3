//! LHD: evicts, among random keys, the one from which the fewest hits are to be expected for the space and
//! time that it takes, learned by age and class (Beckmann, Chen and Cidon, NSDI '18). Classes are the sums of
//! the last two ages at hits, on a logarithmic scale, as in the paper's section 4.

use crate::cache::{Policy, World};
use crate::parts::{Members, Places, Random, hash};
use nuthatch_bench::traces::{Key, Steps};

const SAMPLES: usize = 32;
/// Of the samples so many are from the keys that came last.
const RECENT: usize = 8;
const CLASSES: usize = 16;
const AGES: usize = 4096;
const DECAY: f32 = 0.9;
/// Steps between two computations, in numbers of keys, but never fewer than the least.
const PERIOD_MIN: u64 = 1 << 15;
/// One key in so many is kept for a while, however it ranks, to be learned from.
const EXPLORERS: u64 = 32;
const EXPLORED: usize = 1 << 10;

pub(crate) struct Lhd {
    members: Members,
    places: Places,
    used_at: Vec<u64>,
    last_ages: Vec<[u64; 2]>,
    explorer: Vec<bool>,
    recent: [Key; RECENT],
    inserted: usize,
    explorers: Vec<Key>,
    hits: Vec<f32>,
    evictions: Vec<f32>,
    densities: Vec<f32>,
    clock: u64,
    /// Requests of one unit of age.
    unit: u64,
    next: u64,
    overflows: f32,
    random: Random,
}

impl Lhd {
    pub(crate) fn new(steps: &Steps) -> Lhd {
        let keys = steps.keys();
        // Until something is learned, the older the worse.
        let densities = (0..CLASSES * AGES).map(|cell| 1.0 / (cell % AGES + 1) as f32).collect();
        Lhd {
            members: Members::new(),
            places: vec![0; keys],
            used_at: vec![0; keys],
            last_ages: vec![[0; 2]; keys],
            explorer: vec![false; keys],
            recent: [0; RECENT],
            inserted: 0,
            explorers: Vec::new(),
            hits: vec![0.0; CLASSES * AGES],
            evictions: vec![0.0; CLASSES * AGES],
            densities,
            clock: 0,
            unit: 1,
            next: PERIOD_MIN,
            overflows: 0.0,
            random: Random::new(),
        }
    }

    fn cell(&self, key: Key) -> usize {
        let age = ((self.clock - self.used_at[key as usize]) / self.unit) as usize;
        let sum = (self.last_ages[key as usize][0] + self.last_ages[key as usize][1]) / self.unit;
        let class = match sum {
            0 => CLASSES - 1,
            sum => ((AGES as u64 / sum.min(AGES as u64)).ilog2() as usize).min(CLASSES - 2),
        };
        class * AGES + age.min(AGES - 1)
    }

    fn rank(&self, key: Key, world: &World) -> f32 {
        if self.explorer[key as usize] && self.cell(key) % AGES < AGES - 1 {
            return f32::MAX;
        }
        self.densities[self.cell(key)] / world.costs[key as usize] as f32
    }

    fn tick(&mut self) {
        self.clock += 1;
        if self.clock >= self.next {
            self.next = self.clock + PERIOD_MIN.max(self.members.len() as u64);
            self.adapt_unit();
            self.learn();
        }
    }

    /// Ages must neither run out nor stay in a corner.
    fn adapt_unit(&mut self) {
        let events: f32 = self.hits.iter().chain(&self.evictions).sum();
        let wanted = (self.members.len() as u64 * 16 / AGES as u64).max(1);
        if self.overflows > 0.01 * events || self.unit < wanted {
            self.unit *= 2;
            for counts in [&mut self.hits, &mut self.evictions] {
                for class in counts.chunks_mut(AGES) {
                    for age in 0..AGES / 2 {
                        class[age] = class[2 * age] + class[2 * age + 1];
                    }
                    class[AGES / 2..].fill(0.0);
                }
            }
        }
        self.overflows = 0.0;
    }

    fn learn(&mut self) {
        for class in 0..CLASSES {
            let (mut events, mut hits, mut lifetime) = (0.0, 0.0, 0.0);
            for age in (0..AGES).rev() {
                let cell = class * AGES + age;
                hits += self.hits[cell];
                events += self.hits[cell] + self.evictions[cell];
                lifetime += events;
                self.densities[cell] = if events > 1e-5 { hits / lifetime } else { 0.0 };
                self.hits[cell] *= DECAY;
                self.evictions[cell] *= DECAY;
            }
        }
    }

    fn ends(&mut self, key: Key) {
        let cell = self.cell(key);
        self.overflows += f32::from(u8::from(cell % AGES == AGES - 1));
        self.evictions[cell] += 1.0;
        self.members.remove(key, &mut self.places);
    }
}

impl Policy for Lhd {
    fn hit(&mut self, key: Key, _world: &World) {
        self.tick();
        let cell = self.cell(key);
        self.hits[cell] += 1.0;
        let age = self.clock - self.used_at[key as usize];
        self.last_ages[key as usize] = [age, self.last_ages[key as usize][0]];
        self.used_at[key as usize] = self.clock;
        self.explorer[key as usize] = false;
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.tick();
        self.used_at[key as usize] = self.clock;
        self.last_ages[key as usize] = [0, AGES as u64 * self.unit];
        self.recent[self.inserted % RECENT] = key;
        self.inserted += 1;
        self.explorer[key as usize] = (hash(key) ^ self.clock).is_multiple_of(EXPLORERS);
        if self.explorer[key as usize] {
            self.explorers.push(key);
            if self.explorers.len() > EXPLORED.min(self.members.len() / 100) {
                let oldest = self.explorers.remove(0);
                self.explorer[oldest as usize] = false;
            }
        }
        self.members.add(key, &mut self.places);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let mut worst = (f32::INFINITY, newcomer);
        for number in 0..SAMPLES {
            let key = match number {
                0..RECENT => self.recent[number],
                _ => self.members.draw(&mut self.random),
            };
            let resident = (self.places[key as usize] as usize) < self.members.len()
                && self.members.get(self.places[key as usize]) == key;
            if resident && key != newcomer {
                let rank = self.rank(key, world);
                if rank < worst.0 {
                    worst = (rank, key);
                }
            }
        }
        self.ends(worst.1);
        worst.1
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.ends(key);
    }
}
