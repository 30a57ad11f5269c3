//! What policies are built from.

use std::sync::Arc;

use nuthatch_bench::traces::Key;

const NONE: Key = Key::MAX;

/// Keys in an order, each in it once at most.
pub(crate) struct Queue {
    /// Of each key, who stands in front of it and who behind it.
    neighbours: Vec<(Key, Key)>,
    present: Vec<bool>,
    costs: Arc<[u32]>,
    front: Key,
    back: Key,
    cost: u64,
}

impl Queue {
    pub(crate) fn new(costs: &Arc<[u32]>) -> Queue {
        Queue {
            neighbours: vec![(NONE, NONE); costs.len()],
            present: vec![false; costs.len()],
            costs: Arc::clone(costs),
            front: NONE,
            back: NONE,
            cost: 0,
        }
    }

    /// What the keys in it cost together.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        self.present[key as usize]
    }

    pub(crate) fn push_front(&mut self, key: Key) {
        debug_assert!(!self.contains(key));
        self.present[key as usize] = true;
        self.cost += u64::from(self.costs[key as usize]);
        self.neighbours[key as usize] = (NONE, self.front);
        match self.front {
            NONE => self.back = key,
            front => self.neighbours[front as usize].0 = key,
        }
        self.front = key;
    }

    /// Takes a key out; false if it is not there.
    pub(crate) fn remove(&mut self, key: Key) -> bool {
        if !self.contains(key) {
            return false;
        }
        self.present[key as usize] = false;
        self.cost -= u64::from(self.costs[key as usize]);
        let (before, behind) = self.neighbours[key as usize];
        match before {
            NONE => self.front = behind,
            before => self.neighbours[before as usize].1 = behind,
        }
        match behind {
            NONE => self.back = before,
            behind => self.neighbours[behind as usize].0 = before,
        }
        true
    }

    /// Puts a key to the front that may be anywhere in the queue, or not there.
    pub(crate) fn refresh(&mut self, key: Key) {
        self.remove(key);
        self.push_front(key);
    }

    pub(crate) fn back(&self) -> Option<Key> {
        (self.back != NONE).then_some(self.back)
    }

    pub(crate) fn pop_back(&mut self) -> Option<Key> {
        let key = self.back()?;
        self.remove(key);
        Some(key)
    }

    /// The hindmost key but for `except`.
    pub(crate) fn back_except(&self, except: Key) -> Option<Key> {
        self.back().and_then(|back| if back == except { self.before(back) } else { Some(back) })
    }

    /// Who stands in front of a key of the queue.
    pub(crate) fn before(&self, key: Key) -> Option<Key> {
        let before = self.neighbours[key as usize].0;
        (before != NONE).then_some(before)
    }
}

/// A set of keys of which random ones can be drawn.
pub(crate) struct Members {
    keys: Vec<Key>,
}

/// Where each key stands in the [`Members`] that it belongs to.
pub(crate) type Places = Vec<u32>;

impl Members {
    pub(crate) fn new() -> Members {
        Members { keys: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key at a place below the number of keys.
    pub(crate) fn get(&self, place: u32) -> Key {
        self.keys[place as usize]
    }

    pub(crate) fn add(&mut self, key: Key, places: &mut Places) {
        places[key as usize] = self.keys.len() as u32;
        self.keys.push(key);
    }

    pub(crate) fn remove(&mut self, key: Key, places: &mut Places) {
        let place = places[key as usize] as usize;
        self.keys.swap_remove(place);
        if let Some(moved) = self.keys.get(place) {
            places[*moved as usize] = place as u32;
        }
    }

    /// One of the keys; there must be one.
    pub(crate) fn draw(&self, random: &mut Random) -> Key {
        self.keys[random.below(self.keys.len())]
    }
}

/// A small generator of random numbers (xorshift64*), the same ones in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Random {
        Random(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// From 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The hash of a key.
pub(crate) fn hash(key: Key) -> u64 {
    let mut mixed = (u64::from(key) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
