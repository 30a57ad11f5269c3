//! A sorted set of integers in one byte string, in the format in which other servers store and send it.
//!
//! ```text
//! 4 bytes    how many bytes an integer takes: 2, 4 or 8
//! 4 bytes    how many integers there are
//! integers   ascending
//! ```
//!
//! All numbers are little endian. The width is that of the integer that needs most; it grows when it has to, and stays
//! when that integer is removed. Bytes from outside have to pass [`validate`]; with others the functions do no harm,
//! but their results mean nothing.

#[cfg(test)]
mod tests;

const HEADER_LEN: usize = 8;
const WIDTH_MIN: usize = 2;

/// The bytes of an empty set.
pub fn new() -> Vec<u8> {
    header(WIDTH_MIN, 0).to_vec()
}

/// How many integers there are.
pub fn len(set: &[u8]) -> usize {
    integers(set).len() / width(set)
}

/// Whether there are no integers.
pub fn is_empty(set: &[u8]) -> bool {
    len(set) == 0
}

/// The integer with so many before it.
pub fn get(set: &[u8], index: usize) -> Option<i64> {
    let width = width(set);
    let start = index.checked_mul(width)?;
    let bytes = integers(set).get(start..start.checked_add(width)?)?;
    Some(match width {
        2 => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
        4 => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
        _ => i64::from_le_bytes(*bytes.first_chunk()?),
    })
}

/// The integers in ascending order.
pub fn iter(set: &[u8]) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator {
    (0..len(set)).map(|index| get(set, index).unwrap_or(0))
}

/// Whether an integer is in the set.
pub fn contains(set: &[u8], number: i64) -> bool {
    search(set, number).is_ok()
}

/// Where an integer is, or else how many smaller ones there are.
pub fn search(set: &[u8], number: i64) -> Result<usize, usize> {
    let len = len(set);
    // Most sets are filled in ascending order.
    if len.checked_sub(1).and_then(|last| get(set, last)).is_some_and(|last| last < number) {
        return Err(len);
    }
    let (mut start, mut end) = (0, len);
    while start < end {
        let middle = start + (end - start) / 2;
        match get(set, middle) {
            Some(found) if found == number => return Ok(middle),
            Some(found) if found < number => start = middle + 1,
            _ => end = middle,
        }
    }
    Err(start)
}

/// How many integers are smaller than `number`, if at least `start` are. It is found quickly if it is near `start`:
/// the steps double until they have gone too far.
pub fn position_from(set: &[u8], start: usize, number: i64) -> usize {
    let is_smaller = |index: usize| get(set, index).is_some_and(|found| found < number);
    let (mut low, mut step) = (start, 1);
    while is_smaller(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = low + step - 1;
    while low < high {
        let middle = low + (high - low) / 2;
        if is_smaller(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// How a set of integers is made to have one more or less by replacing parts of its bytes, so that bytes which are
/// somewhere else need not be copied: first the part for the integer, then the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where the integer is or shall be.
    pub offset: usize,
    /// How many bytes it takes.
    pub width: usize,
    /// The header as it is afterwards, at offset 0.
    pub header: [u8; HEADER_LEN],
}

/// What has to be done to add an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// Nothing: it is there.
    Present,
    /// Its bytes are put in: as many of its little-endian ones as [`Edit::width`] says.
    InPlace(Edit),
    /// All integers have to become wider first, as [`insert`] makes them.
    Wider,
}

/// What has to be done to add `number`.
pub fn insertion(set: &[u8], number: i64) -> Insertion {
    let Err(index) = search(set, number) else { return Insertion::Present };
    let width = width(set);
    if width_of(number) > width {
        return Insertion::Wider;
    }
    let header = header(width, len(set) + 1);
    Insertion::InPlace(Edit { offset: HEADER_LEN + index * width, width, header })
}

/// What has to be done to remove the integer with so many before it.
pub fn removal(set: &[u8], index: usize) -> Option<Edit> {
    let (width, len) = (width(set), len(set));
    let rest = len.checked_sub(1).filter(|_| index < len)?;
    Some(Edit { offset: HEADER_LEN + index * width, width, header: header(width, rest) })
}

/// Adds an integer; returns false if it is there already.
pub fn insert(set: &mut Vec<u8>, number: i64) -> bool {
    let Err(index) = search(set, number) else { return false };
    let needed = width_of(number);
    if needed > width(set) {
        widen(set, needed);
    }
    let width = width(set);
    let offset = HEADER_LEN + index * width;
    set.splice(offset..offset, number.to_le_bytes()[..width].iter().copied());
    write_header(set, width);
    true
}

/// Removes an integer; returns false if it is not there.
pub fn remove(set: &mut Vec<u8>, number: i64) -> bool {
    let Ok(index) = search(set, number) else { return false };
    let width = width(set);
    let offset = HEADER_LEN + index * width;
    set.drain(offset..offset + width);
    write_header(set, width);
    true
}

/// How many integers are in bytes of unknown origin, or `None` if they are no set.
pub fn validate(set: &[u8]) -> Option<usize> {
    let width = u32::from_le_bytes(*set.first_chunk()?);
    let count = u32::from_le_bytes(*set.get(4..)?.first_chunk()?);
    let size = u64::from(width) * u64::from(count) + HEADER_LEN as u64;
    if !matches!(width, 2 | 4 | 8) || u64::try_from(set.len()) != Ok(size) {
        return None;
    }
    iter(set).is_sorted_by(|smaller, greater| smaller < greater).then(|| len(set))
}

/// How many bytes each integer takes.
fn width(set: &[u8]) -> usize {
    match set.first() {
        Some(8) => 8,
        Some(4) => 4,
        _ => WIDTH_MIN,
    }
}

fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        WIDTH_MIN
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

fn integers(set: &[u8]) -> &[u8] {
    set.get(HEADER_LEN..).unwrap_or_default()
}

/// Gives all integers more bytes.
fn widen(set: &mut Vec<u8>, width: usize) {
    let mut wide = Vec::with_capacity(HEADER_LEN + (len(set) + 1) * width);
    wide.extend_from_slice(&header(width, len(set)));
    for number in iter(set) {
        wide.extend_from_slice(&number.to_le_bytes()[..width]);
    }
    *set = wide;
}

/// The header; the format cannot tell more than 2^32 - 1 integers.
fn header(width: usize, len: usize) -> [u8; HEADER_LEN] {
    let len = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    [width as u8, 0, 0, 0, len[0], len[1], len[2], len[3]]
}

fn write_header(set: &mut [u8], width: usize) {
    let header = header(width, len(set));
    if let Some(start) = set.first_chunk_mut() {
        *start = header;
    }
}
