//! What no policy can beat: Belady's MIN where all keys cost the same (Belady, IBM Systems Journal 5, 1966),
//! and a bound from below where they do not.

use std::collections::BTreeSet;

use super::steps::{NEVER, Steps, deadline};

/// The part of reads that miss under the best replacement that knows the future.
pub fn miss_ratio(steps: &Steps, capacity: u64, bytes: bool) -> f64 {
    let next_reads = next_reads(steps);
    let hits = if bytes {
        hits_bound(steps, capacity, &next_reads)
    } else {
        hits_of_min(steps, capacity, &next_reads)
    };
    1.0 - hits as f64 / steps.reads() as f64
}

/// Of each step, the number of the step that reads the key next, unless the key is written before.
fn next_reads(steps: &Steps) -> Vec<u32> {
    let mut next = vec![NEVER; steps.keys()];
    let mut result = vec![NEVER; steps.steps.len()];
    for (number, step) in steps.steps.iter().enumerate().rev() {
        result[number] = next[step.key as usize];
        next[step.key as usize] = if step.write { NEVER } else { number as u32 };
    }
    result
}

/// Evicts the key that is read the furthest in the future, which may be the one that has just come. What
/// expires before it is read is never read.
fn hits_of_min(steps: &Steps, capacity: u64, next_reads: &[u32]) -> usize {
    let mut residents = BTreeSet::new();
    let mut awaited = vec![NEVER; steps.keys()];
    let mut deadlines = vec![NEVER; steps.keys()];
    let mut hits = 0;
    for (number, step) in steps.steps.iter().enumerate() {
        let key = step.key as usize;
        let hit = residents.remove(&(awaited[key], step.key)) && !step.write;
        if hit {
            hits += usize::from(number >= steps.first_counted);
        } else {
            deadlines[key] = deadline(step);
        }
        let next = next_reads[number];
        if next == NEVER || steps.steps[next as usize].at_ms >= deadlines[key] {
            continue;
        }
        awaited[key] = next;
        residents.insert((next, step.key));
        if residents.len() as u64 > capacity {
            residents.pop_last();
        }
    }
    hits
}

/// Each hit takes a key's cost for the time since the request before. If only the sum of what is taken must
/// not be above what there is (and not what is taken at each moment), the cheapest hits can all be had, and
/// no policy has more (Berger, Beckmann and Harchol-Balter, "Practical bounds on optimal caching with
/// variable object sizes", SIGMETRICS '18: PFOO-L).
fn hits_bound(steps: &Steps, capacity: u64, next_reads: &[u32]) -> usize {
    let intervals = next_reads.iter().enumerate().filter(|(number, next)| {
        let step = &steps.steps[*number];
        **next != NEVER
            && **next as usize >= steps.first_counted
            && steps.steps[**next as usize].at_ms - step.at_ms < step.ttl_ms
    });
    let mut taken: Vec<u64> = intervals
        .map(|(number, next)| {
            (*next as usize - number.max(steps.first_counted)) as u64
                * u64::from(steps.costs[steps.steps[number].key as usize])
        })
        .collect();
    taken.sort_unstable();
    let mut left = capacity * (steps.steps.len() - steps.first_counted) as u64;
    let affordable = taken.into_iter().take_while(|cost| {
        let enough = *cost <= left;
        left = left.saturating_sub(*cost);
        enough
    });
    affordable.count()
}
