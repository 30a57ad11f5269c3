//! The 80-bit floating-point numbers that INCRBYFLOAT and HINCRBYFLOAT count in.

use crate::number::Literal;
use rustc_apfloat::{Float, Round, Status, ieee::X87DoubleExtended};

/// The longest text that is read as a number, in bytes.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// Digits after the point that are shown.
const FRACTION_DIGITS: usize = 17;
/// What the last digit that is shown is the reciprocal of.
const FRACTION_UNIT: u128 = 10u128.pow(FRACTION_DIGITS as u32);
/// More digits than the largest number has.
const DIGITS_MAX: usize = 5000;

/// A number of the x87's extended format: 64 bits of precision, 15 bits of exponent; never not-a-number.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// Parses a number as INCRBYFLOAT accepts it: like [`parse_f64`](crate::number::parse_f64) in the wider
    /// range, of at most 5,119 bytes. Infinity is a number; the sum with it is refused later.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let literal = Literal::parse(text)?;
        let parsed = match literal {
            Literal::Infinity { negative } => {
                let infinity = X87DoubleExtended::INFINITY;
                return Some(LongDouble(if negative { -infinity } else { infinity }));
            }
            _ if literal.is_zero() => return Some(LongDouble(X87DoubleExtended::ZERO)),
            Literal::Decimal { text, .. } => X87DoubleExtended::from_str_r(text, Round::NearestTiesToEven),
            Literal::Hexadecimal { .. } => {
                X87DoubleExtended::from_str_r(&literal.hexadecimal()?, Round::NearestTiesToEven)
            }
        };
        let parsed = parsed.ok()?;
        let in_range = !parsed.status.intersects(Status::OVERFLOW) && parsed.value.is_finite_non_zero();
        in_range.then_some(LongDouble(parsed.value))
    }

    /// Whether the number is not infinite.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// The sum, unless it is infinite or not a number.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let sum = (self.0 + other.0).value;
        sum.is_finite().then_some(LongDouble(sum))
    }

    /// Appends the number with 17 digits after the point, less trailing zeros; never in scientific notation,
    /// however long that gets.
    pub fn format(self, out: &mut Vec<u8>) {
        if self.0.is_infinite() {
            out.extend_from_slice(if self.0.is_negative() { b"-inf" } else { b"inf" });
            return;
        }
        let significand = self.0.to_bits() & u128::from(u64::MAX);
        // The significand is an integer here, whose lowest bit is worth 2^-shift.
        let biased_exponent = (self.0.to_bits() >> 64 & 0x7fff) as u32;
        let Some(shift) = (16383u32 + 63).checked_sub(biased_exponent) else {
            // At least 2^64: an integer. Asked for more digits than there are, this prints all of them.
            out.extend_from_slice(format!("{:DIGITS_MAX$.DIGITS_MAX$}", self.0).as_bytes());
            return;
        };
        // 64 bits by 57 bits: this cannot overflow.
        let units = round_shift(significand * FRACTION_UNIT, shift);
        if self.0.is_negative() && units != 0 {
            out.push(b'-');
        }
        let (whole, fraction) = (units / FRACTION_UNIT, units % FRACTION_UNIT);
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        if fraction != 0 {
            let digits = format!(".{fraction:0FRACTION_DIGITS$}");
            out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
        }
    }
}

/// `number / 2^shift`, rounded to the nearest integer, or to the even one between two.
fn round_shift(number: u128, shift: u32) -> u128 {
    let Some(quotient) = number.checked_shr(shift) else { return 0 };
    let remainder = number - (quotient << shift);
    let half = (1u128 << shift) / 2;
    let up = shift > 0 && (remainder > half || (remainder == half && quotient % 2 == 1));
    quotient + u128::from(up)
}

#[cfg(test)]
mod tests;
