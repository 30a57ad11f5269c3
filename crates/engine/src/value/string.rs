//! Strings: integers, short and long texts, and values big enough to be shared with the output buffers.

use std::borrow::Cow;
use std::sync::Arc;

use nuthatch_collections::entry::{INLINE_MAX, NewPayload, Payload, RecordRef};
use nuthatch_protocol::number::parse_i64;

use super::{Kind, Type};

/// Strings up to this length are called `embstr`, longer ones `raw`.
pub const EMBEDDED_MAX: usize = 44;

/// The longest text of an `i64`.
const INTEGER_TEXT_MAX: usize = 20;

/// A string as a record holds it.
#[derive(Debug, Clone, Copy)]
pub enum StringRef<'a> {
    /// Held as a number.
    Integer(i64),
    /// Held in the record.
    Bytes(&'a [u8]),
    /// Held apart; replies may refer to it instead of copying.
    Shared(&'a Arc<Vec<u8>>),
}

impl<'a> StringRef<'a> {
    /// The string in `record`, if it holds one.
    #[inline]
    pub fn of(record: RecordRef<'a>) -> Option<Self> {
        if Kind::of(record.kind()).value_type() != Type::String {
            return None;
        }
        match record.payload() {
            Payload::Int(number) => Some(Self::Integer(number)),
            Payload::Inline(bytes) => Some(Self::Bytes(bytes)),
            Payload::Shared(bytes) => Some(Self::Shared(bytes)),
            Payload::Collection(_) => None,
        }
    }

    /// The text.
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Integer(number) => Cow::Owned(itoa(number)),
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
            Self::Shared(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// The text's length in bytes.
    pub fn len(self) -> usize {
        match self {
            Self::Integer(number) => decimal_len(number),
            Self::Bytes(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The number that the text spells, if it is the canonical spelling of a 64-bit integer.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Bytes(bytes) => parse_i64(bytes),
            Self::Shared(_) => None,
        }
    }
}

fn itoa(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn decimal_len(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(number < 0)
}

/// How a string that is set as a whole is kept: a number if it is one, else by its length.
pub fn encode(bytes: &[u8]) -> (Kind, NewPayload<'_>) {
    if bytes.len() <= INTEGER_TEXT_MAX
        && let Some(number) = parse_i64(bytes)
    {
        return (Kind::StringInteger, NewPayload::Int(number));
    }
    encode_text(bytes)
}

/// How a string that is set as a whole, but not to become a number, is kept.
pub fn encode_text(bytes: &[u8]) -> (Kind, NewPayload<'_>) {
    if bytes.len() <= EMBEDDED_MAX {
        (Kind::StringEmbedded, NewPayload::Inline(bytes))
    } else {
        encode_raw(bytes)
    }
}

/// How a string that was changed in part is kept: as text, even if it spells a number.
pub fn encode_raw(bytes: &[u8]) -> (Kind, NewPayload<'_>) {
    if bytes.len() <= INLINE_MAX {
        (Kind::StringRaw, NewPayload::Inline(bytes))
    } else {
        (Kind::StringRaw, NewPayload::Shared(Arc::new(bytes.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_agree_with_texts() {
        for number in [0, 1, -1, 9, 10, -10, 99, 100, i64::MAX, i64::MIN] {
            assert_eq!(StringRef::Integer(number).len(), itoa(number).len(), "{number}");
        }
    }
}
