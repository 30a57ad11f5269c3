//! SIEVE: a hand moves from the oldest key to the newest one and evicts the first that was not used since the
//! hand was there (Zhang et al., NSDI '24).

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

pub(crate) struct Sieve {
    queue: Queue,
    used: Vec<bool>,
    hand: Option<Key>,
}

impl Sieve {
    pub(crate) fn new(steps: &Steps) -> Sieve {
        Sieve { queue: Queue::new(&steps.costs), used: vec![false; steps.keys()], hand: None }
    }
}

impl Policy for Sieve {
    fn hit(&mut self, key: Key, _world: &World) {
        self.used[key as usize] = true;
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.used[key as usize] = false;
        self.queue.push_front(key);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let mut candidate = self.hand.or(self.queue.back()).unwrap_or(newcomer);
        while self.used[candidate as usize] || candidate == newcomer && self.queue.back() != Some(newcomer) {
            self.used[candidate as usize] = false;
            candidate = self.queue.before(candidate).or(self.queue.back()).unwrap_or(newcomer);
        }
        self.hand = Some(candidate);
        self.remove(candidate, world);
        candidate
    }

    fn remove(&mut self, key: Key, _world: &World) {
        if self.hand == Some(key) {
            self.hand = self.queue.before(key);
        }
        self.queue.remove(key);
    }
}
