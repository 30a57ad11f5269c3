//! A cache of bounded capacity that is used cache-aside and asks a policy whom to evict.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use nuthatch_bench::traces::{Key, NEVER, Step, Steps, deadline};

/// What a policy may look at.
pub(crate) struct World {
    pub(crate) now_ms: u32,
    /// Of each key, what it takes of the capacity. A key's cost never changes.
    pub(crate) costs: Arc<[u32]>,
    /// Of each resident key, when it expires.
    pub(crate) deadlines: Vec<u32>,
}

/// Decides which key leaves when room is needed. Keys come and go by these calls only.
pub(crate) trait Policy {
    /// A resident key was read.
    fn hit(&mut self, key: Key, world: &World);

    /// A key has become resident.
    fn insert(&mut self, key: Key, world: &World);

    /// A resident key was set again.
    fn overwrite(&mut self, key: Key, world: &World) {
        self.hit(key, world);
    }

    /// Takes a key out, because there is no room. `newcomer` is the key for which room is needed; it is resident already, and
    /// may be the one to go.
    fn evict(&mut self, newcomer: Key, world: &World) -> Key;

    /// A resident key has expired.
    fn remove(&mut self, key: Key, world: &World);
}

/// The part of reads that miss.
pub(crate) fn miss_ratio(steps: &Steps, capacity: u64, policy: &mut dyn Policy) -> f64 {
    let keys = steps.keys();
    let world = World { now_ms: 0, costs: Arc::clone(&steps.costs), deadlines: vec![NEVER; keys] };
    let mut cache =
        Cache { world, resident: vec![false; keys], due: BinaryHeap::new(), used: 0, capacity, policy };
    let (warm_up, counted) = steps.steps.split_at(steps.first_counted);
    for step in warm_up {
        cache.misses(step);
    }
    let misses = counted.iter().filter(|step| cache.misses(step)).count();
    misses as f64 / steps.reads() as f64
}

struct Cache<'a> {
    world: World,
    resident: Vec<bool>,
    /// Deadlines, also of keys that have another one by now.
    due: BinaryHeap<Reverse<(u32, Key)>>,
    used: u64,
    capacity: u64,
    policy: &'a mut dyn Policy,
}

impl Cache<'_> {
    /// Serves a request; true for a read that misses.
    fn misses(&mut self, step: &Step) -> bool {
        self.world.now_ms = step.at_ms;
        self.expire();
        let key = step.key;
        if self.resident[key as usize] {
            if step.write {
                self.set_deadline(step);
                self.policy.overwrite(key, &self.world);
            } else {
                self.policy.hit(key, &self.world);
            }
            return false;
        }
        self.set_deadline(step);
        self.resident[key as usize] = true;
        self.used += self.cost(key);
        self.policy.insert(key, &self.world);
        while self.used > self.capacity {
            let victim = self.policy.evict(key, &self.world);
            debug_assert!(self.resident[victim as usize]);
            self.leave(victim);
        }
        !step.write
    }

    fn cost(&self, key: Key) -> u64 {
        u64::from(self.world.costs[key as usize])
    }

    fn set_deadline(&mut self, step: &Step) {
        let deadline = deadline(step);
        self.world.deadlines[step.key as usize] = deadline;
        if deadline != NEVER {
            self.due.push(Reverse((deadline, step.key)));
        }
    }

    fn leave(&mut self, key: Key) {
        self.resident[key as usize] = false;
        self.used -= self.cost(key);
    }

    /// Takes out what has expired: at once, for all policies alike, although not all servers are that quick.
    fn expire(&mut self) {
        while let Some(&Reverse((deadline, key))) = self.due.peek() {
            if deadline > self.world.now_ms {
                break;
            }
            self.due.pop();
            if self.resident[key as usize] && self.world.deadlines[key as usize] == deadline {
                self.leave(key);
                self.policy.remove(key, &self.world);
            }
        }
    }
}
