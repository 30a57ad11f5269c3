//! The cardinality that registers tell, by Otmar Ertl's improved estimator ("New cardinality estimation algorithms for
//! HyperLogLog sketches", 2017), which needs no correction for small or big cardinalities.

use super::{RANK_BITS, REGISTERS};

/// How many registers have each value.
pub(super) struct Histogram {
    counts: [usize; 64],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; 64] }
    }
}

impl Histogram {
    /// Counts `registers` registers of this value, which has six bits.
    pub(super) fn add(&mut self, value: u8, registers: usize) {
        self.counts[usize::from(value) % 64] += registers;
    }

    /// The estimate. What no cardinality leads to (every register at its highest) gives the number that stock servers'
    /// conversion from infinity does.
    pub(super) fn cardinality(&self) -> u64 {
        /// 1 / (2 ln 2).
        const ALPHA: f64 = std::f64::consts::LOG2_E / 2.0;
        const UNREPRESENTABLE: u64 = 1 << 63;
        let registers = REGISTERS as f64;
        let highest = RANK_BITS as usize + 1;
        let mut sum = registers * tau((registers - self.counts[highest] as f64) / registers);
        for count in self.counts[1..highest].iter().rev() {
            sum = (sum + *count as f64) * 0.5;
        }
        sum += registers * sigma(self.counts[0] as f64 / registers);
        let estimate = (ALPHA * registers * registers / sum).round();
        if estimate < UNREPRESENTABLE as f64 { estimate as u64 } else { UNREPRESENTABLE }
    }
}

/// x + Σ x^(2^k) 2^(k-1) for k from 1.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut factor, mut sum) = (1.0, x);
    loop {
        let before = sum;
        x *= x;
        sum += x * factor;
        factor += factor;
        if sum == before {
            return sum;
        }
    }
}

/// (1 - x - Σ (1 - x^(2^-k))² 2^-k for k from 1) / 3.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - x);
    loop {
        let before = sum;
        x = x.sqrt();
        factor *= 0.5;
        sum -= (1.0 - x).powi(2) * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}
