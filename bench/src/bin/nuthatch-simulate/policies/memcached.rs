//! Memcached's segmented LRU as its documentation describes it ("The new LRU", `doc/new_lru.txt`, `-o
//! modern`): new keys are HOT; what leaves HOT goes to WARM if it was used twice since, otherwise to COLD;
//! what is used in COLD goes to WARM; only COLD evicts. HOT has a fifth of the memory at most, WARM two
//! fifths. Slab classes, which give up some memory, are left out.

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

const HOT_PERCENT: u64 = 20;
const WARM_PERCENT: u64 = 40;

pub(crate) struct Segmented {
    hot: Queue,
    warm: Queue,
    cold: Queue,
    fetched: Vec<bool>,
    active: Vec<bool>,
    capacity: u64,
}

impl Segmented {
    pub(crate) fn new(steps: &Steps, capacity: u64) -> Segmented {
        Segmented {
            hot: Queue::new(&steps.costs),
            warm: Queue::new(&steps.costs),
            cold: Queue::new(&steps.costs),
            fetched: vec![false; steps.keys()],
            active: vec![false; steps.keys()],
            capacity,
        }
    }

    /// What the maintainer thread does all the time: HOT and WARM are kept within their limits.
    fn maintain(&mut self) {
        while self.hot.cost() * 100 > self.capacity * HOT_PERCENT {
            let Some(key) = self.hot.pop_back() else { break };
            let active = std::mem::take(&mut self.active[key as usize]);
            if active { self.warm.push_front(key) } else { self.cold.push_front(key) }
        }
        while self.warm.cost() * 100 > self.capacity * WARM_PERCENT {
            let Some(key) = self.warm.pop_back() else { break };
            let active = std::mem::take(&mut self.active[key as usize]);
            if active { self.warm.push_front(key) } else { self.cold.push_front(key) }
        }
    }
}

impl Policy for Segmented {
    fn hit(&mut self, key: Key, _world: &World) {
        let fetched = std::mem::replace(&mut self.fetched[key as usize], true);
        self.active[key as usize] |= fetched;
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.fetched[key as usize] = false;
        self.active[key as usize] = false;
        self.hot.push_front(key);
        self.maintain();
    }

    /// A key that is set again is a new item to memcached.
    fn overwrite(&mut self, key: Key, world: &World) {
        self.remove(key, world);
        self.insert(key, world);
    }

    fn evict(&mut self, newcomer: Key, _world: &World) -> Key {
        while let Some(key) = self.cold.pop_back() {
            if !std::mem::take(&mut self.active[key as usize]) {
                return key;
            }
            self.warm.push_front(key);
            self.maintain();
        }
        self.warm.pop_back().or_else(|| self.hot.pop_back()).unwrap_or(newcomer)
    }

    fn remove(&mut self, key: Key, _world: &World) {
        let _ = self.hot.remove(key) || self.warm.remove(key) || self.cold.remove(key);
    }
}
