//! One element and its encoding.

use std::borrow::Cow;

use super::decimal::{self, Spelling};

/// The longest header of an element, which is all of it if it is an integer.
const HEAD_MAX: usize = 9;

const SHORT_STRING: u8 = 0x80;
const SHORT_STRING_MAX: usize = 0x3f;
const INTEGER_13: u8 = 0xc0;
const MEDIUM_STRING: u8 = 0xe0;
const MEDIUM_STRING_MAX: usize = 0xfff;
const LONG_STRING: u8 = 0xf0;
const INTEGER_16: u8 = 0xf1;
const INTEGER_24: u8 = 0xf2;
const INTEGER_32: u8 = 0xf3;
const INTEGER_64: u8 = 0xf4;

/// The length of an encoding by its first byte, or 0 if that does not tell.
const LENS: [u8; 256] = {
    let mut lens = [0; 256];
    let mut first = 0;
    while first < 256 {
        lens[first] = match first as u8 {
            0..SHORT_STRING => 1,
            first @ SHORT_STRING..INTEGER_13 => 1 + (first - SHORT_STRING),
            INTEGER_13..MEDIUM_STRING => 2,
            INTEGER_16 => 3,
            INTEGER_24 => 4,
            INTEGER_32 => 5,
            INTEGER_64 => 9,
            _ => 0,
        };
        first += 1;
    }
    lens
};

/// An element of a collection: a string, or the integer that it spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// A string that is not the usual spelling of an integer.
    Bytes(&'a [u8]),
    /// An integer of 64 bits.
    Integer(i64),
}

impl<'a> Element<'a> {
    /// The element that a text is: an integer if it is the usual spelling of one.
    #[inline]
    pub fn of(text: &'a [u8]) -> Element<'a> {
        match decimal::parse(text) {
            Some(number) => Element::Integer(number),
            None => Element::Bytes(text),
        }
    }

    /// Whether this element's text is `text`.
    #[inline]
    pub fn eq_bytes(&self, text: &[u8]) -> bool {
        match self {
            Element::Bytes(bytes) => *bytes == text,
            Element::Integer(number) => decimal::parse(text) == Some(*number),
        }
    }

    /// The length of the text.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Element::Bytes(bytes) => bytes.len(),
            Element::Integer(number) => decimal::len(*number),
        }
    }

    /// Whether the text is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self, Element::Bytes([]))
    }

    /// The text.
    pub fn to_cow(&self) -> Cow<'a, [u8]> {
        match self {
            Element::Bytes(bytes) => Cow::Borrowed(bytes),
            Element::Integer(number) => Cow::Owned(Spelling::of(*number).bytes().to_vec()),
        }
    }

    /// Appends the text.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.with_text(|text| out.extend_from_slice(text));
    }

    /// Calls with the text, without an allocation.
    #[inline]
    pub fn with_text<R>(&self, call: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Element::Bytes(bytes) => call(bytes),
            Element::Integer(number) => call(Spelling::of(*number).bytes()),
        }
    }

    /// Whether [`of`](Self::of) the text is this very element.
    pub(super) fn is_canonical(&self) -> bool {
        match self {
            Element::Bytes(bytes) => decimal::parse(bytes).is_none(),
            Element::Integer(_) => true,
        }
    }

    /// What follows the header.
    #[inline]
    pub(super) fn body(self) -> &'a [u8] {
        match self {
            Element::Bytes(bytes) => bytes,
            Element::Integer(_) => &[],
        }
    }
}

impl<'a> From<i64> for Element<'a> {
    fn from(number: i64) -> Element<'a> {
        Element::Integer(number)
    }
}

/// What an encoding begins with: all of an integer, or what tells the length of a string.
#[derive(Clone, Copy)]
pub(super) struct Head {
    buffer: [u8; HEAD_MAX],
    len: u8,
}

impl Head {
    #[inline]
    pub(super) fn of(element: Element<'_>) -> Head {
        match element {
            Element::Bytes(bytes) => Head::of_string(bytes.len()),
            Element::Integer(number) => Head::of_integer(number),
        }
    }

    #[inline]
    fn of_string(len: usize) -> Head {
        if len <= SHORT_STRING_MAX {
            Head::new(SHORT_STRING | len as u8, &[])
        } else if len <= MEDIUM_STRING_MAX {
            Head::new(MEDIUM_STRING | (len >> 8) as u8, &[len as u8])
        } else {
            let len = u32::try_from(len).expect("an element is shorter than 4 GiB");
            Head::new(LONG_STRING, &len.to_le_bytes())
        }
    }

