//! Shaped like the clusters that Yang, Yue and Rashmi describe ("A large scale analysis of hundreds of
//! in-memory cache clusters at Twitter", OSDI '20): exponents of Zipf's law from 1.0 to 1.5 with a tail that
//! is asked for once, deadlines of minutes, values of some hundred bytes of which many have the same size,
//! more than 30 % writes in a third of the clusters, and popularity that moves with the hours.

use super::draw::{Pattern, Ranks, Reference, Sizes, fraction, happens, key, random, scattered};

/// A cluster that is read: few writes, deadlines of minutes.
pub(super) fn reads(seed: u64) -> Pattern {
    cluster(
        seed,
        Cluster {
            keys: 600_000,
            exponent: 1.1,
            write_share: 0.02,
            wonder_share: 0.08,
            ttl_ms: [60_000, 120_000, 240_000],
            shift_every: 40_000,
        },
    )
}

/// A cluster that is written: every third request, most of what is written is not read soon.
pub(super) fn writes(seed: u64) -> Pattern {
    cluster(
        seed,
        Cluster {
            keys: 800_000,
            exponent: 1.0,
            write_share: 0.35,
            wonder_share: 0.1,
            ttl_ms: [10_000, 30_000, 120_000],
            shift_every: 20_000,
        },
    )
}

struct Cluster {
    keys: u64,
    exponent: f64,
    write_share: f64,
    wonder_share: f64,
    /// Deadlines of three equal parts of the keys.
    ttl_ms: [u32; 3],
    /// After so many requests one in a hundred ranks has another key.
    shift_every: u64,
}

const SIZES: Sizes = Sizes { median_bytes: 230.0, sigma: 0.9, largest_bytes: 8192 };
/// One in so many keys has the size that is the most common.
const SAME_SIZE_PART: u64 = 3;
const SAME_SIZE_BYTES: u32 = 64;
/// Ranks change their keys in so many groups, one after the other.
const SHIFT_GROUPS: u64 = 100;

fn cluster(seed: u64, cluster: Cluster) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(cluster.keys, cluster.exponent));
    Box::new(move |number| {
        let key = if happens(&mut random, cluster.wonder_share) {
            key(0, number)
        } else {
            let rank = ranks.draw(&mut random);
            let shifts = number / cluster.shift_every;
            let group = scattered(rank) % SHIFT_GROUPS;
            key(1 + (shifts + SHIFT_GROUPS - group) / SHIFT_GROUPS, rank)
        };
        let same = scattered(key ^ 1).is_multiple_of(SAME_SIZE_PART);
        let third = (fraction(key ^ 2) * 3.0) as usize;
        Reference {
            key,
            value_bytes: if same { SAME_SIZE_BYTES } else { SIZES.of(key) },
            ttl_ms: Some(cluster.ttl_ms[third]),
            write: happens(&mut random, cluster.write_share),
        }
    })
}
