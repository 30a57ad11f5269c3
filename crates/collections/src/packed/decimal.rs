//! Integers and their usual spelling: digits without leading zeros, behind a minus if need be.

/// The longest spelling of an integer of 64 bits.
pub(super) const LEN_MAX: usize = 20;

/// The integer that is spelled just so.
#[inline]
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    // Most strings are no numbers, and the first byte tells.
    if text.len() > LEN_MAX || !matches!(text.first()?, b'-' | b'0'..=b'9') {
        return None;
    }
    parse_digits(text)
}

fn parse_digits(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [] | [b'0', ..] => return None,
        _ => {}
    }
    let mut magnitude = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if is_negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The spelling of an integer.
pub(super) struct Spelling {
    buffer: [u8; LEN_MAX],
    start: usize,
}

impl Spelling {
    pub(super) fn of(number: i64) -> Spelling {
        let (mut buffer, mut start) = ([0; LEN_MAX], LEN_MAX);
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            buffer[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start -= 1;
            buffer[start] = b'-';
        }
        Spelling { buffer, start }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// The length of an integer's spelling.
pub(super) fn len(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(number < 0)
}
