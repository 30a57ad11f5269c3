//! Numbers in as few bytes as they need: seven bits in each, the lowest first; all bytes but the last have their top
//! bit set.

/// Appends a number.
#[inline]
pub(super) fn write(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number that the bytes begin with, and how many bytes it takes.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let (&first, _) = bytes.split_first()?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    let mut number = 0;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, place + 1));
        }
    }
    None
}
