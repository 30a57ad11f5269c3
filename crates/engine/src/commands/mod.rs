//! The commands: one file a family, each command one row beside its handler.

mod conditions;
mod container;
mod counters;
mod databases;
mod deadlines;
mod debug;
mod expiration;
mod iteration;
mod keys;
mod lolwut;
mod memory;
mod multiple;
mod object;
mod set;
mod strings;

use crate::command::Command;

/// Every family's rows.
pub const FAMILIES: &[&[Command]] = &[
    conditions::COMMANDS,
    counters::COMMANDS,
    databases::COMMANDS,
    deadlines::COMMANDS,
    debug::COMMANDS,
    iteration::COMMANDS,
    keys::COMMANDS,
    lolwut::COMMANDS,
    memory::COMMANDS,
    multiple::COMMANDS,
    object::COMMANDS,
    set::COMMANDS,
    strings::COMMANDS,
];
