//! MEMORY: what keys and the server cost.

mod doctor;
pub(super) mod overhead;
pub(super) mod stats;

use nuthatch_collections::entry::RecordRef;
use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

use super::container::{Explained, reply_help, subcommand_required};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::other("MEMORY", -2, subcommand_required)
    .without(Flags::LOADING.union(Flags::STALE))
    .subcommands(SUBCOMMANDS)
    .docs(Group::Server, "4.0.0", "Depends on subcommand.", "", "Tells what the memory is used for.")];

const SUBCOMMANDS: &[Command] = &[
    about_memory("DOCTOR", 2, doctor::doctor)
        .docs(Group::Server, "4.0.0", "O(1)", "", "Looks for trouble with memory.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    Command::other("HELP", 2, help).docs(Group::Server, "4.0.0", "O(1)", "", "Explains the subcommands."),
    about_memory("MALLOC-STATS", 2, allocator_report)
        .docs(
            Group::Server,
            "4.0.0",
            "Depends on how much memory is allocated, could be slow",
            "",
            "Returns the report of the memory allocator.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    about_memory("PURGE", 2, purge)
        .docs(
            Group::Server,
            "4.0.0",
            "Depends on how much memory is allocated, could be slow",
            "",
            "Gives unused memory back to the operating system.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    about_memory("STATS", 2, stats::stats)
        .visits_shards()
        .docs(Group::Server, "4.0.0", "O(1)", "", "Tells how much memory is used for what.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    Command::read("USAGE", -3, &[KeySpec::one(2, KeyFlags::RO)], usage).docs(
        Group::Server,
        "4.0.0",
        "O(1)",
        "key [SAMPLES count]",
        "Tells how much memory a key and its value take.",
    ),
];

const fn about_memory(name: &'static str, arity: i16, handler: crate::command::Handler) -> Command {
    Command::other(name, arity, handler).without(Flags::LOADING.union(Flags::STALE))
}

const HELP: &[Explained] = &[
    ("DOCTOR", &["Return a report on trouble with memory."]),
    ("MALLOC-STATS", &["Return the report of the memory allocator."]),
    ("PURGE", &["Give unused memory back to the operating system."]),
    ("STATS", &["Return how much memory is used for what."]),
    (
        "USAGE <key> [SAMPLES <count>]",
        &[
            "Return the bytes that <key> and its value take. They are counted as they are allocated,",
            "so the number of samples changes nothing.",
        ],
    ),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "MEMORY", HELP);
    Ok(())
}

fn usage(call: &mut Call<'_, '_>) -> Outcome {
    let mut options = call.arguments.from(3);
    while let Some(option) = options.next() {
        let samples = options.next().filter(|_| is_word(option, "SAMPLES")).ok_or(CommandError::SYNTAX)?;
        if parse_i64(samples).ok_or(CommandError::NOT_AN_INTEGER)? < 0 {
            return Err(CommandError::SYNTAX);
        }
    }
    let key = call.key(2);
    match call.keys.peek(&key).map(bytes_of) {
        Some(bytes) => call.reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX)),
        None => call.reply.null(),
    }
    Ok(())
}

/// What a key costs: its record and its share of the hash table and of the index by deadline.
fn bytes_of(record: RecordRef<'_>) -> usize {
    /// A slot of a bucket and its tag, and free neighbours: nearly the same for any number of keys.
    const TABLE_BYTES: usize = 12;
    /// An item of the index, and its share of a chunk's link.
    const DEADLINE_BYTES: usize = 5;
    let deadline = if record.stamp().is_some() { DEADLINE_BYTES } else { 0 };
    record.allocated_bytes() + TABLE_BYTES + deadline
}

fn allocator_report(call: &mut Call<'_, '_>) -> Outcome {
    call.reply.verbatim("txt", call.engine.host.allocator_report().as_bytes());
    Ok(())
}

fn purge(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.host.purge_memory();
    call.reply.ok();
    Ok(())
}
