//! Loops: keys that are asked for in the same order over and over, more of them than the cache holds. Whoever
//! evicts the least recently used has not a single hit (Smaragdakis et al., "EELRU", SIGMETRICS '99; Jiang
//! and Zhang, "LIRS", SIGMETRICS '02).

use super::draw::{Pattern, Ranks, Reference, happens, key, random};

const LOOP_KEYS: u64 = 250_000;

pub(super) fn plain(_seed: u64) -> Pattern {
    Box::new(|number| Reference::plain(key(0, number % LOOP_KEYS)))
}

const ZIPF_KEYS: u64 = 250_000;
const EXPONENT: f64 = 1.0;
/// The part of requests that belongs to the loop.
const LOOP_SHARE: f64 = 0.4;

pub(super) fn beside_zipf(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(ZIPF_KEYS, EXPONENT));
    let mut place = 0;
    Box::new(move |_| {
        if happens(&mut random, LOOP_SHARE) {
            place = (place + 1) % LOOP_KEYS;
            return Reference::plain(key(1, place));
        }
        Reference::plain(key(0, ranks.draw(&mut random)))
    })
}
