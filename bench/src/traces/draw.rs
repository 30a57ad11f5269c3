//! What the families draw their requests with.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal, Zipf};

/// A request without its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    pub(super) key: u64,
    pub(super) value_bytes: u32,
    pub(super) ttl_ms: Option<u32>,
    pub(super) write: bool,
}

impl Reference {
    /// A read of a key that never expires, with the usual small value.
    pub(super) fn plain(key: u64) -> Reference {
        Reference { key, value_bytes: Sizes::SMALL.of(key), ttl_ms: None, write: false }
    }
}

/// Gives the request of each number; asked for 0, 1, 2 and so on.
pub(super) type Pattern = Box<dyn FnMut(u64) -> Reference>;

/// The generator of one trace.
pub(super) fn random(seed: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed)
}

/// A number without pattern that belongs to `number` (the finaliser of SplitMix64).
pub(super) fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The part of 1 that belongs to `number`, evenly spread.
pub(super) fn fraction(number: u64) -> f64 {
    (scattered(number) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Key `number` of the trace's group `group`: keys of different groups are different.
pub(super) fn key(group: u64, number: u64) -> u64 {
    group << 40 | number
}

/// Ranks from 0 on, by Zipf's law.
pub(super) struct Ranks(Zipf<f64>);

impl Ranks {
    pub(super) fn new(count: u64, exponent: f64) -> Ranks {
        Ranks(
            Zipf::new(count as f64, exponent)
                .expect("the parameters of traces are constants in their domain"),
        )
    }

    pub(super) fn draw(&self, random: &mut SmallRng) -> u64 {
        self.0.sample(random) as u64 - 1
    }
}

/// Sizes of values: lognormal, each key with one of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) median_bytes: f64,
    /// Standard deviation of the logarithm.
    pub(super) sigma: f64,
    pub(super) largest_bytes: u32,
}

impl Sizes {
    /// What most caches hold (Twitter, OSDI '20: the median of the clusters' mean objects is 230 bytes).
    pub(super) const SMALL: Sizes = Sizes { median_bytes: 180.0, sigma: 0.7, largest_bytes: 4096 };

    pub(super) fn of(self, key: u64) -> u32 {
        let mut random = random(scattered(key));
        let law = LogNormal::new(self.median_bytes.ln(), self.sigma)
            .expect("the parameters of traces are constants in their domain");
        law.sample(&mut random).clamp(1.0, f64::from(self.largest_bytes)) as u32
    }
}

/// Whether something happens that happens in `part` of all cases.
pub(super) fn happens(random: &mut SmallRng, part: f64) -> bool {
    random.random::<f64>() < part
}
