//! A trace in memory, with its keys numbered from 0.

use std::collections::HashMap;
use std::rc::Rc;

use nuthatch_bench::traces::Request;

/// A key's number.
pub(crate) type Key = u32;

/// That a key has no deadline, or that nobody asks for it again.
pub(crate) const NEVER: u32 = u32::MAX;

/// What an entry costs beside its value where bytes count.
const ENTRY_BYTES: u32 = 64;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) key: Key,
    pub(crate) at_ms: u32,
    /// [`NEVER`] if the value lives for ever.
    pub(crate) ttl_ms: u32,
    pub(crate) write: bool,
}

/// The steps of a trace, and what holds for it as a whole.
pub(crate) struct Steps {
    pub(crate) steps: Vec<Step>,
    /// Of each key, what it takes of the capacity.
    pub(crate) costs: Rc<[u32]>,
    /// Steps before this one fill the cache and do not count.
    pub(crate) first_counted: usize,
}

/// One in so many requests of a trace, the first ones, are to fill the cache.
const WARM_UP_PART: usize = 4;

impl Steps {
    /// Takes a trace in. If `bytes` count a key costs as many as its entry has, otherwise 1.
    pub(crate) fn of(requests: impl Iterator<Item = Request>, bytes: bool) -> Steps {
        let (mut numbers, mut costs, mut steps) = (HashMap::new(), Vec::new(), Vec::new());
        for request in requests {
            let key = *numbers.entry(request.key).or_insert_with(|| {
                costs.push(if bytes { request.value_bytes + ENTRY_BYTES } else { 1 });
                costs.len() as Key - 1
            });
            let at_ms = request.at_ms as u32;
            steps.push(Step { key, at_ms, ttl_ms: request.ttl_ms.unwrap_or(NEVER), write: request.write });
        }
        let first_counted = steps.len() / WARM_UP_PART;
        Steps { steps, costs: costs.into(), first_counted }
    }

    pub(crate) fn keys(&self) -> usize {
        self.costs.len()
    }

    /// What all keys cost together.
    pub(crate) fn footprint(&self) -> u64 {
        self.costs.iter().map(|cost| u64::from(*cost)).sum()
    }

    /// Requests that count as hits or misses.
    pub(crate) fn reads(&self) -> usize {
        self.steps[self.first_counted..].iter().filter(|step| !step.write).count()
    }
}

/// The deadline of a value that is set now.
pub(crate) fn deadline(step: &Step) -> u32 {
    if step.ttl_ms == NEVER { NEVER } else { step.at_ms + step.ttl_ms }
}
