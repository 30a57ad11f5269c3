//! How a score and a member are written in a leaf.
//!
//! The first byte holds a code for the score's width in its upper 3 bits and the member's length in its lower 5.
//! A length of 31 says that the rest of the length follows, 7 bits in a byte, the lowest first. Then comes the
//! score: an integer in as few bytes as it needs, or 8 bytes of floating point; then the member.

/// The code of a score in floating point. Smaller codes are the number of bytes of an integer.
const FLOAT: u8 = 7;
/// The number of bytes for each code.
const WIDTHS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 8];
/// From this length on it does not fit the first byte.
const LONG: usize = 31;
/// An integer below this, of either sign, fits 6 bytes.
const INTEGER_LIMIT: f64 = (1_u64 << 47) as f64;

/// A score in the form in which it is written.
#[derive(Clone, Copy)]
struct Score {
    code: u8,
    bits: u64,
}

impl Score {
    fn new(score: f64) -> Score {
        // Written as an integer, minus zero would lose its sign; it is the only zero with a bit set.
        if score.abs() < INTEGER_LIMIT
            && score as i64 as f64 == score
            && (score != 0.0 || score.to_bits() == 0)
        {
            let integer = score as i64;
            // The bits that differ from the sign, and the sign.
            let bits = 65 - (integer ^ (integer >> 63)).leading_zeros();
            let code = if integer == 0 { 0 } else { bits.div_ceil(8) as u8 };
            return Score { code, bits: integer as u64 };
        }
        Score { code: FLOAT, bits: score.to_bits() }
    }

    #[inline]
    fn value(self) -> f64 {
        if self.code == FLOAT {
            return f64::from_bits(self.bits);
        }
        // What follows the integer's bytes is moved out; two steps each, since a shift by 64 is none.
        let beyond = 64 - 8 * u32::from(self.code);
        let upper = (self.bits << (beyond / 2)) << (beyond - beyond / 2);
        ((upper as i64 >> (beyond / 2)) >> (beyond - beyond / 2)) as f64
    }
}

/// How many bytes the entry takes.
pub(super) fn encoded_len(score: f64, member: &[u8]) -> usize {
    let mut length_bytes = 0;
    if let Some(mut rest) = member.len().checked_sub(LONG) {
        length_bytes = 1;
        while rest >= 0x80 {
            rest >>= 7;
            length_bytes += 1;
        }
    }
    1 + length_bytes + WIDTHS[usize::from(Score::new(score).code)] + member.len()
}

/// Writes the entry to `place`, which has exactly its length.
pub(super) fn encode(score: f64, member: &[u8], place: &mut [u8]) {
    let score = Score::new(score);
    let width = WIDTHS[usize::from(score.code)];
    place[0] = score.code << 5 | member.len().min(LONG) as u8;
    let mut at = 1;
    if let Some(mut rest) = member.len().checked_sub(LONG) {
        while rest >= 0x80 {
            place[at] = rest as u8 | 0x80;
            rest >>= 7;
            at += 1;
        }
        place[at] = rest as u8;
        at += 1;
    }
    place[at..at + width].copy_from_slice(&score.bits.to_le_bytes()[..width]);
    place[at + width..].copy_from_slice(member);
}

/// An entry where it is written.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) score: f64,
    pub(super) member: &'a [u8],
    /// Where the next entry begins.
    pub(super) end: usize,
}

impl<'a> Entry<'a> {
    /// Where the entry ends that begins at `start`.
    #[inline]
    fn end_of(bytes: &[u8], start: usize) -> usize {
        let first = bytes[start];
        let (mut len, mut at) = (usize::from(first & 0x1f), start + 1);
        if len == LONG {
            (len, at) = long_len(bytes, at);
        }
        at + WIDTHS[usize::from(first >> 5)] + len
    }

    /// The entry that begins at `start`.
    #[inline]
    pub(super) fn read(bytes: &'a [u8], start: usize) -> Entry<'a> {
        let first = bytes[start];
        let mut len = usize::from(first & 0x1f);
        let mut at = start + 1;
        if len == LONG {
            (len, at) = long_len(bytes, at);
        }
        let code = first >> 5;
        let bits = match bytes.get(at..at + 8) {
            Some(eight) => u64::from_le_bytes(eight.try_into().unwrap_or_default()),
            None => last_bits(&bytes[at..]),
        };
        let member_start = at + WIDTHS[usize::from(code)];
        let end = member_start + len;
        Entry { score: Score { code, bits }.value(), member: &bytes[member_start..end], end }
    }
}

/// Where the entries begin, one after the other.
#[inline]
pub(super) fn offsets(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let (mut offset, mut alike, mut len) = (0, None, 0);
    std::iter::from_fn(move || {
        let &first = bytes.get(offset)?;
        // Neighbours are mostly of the same length. The processor goes on with the next one then, before it has seen
        // this one.
        if alike != Some(first) {
            len = Entry::end_of(bytes, offset) - offset;
            alike = (usize::from(first & 0x1f) < LONG).then_some(first);
        }
        let start = offset;
        offset += len;
        Some(start)
    })
}

/// The length that begins at `at`, and where it ends.
#[cold]
fn long_len(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let mut len = LONG;
    let mut shift = 0;
    loop {
        let byte = bytes[at];
        at += 1;
        len += usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (len, at);
        }
    }
}

/// A score so near to the end of the leaf that 8 bytes cannot be read.
#[cold]
fn last_bits(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(score: f64, member: &[u8]) -> usize {
        let len = encoded_len(score, member);
        let mut bytes = vec![0; len];
        encode(score, member, &mut bytes);
        let read = Entry::read(&bytes, 0);
        assert_eq!(read.score.to_bits(), score.to_bits(), "{score}");
        assert_eq!((read.member, read.end), (member, len));
        // With something after it.
        bytes.extend([0xff; 9]);
        let read = Entry::read(&bytes, 0);
        assert_eq!((read.score.to_bits(), read.member, read.end), (score.to_bits(), member, len));
        len
    }

    #[test]
    fn scores_come_back_bit_by_bit() {
        assert_eq!(round_trip(0.0, b""), 1);
        assert_eq!(round_trip(-0.0, b""), 9);
        for bits in 0..48 {
            let power = (1_i64 << bits) as f64;
            for score in [power, power - 1.0, -power, -power - 1.0, power + 0.5] {
                round_trip(score, b"member");
            }
        }
        for score in [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 1e300, 0.1, 3.5] {
            assert_eq!(round_trip(score, b"abc"), 12);
        }
        assert_eq!(round_trip(127.0, b"abc"), 5);
        assert_eq!(round_trip(128.0, b"abc"), 6);
        assert_eq!(round_trip(-128.0, b"abc"), 5);
        assert_eq!(round_trip(999_999.0, b"abc"), 7);
    }

    #[test]
    fn lengths_of_any_size_come_back() {
        for len in (0..400).chain([16_000, 16_414, 16_415, 16_416, 3_000_000]) {
            round_trip(7.0, &vec![b'x'; len]);
        }
        assert_eq!(round_trip(0.0, &[b'x'; 30]), 31);
        assert_eq!(round_trip(0.0, &[b'x'; 31]), 33);
    }
}
