//! Popular keys beside keys that are asked for once: what a crawler, a backup or a batch job does to a cache.
//! Resistance to scans is what 2Q (Johnson and Shasha, VLDB '94) and ARC (Megiddo and Modha, FAST '03) were
//! made for; keys that are asked for once are the majority in content networks (Berger et al., NSDI '17, and
//! Yang et al., SOSP '23: in the median trace 72 % of what a window of a tenth of the trace asks for).

use super::draw::{Pattern, Ranks, Reference, happens, key, random};

const POPULAR_KEYS: u64 = 300_000;
const EXPONENT: f64 = 0.9;

/// A scan begins every so many requests,
const SCAN_EVERY: u64 = 400_000;
/// reads so many keys, in their order, the same ones every fourth time,
const SCAN_KEYS: u64 = 150_000;
const SCAN_RANGES: u64 = 4;
/// and is this part of the requests while it runs.
const SCAN_SHARE: f64 = 0.6;

pub(super) fn bursts(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(POPULAR_KEYS, EXPONENT));
    let mut scanned = SCAN_KEYS;
    Box::new(move |number| {
        if number % SCAN_EVERY == SCAN_EVERY / 2 {
            scanned = 0;
        }
        if scanned < SCAN_KEYS && happens(&mut random, SCAN_SHARE) {
            scanned += 1;
            let range = number / SCAN_EVERY % SCAN_RANGES;
            return Reference::plain(key(1, range * SCAN_KEYS + scanned));
        }
        Reference::plain(key(0, ranks.draw(&mut random)))
    })
}

/// The part of requests that ask for a key that nobody asks for again.
const WONDER_SHARE: f64 = 0.2;

pub(super) fn wonders(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(POPULAR_KEYS, EXPONENT));
    Box::new(move |number| {
        if happens(&mut random, WONDER_SHARE) {
            return Reference::plain(key(1, number));
        }
        Reference::plain(key(0, ranks.draw(&mut random)))
    })
}
