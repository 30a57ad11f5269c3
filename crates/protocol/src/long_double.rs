//! The 80-bit floating-point numbers that INCRBYFLOAT and HINCRBYFLOAT count in.

use rustc_apfloat::{Float, Round, Status, ieee::X87DoubleExtended};

/// A finite number of the x87's extended format: 64 bits of precision, 15 bits of exponent.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// Parses a number as INCRBYFLOAT accepts it; not-a-number is refused.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        let text = std::str::from_utf8(text).ok()?;
        let parsed = X87DoubleExtended::from_str_r(text, Round::NearestTiesToEven).ok()?;
        (!parsed.status.intersects(Status::OVERFLOW)).then_some(LongDouble(parsed.value))
    }

    /// The sum, unless it is infinite or not a number.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let sum = (self.0 + other.0).value;
        sum.is_finite().then_some(LongDouble(sum))
    }

    /// Appends the number with at most 17 digits after the point and no trailing zeros.
    pub fn format(self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}", self.0).as_bytes());
    }
}
