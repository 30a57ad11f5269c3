//! Why a request was refused.

use std::fmt;

/// A request that breaks the protocol or one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// 64 KiB without a line end where an inline request began.
    TooBigInlineRequest,
    /// 64 KiB without a line end where the number of arguments was due.
    TooBigMultibulkCount,
    /// 64 KiB without a line end where the length of an argument was due.
    TooBigBulkCount,
    /// The number of arguments is no number or out of range.
    InvalidMultibulkLength,
    /// The length of an argument is no number or out of range.
    InvalidBulkLength,
    /// More arguments than a client may send before it has authenticated.
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it has authenticated.
    UnauthenticatedBulkLength,
    /// Another byte where the `$` of an argument was due.
    ExpectedBulk(u8),
    /// An inline request whose quotes are not closed, or not followed by a space.
    UnbalancedQuotes,
    /// A request of 4 GiB or more.
    TooBigRequest,
}

impl ProtocolError {
    /// The text of the error reply, without its `-ERR `. It need not be UTF-8: it may quote what the client
    /// sent.
    pub fn message(&self) -> Vec<u8> {
        let text = match *self {
            ProtocolError::TooBigInlineRequest => "too big inline request",
            ProtocolError::TooBigMultibulkCount => "too big mbulk count string",
            ProtocolError::TooBigBulkCount => "too big bulk count string",
            ProtocolError::InvalidMultibulkLength => "invalid multibulk length",
            ProtocolError::InvalidBulkLength => "invalid bulk length",
            ProtocolError::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            ProtocolError::UnauthenticatedBulkLength => "unauthenticated bulk length",
            ProtocolError::ExpectedBulk(byte) => {
                let quoted = if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
                return [b"Protocol error: expected '$', got '".as_slice(), &[quoted], b"'"].concat();
            }
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::TooBigRequest => "too big request",
        };
        [b"Protocol error: ", text.as_bytes()].concat()
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for ProtocolError {}
