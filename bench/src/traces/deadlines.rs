//! Keys that expire: a part of them lives for seconds only (sessions, locks, rate limits), another for
//! minutes. In more than half of Twitter's clusters the mean deadline is below a day, in a quarter below 20
//! minutes, and what has expired often fills a large part of a cache that does not look for it (Yang et al.,
//! OSDI '20, section 4.4).

use super::draw::{Pattern, Ranks, Reference, fraction, key, random};

const KEYS: u64 = 400_000;
const EXPONENT: f64 = 0.9;
/// Parts of the keys and how long these live; the rest has no deadline.
const LIVES: [(f64, u32); 3] = [(0.35, 3_000), (0.25, 15_000), (0.15, 90_000)];

pub(super) fn mixed(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(KEYS, EXPONENT));
    Box::new(move |_| {
        let key = key(0, ranks.draw(&mut random));
        Reference { ttl_ms: life(key), ..Reference::plain(key) }
    })
}

fn life(key: u64) -> Option<u32> {
    let mut part = fraction(key);
    for (share, life) in LIVES {
        if part < share {
            return Some(life);
        }
        part -= share;
    }
    None
}
