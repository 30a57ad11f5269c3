//! How many keys have a deadline, and when they expire on average.

/// Keys that have a deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deadlined {
    /// How many there are.
    pub keys: usize,
    /// The sum of their deadlines, in milliseconds since 1970.
    sum_ms: u128,
}

impl Deadlined {
    /// A key has come that has this deadline.
    #[inline]
    pub(super) fn add(&mut self, deadline_ms: u64) {
        self.keys += 1;
        self.sum_ms += u128::from(deadline_ms);
    }

    /// A key has gone that had this deadline.
    #[inline]
    pub(super) fn remove(&mut self, deadline_ms: u64) {
        self.keys -= 1;
        self.sum_ms -= u128::from(deadline_ms);
    }

    /// Adds the keys of another part.
    pub(super) fn merge(&mut self, other: Self) {
        self.keys += other.keys;
        self.sum_ms += other.sum_ms;
    }

    /// How long they have to live on average at this time, in milliseconds; 0 if there are none.
    pub fn mean_left_ms(self, now_ms: u64) -> u64 {
        let mean = self.sum_ms.checked_div(self.keys as u128).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX).saturating_sub(now_ms)
    }
}
