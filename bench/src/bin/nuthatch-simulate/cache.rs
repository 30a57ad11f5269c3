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

    /// Takes a key out, because there is no room. `newcomer` is the key for which room is needed; it is
    /// resident already, and may be the one to go.
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

#[cfg(test)]
mod tests {
    use nuthatch_bench::traces::{Request, catalogue, optimum};

    use super::*;
    use crate::policies::CATALOGUE;

    const SERVERS: [&str; 2] = ["redis-lru", "redis-lfu"];

    fn ratio(name: &str, steps: &Steps, capacity: u64) -> f64 {
        let (_, make) = CATALOGUE.iter().find(|(known, _)| *known == name).unwrap();
        miss_ratio(steps, capacity, &mut *make(steps, capacity))
    }

    fn steps_of(trace: &str, requests: u64, bytes: bool) -> Steps {
        let trace = catalogue().iter().find(|known| known.name == trace).unwrap();
        Steps::of(trace.requests(1, requests), bytes.then_some(64))
    }

    fn steps_of_keys(keys: &[u64]) -> Steps {
        let request = |key: &u64| Request { key: *key, value_bytes: 1, ttl_ms: None, write: false, at_ms: 0 };
        let mut steps = Steps::of(keys.iter().map(request), None);
        steps.first_counted = 0;
        steps
    }

    #[test]
    fn no_policy_beats_the_optimum_and_none_misses_twice_where_all_fits() {
        for (trace, bytes) in
            [("zipf-0.9", false), ("twitter-write", false), ("arc-oltp", true), ("deadlines", false)]
        {
            let steps = steps_of(trace, 60_000, bytes);
            for size in [20, 1] {
                let capacity = steps.footprint() / size;
                let best = optimum::miss_ratio(&steps, capacity, bytes);
                for (name, _) in CATALOGUE {
                    let ratio = ratio(name, &steps, capacity);
                    assert!(
                        ratio >= best - 1e-9 && ratio <= 1.0,
                        "{name} on {trace}: {ratio}, optimum {best}"
                    );
                    assert!(size > 1 || ratio < best + 1e-9, "{name} on {trace} loses what it has room for");
                }
            }
        }
    }

    #[test]
    fn classic_policies_do_what_they_are_known_for() {
        // 1 is used again, and 2 is the older one when 3 comes: LRU keeps 1, FIFO does not.
        let steps = steps_of_keys(&[1, 2, 1, 3, 1]);
        assert_eq!((ratio("lru", &steps, 2), ratio("fifo", &steps, 2)), (3.0 / 5.0, 4.0 / 5.0));
        assert_eq!(optimum::miss_ratio(&steps, 2, false), 3.0 / 5.0);
        // One key's worth of room and two keys in turn: whoever knows the future keeps one of them.
        let steps = steps_of_keys(&[1, 2, 1, 2, 1, 2]);
        assert_eq!(ratio("lru", &steps, 1), 1.0);
        assert_eq!((optimum::miss_ratio(&steps, 1, false) * 6.0).round(), 4.0);
    }

    #[test]
    fn a_loop_that_does_not_fit_defeats_recency_but_not_the_adaptive_policy() {
        let keys: Vec<u64> = (0..400_000).map(|number| number % 20_000).collect();
        let mut steps = steps_of_keys(&keys);
        steps.first_counted = 200_000;
        assert_eq!(ratio("lru", &steps, 10_000), 1.0);
        let adaptive = ratio("adaptive", &steps, 10_000);
        assert!(adaptive < 0.55, "{adaptive}, where the optimum is a half");
    }

    #[test]
    fn the_adaptive_policy_is_not_worse_than_the_best_of_what_servers_do() {
        for trace in catalogue() {
            let steps = steps_of(trace.name, 400_000, false);
            let capacity = steps.footprint() / 10;
            let best = SERVERS.map(|name| ratio(name, &steps, capacity)).into_iter().fold(1.0, f64::min);
            let adaptive = ratio("adaptive", &steps, capacity);
            assert!(adaptive <= best * 1.01, "{}: {adaptive} in place of {best}", trace.name);
        }
    }

    #[test]
    fn shards_keep_their_shares_where_keys_differ_in_size() {
        let steps = steps_of("cachelib", 2_000_000, true);
        let capacity = steps.footprint() / 50;
        let (lru, adaptive) = (ratio("lru", &steps, capacity), ratio("adaptive", &steps, capacity));
        assert!(adaptive < lru * 0.8, "{adaptive} in place of {lru}");
    }

    #[test]
    fn what_has_expired_is_a_miss_and_leaves_its_room() {
        let request = |key, at_ms, ttl_ms| Request { key, value_bytes: 1, ttl_ms, write: false, at_ms };
        let requests =
            [request(1, 0, Some(10)), request(2, 0, None), request(1, 9, Some(10)), request(1, 10, Some(10))];
        let mut steps = Steps::of(requests.into_iter(), None);
        steps.first_counted = 0;
        for (name, _) in CATALOGUE {
            assert_eq!(ratio(name, &steps, 2), 3.0 / 4.0, "{name}");
        }
        assert_eq!(optimum::miss_ratio(&steps, 2, false), 3.0 / 4.0);
    }
}
