//! A trace in memory, with its keys numbered from 0.

use std::collections::HashMap;
use std::sync::Arc;

use super::Request;

/// A key's number.
pub type Key = u32;

/// That a key has no deadline, or that nobody asks for it again.
pub const NEVER: u32 = u32::MAX;

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Which key.
    pub key: Key,
    /// Bytes of its value.
    pub value_bytes: u32,
    /// When the request comes.
    pub at_ms: u32,
    /// How long the value lives once it is set, [`NEVER`] if for ever.
    pub ttl_ms: u32,
    /// Set the key without asking for it before.
    pub write: bool,
}

/// The steps of a trace, and what holds for it as a whole.
pub struct Steps {
    /// The requests, in their order.
    pub steps: Vec<Step>,
    /// Of each key, what it takes of the capacity.
    pub costs: Arc<[u32]>,
    /// Steps before this one fill the cache and do not count.
    pub first_counted: usize,
}

/// One in so many requests of a trace, the first ones, are to fill the cache.
const WARM_UP_PART: usize = 4;

impl Steps {
    /// Takes a trace in. If bytes count, a key costs those of its value and `entry_bytes`, otherwise 1.
    pub fn of(requests: impl Iterator<Item = Request>, entry_bytes: Option<u32>) -> Steps {
        let (mut numbers, mut costs, mut steps) = (HashMap::new(), Vec::new(), Vec::new());
        for request in requests {
            let key = *numbers.entry(request.key).or_insert_with(|| {
                costs.push(entry_bytes.map_or(1, |entry| entry + request.value_bytes));
                costs.len() as Key - 1
            });
            let at_ms = request.at_ms as u32;
            steps.push(Step {
                key,
                value_bytes: request.value_bytes,
                at_ms,
                ttl_ms: request.ttl_ms.unwrap_or(NEVER),
                write: request.write,
            });
        }
        let first_counted = steps.len() / WARM_UP_PART;
        Steps { steps, costs: costs.into(), first_counted }
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.costs.len()
    }

    /// Bytes of the values of all keys together.
    pub fn value_bytes(&self) -> u64 {
        let mut bytes = vec![0; self.keys()];
        self.steps.iter().for_each(|step| bytes[step.key as usize] = u64::from(step.value_bytes));
        bytes.iter().sum()
    }

    /// What all keys cost together.
    pub fn footprint(&self) -> u64 {
        self.costs.iter().map(|cost| u64::from(*cost)).sum()
    }

    /// Requests that count as hits or misses.
    pub fn reads(&self) -> usize {
        self.steps[self.first_counted..].iter().filter(|step| !step.write).count()
    }
}

/// The deadline of a value that is set now.
pub fn deadline(step: &Step) -> u32 {
    if step.ttl_ms == NEVER { NEVER } else { step.at_ms + step.ttl_ms }
}
