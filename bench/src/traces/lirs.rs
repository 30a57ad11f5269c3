//! Shaped like the traces of Jiang and Zhang ("LIRS: an efficient low inter-reference recency set replacement
//! policy", SIGMETRICS '02), larger by as much as memory has grown: `2-pools` alternates between the pages of
//! an index and those of its records (after O'Neil et al., "The LRU-K page replacement algorithm", SIGMOD
//! '93); `multi` runs a compiler's preprocessor (`cpp`: pages in use once more soon), a text search
//! (`glimpse`: a loop over its index, and loops in it), and a file server (`sprite`: recency) side by side.

use rand::RngExt;

use super::draw::{Pattern, Ranks, Reference, happens, key, random};
use super::social::Recency;

const INDEX_KEYS: u64 = 20_000;
const RECORD_KEYS: u64 = 400_000;

pub(super) fn two_pools(seed: u64) -> Pattern {
    let mut random = random(seed);
    Box::new(move |number| {
        Reference::plain(match number % 2 {
            0 => key(0, random.random_range(0..INDEX_KEYS)),
            _ => key(1, random.random_range(0..RECORD_KEYS)),
        })
    })
}

/// The loop over the index of the search, and the one in each of its parts.
const OUTER_LOOP: u64 = 120_000;
const INNER_LOOP: u64 = 8_000;
const INNER_ROUNDS: u64 = 3;
/// Parts of the requests of the search and of the preprocessor; the rest is the file server's.
const GLIMPSE_SHARE: f64 = 0.35;
const CPP_SHARE: f64 = 0.25;
const SPRITE_KEYS: u64 = 200_000;

pub(super) fn multi(seed: u64) -> Pattern {
    let mut random = random(seed);
    let files = Ranks::new(SPRITE_KEYS, 0.8);
    let mut sprite = Recency::new(50_000, 1.0);
    let mut cpp = Recency::new(5_000, 1.0);
    let (mut step, mut opened) = (0_u64, 0_u64);
    Box::new(move |_| {
        if happens(&mut random, GLIMPSE_SHARE) {
            let part = step / (INNER_LOOP * INNER_ROUNDS);
            step += 1;
            return Reference::plain(key(0, (part * INNER_LOOP + step % INNER_LOOP) % OUTER_LOOP));
        }
        if happens(&mut random, CPP_SHARE / (1.0 - GLIMPSE_SHARE)) {
            let recent = happens(&mut random, 0.7).then(|| cpp.again(&mut random)).flatten();
            let key = recent.unwrap_or_else(|| {
                opened += 1;
                key(1, opened)
            });
            cpp.note(key);
            return Reference::plain(key);
        }
        let recent = happens(&mut random, 0.5).then(|| sprite.again(&mut random)).flatten();
        let key = recent.unwrap_or_else(|| key(2, files.draw(&mut random)));
        sprite.note(key);
        Reference::plain(key)
    })
}
