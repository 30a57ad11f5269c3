//! Numbers as commands accept them and as replies show them.

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
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] if text.len() <= 20 => text.iter().try_fold(0u64, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number.checked_mul(10)?.checked_add(u64::from(digit))
        }),
        _ => None,
    }
}

/// Parses a floating-point number as commands accept it: decimal, or `inf` with a sign; `nan` is refused.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// Formats an integer.
#[inline]
pub fn format_i64(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Formats a floating-point number with the fewest digits that read back as the same number.
pub fn format_f64(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{number}").as_bytes());
}
