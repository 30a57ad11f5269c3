//! Sequences of elements in one byte string: how small collections are kept, and the pages of big ones.
//!
//! An element is encoded as the public listpack format does, but without the length behind it, since nothing walks
//! backwards here:
//!
//! ```text
//! 0xxxxxxx                      integer from 0 to 127
//! 10xxxxxx                      string of up to 63 bytes
//! 110xxxxx xxxxxxxx             signed integer of 13 bits
//! 1110xxxx xxxxxxxx             string of up to 4,095 bytes
//! 11110000 and 4 bytes          string of any length
//! 11110001 and 2 bytes          signed integer
//! 11110010 and 3 bytes          signed integer
//! 11110011 and 4 bytes          signed integer
//! 11110100 and 8 bytes          signed integer
//! ```
//!
//! Numbers of whole bytes are little endian. The encoding is canonical: text that is the usual spelling of an integer
//! is stored as one, and of several headers the shortest is taken. So two elements are equal if and only if their
//! encodings are, which makes [`find`] a comparison of bytes.

mod decimal;
mod element;
mod index;
pub mod listpack;
mod search;
#[cfg(test)]
mod tests;

pub use element::{Element, encode, encoded_len, overwrite, read, skip};
pub use index::{Index, encodings};
pub use search::{Found, find, search};
pub(crate) use search::{Wanted, entry_end};

/// Begins eight bytes that are a deadline, behind the entry it belongs to. Only pages of big tables have these; it is
/// no header of an element.
pub(crate) const DEADLINE: u8 = 0xf5;

/// The elements of a byte string with their offsets; it ends where something is no element.
pub fn iter(bytes: &[u8]) -> Iter<'_> {
    Iter { bytes, offset: 0 }
}

/// See [`iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Iter<'_> {
    /// Where the next element begins, or where the sequence ends.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (usize, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<(usize, Element<'a>)> {
        let offset = self.offset;
        let (element, len) = read(self.bytes.get(offset..)?)?;
        self.offset += len;
        Some((offset, element))
    }
}

/// How many elements there are, by their headers.
pub fn count(bytes: &[u8]) -> usize {
    let (mut rest, mut count) = (bytes, 0);
    while let Some(behind) = skip(rest).and_then(|len| rest.get(len..)) {
        rest = behind;
        count += 1;
    }
    count
}

/// How many elements a byte string has, or `None` if it is not a sequence of canonical encodings.
pub fn validate(bytes: &[u8]) -> Option<usize> {
    let mut elements = iter(bytes);
    let mut count = 0;
    while let Some((offset, element)) = elements.next() {
        if !element.is_canonical() || encoded_len(element) != elements.offset() - offset {
            return None;
        }
        count += 1;
    }
    (elements.offset() == bytes.len()).then_some(count)
}
