//! The fast path: small, well-formed requests that have arrived whole.
//!
//! It accepts at most 9 arguments of at most 9,999 bytes, so that no limit applies to what it accepts, and
//! leaves everything else, errors included, to the general path.

use super::Span;

/// Parses the request at the start of `input` if it is one of those described above; otherwise leaves
/// `arguments` as it was.
#[inline]
pub(super) fn parse(input: &[u8], arguments: &mut Vec<Span>) -> Option<usize> {
    let [b'*', count @ b'1'..=b'9', b'\r', b'\n', bulks @ ..] = input else { return None };
    let count = usize::from(count - b'0');
    let before = arguments.len();
    arguments.reserve(count);
    // Where an argument is depends on the length of the one before; the processor has to wait for it. To
    // compare the most frequent header with a template lets it go on with the places that follow from that.
    let parsed = if bulks.starts_with(b"$3\r\n") {
        arguments.push(Span { start: 8, end: 11 });
        parse_bulks(input, 13, count - 1, arguments)
    } else {
        parse_bulks(input, 4, count, arguments)
    };
    if parsed.is_none() {
        arguments.truncate(before);
    }
    parsed
}

/// Parses `count` arguments from `position` on; returns where they end.
#[inline(always)]
fn parse_bulks(input: &[u8], mut position: usize, count: usize, arguments: &mut Vec<Span>) -> Option<usize> {
    for _ in 0..count {
        let (header, length) = bulk_header(input.get(position..)?)?;
        let start = position + header;
        let end = start + length;
        position = end + 2;
        arguments.push(Span { start: start as u32, end: end as u32 });
    }
    (position <= input.len()).then_some(position)
}

/// Reads `$` and a length of at most four digits; the bytes that this took, and the length.
#[inline(always)]
pub(super) fn bulk_header(input: &[u8]) -> Option<(usize, usize)> {
    let digit = |byte: u8| usize::from(byte.wrapping_sub(b'0'));
    let is_digit = |byte: u8| byte.wrapping_sub(b'0') < 10;
    match *input {
        [b'$', a, b'\r', b'\n', ..] if is_digit(a) => Some((4, digit(a))),
        [b'$', a @ b'1'..=b'9', b, b'\r', b'\n', ..] if is_digit(b) => Some((5, digit(a) * 10 + digit(b))),
        [b'$', a @ b'1'..=b'9', b, c, b'\r', b'\n', ..] if is_digit(b) && is_digit(c) => {
            Some((6, digit(a) * 100 + digit(b) * 10 + digit(c)))
        }
        [b'$', a @ b'1'..=b'9', b, c, d, b'\r', b'\n', ..] if is_digit(b) && is_digit(c) && is_digit(d) => {
            Some((7, digit(a) * 1000 + digit(b) * 100 + digit(c) * 10 + digit(d)))
        }
        _ => None,
    }
}
