//! The error that a command answers.

use std::borrow::Cow;

/// The text of an error reply, without the leading `-`, such as `ERR syntax error`.
///
/// The first word is the code that clients switch on; INFO errorstats counts by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError(Cow<'static, [u8]>);

/// What a handler returns: the reply was written, or an error replaces it.
pub type Outcome = Result<(), CommandError>;

impl CommandError {
    /// An option or argument that the command's grammar does not know.
    pub const SYNTAX: Self = Self::fixed("ERR syntax error");
    /// The key holds a value of a type that the command does not work on.
    pub const WRONG_TYPE: Self =
        Self::fixed("WRONGTYPE Operation against a key holding the wrong kind of value");
    /// An argument or a value is not a 64-bit signed integer.
    pub const NOT_AN_INTEGER: Self = Self::fixed("ERR value is not an integer or out of range");
    /// An argument or a value is not a number.
    pub const NOT_A_FLOAT: Self = Self::fixed("ERR value is not a valid float");
    /// A key that has to exist does not.
    pub const NO_SUCH_KEY: Self = Self::fixed("ERR no such key");
    /// A database number beyond the configured `databases`.
    pub const DB_OUT_OF_RANGE: Self = Self::fixed("ERR DB index is out of range");
    /// Source and destination of a move are the same.
    pub const SAME_OBJECT: Self = Self::fixed("ERR source and destination objects are the same");
    /// More memory than allowed is used.
    pub const OUT_OF_MEMORY: Self = Self::fixed("OOM command not allowed when used memory > 'maxmemory'.");
    /// The data set is being loaded.
    pub const LOADING: Self = Self::fixed("LOADING Redis is loading the dataset in memory");
    /// A string would grow beyond `proto-max-bulk-len`.
    pub const STRING_TOO_LONG: Self =
        Self::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

    /// An error whose text is known when compiling.
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }

    /// An error whose text depends on the request, and may repeat bytes of it.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// An error that repeats an argument between two parts of a text, up to its first zero byte: stock
    /// servers print it as a C string.
    pub fn repeating(before: &str, argument: &[u8], after: &str) -> Self {
        let argument = argument.split(|byte| *byte == 0).next().unwrap_or_default();
        Self::new([before.as_bytes(), argument, after.as_bytes()].concat())
    }

    /// `ERR wrong number of arguments`, naming the command as the reply does.
    pub fn wrong_arity(name: &str) -> Self {
        Self::new(format!("ERR wrong number of arguments for '{name}' command"))
    }

    /// An expiry that is zero, negative or beyond what a deadline can hold.
    pub fn invalid_expire_time(name: &str) -> Self {
        Self::new(format!("ERR invalid expire time in '{name}' command"))
    }

    /// The whole text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The first word: `ERR`, `WRONGTYPE`, …
    pub fn code(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == b' ').unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..end]).unwrap_or("ERR")
    }
}
