//! LZF, the compression of strings: literal bytes, and references to what was seen in the last 8 KiB.
//!
//! ```text
//! 000nnnnn                      n + 1 literal bytes follow
//! lllddddd dddddddd             l + 2 bytes again, from d + 1 bytes before (l from 1 to 6)
//! 111ddddd llllllll dddddddd    l + 9 bytes again, from d + 1 bytes before
//! ```

use super::Malformed;

const LITERALS_MAX: usize = 32;
const MATCH_MIN: usize = 3;
const MATCH_MAX: usize = 264;
const DISTANCE_MAX: usize = 1 << 13;
/// The longest reference, which takes three bytes.
const RATIO_MAX: usize = MATCH_MAX / 3;

/// The places of the table: far more than the distance that is looked back, so that few collide.
const PLACES: usize = 1 << 16;

/// What `compressed` was made from, if it is of this length.
pub(super) fn decompress(compressed: &[u8], length: usize) -> Result<Vec<u8>, Malformed> {
    if compressed.len().saturating_mul(RATIO_MAX) < length {
        return Err(Malformed);
    }
    let mut out = Vec::with_capacity(length);
    let mut rest = compressed;
    let mut take = |count: usize| {
        let (taken, behind) = rest.split_at_checked(count)?;
        rest = behind;
        Some(taken)
    };
    while let Some(&[control]) = take(1) {
        let (high, low) = (usize::from(control >> 5), usize::from(control & 0x1f));
        let count = if high == 0 { low + 1 } else { high + 2 };
        if high == 0 {
            out.extend_from_slice(take(count).ok_or(Malformed)?);
        } else {
            let count = if high == 7 { count + usize::from(take(1).ok_or(Malformed)?[0]) } else { count };
            let distance = (low << 8 | usize::from(take(1).ok_or(Malformed)?[0])) + 1;
            let start = out.len().checked_sub(distance).ok_or(Malformed)?;
            if distance >= count {
                out.extend_from_within(start..start + count);
            } else {
                // The copy overlaps what it is copied from: a pattern is repeated.
                (start..start + count).for_each(|from| out.push(out[from]));
            }
        }
        if out.len() > length {
            return Err(Malformed);
        }
    }
    if out.len() == length { Ok(out) } else { Err(Malformed) }
}

/// Compresses strings, one after another.
#[derive(Default)]
pub(super) struct Compressor {
    /// By the hash of three bytes: where they were seen last, counted from the beginning of the first string.
    /// What is before the beginning of the current string is of no use, and no clearing is needed.
    seen: Vec<u32>,
    base: u32,
}

impl Compressor {
    /// The compressed form, if it is shorter by four bytes and what the stock servers, as observed, keep free. The
    /// places that are looked at and the lengths of references are theirs, too.
    pub(super) fn compress(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        /// A reference, and the control byte of the literals behind it.
        const FREE: usize = 4;
        let room = bytes.len().checked_sub(4)?;
        let span = u32::try_from(bytes.len()).ok()?;
        if self.seen.is_empty() || self.base.checked_add(span).is_none() {
            self.seen = vec![0; PLACES];
            // Not 0, which the table holds where nothing was seen.
            self.base = 1;
        }
        let base = self.base;
        self.base += span;
        let mut out = Vec::with_capacity(bytes.len() / 2);
        let (mut at, mut literals) = (0, 0);
        while at + 2 < bytes.len() && out.len() + (at - literals) < room {
            let earlier = self.note(bytes, at, base).checked_sub(base);
            match earlier.and_then(|earlier| match_at(bytes, earlier as usize, at)) {
                None => at += 1,
                Some((distance, length)) => {
                    push_literals(&bytes[literals..at], &mut out);
                    if out.len() + FREE >= room {
                        return None;
                    }
                    push_match(distance, length, &mut out);
                    at += length;
                    literals = at;
                    if at + 2 < bytes.len() {
                        self.note(bytes, at - 2, base);
                        self.note(bytes, at - 1, base);
                    }
                }
            }
        }
        // At most two bytes are left to be looked at.
        let pending = at - literals;
        if out.len() + pending + pending / LITERALS_MAX + FREE > room {
            return None;
        }
        push_literals(&bytes[literals..], &mut out);
        (out.len() <= room).then_some(out)
    }

    /// Notes that the three bytes at `at` were seen there, and returns where before; both counted from the beginning of
    /// the first string, which is `base` before that of this one.
    fn note(&mut self, bytes: &[u8], at: usize, base: u32) -> u32 {
        let three = u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]);
        let place = (three >> 8).wrapping_sub(three.wrapping_mul(5)) as usize % PLACES;
        std::mem::replace(&mut self.seen[place], base + at as u32)
    }
}

/// The distance and the length of what is at `at` as it was at `earlier`, if it can be referred to.
fn match_at(bytes: &[u8], earlier: usize, at: usize) -> Option<(usize, usize)> {
    /// Matches up to this length may reach the end of the string; longer ones stop two bytes before.
    const SHORT: usize = 19;
    let distance = at - earlier;
    if earlier == 0 || distance > DISTANCE_MAX {
        return None;
    }
    let room = (bytes.len() - at - 2).min(MATCH_MAX);
    let limit = if room > 16 { room.max(SHORT) } else { room.max(MATCH_MIN) };
    let same = bytes[at..].iter().zip(&bytes[earlier..]).take(limit).take_while(|(one, other)| one == other);
    Some((distance, same.count())).filter(|(_, length)| *length >= MATCH_MIN)
}

fn push_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn push_match(distance: usize, length: usize, out: &mut Vec<u8>) {
    let (distance, length) = (distance - 1, length - 2);
    let high = (distance >> 8) as u8;
    if length < 7 {
        out.push((length as u8) << 5 | high);
    } else {
        out.extend([7 << 5 | high, (length - 7) as u8]);
    }
    out.push(distance as u8);
}
