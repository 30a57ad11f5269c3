//! What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor and the options.

use nuthatch_protocol::glob;
use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::error::CommandError;
use crate::value::Type;

/// What is scanned: some options suit only some of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The keys of a database.
    Keys,
    /// The elements of a value of this type.
    Elements(Type),
}

/// Which of the visited elements a scan returns, what of them, and how many it visits.
pub(super) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
    /// COUNT: about how many elements one call visits.
    pub(super) count: usize,
    /// Whether a hash's values are returned, too: they are unless NOVALUES is given.
    pub(super) values: bool,
}

impl<'a> ScanOptions<'a> {
    /// Reads the options, which are all that follows the cursor.
    ///
    /// # Errors
    /// An option is unknown, does not suit what is scanned, or has no valid value.
    pub(super) fn parse(
        mut options: impl Iterator<Item = &'a [u8]>,
        scanned: Scanned,
    ) -> Result<Self, CommandError> {
        const COUNT_DEFAULT: usize = 10;
        const NO_VALUES: CommandError = CommandError::fixed("ERR NOVALUES option can only be used in HSCAN");
        let mut parsed = Self { pattern: None, type_name: None, count: COUNT_DEFAULT, values: true };
        while let Some(option) = options.next() {
            if is_word(option, "NOVALUES") {
                if scanned != Scanned::Elements(Type::Hash) {
                    return Err(NO_VALUES);
                }
                parsed.values = false;
                continue;
            }
            let value = options.next().ok_or(CommandError::SYNTAX)?;
            if is_word(option, "COUNT") {
                let count = parse_i64(value).ok_or(CommandError::NOT_AN_INTEGER)?;
                parsed.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CommandError::SYNTAX)?;
            } else if is_word(option, "MATCH") {
                parsed.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if is_word(option, "TYPE") && scanned == Scanned::Keys {
                parsed.type_name = Some(value);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(parsed)
    }

    /// Whether a key, field or member is returned, as far as the pattern tells.
    pub(super) fn accepts(&self, text: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, text))
    }

    /// Whether keys with values of this type are returned.
    pub(super) fn accepts_type(&self, value_type: Type) -> bool {
        self.type_name.is_none_or(|name| name.eq_ignore_ascii_case(value_type.name().as_bytes()))
    }
}

/// Reads a cursor.
///
/// # Errors
/// It is no number.
pub(super) fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    parse_cursor(text).ok_or(CommandError::fixed("ERR invalid cursor"))
}

/// A position in the space of a table's hashes is a multiple of this power of two, as no table has more pages than its
/// upper half tells apart.
const POSITION_BITS: u32 = 32;

/// The cursor that stands for a position. Cursors are below 2^53, because some clients take them for floating-point
/// numbers.
pub(super) fn cursor_of(position: u64) -> u64 {
    position >> POSITION_BITS
}

/// The position that any cursor stands for, also one that was never given out.
pub(super) fn position_of(cursor: u64) -> u64 {
    cursor << POSITION_BITS
}

/// Reads a cursor as stock servers do: with `strtoull`, so white space and a sign may come first, a minus
/// sign wraps around (but makes a 64-bit signed integer invalid), and a NUL ends the number.
fn parse_cursor(text: &[u8]) -> Option<u64> {
    if parse_i64(text).is_some_and(|number| number < 0) {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next()?;
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let start = text.iter().position(|byte| !is_space(byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_by_strtoull() {
        let accepted: &[(&[u8], u64)] = &[
            (b"0", 0),
            (b" \t\n\x0b\x0c\r0", 0),
            (b"+7", 7),
            (b"-0", 0),
            (b" -1", u64::MAX),
            (b"-18446744073709551615", 1),
            (b"-9223372036854775809", u64::MAX / 2),
            (b"007\x00x", 7),
            (b"0000000000000000000000018446744073709551615", u64::MAX),
        ];
        for (text, number) in accepted {
            assert_eq!(cursor(text).ok(), Some(*number), "{}", text.escape_ascii());
        }
        let refused: &[&[u8]] = &[
            b"",
            b" ",
            b"+",
            b"-",
            b"--0",
            b"+-0",
            b"-1",
            b"-9223372036854775808",
            b"0 ",
            b"0x0",
            b"\x000",
            b"18446744073709551616",
            b"-18446744073709551616",
        ];
        for text in refused {
            assert_eq!(cursor(text).ok(), None, "{}", text.escape_ascii());
        }
    }
}
