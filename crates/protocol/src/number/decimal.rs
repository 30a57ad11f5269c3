//! Floating-point numbers as replies show them.

use std::fmt::{self, Write};

use super::{format_i64, grisu, parse_i64};

/// Below this magnitude a number without a fraction is shown as an integer is: all its digits are exact.
const INTEGER_BELOW: f64 = (1u64 << 62) as f64;

/// The integer that is shown in place of a floating-point number that is one. Minus zero is none.
#[inline]
pub fn exact_integer(number: f64) -> Option<i64> {
    let is_integer = number.abs() <= INTEGER_BELOW && number as i64 as f64 == number;
    (is_integer && (number != 0.0 || number.is_sign_positive())).then_some(number as i64)
}

/// Appends a floating-point number with as few digits as read back as the same number (or one more, see
/// `grisu`): `3`, `0.1`, `1e+20`, `1.5e-7`, `inf`, `-inf`, `nan`.
pub fn format_f64(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" });
        return;
    }
    if number == 0.0 && number.is_sign_negative() {
        out.extend_from_slice(b"-0");
        return;
    }
    match exact_integer(number) {
        Some(number) => format_i64(number, out),
        None => format_f64_digits(number, out),
    }
}

/// As [`format_f64`], but big integers are not written out unless that is about as short: `1e+17`.
pub fn format_f64_digits(number: f64, out: &mut Vec<u8>) {
    if number == 0.0 || !number.is_finite() {
        return format_f64(number, out);
    }
    if number < 0.0 {
        out.push(b'-');
    }
    let generated = grisu::digits(number);
    let (digits, exponent) = (generated.as_bytes(), generated.exponent);
    let count = digits.len() as i32;
    // The exponent of ten of the first digit.
    let magnitude = exponent + count - 1;
    if exponent >= 0 && magnitude < count + 7 {
        out.extend_from_slice(digits);
        out.resize(out.len() + exponent as usize, b'0');
    } else if exponent < 0 && (exponent > -7 || magnitude.abs() < 4) {
        fixed_point(digits, exponent, out);
    } else {
        scientific(digits, magnitude, 1, out);
    }
}

/// Appends a floating-point number with 17 significant digits, or fewer where the last ones are zeros: as `%.17g` in C.
pub fn format_f64_17(number: f64, out: &mut Vec<u8>) {
    format_f64_significant(number, 17, out);
}

/// Appends a floating-point number with so many significant digits, or fewer where the last ones are zeros: as `%.*g` in
/// C, for 1 to 17 digits.
pub fn format_f64_significant(number: f64, digits: u8, out: &mut Vec<u8>) {
    let wanted = digits.clamp(1, MOST_DIGITS);
    if number == 0.0 || !number.is_finite() {
        return format_f64(number, out);
    }
    // Integers that have no more digits are what they are.
    if let Some(integer) = exact_integer(number)
        && integer.unsigned_abs() < 10u64.pow(u32::from(wanted))
    {
        return format_i64(integer, out);
    }
    if number < 0.0 {
        out.push(b'-');
    }
    // A number whose shortest form has no more digits is nearest to that one among all that have so few.
    if wanted <= DISTINCT_DIGITS && number.is_normal() {
        let shortest = grisu::digits(number);
        if shortest.as_bytes().len() <= usize::from(wanted) {
            return general(shortest.as_bytes(), shortest.exponent, wanted, out);
        }
    }
    // One digit, a point and further digits unless one is all, `e` and the exponent.
    let mut text = Scratch { bytes: [0; SCRATCH], length: 0 };
    let written = write!(text, "{:.*e}", usize::from(wanted) - 1, number.abs());
    debug_assert!(written.is_ok(), "{number:e} is longer than any number can be");
    let text = &text.bytes[..text.length];
    let mark = text.iter().rposition(|byte| *byte == b'e').unwrap_or(text.len());
    let magnitude = text.get(mark + 1..).and_then(parse_i64).unwrap_or(0) as i32;
    let mut digits = [0; MOST_DIGITS as usize];
    let mut count = 0;
    for (place, digit) in digits.iter_mut().zip(text[..mark].iter().filter(|byte| **byte != b'.')) {
        *place = *digit;
        count += 1;
    }
    let last = digits[..count].iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    general(&digits[..=last], magnitude - last as i32, wanted, out);
}

/// Digits times a power of ten as `%g` in C shows them.
fn general(digits: &[u8], exponent: i32, wanted: u8, out: &mut Vec<u8>) {
    let magnitude = exponent + digits.len() as i32 - 1;
    if !(-4..i32::from(wanted)).contains(&magnitude) {
        scientific(digits, magnitude, 2, out);
    } else if exponent >= 0 {
        out.extend_from_slice(digits);
        out.resize(out.len() + exponent as usize, b'0');
    } else {
        fixed_point(digits, exponent, out);
    }
}

/// Numbers of so many significant digits lie further apart than floating-point numbers do.
const DISTINCT_DIGITS: u8 = 15;

/// How many significant digits suffice to tell any two numbers apart.
const MOST_DIGITS: u8 = 17;

/// Room for a digit, a point, further digits and an exponent.
const SCRATCH: usize = MOST_DIGITS as usize + "-.e-324".len();

/// Text of bounded length that costs no allocation.
struct Scratch {
    bytes: [u8; SCRATCH],
    length: usize,
}

impl Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// `12.34` or `0.0012`.
fn fixed_point(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    let fraction_digits = exponent.unsigned_abs() as usize;
    if let Some((whole, fraction)) = digits.split_at_checked(digits.len().saturating_sub(fraction_digits))
        && !whole.is_empty()
    {
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + fraction_digits - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

/// `1.5e-7`, with so many digits of the exponent at least.
fn scientific(digits: &[u8], magnitude: i32, exponent_digits: usize, out: &mut Vec<u8>) {
    let Some((first, fraction)) = digits.split_first() else { return };
    out.push(*first);
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    out.extend_from_slice(if magnitude < 0 { b"e-" } else { b"e+" });
    if exponent_digits == 2 && magnitude.abs() < 10 {
        out.push(b'0');
    }
    format_i64(i64::from(magnitude.abs()), out);
}
