//! Reading the parts that encodings are made of.

use std::borrow::Cow;

use nuthatch_protocol::number::parse_f64;

use super::{Malformed, lzf};

/// Reads a serialized value from its beginning to its end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// No string is longer than this, in bytes.
    string_bytes_max: usize,
    /// How many bytes more there would have to be than there are, since they did not suffice.
    lacking: usize,
}

/// A length, or a form of strings that is not a length and bytes.
enum Length {
    Plain(u64),
    Special(u8),
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], string_bytes_max: usize) -> Self {
        // Longer elements have no packed encoding.
        Self { rest: bytes, string_bytes_max: string_bytes_max.min(u32::MAX as usize), lacking: 0 }
    }

    /// How many bytes more there would have to be at least, if that is why something could not be read; else 0.
    pub(super) fn lacking(&self) -> usize {
        self.lacking
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            self.lacking = count - self.rest.len();
            return Err(Malformed);
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            self.lacking = N - self.rest.len();
            return Err(Malformed);
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// A length or a count. Nothing may be allocated for it: the bytes may not be there.
    pub(super) fn length(&mut self) -> Result<u64, Malformed> {
        match self.length_or_special()? {
            Length::Plain(length) => Ok(length),
            Length::Special(_) => Err(Malformed),
        }
    }

    /// A count of elements of which there must be some: there are no empty collections.
    pub(super) fn count(&mut self) -> Result<u64, Malformed> {
        self.length().and_then(|count| if count == 0 { Err(Malformed) } else { Ok(count) })
    }

    fn length_or_special(&mut self) -> Result<Length, Malformed> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first)),
            1 => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            2 if first == 0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
            2 if first == 0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
            2 => return Err(Malformed),
            _ => Length::Special(first & 0x3f),
        })
    }

    /// The length of a string, if it is one that may be.
    fn checked(&self, length: u64) -> Result<usize, Malformed> {
        usize::try_from(length).ok().filter(|length| *length <= self.string_bytes_max).ok_or(Malformed)
    }

    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        let digits = |number: i32| Cow::Owned(number.to_string().into_bytes());
        Ok(match self.length_or_special()? {
            Length::Plain(length) => Cow::Borrowed(self.take(self.checked(length)?)?),
            Length::Special(0) => digits(i8::from_le_bytes(self.array()?).into()),
            Length::Special(1) => digits(i16::from_le_bytes(self.array()?).into()),
            Length::Special(2) => digits(i32::from_le_bytes(self.array()?)),
            Length::Special(3) => {
                let compressed = self.length().and_then(|length| self.checked(length))?;
                let length = self.length().and_then(|length| self.checked(length))?;
                Cow::Owned(lzf::decompress(self.take(compressed)?, length)?)
            }
            Length::Special(_) => return Err(Malformed),
        })
    }

    /// Goes past a string.
    pub(super) fn skip_string(&mut self) -> Result<(), Malformed> {
        let length = match self.length_or_special()? {
            Length::Plain(length) => length,
            Length::Special(power @ 0..=2) => 1 << power,
            Length::Special(3) => {
                let compressed = self.length()?;
                self.length()?;
                compressed
            }
            Length::Special(_) => return Err(Malformed),
        };
        self.take(self.checked(length)?).map(drop)
    }

    /// A score in eight bytes.
    pub(super) fn score(&mut self) -> Result<f64, Malformed> {
        let score = f64::from_le_bytes(self.array()?);
        if score.is_nan() { Err(Malformed) } else { Ok(score) }
    }

    /// A score as a text, whose length is a byte that also says what no text does.
    pub(super) fn score_text(&mut self) -> Result<f64, Malformed> {
        match self.byte()? {
            0xff => Ok(f64::NEG_INFINITY),
            0xfe => Ok(f64::INFINITY),
            0xfd => Err(Malformed),
            length => parse_f64(self.take(length.into())?).ok_or(Malformed),
        }
    }

    /// A time in milliseconds since 1970, which may be before it.
    pub(super) fn milliseconds(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }
}
