//! Working sets that move: the popularity of keys follows Zipf's law at any time, but which keys are the
//! popular ones changes, little by little or at once. The counter-example to policies that count uses and
//! never forget (Arlitt et al., "Evaluating content management techniques for Web proxy caches", 2000).

use rand::RngExt;

use super::draw::{Pattern, Ranks, Reference, key, random, scattered};

const KEYS: u64 = 400_000;
const EXPONENT: f64 = 1.0;
/// One rank goes to another key every so many requests.
const DRIFT_EVERY: u64 = 30;

pub(super) fn drift(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(KEYS, EXPONENT));
    let mut holders: Vec<u32> = (0..KEYS as u32).collect();
    Box::new(move |number| {
        if number % DRIFT_EVERY == 0 {
            let (one, other) = (random.random_range(0..KEYS as usize), ranks.draw(&mut random) as usize);
            holders.swap(one, other);
        }
        Reference::plain(key(0, u64::from(holders[ranks.draw(&mut random) as usize])))
    })
}

/// Every so many requests,
const UPHEAVAL_EVERY: u64 = 800_000;
/// one in so many ranks goes to a key that was not there before.
const UPHEAVAL_PART: u64 = 2;

pub(super) fn upheaval(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(KEYS, EXPONENT));
    Box::new(move |number| {
        let rank = ranks.draw(&mut random);
        // The holder of a rank is the one of the last upheaval that took the rank.
        let (mut age, last) = (0, number / UPHEAVAL_EVERY);
        while age < last && !scattered(rank << 8 | (last - age)).is_multiple_of(UPHEAVAL_PART) {
            age += 1;
        }
        Reference::plain(key(last - age, rank))
    })
}
