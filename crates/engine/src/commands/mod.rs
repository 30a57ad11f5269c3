//! The commands: one file a family, each command one row beside its handler.

mod strings;

use crate::command::Command;

/// Every family's rows.
pub const FAMILIES: &[&[Command]] = &[strings::COMMANDS];
