//! Nuthatch's own policy, in shards as in the server: the evicted key is one of some random keys of a shard,
//! or the one that came last there. The shard is the new key's own one, which is locked already, as long as
//! it has its share of the keys: were it always its own, shards would drift apart, since the keys that come
//! and those that go differ in size.

use nuthatch_collections::hit_density::{GhostPrefetcher, Model, Ranks, Shard};

use crate::cache::{Policy, World};
use crate::parts::{Members, Places, Random, hash};
use nuthatch_bench::traces::{Key, NEVER, Steps};

const SHARDS: usize = 64;
/// Random keys that are compared. In the server they are the keys of some buckets that lie side by side.
const SAMPLES: usize = 16;

/// A shard with less than this part of its share of the keys gives up none.
const SHARE_PART: f64 = 0.9;

pub(crate) struct Adaptive {
    shards: Vec<Shard>,
    members: Vec<Members>,
    /// Of each shard, the two keys that have come last.
    last: Vec<[Key; 2]>,
    places: Places,
    accesses: Vec<u32>,
    resident: Vec<bool>,
    residents: u64,
    model: Model,
    ranks: Ranks,
    random: Random,
    sized: bool,
    learned_ms: u32,
}

impl Adaptive {
    pub(crate) fn new(steps: &Steps) -> Adaptive {
        Adaptive {
            shards: (0..SHARDS).map(|number| Shard::new(number as u32, GhostPrefetcher::default())).collect(),
            members: (0..SHARDS).map(|_| Members::new()).collect(),
            last: vec![[Key::MAX; 2]; SHARDS],
            places: vec![0; steps.keys()],
            accesses: vec![0; steps.keys()],
            resident: vec![false; steps.keys()],
            residents: 0,
            model: Model::new(SHARDS),
            ranks: Ranks::first(SHARDS),
            random: Random::new(),
            learned_ms: 0,
            sized: steps.footprint() > steps.keys() as u64,
        }
    }

    fn shard(key: Key) -> usize {
        (hash(key) >> 40) as usize % SHARDS
    }

    /// The shard that gives up a key for a new one of `own`.
    fn shard_to_shrink(&mut self, own: usize) -> usize {
        let share = self.residents as f64 / SHARDS as f64;
        if self.members[own].len() as f64 >= share * SHARE_PART {
            return own;
        }
        let [one, other] = [(); 2].map(|()| self.random.below(SHARDS));
        if self.members[one].len() > self.members[other].len() { one } else { other }
    }

    fn learn(&mut self, shard: usize, world: &World) {
        if !self.shards[shard].is_due() {
            return;
        }
        self.model.take(&mut self.shards[shard], &self.ranks);
        if self.model.is_due(self.residents) {
            let elapsed = u64::from(world.now_ms - self.learned_ms);
            self.ranks = self.model.ranks(self.residents, elapsed);
            self.learned_ms = world.now_ms;
        }
    }
}

impl Policy for Adaptive {
    fn hit(&mut self, key: Key, world: &World) {
        let shard = Self::shard(key);
        let access = &mut self.accesses[key as usize];
        *access = self.shards[shard].on_use(*access, self.members[shard].len());
        self.learn(shard, world);
    }

    fn insert(&mut self, key: Key, world: &World) {
        let shard = Self::shard(key);
        self.accesses[key as usize] = self.shards[shard].on_insert(hash(key), self.members[shard].len());
        self.members[shard].add(key, &mut self.places);
        self.resident[key as usize] = true;
        self.residents += 1;
        self.last[shard] = [self.last[shard][1], key];
        self.learn(shard, world);
    }

    fn evict(&mut self, newcomer: Key, world: &World) -> Key {
        let number = self.shard_to_shrink(Self::shard(newcomer));
        let mut least = (i32::MAX, newcomer);
        let [before, latest] = self.last[number];
        let last = if latest == newcomer { before } else { latest };
        for sample in 0..=SAMPLES {
            let key = match sample {
                SAMPLES if last != Key::MAX && self.resident[last as usize] => last,
                _ => self.members[number].draw(&mut self.random),
            };
            if key == newcomer {
                continue;
            }
            let (shard, access) = (&mut self.shards[number], &mut self.accesses[key as usize]);
            if sample < SAMPLES {
                *access = shard.on_draw(*access);
            }
            let deadline = world.deadlines[key as usize];
            let left = (deadline != NEVER).then(|| u64::from(deadline.saturating_sub(world.now_ms)));
            let size = if self.sized { world.costs[key as usize] } else { 1 };
            let rank = shard.rank(*access, size, left, &self.ranks);
            if rank < least.0 {
                least = (rank, key);
            }
        }
        let victim = least.1;
        let (own, access) = (Self::shard(victim), self.accesses[victim as usize]);
        let residents = self.members[own].len();
        self.shards[own].on_evict(hash(victim), access, residents, &self.ranks);
        self.leave(victim);
        self.learn(number, world);
        victim
    }

    fn remove(&mut self, key: Key, _world: &World) {
        self.leave(key);
    }
}

impl Adaptive {
    fn leave(&mut self, key: Key) {
        self.members[Self::shard(key)].remove(key, &mut self.places);
        self.resident[key as usize] = false;
        self.residents -= 1;
    }
}
