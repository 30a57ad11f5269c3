//! ARC: two queues, for keys that were used once and more than once, whose sizes follow the hits among the
//! names of what left them (Megiddo and Modha, FAST '03).

use crate::cache::{Policy, World};
use crate::parts::Queue;
use nuthatch_bench::traces::{Key, Steps};

pub(crate) struct Arc {
    once: Queue,
    often: Queue,
    once_ghosts: Queue,
    often_ghosts: Queue,
    /// What `once` should have.
    target: u64,
    capacity: u64,
    came_from_often: bool,
}

impl Arc {
    pub(crate) fn new(steps: &Steps, capacity: u64) -> Arc {
        Arc {
            once: Queue::new(&steps.costs),
            often: Queue::new(&steps.costs),
            once_ghosts: Queue::new(&steps.costs),
            often_ghosts: Queue::new(&steps.costs),
            target: 0,
            capacity,
            came_from_often: false,
        }
    }
}

impl Policy for Arc {
    fn hit(&mut self, key: Key, _world: &World) {
        self.once.remove(key);
        self.often.refresh(key);
    }

    fn insert(&mut self, key: Key, world: &World) {
        let (once, often) = (self.once_ghosts.cost().max(1), self.often_ghosts.cost().max(1));
        let cost = u64::from(world.costs[key as usize]);
        self.came_from_often = self.often_ghosts.remove(key);
        if self.once_ghosts.remove(key) {
            self.target = (self.target + cost * (often / once).max(1)).min(self.capacity);
            self.often.push_front(key);
        } else if self.came_from_often {
            self.target = self.target.saturating_sub(cost * (once / often).max(1));
            self.often.push_front(key);
        } else {
            self.once.push_front(key);
        }
        while self.once.cost() + self.once_ghosts.cost() > self.capacity
            && self.once_ghosts.pop_back().is_some()
        {}
        let all =
            |arc: &Arc| arc.once.cost() + arc.once_ghosts.cost() + arc.often.cost() + arc.often_ghosts.cost();
        while all(self) > 2 * self.capacity && self.often_ghosts.pop_back().is_some() {}
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let mut once = self.once.cost();
        if self.once.contains(newcomer) {
            once -= u64::from(world.costs[newcomer as usize]);
        }
        let from_once = once > 0 && (once > self.target || self.came_from_often && once == self.target);
        let (first, second) = (self.once.back_except(newcomer), self.often.back_except(newcomer));
        let victim = if from_once { first.or(second) } else { second.or(first) }.unwrap_or(newcomer);
        if self.once.remove(victim) {
            self.once_ghosts.refresh(victim);
        } else {
            self.often.remove(victim);
            self.often_ghosts.refresh(victim);
        }
        victim
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.once.remove(key);
        self.often.remove(key);
    }
}
