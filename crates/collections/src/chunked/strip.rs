//! Elements one after another that can be walked from both ends: each is followed by its length.
//!
//! This is what lies between the header and the end of a public listpack. A small list is such a byte string by
//! itself; a big one is a sequence of them.

use super::End;
use crate::packed::listpack::{back_length_len, push_back_length, read_back_length, write_back_length};
use crate::packed::{self, Element, encode, encoded_len};

/// How many bytes an element takes, the length behind it included.
#[inline]
pub fn stored_len(element: Element<'_>) -> usize {
    let len = encoded_len(element);
    len + back_length_len(len)
}

/// The first element, and how many bytes it takes.
#[inline]
pub fn first(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (element, len) = packed::read(bytes)?;
    Some((element, len + back_length_len(len)))
}

/// The last element, and how many bytes it takes.
#[inline]
pub fn last(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let stored = last_len(bytes)?;
    let (element, _) = packed::read(&bytes[bytes.len() - stored..])?;
    Some((element, stored))
}

/// How many bytes the first element takes.
#[inline]
fn first_len(bytes: &[u8]) -> Option<usize> {
    let len = packed::skip(bytes)?;
    Some(len + back_length_len(len))
}

/// How many bytes the last element takes.
#[inline]
fn last_len(bytes: &[u8]) -> Option<usize> {
    let (len, back) = read_back_length(bytes)?;
    len.checked_add(back).filter(|stored| *stored <= bytes.len())
}

/// Where the element `index` of `count` begins; `index` may be `count`, too. Walks from the nearer end.
pub fn offset_of(bytes: &[u8], index: usize, count: usize) -> usize {
    if index <= count / 2 {
        (0..index).fold(0, |at, _| at + first_len(&bytes[at..]).unwrap_or(0))
    } else {
        (index..count).fold(bytes.len(), |at, _| at - last_len(&bytes[..at]).unwrap_or(0))
    }
}

/// Appends an element.
#[inline]
pub fn append(element: Element<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    encode(element, out);
    push_back_length(out.len() - start, out);
}

/// Writes an element over bytes of which there are just as many as it takes.
#[inline]
pub fn write(element: Element<'_>, out: &mut [u8]) {
    let len = encoded_len(element);
    let (encoding, back_length) = out.split_at_mut(len);
    packed::overwrite(element, encoding);
    write_back_length(len, back_length);
}

/// Finds the first `most` elements of a strip that equal `wanted`, counted from the end `from`: offsets with lengths,
/// ascending.
pub fn find_equal(
    elements: &[u8],
    from: End,
    wanted: Element<'_>,
    most: usize,
    places: &mut Vec<(usize, usize)>,
) {
    let stored_len = stored_len(wanted);
    let mut walk = iter(elements);
    match from {
        End::Front => {
            while let Some(element) = walk.next() {
                if element == wanted {
                    places.push((elements.len() - walk.rest().len() - stored_len, stored_len));
                    if places.len() == most {
                        return;
                    }
                }
            }
        }
        End::Back => {
            while let Some(element) = walk.next_back() {
                if element == wanted {
                    places.push((walk.rest().len(), stored_len));
                    if places.len() == most {
                        break;
                    }
                }
            }
            places.reverse();
        }
    }
}

/// The elements from first to last, or from the other end.
#[inline]
pub fn iter(bytes: &[u8]) -> Iter<'_> {
    Iter { bytes }
}

/// See [`iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
}

impl<'a> Iter<'a> {
    /// The bytes of the elements that are still to come.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        let (element, stored) = first(self.bytes)?;
        self.bytes = self.bytes.get(stored..)?;
        Some(element)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (element, stored) = last(self.bytes)?;
        self.bytes = &self.bytes[..self.bytes.len() - stored];
        Some(element)
    }
}
