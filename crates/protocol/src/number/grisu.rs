//! The decimal digits of floating-point numbers, by the algorithm Grisu2 of Florian Loitsch, "Printing
//! Floating-Point Numbers Quickly and Accurately with Integers" (PLDI 2010), section 5.
//!
//! The digits always read back as the same number, but about one number in 500 gets one digit more than it
//! needs. Redis's replies do as well; an algorithm that is always shortest, such as that of the standard
//! library, would reply differently.

use super::powers::{EXPONENT_STEP, FIRST_EXPONENT, POWERS};

/// The most digits that a number has.
pub(super) const DIGITS_MAX: usize = 17;

/// The smallest exponent that a scaled number may have (the paper's alpha): its integral part then fits 32
/// bits, and ten times its fraction 64.
const SCALED_EXPONENT_MIN: i32 = -60;

/// `significand * 2^exponent`.
#[derive(Clone, Copy)]
struct Scaled {
    significand: u64,
    exponent: i32,
}

impl Scaled {
    fn normalized(self) -> Scaled {
        let shift = self.significand.leading_zeros();
        Scaled { significand: self.significand << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product, rounded to 64 bits.
    fn times(self, other: Scaled) -> Scaled {
        let product = u128::from(self.significand) * u128::from(other.significand);
        let significand = ((product + (1 << 63)) >> 64) as u64;
        Scaled { significand, exponent: self.exponent + other.exponent + 64 }
    }
}

/// Decimal digits which, read as one integer and multiplied by a power of ten, are a number.
#[derive(Debug)]
pub(super) struct Digits {
    bytes: [u8; DIGITS_MAX],
    count: usize,
    /// The exponent of that power of ten.
    pub(super) exponent: i32,
}

impl Digits {
    /// The digits, as ASCII.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, digit: u64) {
        if (self.count > 0 || digit != 0)
            && let Some(byte) = self.bytes.get_mut(self.count)
        {
            *byte = b'0' + digit as u8;
            self.count += 1;
        }
    }

    /// Lowers the last digit while that brings the digits nearer to the number: the paper's `grisu_round`.
    /// All arguments are in the same unit: how far the digits may be below the upper boundary, how far they
    /// are, the weight of the last digit, and how far the number is.
    fn round(&mut self, allowed: u64, mut below: u64, weight: u64, wanted: u64) {
        let Some(last) = self.count.checked_sub(1).and_then(|last| self.bytes.get_mut(last)) else { return };
        while below < wanted
            && allowed - below >= weight
            && (below + weight < wanted || wanted - below > below + weight - wanted)
        {
            *last -= 1;
            below += weight;
        }
    }
}

/// The digits of the magnitude of a finite number other than zero.
pub(super) fn digits(number: f64) -> Digits {
    let bits = number.to_bits();
    let biased_exponent = (bits >> 52 & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let exact = if biased_exponent == 0 {
        Scaled { significand: fraction, exponent: -1074 }
    } else {
        Scaled { significand: fraction | 1 << 52, exponent: biased_exponent - 1075 }
    };

    // The boundaries lie half way to the neighbours; below a power of two the neighbour is twice as near.
    let upper = Scaled { significand: exact.significand * 2 + 1, exponent: exact.exponent - 1 }.normalized();
    let lower = if fraction == 0 {
        Scaled { significand: exact.significand * 4 - 1, exponent: exact.exponent - 2 }
    } else {
        Scaled { significand: exact.significand * 2 - 1, exponent: exact.exponent - 1 }
    };
    let lower = Scaled {
        significand: lower.significand << (lower.exponent - upper.exponent),
        exponent: upper.exponent,
    };

    let (power, decimal_exponent) = power_for(upper.exponent);
    let exact = exact.normalized().times(power);
    let mut upper = upper.times(power);
    let lower = lower.times(power);
    // The products may be off by one; take the interval that is certain.
    upper.significand -= 1;
    let allowed = upper.significand - (lower.significand + 1);
    generate(upper, allowed, upper.significand - exact.significand, -decimal_exponent)
}

/// The first power of ten that brings a number with this exponent into range, and its exponent.
fn power_for(exponent: i32) -> (Scaled, i32) {
    // Exponents of two grow by 3.32 a power of ten: the estimate is at most one step too low.
    let needed = f64::from(SCALED_EXPONENT_MIN - 1 - exponent) * std::f64::consts::LOG10_2;
    let estimate = (needed as i32 - FIRST_EXPONENT) / EXPONENT_STEP;
    let first = estimate.clamp(0, POWERS.len() as i32 - 1) as usize;
    let found = (first..).zip(POWERS.iter().skip(first));
    let mut found =
        found.skip_while(|(_, (_, power_exponent))| exponent + power_exponent + 64 < SCALED_EXPONENT_MIN);
    let (index, &(significand, exponent)) =
        found.next().unwrap_or((POWERS.len() - 1, &POWERS[POWERS.len() - 1]));
    (Scaled { significand, exponent }, FIRST_EXPONENT + index as i32 * EXPONENT_STEP)
}

/// Generates digits of `upper` until what is left out is at most `allowed`: the paper's `digit_gen`.
fn generate(upper: Scaled, allowed: u64, wanted: u64, decimal_exponent: i32) -> Digits {
    let mut digits = Digits { bytes: [0; DIGITS_MAX], count: 0, exponent: decimal_exponent };
    let shift = -upper.exponent as u32;
    let one = 1u64 << shift;
    let mut integral = upper.significand >> shift;
    let mut fraction = upper.significand & (one - 1);

    let mut weight = 1_000_000_000u64;
    for exponent in (0..10).rev() {
        digits.push(integral / weight);
        integral %= weight;
        let rest = (integral << shift) + fraction;
        if rest <= allowed {
            digits.exponent += exponent;
            digits.round(allowed, rest, weight << shift, wanted);
            return digits;
        }
        weight /= 10;
    }

    let mut unit = 1u64;
    loop {
        fraction *= 10;
        unit *= 10;
        digits.push(fraction >> shift);
        fraction &= one - 1;
        digits.exponent -= 1;
        if fraction < allowed * unit {
            digits.round(allowed * unit, fraction, one, wanted.wrapping_mul(unit));
            return digits;
        }
    }
}
