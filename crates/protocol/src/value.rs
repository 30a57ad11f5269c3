//! Replies read back: what a client of this or another server receives.

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+`: a status.
    Simple(Vec<u8>),
    /// `-` or `!`: an error.
    Error(Vec<u8>),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: a string.
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`: nothing.
    Null,
    /// `*`: an array.
    Array(Vec<Value>),
    /// `%`: a map, in the order in which it was sent.
    Map(Vec<(Value, Value)>),
    /// `~`: a set, in the order in which it was sent.
    Set(Vec<Value>),
    /// `>`: a message outside the order of replies.
    Push(Vec<Value>),
    /// `#`: a truth value.
    Boolean(bool),
    /// `,`: a floating-point number.
    Double(f64),
    /// `(`: an integer of any size, as its digits.
    BigNumber(Vec<u8>),
    /// `=`: a string with its three-letter format.
    Verbatim([u8; 3], Vec<u8>),
    /// `|`: facts about the reply that follows, which are not part of it.
    Attribute(Vec<(Value, Value)>),
}

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A byte that no reply begins with.
    UnknownKind(u8),
    /// A line that does not say what one of its kind has to say.
    InvalidLine,
    /// A string that is not followed by a line end.
    MissingLineEnd,
    /// Deeper or longer than the decoder accepts.
    TooBig,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::UnknownKind(kind) => write!(formatter, "no reply begins with byte {kind:#04x}"),
            DecodeError::InvalidLine => formatter.write_str("malformed line"),
            DecodeError::MissingLineEnd => formatter.write_str("string without line end"),
            DecodeError::TooBig => formatter.write_str("reply too deep or too long"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Aggregates inside aggregates.
const DEPTH_MAX: usize = 128;
/// Bytes of one line.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Elements to make room for before they have arrived.
const ELEMENTS_TRUSTED: usize = 1024;

/// A resumable decoder of the replies on one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    open: Vec<Aggregate>,
}

/// An aggregate some of whose elements have arrived. The elements of maps are counted one by one.
#[derive(Debug)]
struct Aggregate {
    kind: u8,
    remaining: usize,
    elements: Vec<Value>,
}

impl Decoder {
    /// The longest string, in bytes.
    pub const BULK_BYTES_MAX: usize = 1024 * 1024 * 1024;

    /// A decoder for a new connection.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes as many bytes from the start of `input` as make sense; returns their number, and the reply if they
    /// complete one. The caller drops the consumed bytes and calls again with what follows them: when a reply
    /// was returned, at once; otherwise when more has arrived.
    ///
    /// # Errors
    ///
    /// The bytes are not a reply, or exceed a limit; nothing after them can be understood.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Value>), DecodeError> {
        let mut position = 0;
        while let Some((consumed, item)) = read_item(input.get(position..).unwrap_or_default())? {
            position += consumed;
            let complete = match item {
                Item::Value(value) => self.close(value),
                Item::Aggregate(aggregate) if aggregate.remaining == 0 => self.close(finish(aggregate)),
                Item::Aggregate(_) if self.open.len() == DEPTH_MAX => return Err(DecodeError::TooBig),
                Item::Aggregate(aggregate) => {
                    self.open.push(aggregate);
                    None
                }
            };
            if complete.is_some() {
                return Ok((position, complete));
            }
        }
        Ok((position, None))
    }

    /// Puts `value` where it belongs; returns it if it belongs nowhere, or the outermost aggregate if that is
    /// complete with it.
    fn close(&mut self, mut value: Value) -> Option<Value> {
        while let Some(mut aggregate) = self.open.pop() {
            aggregate.elements.push(value);
            aggregate.remaining -= 1;
            if aggregate.remaining > 0 {
                self.open.push(aggregate);
                return None;
            }
            value = finish(aggregate);
        }
        Some(value)
    }
}

enum Item {
    Value(Value),
    Aggregate(Aggregate),
}

