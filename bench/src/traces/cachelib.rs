//! Shaped like the loads of Berg et al. ("The CacheLib caching engine", OSDI '20): Zipf's law with an
//! exponent of about 0.9, sizes over four orders of magnitude, and heavy churn: keys come into being all the
//! time, are popular at once, and lose their popularity within hours (section 3.2, figures 4 to 6).

use rand::RngExt;

use super::draw::{Pattern, Ranks, Reference, Sizes, key, random};

/// Keys that have a rank at any time.
const KEYS: u64 = 300_000;
const EXPONENT: f64 = 0.9;
/// Every so many requests a new key takes the rank of another one.
const BIRTH_EVERY: u64 = 4;
const SIZES: Sizes = Sizes { median_bytes: 200.0, sigma: 1.6, largest_bytes: 65_536 };

pub(super) fn churn(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(KEYS, EXPONENT));
    let mut holders: Vec<u32> = (0..KEYS as u32).collect();
    let mut born = KEYS as u32;
    Box::new(move |number| {
        if number % BIRTH_EVERY == 0 {
            holders[random.random_range(0..KEYS as usize)] = born;
            born += 1;
        }
        let key = key(0, u64::from(holders[ranks.draw(&mut random) as usize]));
        Reference { value_bytes: SIZES.of(key), ..Reference::plain(key) }
    })
}
