//! What limits of rates should decide, computed plainly, one decision after the other.

/// What a script has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decision {
    /// Its place among all decisions of the script, from 1.
    pub(crate) number: i64,
    /// When it was made, in microseconds.
    pub(crate) now: i64,
    pub(crate) allowed: bool,
}

/// A way to limit rates.
pub(crate) trait Limit {
    /// Whether one more is allowed now.
    fn allows(&mut self, now: i64) -> bool;
}

/// A bucket of tokens that is filled at a steady rate, up to its capacity.
pub(crate) struct TokenBucket {
    /// In millionths of a token.
    capacity: i64,
    /// Tokens a second, which are millionths a microsecond.
    rate: i64,
    level: i64,
    at: Option<i64>,
}

impl TokenBucket {
    pub(crate) fn new(capacity: i64, rate: i64) -> Self {
        Self { capacity: capacity * 1_000_000, rate, level: 0, at: None }
    }
}

impl Limit for TokenBucket {
    fn allows(&mut self, now: i64) -> bool {
        self.level = match self.at {
            None => self.capacity,
            Some(at) => (self.level + (now - at) * self.rate).min(self.capacity),
        };
        self.at = Some(now);
        let allowed = self.level >= 1_000_000;
        self.level -= if allowed { 1_000_000 } else { 0 };
        allowed
    }
}

/// No more than so many in any time of this length.
pub(crate) struct SlidingWindow {
    limit: usize,
    microseconds: i64,
    allowed: Vec<i64>,
}

impl SlidingWindow {
    pub(crate) fn new(limit: usize, microseconds: i64) -> Self {
        Self { limit, microseconds, allowed: Vec::new() }
    }
}

impl Limit for SlidingWindow {
    fn allows(&mut self, now: i64) -> bool {
        self.allowed.retain(|at| *at > now - self.microseconds);
        let allowed = self.allowed.len() < self.limit;
        self.allowed.extend(allowed.then_some(now));
        allowed
    }
}

/// Says what is wrong with decisions: they must be numbered, their times in order, and each the one that the limit makes.
pub(crate) fn compare(mut decisions: Vec<Decision>, mut limit: impl Limit) -> Result<(), String> {
    decisions.sort();
    let mut before = 0;
    for (decision, number) in decisions.iter().zip(1..) {
        if decision.number != number {
            return Err(format!("{decision:?} instead of the one with number {number}"));
        }
        if decision.now < before {
            return Err(format!(
                "{decision:?} was made {} microseconds before the last one",
                before - decision.now
            ));
        }
        before = decision.now;
        if limit.allows(decision.now) != decision.allowed {
            return Err(format!("{decision:?} is wrong"));
        }
    }
    let allowed = decisions.iter().filter(|decision| decision.allowed).count();
    println!("{allowed} of {} allowed", decisions.len());
    if allowed == 0 || allowed == decisions.len() {
        return Err("the limit was never reached, or never left".into());
    }
    Ok(())
}
