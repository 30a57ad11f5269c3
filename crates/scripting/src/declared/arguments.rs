//! Calls of commands, as far as they are known before the script runs.

/// What is known of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownArgument<'a> {
    /// It is this text.
    Text(&'a [u8]),
    /// It is this number.
    Integer(i64),
    /// It is a key that the script declares, or nothing, which no command takes.
    Key,
    /// Nothing is known of it.
    Unknown,
}

/// What may follow the arguments of which something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    None,
    /// Any number of keys that the script declares.
    Keys,
    /// Any number of arguments.
    Unknown,
}

/// A call of a command.
#[derive(Debug)]
pub struct KnownRequest<'a> {
    /// The first arguments, of which the very first is the command's name.
    pub arguments: Vec<KnownArgument<'a>>,
    /// What follows them.
    pub rest: Rest,
}

/// Knows where commands have their keys.
pub trait CommandKeys {
    /// Whether a call uses no other keys than those that the script declares. `false` if that is not known.
    fn are_declared(&self, request: &KnownRequest<'_>) -> bool;
}
