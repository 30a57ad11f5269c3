//! Keys of fixed popularity, by Zipf's law: what web caches see (Breslau et al., INFOCOM '99: exponents from
//! 0.64 to 0.83), what key-value stores see (Atikoglu et al., SIGMETRICS '12; Yang et al., OSDI '20: mostly
//! 1.0 to 1.5), and what YCSB draws by default (0.99).

use super::draw::{Pattern, Ranks, Reference, key, random};

const KEYS: u64 = 400_000;

pub(super) fn flat(seed: u64) -> Pattern {
    zipf(seed, 0.7)
}

pub(super) fn mild(seed: u64) -> Pattern {
    zipf(seed, 0.9)
}

pub(super) fn usual(seed: u64) -> Pattern {
    zipf(seed, 1.0)
}

pub(super) fn steep(seed: u64) -> Pattern {
    zipf(seed, 1.2)
}

fn zipf(seed: u64, exponent: f64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(KEYS, exponent));
    Box::new(move |_| Reference::plain(key(0, ranks.draw(&mut random))))
}
