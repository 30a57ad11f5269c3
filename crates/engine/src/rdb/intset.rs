//! A set of integers: their size in bytes, their number, and the integers in ascending order.

use super::Malformed;
use super::reader::Reader;

/// The integers of a set that is all of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
    let mut reader = Reader::new(bytes, 0);
    let size = u32::from_le_bytes(reader.array()?);
    let count = u32::from_le_bytes(reader.array()?) as usize;
    let body = bytes.get(8..).ok_or(Malformed)?;
    if !matches!(size, 2 | 4 | 8) || count.checked_mul(size as usize) != Some(body.len()) {
        return Err(Malformed);
    }
    let numbers: Vec<i64> = body.chunks_exact(size as usize).map(integer).collect();
    let ascends = numbers.is_sorted_by(|one, next| one < next);
    if ascends && !numbers.is_empty() { Ok(numbers) } else { Err(Malformed) }
}

/// A signed integer of at most eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut whole = [if is_negative { 0xff } else { 0 }; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(whole)
}

/// The set of these integers, which ascend.
pub(super) fn write(numbers: impl ExactSizeIterator<Item = i64> + Clone) -> Vec<u8> {
    let fits = |low: i64, high: i64| numbers.clone().all(|number| (low..=high).contains(&number));
    let size: usize = if fits(i16::MIN.into(), i16::MAX.into()) {
        2
    } else if fits(i32::MIN.into(), i32::MAX.into()) {
        4
    } else {
        8
    };
    let mut out = Vec::with_capacity(8 + numbers.len() * size);
    out.extend((size as u32).to_le_bytes());
    out.extend((numbers.len() as u32).to_le_bytes());
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes()[..size]);
    }
    out
}