    #[inline]
    fn of_integer(number: i64) -> Head {
        let bytes = number.to_le_bytes();
        match number {
            0..=0x7f => Head::new(bytes[0], &[]),
            -0x1000..=0xfff => Head::new(INTEGER_13 | bytes[1] & 0x1f, &bytes[..1]),
            -0x8000..=0x7fff => Head::new(INTEGER_16, &bytes[..2]),
            -0x80_0000..=0x7f_ffff => Head::new(INTEGER_24, &bytes[..3]),
            -0x8000_0000..=0x7fff_ffff => Head::new(INTEGER_32, &bytes[..4]),
            _ => Head::new(INTEGER_64, &bytes),
        }
    }

    #[inline]
    fn new(first: u8, rest: &[u8]) -> Head {
        let mut buffer = [0; HEAD_MAX];
        buffer[0] = first;
        buffer[1..=rest.len()].copy_from_slice(rest);
        Head { buffer, len: rest.len() as u8 + 1 }
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }
}

/// Appends an element.
///
/// # Panics
///
/// If the element is a string of 4 GiB or more, which no request can carry.
#[inline]
pub fn encode(element: Element<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(Head::of(element).bytes());
    out.extend_from_slice(element.body());
}

/// Writes an element over an encoding of the same length. Returns false, and leaves `out` as it is, if the length is
/// another.
#[inline]
pub fn overwrite(element: Element<'_>, out: &mut [u8]) -> bool {
    let (head, body) = (Head::of(element), element.body());
    let Some((head_out, body_out)) = out.split_at_mut_checked(head.bytes().len()) else { return false };
    if body_out.len() != body.len() {
        return false;
    }
    head_out.copy_from_slice(head.bytes());
    body_out.copy_from_slice(body);
    true
}

/// The length of an element's encoding; for the limit see [`encode`].
#[inline]
pub fn encoded_len(element: Element<'_>) -> usize {
    Head::of(element).bytes().len() + element.body().len()
}

/// The element that the bytes begin with, and the length of its encoding. Any encoding is read, canonical or not.
#[inline]
pub fn read(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let string = |head: usize, len: usize| {
        let end = head.checked_add(len)?;
        Some((Element::Bytes(bytes.get(head..end)?), end))
    };
    let integer = |number: i64, len: usize| Some((Element::Integer(number), len));
    match first {
        0..SHORT_STRING => integer(i64::from(first), 1),
        SHORT_STRING..INTEGER_13 => string(1, usize::from(first - SHORT_STRING)),
        INTEGER_13..MEDIUM_STRING => {
            let low = i16::from(*rest.first()?);
            // The 13 bits are moved to the top and back, which extends the sign.
            let number = ((i16::from(first & 0x1f) << 8 | low) << 3) >> 3;
            integer(i64::from(number), 2)
        }
        MEDIUM_STRING..LONG_STRING => string(2, usize::from(first & 0x0f) << 8 | usize::from(*rest.first()?)),
        LONG_STRING => string(5, u32::from_le_bytes(*rest.first_chunk()?) as usize),
        INTEGER_16 => integer(i64::from(i16::from_le_bytes(*rest.first_chunk()?)), 3),
        INTEGER_24 => {
            let [low, middle, high] = *rest.first_chunk()?;
            integer(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8), 4)
        }
        INTEGER_32 => integer(i64::from(i32::from_le_bytes(*rest.first_chunk()?)), 5),
        INTEGER_64 => integer(i64::from_le_bytes(*rest.first_chunk()?), 9),
        _ => None,
    }
}

/// The length of the encoding that the bytes begin with; looks only at its header.
#[inline]
pub fn skip(bytes: &[u8]) -> Option<usize> {
    let len = match LENS[usize::from(*bytes.first()?)] {
        0 => skip_long(bytes)?,
        len => usize::from(len),
    };
    (len <= bytes.len()).then_some(len)
}

/// As [`skip`], for strings whose length takes more than the first byte.
fn skip_long(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [first @ MEDIUM_STRING..LONG_STRING, low, ..] => {
            Some(2 + (usize::from(first & 0x0f) << 8 | usize::from(*low)))
        }
        [LONG_STRING, rest @ ..] => {
            usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?.checked_add(5)
        }
        _ => None,
    }
}
