//! LIRS: keeps the keys with the shortest times between two uses, and gives the others one hundredth of the
//! cache to prove themselves in (Jiang and Zhang, SIGMETRICS '02).

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

/// The part of the capacity for keys with long times between uses.
const LONG_PART: u64 = 100;
/// So many times the capacity may be named in the stack without being there.
const GHOST_PART: u64 = 2;

pub(crate) struct Lirs {
    /// By last use: keys with short times, and the names of others above the last of them.
    stack: Queue,
    /// Resident keys with long times; its end is evicted.
    long: Queue,
    /// Keys of the stack that are not there, by the time when they left.
    ghosts: Queue,
    short: Vec<bool>,
    short_cost: u64,
    short_max: u64,
    ghosts_max: u64,
}

impl Lirs {
    pub(crate) fn new(steps: &Steps, capacity: u64) -> Lirs {
        Lirs {
            stack: Queue::new(&steps.costs),
            long: Queue::new(&steps.costs),
            ghosts: Queue::new(&steps.costs),
            short: vec![false; steps.keys()],
            short_cost: 0,
            short_max: (capacity - capacity / LONG_PART).min(capacity - 1),
            ghosts_max: capacity * GHOST_PART,
        }
    }

    /// The stack ends in a key with short times.
    fn prune(&mut self) {
        while let Some(key) = self.stack.back().filter(|key| !self.short[*key as usize]) {
            self.stack.remove(key);
            self.ghosts.remove(key);
        }
    }

    /// Makes a key one with short times; the one with the oldest use gives way.
    fn promote(&mut self, key: Key, world: &World) {
        self.long.remove(key);
        self.short[key as usize] = true;
        self.short_cost += u64::from(world.costs[key as usize]);
        self.stack.refresh(key);
        while self.short_cost > self.short_max {
            let Some(last) = self.stack.pop_back() else { break };
            self.ghosts.remove(last);
            if std::mem::take(&mut self.short[last as usize]) {
                self.short_cost -= u64::from(world.costs[last as usize]);
                self.long.push_front(last);
            }
        }
        self.prune();
    }
}

impl Policy for Lirs {
    fn hit(&mut self, key: Key, world: &World) {
        if self.short[key as usize] {
            self.stack.refresh(key);
            self.prune();
        } else if self.stack.contains(key) {
            self.promote(key, world);
        } else {
            self.stack.push_front(key);
            self.long.refresh(key);
        }
    }

    fn insert(&mut self, key: Key, world: &World) {
        self.ghosts.remove(key);
        let room = self.short_cost + u64::from(world.costs[key as usize]) <= self.short_max;
        if room || self.stack.contains(key) {
            self.promote(key, world);
        } else {
            self.stack.push_front(key);
            self.long.push_front(key);
        }
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let victim =
            self.long.back_except(newcomer).or_else(|| self.stack.back_except(newcomer)).unwrap_or(newcomer);
        self.long.remove(victim);
        if std::mem::take(&mut self.short[victim as usize]) {
            self.short_cost -= u64::from(world.costs[victim as usize]);
            self.stack.remove(victim);
            self.prune();
        } else if self.stack.contains(victim) {
            self.ghosts.push_front(victim);
        }
        while self.ghosts.cost() > self.ghosts_max {
            let Some(ghost) = self.ghosts.pop_back() else { break };
            self.stack.remove(ghost);
        }
        victim
    }

    fn remove(&mut self, key: Key, world: &World) {
        self.long.remove(key);
        self.stack.remove(key);
        if std::mem::take(&mut self.short[key as usize]) {
            self.short_cost -= u64::from(world.costs[key as usize]);
        }
        self.prune();
    }
}
