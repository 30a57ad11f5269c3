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
mod elements;
mod expiration;
mod functions;
mod geo;
mod hashes;
mod hyperloglog;
mod info;
mod iteration;
mod keys;
mod lcs;
mod lists;
mod lolwut;
mod memory;
mod monitor;
mod multiple;
mod object;
mod persistence;
mod pubsub;
mod ranges;
mod replication;
mod scanning;
mod scripting;
mod serialization;
mod server;
mod set;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;

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
    functions::COMMANDS,
    geo::adding::COMMANDS,
    geo::radius::COMMANDS,
    geo::reading::COMMANDS,
    geo::searching::COMMANDS,
    hashes::deadlines::COMMANDS,
    hashes::exchange::COMMANDS,
    hashes::numbers::COMMANDS,
    hashes::random::COMMANDS,
    hashes::reads::COMMANDS,
    hashes::scan::COMMANDS,
    hashes::writes::COMMANDS,
    hyperloglog::COMMANDS,
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
    monitor::COMMANDS,
    multiple::COMMANDS,
    object::COMMANDS,
    persistence::COMMANDS,
    pubsub::COMMANDS,
    ranges::COMMANDS,
    replication::COMMANDS,
    scripting::COMMANDS,
    serialization::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    sets::algebra::COMMANDS,
    sets::members::COMMANDS,
    sets::random::COMMANDS,
    sets::scan::COMMANDS,
    sort::COMMANDS,
    sorted_sets::adding::COMMANDS,
    sorted_sets::blocking::COMMANDS,
    sorted_sets::combining::COMMANDS,
    sorted_sets::counting::COMMANDS,
    sorted_sets::pops::COMMANDS,
    sorted_sets::random::COMMANDS,
    sorted_sets::ranges::COMMANDS,
    sorted_sets::removal::COMMANDS,
    sorted_sets::scanning::COMMANDS,
    sorted_sets::scores::COMMANDS,
    sorted_sets::storing::COMMANDS,
    streams::acknowledging::COMMANDS,
    streams::adding::COMMANDS,
    streams::claiming::COMMANDS,
    streams::deleting::COMMANDS,
    streams::groups::COMMANDS,
    streams::info::COMMANDS,
    streams::pending::COMMANDS,
    streams::ranges::COMMANDS,
    streams::reading::COMMANDS,
    streams::setting::COMMANDS,
    strings::COMMANDS,
    transactions::COMMANDS,
];
