//! What is known of a value before the script runs.

use super::arguments::KnownArgument;
use crate::bytecode::Constant;
use nuthatch_protocol::number::exact_integer;

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'p> {
    /// Any value that is not sensitive.
    Unknown,
    /// An element of `KEYS`, or nil.
    Key,
    /// A constant text.
    Text(&'p [u8]),
    /// A constant number.
    Integer(i64),
    /// A function of the script, by its number, which is never called but where that is seen.
    Function(usize),
    /// The global function `pcall`.
    Protected,
    /// The global function `unpack`.
    Unpack,
    /// The global function `pairs` or `ipairs`.
    Pairs,
    /// The global function `next`, or that of `ipairs`: goes over `KEYS` in a loop if `KEYS` is behind it.
    Next,
    /// Sensitive: the table `KEYS`.
    Keys,
    /// Sensitive: the table `redis`.
    Api,
    /// Sensitive: `redis.call` or `redis.pcall`.
    Call,
    /// Perhaps one of the sensitive ones.
    Mixed,
}

impl<'p> Value<'p> {
    /// Whether it must not go where it is not seen.
    pub(super) fn is_sensitive(self) -> bool {
        matches!(self, Self::Keys | Self::Api | Self::Call | Self::Mixed)
    }

    /// The value of a constant.
    pub(super) fn of(constant: &'p Constant) -> Self {
        match constant {
            Constant::Text(text) => Self::Text(text),
            Constant::Number(number) => exact_integer(*number).map_or(Self::Unknown, Self::Integer),
            Constant::Other => Self::Unknown,
        }
    }

    /// The value of a global, if the script may use it.
    pub(super) fn of_global(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"redis" | b"server" => Self::Api,
            b"KEYS" => Self::Keys,
            b"pcall" => Self::Protected,
            b"unpack" => Self::Unpack,
            b"pairs" | b"ipairs" => Self::Pairs,
            b"next" => Self::Next,
            // Ways to everything else.
            b"_G" | b"load" | b"loadstring" => return None,
            _ => Self::Unknown,
        })
    }

    /// What is known of a value that is one or the other. Functions among them are then called unseen.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other {
            self
        } else if self.is_sensitive() || other.is_sensitive() {
            Self::Mixed
        } else {
            Self::Unknown
        }
    }

    /// As an argument of a command.
    pub(super) fn as_argument(self) -> KnownArgument<'p> {
        match self {
            Self::Key => KnownArgument::Key,
            Self::Text(text) => KnownArgument::Text(text),
            Self::Integer(number) => KnownArgument::Integer(number),
            _ => KnownArgument::Unknown,
        }
    }
}
