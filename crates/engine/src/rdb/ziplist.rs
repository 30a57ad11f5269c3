//! The format of small collections before the listpack.
//!
//! ```text
//! 4 bytes    length of the whole
//! 4 bytes    where the last entry begins
//! 2 bytes    number of entries, or 65,535 if it is not known
//! entries    each the length of the entry before (1 byte, or 254 and 4 bytes), and its own header and text
//! 0xff
//! ```

use nuthatch_collections::packed::{Element, encode};

use super::Malformed;
use super::reader::Reader;

const HEADER_LEN: usize = 10;
const END: u8 = 0xff;
const LONG_LENGTH: u8 = 254;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// Appends the elements of a ziplist that is all of `bytes` to `packed`, and returns how many there are.
pub(super) fn read(bytes: &[u8], packed: &mut Vec<u8>) -> Result<usize, Malformed> {
    let mut header = Reader::new(bytes, 0);
    let total = u32::from_le_bytes(header.array()?) as usize;
    let last = u32::from_le_bytes(header.array()?) as usize;
    let count = u16::from_le_bytes(header.array()?);
    let Some([entries @ .., END]) = bytes.get(HEADER_LEN..) else { return Err(Malformed) };
    if total != bytes.len() {
        return Err(Malformed);
    }
    let (mut offset, mut length_before, mut found) = (0, 0, 0);
    let mut last_begins = HEADER_LEN;
    while offset < entries.len() {
        let (element, claimed, length) = read_entry(&entries[offset..])?;
        if claimed != length_before {
            return Err(Malformed);
        }
        encode(element, packed);
        last_begins = HEADER_LEN + offset;
        offset += length;
        length_before = length;
        found += 1;
    }
    let counted = count == COUNT_UNKNOWN || usize::from(count) == found;
    if counted && last == last_begins { Ok(found) } else { Err(Malformed) }
}

/// The entry that the bytes begin with: its element, the length of the one before as it says, and its own.
fn read_entry(bytes: &[u8]) -> Result<(Element<'_>, usize, usize), Malformed> {
    let mut reader = Reader::new(bytes, usize::MAX);
    let before = match reader.byte()? {
        END => return Err(Malformed),
        LONG_LENGTH => u32::from_le_bytes(reader.array()?) as usize,
        length => usize::from(length),
    };
    let first = reader.byte()?;
    let string_len = match first >> 6 {
        0 => Some(usize::from(first)),
        1 => Some(usize::from(first & 0x3f) << 8 | usize::from(reader.byte()?)),
        2 => Some(u32::from_be_bytes(reader.array()?) as usize),
        _ => None,
    };
    let element = match (string_len, first) {
        (Some(length), _) => Element::of(reader.take(length)?),
        (None, 0xc0) => Element::Integer(i16::from_le_bytes(reader.array()?).into()),
        (None, 0xd0) => Element::Integer(i32::from_le_bytes(reader.array()?).into()),
        (None, 0xe0) => Element::Integer(i64::from_le_bytes(reader.array()?)),
        (None, 0xf0) => {
            let [low, middle, high] = reader.array()?;
            Element::Integer((i32::from_le_bytes([0, low, middle, high]) >> 8).into())
        }
        (None, 0xfe) => Element::Integer(i8::from_le_bytes(reader.array()?).into()),
        (None, 0xf1..=0xfd) => Element::Integer(i64::from(first & 0x0f) - 1),
        _ => return Err(Malformed),
    };
    Ok((element, before, bytes.len() - reader.remaining()))
}
