//! The commands: one file a family, each command one row beside its handler.

mod bitfield;
mod bitmaps;
mod bitop;
mod blocking;
mod client;
mod command;
mod conditions;
mod config;
mod connection;
pub(crate) mod container;
mod counters;
mod databases;
mod deadlines;
mod debug;
mod expiration;
mod info;
mod iteration;
mod keys;
mod lcs;
mod lists;
mod lolwut;
mod memory;
mod multiple;
mod object;
mod ranges;
mod scanning;
mod serialization;
mod server;
mod set;
mod sort;
mod strings;

use crate::command::Command;

/// Every family's rows.
pub const FAMILIES: &[&[Command]] = &[
    bitfield::COMMANDS,
    bitmaps::COMMANDS,
    bitop::COMMANDS,
    client::COMMANDS,
    command::COMMANDS,
    conditions::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    counters::COMMANDS,
    databases::COMMANDS,
    deadlines::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    iteration::COMMANDS,
    keys::COMMANDS,
    lcs::COMMANDS,
    lists::blocking::COMMANDS,
    lists::edits::COMMANDS,
    lists::moves::COMMANDS,
    lists::pops::COMMANDS,
    lists::positions::COMMANDS,
    lists::pushes::COMMANDS,
    lists::reads::COMMANDS,
    lolwut::COMMANDS,
    memory::COMMANDS,
    multiple::COMMANDS,
    object::COMMANDS,
    ranges::COMMANDS,
    serialization::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    sort::COMMANDS,
    strings::COMMANDS,
];
