//! The public listpack format, in which other servers store and send small collections.
//!
//! ```text
//! 4 bytes    length of the whole
//! 2 bytes    number of elements, or 65,535 if it is not known
//! elements   each followed by the length of its encoding, to be read backwards
//! 0xff
//! ```

use std::fmt;

use super::{Element, encode, read, skip};

const HEADER_LEN: usize = 6;
const END: u8 = 0xff;
/// The number of elements is not known.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// A length behind an element has at most so many bytes, seven bits in each.
const BACK_LENGTH_MAX: usize = 5;

/// The error for bytes that are not a listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a valid listpack")
    }
}

impl std::error::Error for Invalid {}

/// How many bytes the length behind an element takes, if its encoding takes `encoded_len`.
#[inline]
pub fn back_length_len(encoded_len: usize) -> usize {
    // The greatest number of each length but the first takes a byte more than it needs: this is what servers that use
    // the format are seen to write, and they may rely on it to find the next element.
    match encoded_len {
        0..=0x7f => 1,
        0x80..0x3fff => 2,
        0x3fff..0x1f_ffff => 3,
        0x1f_ffff..0xfff_ffff => 4,
        _ => BACK_LENGTH_MAX,
    }
}

/// Appends the length of an element's encoding; see `write_back_length`.
#[inline]
pub fn push_back_length(encoded_len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + back_length_len(encoded_len), 0);
    write_back_length(encoded_len, &mut out[start..]);
}

/// Writes the length of an element's encoding over `out`, which is as long as it takes: seven bits in each byte, the
/// highest first; all bytes but the first have their top bit set, which says that there is one more before.
#[inline]
pub(crate) fn write_back_length(encoded_len: usize, out: &mut [u8]) {
    let mut bits = encoded_len;
    for byte in out.iter_mut().rev() {
        *byte = (bits & 0x7f) as u8 | 0x80;
        bits >>= 7;
    }
    if let Some(first) = out.first_mut() {
        *first &= 0x7f;
    }
}

/// The length at the end of `bytes`, read backwards, and how many bytes it takes itself.
#[inline]
pub fn read_back_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (group, byte) in bytes.iter().rev().take(BACK_LENGTH_MAX).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Some((value, group + 1));
        }
    }
    None
}

/// The listpack of a sequence of elements, which ends where something is no element. A length of 4 GiB or more, which
/// the format cannot tell, is cut off.
pub fn to_listpack(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; HEADER_LEN];
    let (mut count, mut rest) = (0usize, bytes);
    while let Some((encoding, behind)) = skip(rest).and_then(|len| rest.split_at_checked(len)) {
        out.extend_from_slice(encoding);
        push_back_length(encoding.len(), &mut out);
        count += 1;
        rest = behind;
    }
    framed(out, count)
}

/// The listpack of `count` elements that have the lengths behind them already.
pub fn of_strip(elements: &[u8], count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN + elements.len() + 1);
    out.extend_from_slice(&[0; HEADER_LEN]);
    out.extend_from_slice(elements);
    framed(out, count)
}

/// Completes a listpack whose header is not filled in and whose end is missing.
fn framed(mut out: Vec<u8>, count: usize) -> Vec<u8> {
    out.push(END);
    let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
    let total = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out[..4].copy_from_slice(&total.to_le_bytes());
    out[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    out
}

/// The elements of a listpack of unknown origin, in canonical encoding: others may store a string that spells an
/// integer as a string, and an integer in more bytes than it needs.
pub fn from_listpack(listpack: &[u8]) -> Result<Vec<u8>, Invalid> {
    let (total, behind) = listpack.split_first_chunk().ok_or(Invalid)?;
    let (count, behind) = behind.split_first_chunk().ok_or(Invalid)?;
    if usize::try_from(u32::from_le_bytes(*total)) != Ok(listpack.len()) {
        return Err(Invalid);
    }
    let [elements @ .., END] = behind else { return Err(Invalid) };
    let mut rest = elements;
    let mut out = Vec::with_capacity(rest.len());
    let mut found = 0usize;
    while !rest.is_empty() {
        let (element, len) = read(rest).ok_or(Invalid)?;
        let end = len + back_length_len(len);
        let (encoding, behind) = rest.split_at_checked(end).ok_or(Invalid)?;
        if read_back_length(encoding) != Some((len, end - len)) {
            return Err(Invalid);
        }
        let element = match element {
            Element::Bytes(text) => Element::of(text),
            integer => integer,
        };
        encode(element, &mut out);
        found += 1;
        rest = behind;
    }
    let count = u16::from_le_bytes(*count);
    if count != COUNT_UNKNOWN && usize::from(count) != found {
        return Err(Invalid);
    }
    out.shrink_to_fit();
    Ok(out)
}
