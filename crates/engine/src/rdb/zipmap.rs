//! The oldest format of small hashes.
//!
//! ```text
//! 1 byte     number of pairs, or 254 or more if it is not known
//! pairs      each a length and the field, a length, a byte, the value, and as many unused bytes as the byte says
//! 0xff
//! ```
//!
//! A length is one byte, or 254 and 4 bytes.

use nuthatch_collections::packed::{Element, encode};

use super::Malformed;
use super::reader::Reader;

const END: u8 = 0xff;
const LONG_LENGTH: u8 = 254;

/// Appends the fields and values of a zipmap that is all of `bytes` to `packed`.
pub(super) fn read(bytes: &[u8], packed: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes, usize::MAX);
    let count = reader.byte()?;
    let mut found = 0usize;
    while let Some(length) = read_length(&mut reader)? {
        encode(Element::of(reader.take(length)?), packed);
        let length = read_length(&mut reader)?.ok_or(Malformed)?;
        let unused = reader.byte()?;
        encode(Element::of(reader.take(length)?), packed);
        reader.take(unused.into())?;
        found += 1;
    }
    let counted = count >= LONG_LENGTH || usize::from(count) == found;
    if counted && reader.remaining() == 0 { Ok(()) } else { Err(Malformed) }
}

/// A length, or nothing at the end of the map.
fn read_length(reader: &mut Reader<'_>) -> Result<Option<usize>, Malformed> {
    Ok(match reader.byte()? {
        END => None,
        LONG_LENGTH => Some(u32::from_le_bytes(reader.array()?) as usize),
        length => Some(length.into()),
    })
}
