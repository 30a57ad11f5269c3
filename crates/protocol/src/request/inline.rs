//! Inline requests: a line of words, as a person types them over telnet.
//!
//! Words are separated by spaces. `"…"` takes the escapes `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH`, and any other
//! byte after a backslash stands for itself; `'…'` knows only `\'`. A quote may begin inside a word, but after
//! the closing one the word must end.

use super::{LINE_BYTES_MAX, ProtocolError, Span};

/// Parses the line at the start of `input`; quoted words are unescaped in place.
pub(super) fn parse(input: &mut [u8], arguments: &mut Vec<Span>) -> Result<Option<usize>, ProtocolError> {
    // A zero byte before the line end hides it for good.
    let found = memchr::memchr2(b'\n', 0, input).filter(|at| input.get(*at) == Some(&b'\n'));
    let Some(end) = found else {
        let too_big = input.len() > LINE_BYTES_MAX;
        return if too_big { Err(ProtocolError::TooBigInlineRequest) } else { Ok(None) };
    };
    let before = arguments.len();
    let line = input.get_mut(..end).unwrap_or_default();
    match split(line, arguments) {
        Some(()) => Ok(Some(end + 1)),
        None => {
            arguments.truncate(before);
            Err(ProtocolError::UnbalancedQuotes)
        }
    }
}

/// How the word is quoted at a place.
#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    Double,
    Single,
}

/// Splits `line` into words; nothing when the quotes are not balanced.
fn split(line: &mut [u8], words: &mut Vec<Span>) -> Option<()> {
    let mut position = 0;
    loop {
        while line.get(position).is_some_and(|byte| is_space(*byte)) {
            position += 1;
        }
        if position == line.len() {
            return Some(());
        }
        let start = position;
        // Unescaped bytes are written where the word began: they are never more than those that were read.
        let mut end = start;
        let mut quote = Quote::None;
        while let Some(&byte) = line.get(position) {
            let mut literal = byte;
            match (quote, byte) {
                (Quote::None, b' ' | b'\n' | b'\r' | b'\t') => break,
                (Quote::None, b'"' | b'\'') => {
                    quote = if byte == b'"' { Quote::Double } else { Quote::Single };
                    position += 1;
                    continue;
                }
                (Quote::Double, b'"') | (Quote::Single, b'\'') => {
                    quote = Quote::None;
                    position += 1;
                    if line.get(position).is_some_and(|next| !is_space(*next)) {
                        return None;
                    }
                    break;
                }
                (Quote::Double, b'\\') => {
                    let (byte, taken) = unescape(line.get(position + 1..).unwrap_or_default());
                    literal = byte;
                    position += taken;
                }
                (Quote::Single, b'\\') if line.get(position + 1) == Some(&b'\'') => {
                    literal = b'\'';
                    position += 1;
                }
                _ => {}
            }
            position += 1;
            *line.get_mut(end)? = literal;
            end += 1;
        }
        if quote != Quote::None {
            return None;
        }
        words.push(Span { start: start as u32, end: end as u32 });
    }
}

/// The byte that the escape sequence after a backslash stands for, and how many bytes the sequence has.
fn unescape(sequence: &[u8]) -> (u8, usize) {
    let hexadecimal = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    match *sequence {
        [b'x', high, low, ..] if hexadecimal(high).is_some() && hexadecimal(low).is_some() => {
            let (high, low) = (hexadecimal(high).unwrap_or(0), hexadecimal(low).unwrap_or(0));
            (high * 16 + low, 3)
        }
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b't', ..] => (b'\t', 1),
        [b'b', ..] => (0x08, 1),
        [b'a', ..] => (0x07, 1),
        [other, ..] => (other, 1),
        [] => (b'\\', 0),
    }
}

/// What C's `isspace` takes for a space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}
