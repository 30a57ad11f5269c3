//! Requests: RESP arrays of bulk strings, and inline commands.
//!
//! A parser is asked for one request at a time and answers with the places of its arguments in the bytes
//! that it was given, so that nothing is copied. Almost every request arrives whole, is small and is well
//! formed; `complete` takes those in one pass. Everything else goes to `multibulk` or `inline`, which
//! know every limit and error, and which the server's answers to malformed requests come from.
//!
//! The format is the one that <https://redis.io/docs/latest/develop/reference/protocol-spec/> describes; what it
//! leaves open (terminators that are not looked at, empty requests, quoting) follows what Redis 8.0 does.

mod complete;
mod error;
mod inline;
mod multibulk;

pub use error::ProtocolError;

/// Bytes that may be waiting without the line end that is due: the longest inline request, and the longest
/// line that announces a length.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The place of one argument: `input[start..end]` of the input that was handed to [`RequestParser::parse`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes of the argument, or nothing when `input` is not the input that the span belongs to.
    #[inline]
    pub fn of<'input>(&self, input: &'input [u8]) -> &'input [u8] {
        input.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest argument, in bytes (`proto-max-bulk-len`). Arguments of up to 9,999 bytes are accepted
    /// whatever it is; Redis's own minimum is 1 MiB.
    pub bulk_bytes_max: usize,
    /// Whether the client has proven who it is; before that, only small requests are accepted.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bulk_bytes_max: 512 * 1024 * 1024, authenticated: true }
    }
}

/// A resumable parser of the requests of one connection.
///
/// It holds next to nothing between requests, because most connections are idle most of the time.
#[derive(Debug, Default)]
pub struct RequestParser {
    /// A request of many arguments that has arrived in part; shorter ones are parsed again from their start,
    /// which costs less than remembering them.
    partial: Option<Box<multibulk::Partial>>,
    missing: u32,
}

impl RequestParser {
    /// A parser for a new connection.
    pub fn new() -> RequestParser {
        RequestParser::default()
    }

    /// Parses the request at the start of `input`.
    ///
    /// `Ok(Some(consumed))`: the request took `consumed` bytes and the places of its arguments were appended
    /// to `arguments`. A request may be empty (`*0\r\n`, an empty line); it has no arguments then.
    ///
    /// `Ok(None)`: the request is not complete and `arguments` is as before. The caller calls again with a
    /// longer input that starts with the same bytes; the work done so far is not repeated.
    ///
    /// `input` is mutable because quoted arguments of an inline request are unescaped in place; bytes beyond
    /// the consumed ones, and the bytes of an incomplete request, are never changed.
    ///
    /// # Errors
    ///
    /// The request is malformed or exceeds a limit. There is no way to find the next one: the connection is
    /// to be closed after the error was sent.
    #[inline]
    pub fn parse(
        &mut self,
        input: &mut [u8],
        arguments: &mut Vec<Span>,
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        if self.partial.is_none()
            && let Some(consumed) = complete::parse(input, arguments)
        {
            return Ok(Some(consumed));
        }
        self.parse_any(input, arguments, limits)
    }

    #[inline(never)]
    fn parse_any(
        &mut self,
        input: &mut [u8],
        arguments: &mut Vec<Span>,
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        self.missing = 0;
        match input.first() {
            None => Ok(None),
            Some(b'*') => self.parse_multibulk(input, arguments, limits),
            Some(_) => inline::parse(input, arguments),
        }
    }

    /// After `Ok(None)`: how many bytes to make room for, at least 0 when it is not known.
    ///
    /// Never more than what has arrived of the request, or 16 KiB if that is more, so that a client that
    /// announces a long argument has to send half of the memory that it makes the server reserve.
    pub fn missing(&self) -> usize {
        self.missing as usize
    }

    /// Bytes of memory that the parser holds: none between requests, but while a request of many short
    /// arguments arrives it may be more than has arrived of it.
    pub fn memory(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.memory())
    }
}

#[cfg(test)]
mod tests;
