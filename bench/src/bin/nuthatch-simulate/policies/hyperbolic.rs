//! Hyperbolic caching: evicts, among random keys, the one with the fewest uses for its time in the cache and
//! its size (Blankstein, Sen and Freedman, USENIX ATC '17).

use crate::cache::{Policy, World};
use crate::parts::{Members, Places, Random};
use nuthatch_bench::traces::{Key, Steps};

const SAMPLES: usize = 64;

pub(crate) struct Hyperbolic {
    members: Members,
    places: Places,
    uses: Vec<u32>,
    since: Vec<u64>,
    clock: u64,
    random: Random,
}

impl Hyperbolic {
    pub(crate) fn new(steps: &Steps) -> Hyperbolic {
        let keys = steps.keys();
        Hyperbolic {
            members: Members::new(),
            places: vec![0; keys],
            uses: vec![0; keys],
            since: vec![0; keys],
            clock: 0,
            random: Random::new(),
        }
    }

    fn priority(&self, key: Key, world: &World) -> f64 {
        let (time, cost) = (self.clock - self.since[key as usize] + 1, world.costs[key as usize]);
        f64::from(self.uses[key as usize]) / (time as f64 * f64::from(cost))
    }
}

impl Policy for Hyperbolic {
    fn hit(&mut self, key: Key, _world: &World) {
        self.clock += 1;
        self.uses[key as usize] += 1;
    }

    fn insert(&mut self, key: Key, _world: &World) {
        self.clock += 1;
        self.uses[key as usize] = 1;
        self.since[key as usize] = self.clock;
        self.members.add(key, &mut self.places);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let mut worst = (f64::INFINITY, newcomer);
        for _ in 0..SAMPLES {
            let key = self.members.draw(&mut self.random);
            let priority = self.priority(key, world);
            if key != newcomer && priority < worst.0 {
                worst = (priority, key);
            }
        }
        self.members.remove(worst.1, &mut self.places);
        worst.1
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.members.remove(key, &mut self.places);
    }
}
