//! What was asked for just now is asked for again: the time between two requests for a key follows a power
//! law. So it is with posts, messages and news (Barabási, Nature 435, 2005; Crane and Sornette, PNAS 105,
//! 2008; for photos Huang et al., SOSP '13: requests fall with age as a power law).

use std::collections::VecDeque;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::draw::{Pattern, Reference, happens, key, random};

/// Draws again what was drawn before, the longer ago the more seldom.
pub(super) struct Recency {
    past: VecDeque<u64>,
    reach: usize,
    exponent: f64,
}

impl Recency {
    /// Looks back over `reach` references; the chance of each falls with its distance to the power of
    /// `exponent`.
    pub(super) fn new(reach: usize, exponent: f64) -> Recency {
        Recency { past: VecDeque::with_capacity(reach), reach, exponent }
    }

    pub(super) fn note(&mut self, key: u64) {
        if self.past.len() == self.reach {
            self.past.pop_back();
        }
        self.past.push_front(key);
    }

    /// A reference of the past, unless the one that is drawn lies before the first.
    pub(super) fn again(&self, random: &mut SmallRng) -> Option<u64> {
        self.past.get(self.distance(random)).copied()
    }

    /// By inversion of the continuous law on 1 to `reach`.
    fn distance(&self, random: &mut SmallRng) -> usize {
        let (uniform, reach) = (random.random::<f64>(), self.reach as f64);
        let power = 1.0 - self.exponent;
        let distance = if power.abs() < 1e-9 {
            reach.powf(uniform)
        } else {
            (1.0 + uniform * (reach.powf(power) - 1.0)).powf(1.0 / power)
        };
        distance as usize - 1
    }
}

const REACH: usize = 1_000_000;
const EXPONENT: f64 = 0.9;
/// The part of requests for keys that are new.
const NEW_SHARE: f64 = 0.12;

pub(super) fn recency(seed: u64) -> Pattern {
    let mut random = random(seed);
    let mut recency = Recency::new(REACH, EXPONENT);
    let mut born = 0;
    Box::new(move |_| {
        let old = happens(&mut random, 1.0 - NEW_SHARE).then(|| recency.again(&mut random)).flatten();
        let key = old.unwrap_or_else(|| {
            born += 1;
            key(0, born)
        });
        recency.note(key);
        Reference::plain(key)
    })
}