fn finish(aggregate: Aggregate) -> Value {
    let pairs = |elements: Vec<Value>| {
        let mut elements = elements.into_iter();
        std::iter::from_fn(move || elements.next().zip(elements.next())).collect()
    };
    match aggregate.kind {
        b'%' => Value::Map(pairs(aggregate.elements)),
        b'|' => Value::Attribute(pairs(aggregate.elements)),
        b'~' => Value::Set(aggregate.elements),
        b'>' => Value::Push(aggregate.elements),
        _ => Value::Array(aggregate.elements),
    }
}

/// Reads the scalar or the header of an aggregate at the start of `input`, if it has arrived.
fn read_item(input: &[u8]) -> Result<Option<(usize, Item)>, DecodeError> {
    let Some(&kind) = input.first() else { return Ok(None) };
    if !b"+-:$*_#,(=!%~>|".contains(&kind) {
        return Err(DecodeError::UnknownKind(kind));
    }
    let Some(line_end) = memchr::memchr(b'\n', input) else {
        return if input.len() > LINE_BYTES_MAX { Err(DecodeError::TooBig) } else { Ok(None) };
    };
    let line = input.get(1..line_end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.ok_or(DecodeError::InvalidLine)?;
    let header = line_end + 1;
    let value = match kind {
        b'+' => Value::Simple(line.to_vec()),
        b'-' => Value::Error(line.to_vec()),
        b':' => Value::Integer(crate::number::parse_i64(line).ok_or(DecodeError::InvalidLine)?),
        b'_' if line.is_empty() => Value::Null,
        b'#' if line == b"t" => Value::Boolean(true),
        b'#' if line == b"f" => Value::Boolean(false),
        b',' => {
            let text = std::str::from_utf8(line).map_err(|_| DecodeError::InvalidLine)?;
            Value::Double(text.parse().map_err(|_| DecodeError::InvalidLine)?)
        }
        b'(' => Value::BigNumber(line.to_vec()),
        b'$' | b'*' if line == b"-1" => Value::Null,
        b'$' | b'=' | b'!' => return read_bulk(kind, input, header, length(line)?),
        b'*' | b'~' | b'>' | b'%' | b'|' => {
            let each = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
            let remaining = length(line)?.checked_mul(each).ok_or(DecodeError::TooBig)?;
            let elements = Vec::with_capacity(remaining.min(ELEMENTS_TRUSTED));
            return Ok(Some((header, Item::Aggregate(Aggregate { kind, remaining, elements }))));
        }
        _ => return Err(DecodeError::InvalidLine),
    };
    Ok(Some((header, Item::Value(value))))
}

fn length(line: &[u8]) -> Result<usize, DecodeError> {
    let number = crate::number::parse_u64(line).ok_or(DecodeError::InvalidLine)?;
    usize::try_from(number).map_err(|_| DecodeError::TooBig)
}

/// Reads the string of `length` bytes that follows the `header` bytes of its header.
fn read_bulk(
    kind: u8,
    input: &[u8],
    header: usize,
    length: usize,
) -> Result<Option<(usize, Item)>, DecodeError> {
    if length > Decoder::BULK_BYTES_MAX {
        return Err(DecodeError::TooBig);
    }
    let end = header + length;
    let (Some(text), Some(line_end)) = (input.get(header..end), input.get(end..end + 2)) else {
        return Ok(None);
    };
    if line_end != b"\r\n" {
        return Err(DecodeError::MissingLineEnd);
    }
    let value = match (kind, text) {
        (b'$', _) => Value::Bulk(text.to_vec()),
        (b'!', _) => Value::Error(text.to_vec()),
        (_, [a, b, c, b':', text @ ..]) => Value::Verbatim([*a, *b, *c], text.to_vec()),
        _ => return Err(DecodeError::InvalidLine),
    };
    Ok(Some((end + 2, Item::Value(value))))
}

#[cfg(test)]
mod tests;
