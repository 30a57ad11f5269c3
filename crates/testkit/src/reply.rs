//! Replies as a client sees them: where one ends in a stream of bytes, and what it says.
//!
//! Written independently of the server's own codec, so that a fault there cannot hide itself.

use std::fmt;

/// One RESP2 or RESP3 reply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// `+text`
    Simple(Vec<u8>),
    /// `-text`
    Error(Vec<u8>),
    /// `:number`
    Integer(i64),
    /// `$length` and as many bytes
    Bulk(Vec<u8>),
    /// `$-1` or `_`
    Null,
    /// `*-1`
    NullArray,
    /// `*count`
    Array(Vec<Reply>),
    /// `%count`
    Map(Vec<(Reply, Reply)>),
    /// `~count`
    Set(Vec<Reply>),
    /// `>count`
    Push(Vec<Reply>),
    /// `,number`, as written
    Double(Vec<u8>),
    /// `#t` or `#f`
    Boolean(bool),
    /// `(number`, as written
    BigNumber(Vec<u8>),
    /// `=length`, the format (three characters), a colon and the text
    Verbatim(Vec<u8>),
}

/// Bytes that are not RESP, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "malformed reply: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// The bytes of a line and where the next begins, or `None` while its end has not arrived.
fn line(bytes: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let length = bytes[start..].windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[start..start + length], start + length + 2))
}

fn number(digits: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Malformed(format!("{:?} is not a number", digits.escape_ascii().to_string())))
}

/// How many bytes the reply at the start of `bytes` takes, or `None` while it is incomplete.
pub fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut position = 0;
    let mut pending: i64 = 1;
    while pending > 0 {
        let Some((header, next)) = line(bytes, position) else { return Ok(None) };
        let Some((&kind, rest)) = header.split_first() else {
            return Err(Malformed("an empty line in place of a type".into()));
        };
        position = next;
        pending -= 1;
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {}
            b'$' | b'=' => {
                if let Ok(length) = usize::try_from(number(rest)?) {
                    position += length + 2;
                    if position > bytes.len() {
                        return Ok(None);
                    }
                    if &bytes[position - 2..position] != b"\r\n" {
                        return Err(Malformed(format!("a bulk of {length} bytes does not end there")));
                    }
                }
            }
            b'*' | b'~' | b'>' => pending += number(rest)?.max(0),
            b'%' => pending += 2 * number(rest)?.max(0),
            // An attribute comes before the reply that it describes.
            b'|' => pending += 2 * number(rest)?.max(0) + 1,
            other => return Err(Malformed(format!("unknown type {:?}", char::from(other)))),
        }
    }
    Ok(Some(position))
}

impl Reply {
    /// Decodes one whole reply, as measured by [`frame_length`].
    pub fn decode(frame: &[u8]) -> Result<Reply, Malformed> {
        let (reply, end) = Self::decode_at(frame, 0)?;
        if end == frame.len() { Ok(reply) } else { Err(Malformed("bytes after the reply".into())) }
    }

    fn decode_at(bytes: &[u8], start: usize) -> Result<(Reply, usize), Malformed> {
        let truncated = || Malformed("truncated".into());
        let (header, next) = line(bytes, start).ok_or_else(truncated)?;
        let (&kind, rest) = header.split_first().ok_or_else(truncated)?;
        let reply = match kind {
            b'+' => Reply::Simple(rest.to_vec()),
            b'-' => Reply::Error(rest.to_vec()),
            b':' => Reply::Integer(number(rest)?),
            b'_' => Reply::Null,
            b',' => Reply::Double(rest.to_vec()),
            b'#' => Reply::Boolean(rest == b"t"),
            b'(' => Reply::BigNumber(rest.to_vec()),
            b'$' | b'=' => {
                let Ok(length) = usize::try_from(number(rest)?) else { return Ok((Reply::Null, next)) };
                let body = bytes.get(next..next + length).ok_or_else(truncated)?.to_vec();
                let reply = if kind == b'$' { Reply::Bulk(body) } else { Reply::Verbatim(body) };
                return Ok((reply, next + length + 2));
            }
            b'*' | b'~' | b'>' => {
                let Ok(count) = usize::try_from(number(rest)?) else { return Ok((Reply::NullArray, next)) };
                let (elements, end) = Self::decode_many(bytes, next, count)?;
                let reply = match kind {
                    b'*' => Reply::Array(elements),
                    b'~' => Reply::Set(elements),
                    _ => Reply::Push(elements),
                };
                return Ok((reply, end));
            }
            b'%' => {
                let count = usize::try_from(number(rest)?).map_err(|_| truncated())?;
                let (elements, end) = Self::decode_many(bytes, next, 2 * count)?;
                let mut elements = elements.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
                    pairs.push((key, value));
                }
                return Ok((Reply::Map(pairs), end));
            }
            other => return Err(Malformed(format!("unexpected type {:?}", char::from(other)))),
        };
        Ok((reply, next))
    }

    fn decode_many(bytes: &[u8], start: usize, count: usize) -> Result<(Vec<Reply>, usize), Malformed> {
        let mut elements = Vec::new();
        let mut position = start;
        for _ in 0..count {
            let (element, end) = Self::decode_at(bytes, position)?;
            elements.push(element);
            position = end;
        }
        Ok((elements, position))
    }

    /// The bytes of a string reply, simple or bulk.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Simple(bytes) | Reply::Bulk(bytes) => Some(bytes),
            Reply::Verbatim(bytes) => bytes.get(4..),
            _ => None,
        }
    }

    /// The text of a string or an error, lossily decoded; empty for anything else.
    pub fn text(&self) -> String {
        match self {
            Reply::Error(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => String::from_utf8_lossy(other.bytes().unwrap_or_default()).into_owned(),
        }
    }

    /// The number of an integer reply.
    pub fn integer(&self) -> Option<i64> {
        if let Reply::Integer(number) = self { Some(*number) } else { None }
    }

    /// The elements of an array, a set or a push; a map's keys and values in turn.
    pub fn into_elements(self) -> Vec<Reply> {
        match self {
            Reply::Array(elements) | Reply::Set(elements) | Reply::Push(elements) => elements,
            Reply::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the server refused.
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NESTED: &[u8] = b"*3\r\n%1\r\n+a\r\n:1\r\n~2\r\n$1\r\nx\r\n_\r\n*-1\r\n";

    #[test]
    fn a_reply_ends_where_it_ends_however_it_is_cut() {
        let mut stream = NESTED.to_vec();
        stream.extend_from_slice(b"+next\r\n");
        for end in 0..stream.len() {
            let expected = (end >= NESTED.len()).then_some(NESTED.len());
            assert_eq!(frame_length(&stream[..end]), Ok(expected), "cut at {end}");
        }
    }

    #[test]
    fn nested_replies_are_decoded() {
        let expected = Reply::Array(vec![
            Reply::Map(vec![(Reply::Simple(b"a".to_vec()), Reply::Integer(1))]),
            Reply::Set(vec![Reply::Bulk(b"x".to_vec()), Reply::Null]),
            Reply::NullArray,
        ]);
        assert_eq!(Reply::decode(NESTED), Ok(expected));
    }

    #[test]
    fn bytes_that_are_not_resp_are_refused() {
        for bytes in [&b"?\r\n"[..], b"\r\n", b"$x\r\n", b"$1\r\nabc\r\n", b"*1\r\n!1\r\n"] {
            assert!(frame_length(bytes).is_err(), "{:?}", bytes.escape_ascii().to_string());
        }
    }
}
