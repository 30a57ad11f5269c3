//! Numbers at the beginning of text.

use super::Literal;

use rustc_apfloat::{Float, Round, ieee::Double};

/// What C's `strtod` makes of the beginning of a text, but that space is not skipped: the number, and how many bytes it
/// takes. A number may be decimal or hexadecimal, infinite, or none (`nan`, `nan(anything)`). What is too big is
/// infinite, what is too small is zero.
pub fn parse_f64_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let sign_length = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let negative = text.first() == Some(&b'-');
    let unsigned = text.get(sign_length..)?;
    let signed = |number: f64| if negative { -number } else { number };
    if starts_with(unsigned, b"inf") {
        let length = if starts_with(unsigned, b"infinity") { 8 } else { 3 };
        return Some((signed(f64::INFINITY), sign_length + length));
    }
    if starts_with(unsigned, b"nan") {
        let label = unsigned.get(3..).and_then(label_length).unwrap_or(0);
        // C has not-a-numbers of both signs.
        return Some((f64::NAN.copysign(signed(1.0)), sign_length + 3 + label));
    }
    let hexadecimal = starts_with(unsigned, b"0x")
        .then(|| literal_length(unsigned.get(2..)?, u8::is_ascii_hexdigit, b'p'))
        .flatten()
        .map(|length| length + 2);
    let length = match hexadecimal {
        Some(length) => length,
        None => literal_length(unsigned, u8::is_ascii_digit, b'e')?,
    };
    let literal = Literal::parse(text.get(..sign_length + length)?)?;
    let number = match literal {
        Literal::Infinity { .. } => return None,
        Literal::Decimal { text, .. } => text.parse().ok()?,
        Literal::Hexadecimal { .. } => {
            let parsed = Double::from_str_r(&literal.hexadecimal()?, Round::NearestTiesToEven).ok()?;
            f64::from_bits(u64::try_from(parsed.value.to_bits()).ok()?)
        }
    };
    Some((number, sign_length + length))
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The length of what may stand in parentheses behind `nan`.
fn label_length(text: &[u8]) -> Option<usize> {
    let label = text.strip_prefix(b"(")?;
    let length = label.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    (label.get(length) == Some(&b')')).then_some(length + 2)
}

/// The length of digits with perhaps a point among them and perhaps an exponent behind them.
fn literal_length(text: &[u8], is_digit: fn(&u8) -> bool, exponent_mark: u8) -> Option<usize> {
    let digits = |from: usize, is_digit: fn(&u8) -> bool| {
        text.get(from..).unwrap_or_default().iter().take_while(|byte| is_digit(byte)).count()
    };
    let whole = digits(0, is_digit);
    let mut length = whole;
    if text.get(whole) == Some(&b'.') {
        let fraction = digits(whole + 1, is_digit);
        if whole + fraction > 0 {
            length += 1 + fraction;
        }
    }
    if length == 0 {
        return None;
    }
    if text.get(length).is_some_and(|byte| byte.eq_ignore_ascii_case(&exponent_mark)) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign, u8::is_ascii_digit);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some(length)
}
