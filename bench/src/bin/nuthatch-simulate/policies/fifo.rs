//! Evicts the key that has been there for the longest.

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

pub(crate) struct Fifo(Queue);

impl Fifo {
    pub(crate) fn new(steps: &Steps) -> Fifo {
        Fifo(Queue::new(&steps.costs))
    }
}

impl Policy for Fifo {
    fn hit(&mut self, _key: Key, _world: &World) {}

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
