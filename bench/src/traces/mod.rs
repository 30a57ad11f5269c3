//! Traces of requests to a cache, drawn from a seed: the shapes that the literature on replacement has found
//! to tell policies apart.
//!
//! A request is meant cache-aside: a GET, and after a miss the SET of the same key with its deadline. No
//! trace is a recording. Each follows what is published about a real load, or the construction by which a
//! paper shows a weakness of a policy; the file of each family names its sources and has its parameters at
//! the top.

mod arc;
mod cachelib;
mod deadlines;
mod draw;
mod lirs;
mod loops;
pub mod optimum;
mod scans;
mod shifting;
mod social;
mod steps;
mod twitter;
mod zipf;

use draw::Pattern;
pub use steps::{Key, NEVER, Step, Steps, deadline};

/// Requests of virtual time in a millisecond: the pace of a cache that is busy, not of a benchmark.
pub const REQUESTS_PER_MS: u64 = 10;

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Which key: equal numbers are equal keys, and nothing else is meant by them.
    pub key: u64,
    /// Bytes of the key's value. A key keeps its size.
    pub value_bytes: u32,
    /// How long the value lives once it is set.
    pub ttl_ms: Option<u32>,
    /// Set the key without asking for it before. Such a request is neither a hit nor a miss.
    pub write: bool,
    /// When the request comes, in virtual time.
    pub at_ms: u64,
}

/// A trace of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    /// Short, as in tables and on command lines.
    pub name: &'static str,
    /// How many requests it has when it is run in full.
    pub requests: u64,
    pattern: fn(seed: u64) -> Pattern,
}

impl Trace {
    /// The trace's first `requests` requests, the same ones for the same seed.
    pub fn requests(&self, seed: u64, requests: u64) -> impl Iterator<Item = Request> + use<> {
        let mut pattern = (self.pattern)(seed);
        (0..requests).map(move |number| {
            let reference = pattern(number);
            Request {
                key: reference.key,
                value_bytes: reference.value_bytes,
                ttl_ms: reference.ttl_ms,
                write: reference.write,
                at_ms: number / REQUESTS_PER_MS,
            }
        })
    }
}

/// All traces, in the order of the tables.
pub fn catalogue() -> &'static [Trace] {
    CATALOGUE
}

const CATALOGUE: &[Trace] = &[
    Trace { name: "zipf-0.7", requests: 5_000_000, pattern: zipf::flat },
    Trace { name: "zipf-0.9", requests: 5_000_000, pattern: zipf::mild },
    Trace { name: "zipf-1.0", requests: 5_000_000, pattern: zipf::usual },
    Trace { name: "zipf-1.2", requests: 5_000_000, pattern: zipf::steep },
    Trace { name: "scans", requests: 4_000_000, pattern: scans::bursts },
    Trace { name: "wonders", requests: 4_000_000, pattern: scans::wonders },
    Trace { name: "drift", requests: 4_000_000, pattern: shifting::drift },
    Trace { name: "upheaval", requests: 4_000_000, pattern: shifting::upheaval },
    Trace { name: "deadlines", requests: 4_000_000, pattern: deadlines::mixed },
    Trace { name: "loop", requests: 3_000_000, pattern: loops::plain },
    Trace { name: "loop-zipf", requests: 4_000_000, pattern: loops::beside_zipf },
    Trace { name: "twitter-read", requests: 4_000_000, pattern: twitter::reads },
    Trace { name: "twitter-write", requests: 4_000_000, pattern: twitter::writes },
    Trace { name: "cachelib", requests: 4_000_000, pattern: cachelib::churn },
    Trace { name: "arc-oltp", requests: 4_000_000, pattern: arc::oltp },
    Trace { name: "arc-concat", requests: 4_000_000, pattern: arc::concatenated },
    Trace { name: "lirs-pools", requests: 3_000_000, pattern: lirs::two_pools },
    Trace { name: "lirs-multi", requests: 4_000_000, pattern: lirs::multi },
    Trace { name: "social", requests: 4_000_000, pattern: social::recency },
];

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const REQUESTS: u64 = 50_000;

    #[test]
    fn a_seed_gives_one_trace_and_another_seed_another_one() {
        for trace in catalogue() {
            let run = |seed| trace.requests(seed, REQUESTS).collect::<Vec<_>>();
            assert_eq!(run(1), run(1), "{}", trace.name);
            // A loop is the same loop, whatever the seed.
            assert!(run(1) != run(2) || trace.name == "loop", "{}", trace.name);
        }
    }

    #[test]
    fn names_are_distinct_and_keys_keep_their_sizes() {
        let names: HashSet<_> = catalogue().iter().map(|trace| trace.name).collect();
        assert_eq!(names.len(), catalogue().len());
        for trace in catalogue() {
            let mut sizes = HashMap::new();
            for request in trace.requests(7, REQUESTS) {
                let size = *sizes.entry(request.key).or_insert(request.value_bytes);
                assert_eq!(size, request.value_bytes, "{}", trace.name);
            }
        }
    }

    #[test]
    fn a_loop_comes_back_to_its_keys_in_their_order() {
        let trace = catalogue().iter().find(|trace| trace.name == "loop").unwrap();
        let keys: Vec<u64> = trace.requests(1, 3_000_000).map(|request| request.key).collect();
        let length = keys.iter().skip(1).position(|key| *key == keys[0]).unwrap() + 1;
        assert!(length > 100_000);
        assert!((0..keys.len() - length).all(|place| keys[place] == keys[place + length]));
    }

    #[test]
    fn steeper_traces_ask_for_fewer_keys() {
        let distinct = |name| {
            let trace = catalogue().iter().find(|trace| trace.name == name).unwrap();
            trace.requests(3, REQUESTS).map(|request| request.key).collect::<HashSet<_>>().len()
        };
        assert!(distinct("zipf-1.2") * 2 < distinct("zipf-0.7"));
    }
}
