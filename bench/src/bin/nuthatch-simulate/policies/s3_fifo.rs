//! S3-FIFO: a small queue that keys have to get through by being used twice, a main queue in which used keys
//! go round, and a queue of the names of those that did not get through (Yang et al., "FIFO queues are all
//! you need for cache eviction", SOSP '23).

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

/// The small queue has this part of the capacity.
const SMALL_PART: u64 = 10;
const USES_MAX: u8 = 3;

pub(crate) struct S3Fifo {
    small: Queue,
    main: Queue,
    ghosts: Queue,
    uses: Vec<u8>,
    small_max: u64,
    ghosts_max: u64,
}

impl S3Fifo {
    pub(crate) fn new(steps: &Steps, capacity: u64) -> S3Fifo {
        S3Fifo {
            small: Queue::new(&steps.costs),
            main: Queue::new(&steps.costs),
            ghosts: Queue::new(&steps.costs),
            uses: vec![0; steps.keys()],
            small_max: capacity / SMALL_PART,
            ghosts_max: capacity - capacity / SMALL_PART,
        }
    }

    fn evict_small(&mut self) -> Option<Key> {
        while let Some(key) = self.small.pop_back() {
            if self.uses[key as usize] > 1 {
                self.uses[key as usize] = 0;
                self.main.push_front(key);
                continue;
            }
            self.ghosts.refresh(key);
            while self.ghosts.cost() > self.ghosts_max {
                self.ghosts.pop_back();
            }
            return Some(key);
        }
        None
    }

    fn evict_main(&mut self) -> Option<Key> {
        while let Some(key) = self.main.pop_back() {
            if self.uses[key as usize] == 0 {
                return Some(key);
            }
            self.uses[key as usize] -= 1;
            self.main.push_front(key);
        }
        None
    }
}

impl Policy for S3Fifo {
    fn hit(&mut self, key: Key, _world: &World) {
        let uses = &mut self.uses[key as usize];
        *uses = (*uses + 1).min(USES_MAX);
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.uses[key as usize] = 0;
        if self.ghosts.remove(key) {
            self.main.push_front(key);
        } else {
            self.small.push_front(key);
        }
    }

    fn evict(&mut self, newcomer: Key, _world: &World) -> Key {
        let from_small = if self.small.cost() > self.small_max { self.evict_small() } else { None };
        from_small.or_else(|| self.evict_main()).or_else(|| self.evict_small()).unwrap_or(newcomer)
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.small.remove(key);
        self.main.remove(key);
    }
}
