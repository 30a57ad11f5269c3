//! Evicts the key whose last use is the longest ago, exactly.

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

pub(crate) struct Lru(Queue);

impl Lru {
    pub(crate) fn new(steps: &Steps) -> Lru {
        Lru(Queue::new(&steps.costs))
    }
}

impl Policy for Lru {
    fn hit(&mut self, key: Key, _world: &World) {
        self.0.refresh(key);
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.0.push_front(key);
    }

    fn evict(&mut self, newcomer: Key, _world: &World) -> Key {
        self.0.pop_back().unwrap_or(newcomer)
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.0.remove(key);
    }
}
