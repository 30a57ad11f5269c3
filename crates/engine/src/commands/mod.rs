//! The commands: one file a family, each command one row beside its handler.

mod conditions;
mod counters;
mod expiration;
mod multiple;
mod set;
mod strings;

use crate::command::Command;

/// Every family's rows.
pub const FAMILIES: &[&[Command]] = 
    &[conditions::COMMANDS, counters::COMMANDS, multiple::COMMANDS, set::COMMANDS, strings::COMMANDS];
