//! Numbers as commands accept them and as replies show them.

mod decimal;
mod grisu;
mod literal;
mod powers;
mod prefix;
mod size;

pub use decimal::{exact_integer, format_f64, format_f64_17, format_f64_digits, format_f64_significant};
pub use prefix::parse_f64_prefix;
pub use size::parse_size;

pub(crate) use literal::Literal;

use rustc_apfloat::{Float, Round, Status, ieee::Double};

/// Parses a signed integer in the one way in which it would be printed: no plus sign, no leading zeros, no
/// spaces, no `-0`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => {
            let magnitude = parse_u64(digits).filter(|magnitude| *magnitude != 0)?;
            0i64.checked_sub_unsigned(magnitude)
        }
        digits => i64::try_from(parse_u64(digits)?).ok(),
    }
}

/// Parses an unsigned integer in the one way in which it would be printed: no sign, no leading zeros, no
/// spaces.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let digit = |byte: u8| Some(byte.wrapping_sub(b'0')).filter(|digit| *digit < 10).map(u64::from);
    // The first 19 digits cannot overflow; the check of the others is left out of their loop.
    let (safe, rest) = text.split_at_checked(19).unwrap_or((text, &[]));
    let number = safe.iter().try_fold(0u64, |number, byte| Some(number * 10 + digit(*byte)?))?;
    rest.iter().try_fold(number, |number, byte| number.checked_mul(10)?.checked_add(digit(*byte)?))
}

/// Parses a floating-point number as commands accept it: decimal or hexadecimal as in C, or `inf` or
/// `infinity` in any case. Not-a-number is refused, and so is what is too big, or so small that it would
/// become zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (number, literal) = match Literal::parse(text)? {
        Literal::Infinity { negative } => {
            return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        literal @ Literal::Decimal { text, .. } => (text.parse().ok()?, literal),
        literal @ Literal::Hexadecimal { .. } => {
            let parsed = Double::from_str_r(&literal.hexadecimal()?, Round::NearestTiesToEven).ok()?;
            if parsed.status.intersects(Status::OVERFLOW) {
                return None;
            }
            (f64::from_bits(u64::try_from(parsed.value.to_bits()).ok()?), literal)
        }
    };
    let in_range = number.is_finite() && (number != 0.0 || literal.is_zero());
    in_range.then_some(number)
}

/// Parses a floating-point number as the bounds of ranges of scores are given: decimal, or infinity. It ends at a zero
/// byte, nothing at all is zero, and what is too big is infinite.
pub fn parse_f64_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    match Literal::parse(text)? {
        Literal::Infinity { negative } => Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        Literal::Decimal { text, .. } => text.parse().ok(),
        Literal::Hexadecimal { .. } => None,
    }
}

/// Formats an integer.
#[inline]
pub fn format_i64(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests;
