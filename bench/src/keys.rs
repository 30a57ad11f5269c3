//! Which key the next request names.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Zipf};

/// How requests spread over the keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyDistribution {
    /// Every key is as likely as any other.
    Uniform,
    /// The key of rank `k` is drawn in proportion to `1 / k^exponent`; key 0 is the most popular.
    Zipfian {
        /// 0.99 is the customary choice (YCSB); larger is more skewed.
        exponent: f64,
    },
    /// Every key once, in order: for filling. Each thread takes its own contiguous part.
    Sequential,
}

/// The keys numbered from 0 to `count - 1` and how requests spread over them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeySpace {
    /// Number of keys, at least 1.
    pub count: u64,
    /// How requests spread over them.
    pub distribution: KeyDistribution,
}

/// Draws key numbers for one thread.
pub(crate) enum KeySampler {
    Uniform { count: u64 },
    Zipfian(Zipf<f64>),
    Sequential { next: u64, end: u64 },
}

impl KeySampler {
    /// The sampler of thread `part` of `parts`.
    pub(crate) fn new(space: KeySpace, part: u64, parts: u64) -> Result<Self> {
        ensure!(space.count > 0, "there must be at least one key");
        Ok(match space.distribution {
            KeyDistribution::Uniform => Self::Uniform { count: space.count },
            KeyDistribution::Zipfian { exponent } => Self::Zipfian(
                Zipf::new(space.count as f64, exponent).context("the exponent must not be negative")?,
            ),
            KeyDistribution::Sequential => {
                let range = part_of(space.count, part, parts);
                Self::Sequential { next: range.start, end: range.end }
            }
        })
    }

    /// How many keys are left, where each is drawn once.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self {
            Self::Sequential { next, end } => Some(end.saturating_sub(*next)),
            Self::Uniform { .. } | Self::Zipfian(_) => None,
        }
    }

    pub(crate) fn draw(&mut self, random: &mut SmallRng) -> u64 {
        match self {
            Self::Uniform { count } => random.random_range(0..*count),
            Self::Zipfian(zipf) => zipf.sample(random) as u64 - 1,
            Self::Sequential { next, .. } => {
                *next += 1;
                *next - 1
            }
        }
    }
}

/// What falls to `part` when `total` things are shared out among `parts`.
pub(crate) fn part_of(total: u64, part: u64, parts: u64) -> Range<u64> {
    let boundary = |part: u64| (u128::from(total) * u128::from(part) / u128::from(parts)) as u64;
    boundary(part)..boundary(part + 1)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn counts(distribution: KeyDistribution, draws: usize) -> Vec<usize> {
        let mut random = SmallRng::seed_from_u64(1);
        let mut sampler = KeySampler::new(KeySpace { count: 100, distribution }, 0, 1).unwrap();
        let mut counts = vec![0; 100];
        for _ in 0..draws {
            counts[sampler.draw(&mut random) as usize] += 1;
        }
        counts
    }

    #[test]
    fn uniform_draws_reach_every_key_about_equally() {
        let counts = counts(KeyDistribution::Uniform, 100_000);
        assert!(counts.iter().all(|&count| (800..1200).contains(&count)), "{counts:?}");
    }

    #[test]
    fn zipfian_draws_follow_the_exponent() {
        let counts = counts(KeyDistribution::Zipfian { exponent: 1.0 }, 100_000);
        let first_to_tenth = counts[0] as f64 / counts[9] as f64;
        assert!((9.0..11.0).contains(&first_to_tenth), "{counts:?}");
    }

    #[test]
    fn parts_of_a_sequence_neither_overlap_nor_leave_a_gap() {
        let space = KeySpace { count: 10, distribution: KeyDistribution::Sequential };
        let mut random = SmallRng::seed_from_u64(1);
        let mut drawn = Vec::new();
        for part in 0..3 {
            let mut sampler = KeySampler::new(space, part, 3).unwrap();
            while sampler.remaining() != Some(0) {
                drawn.push(sampler.draw(&mut random));
            }
        }
        assert_eq!(drawn, (0..10).collect::<Vec<_>>());
    }
}
