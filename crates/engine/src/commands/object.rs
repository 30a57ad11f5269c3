//! OBJECT: how a value is kept, and when it was used.

use nuthatch_collections::entry::{Payload, RecordRef};

use crate::access::Tracking;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::Kind;

use super::container::{Explained, reply_help, subcommand_required};

const KEY: &[KeySpec] = &[KeySpec::one(2, KeyFlags::RO)];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::other("OBJECT", -2, subcommand_required)
    .without(Flags::LOADING.union(Flags::STALE))
    .subcommands(SUBCOMMANDS)
    .docs(Group::Generic, "2.2.3", "Depends on subcommand.", "", "Looks behind the values of keys.")];

const SUBCOMMANDS: &[Command] = &[
    Command::read("ENCODING", 3, KEY, encoding)
        .docs(Group::Generic, "2.2.3", "O(1)", "key", "Tells how the value of a key is encoded.")
        .tips(&["nondeterministic_output"]),
    Command::read("FREQ", 3, KEY, frequency)
        .docs(
            Group::Generic,
            "4.0.0",
            "O(1)",
            "key",
            "Tells about how often a key is used, on a logarithmic scale.",
        )
        .tips(&["nondeterministic_output"]),
    Command::other("HELP", 2, help).docs(Group::Generic, "6.2.0", "O(1)", "", "Explains the subcommands."),
    Command::read("IDLETIME", 3, KEY, idle_time)
        .docs(Group::Generic, "2.2.3", "O(1)", "key", "Tells how many seconds ago a key was last used.")
        .tips(&["nondeterministic_output"]),
    Command::read("REFCOUNT", 3, KEY, reference_count)
        .docs(
            Group::Generic,
            "2.2.3",
            "O(1)",
            "key",
            "Tells how many references there are to the value of a key.",
        )
        .tips(&["nondeterministic_output"]),
];

const HELP: &[Explained] = &[
    ("ENCODING <key>", &["Return the name of the encoding in which the value of <key> is held."]),
    (
        "FREQ <key>",
        &[
            "Return the access counter of <key>, which grows with the logarithm of the number",
            "of accesses. Only under an LFU maxmemory policy.",
        ],
    ),
    (
        "IDLETIME <key>",
        &["Return the seconds since the last access to <key>. Not under an LFU maxmemory policy."],
    ),
    ("REFCOUNT <key>", &["Return the number of references to the value of <key>."]),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "OBJECT", HELP);
    Ok(())
}

fn encoding(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(2);
    match call.keys.inspect_quietly(&key, |record| Kind::of(record.kind()).encoding_name()) {
        Some(name) => call.reply.bulk(name.as_bytes()),
        None => call.reply.null(),
    }
    Ok(())
}

fn reference_count(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(2);
    match call.keys.inspect_quietly(&key, references) {
        Some(count) => call.reply.integer(count),
        None => call.reply.null(),
    }
    Ok(())
}

/// Every value has one owner, but small integers are reported as stock servers do, which share them.
pub(super) fn references(record: RecordRef<'_>) -> i64 {
    const SHARED: i64 = i32::MAX as i64;
    match record.payload() {
        Payload::Int(0..=9999) => SHARED,
        _ => 1,
    }
}

fn idle_time(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_TRACKED: CommandError = CommandError::fixed(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.",
    );
    const ADAPTIVE: CommandError = CommandError::fixed(
        "ERR An adaptive maxmemory policy is selected, idle time not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.",
    );
    let key = call.key(2);
    let policy = call.engine.settings.access_policy(call.now_ms());
    match call.keys.inspect_quietly(&key, |record| record.access()) {
        Some(_) if policy.keeps_frequency() => return Err(NOT_TRACKED),
        Some(_) if matches!(policy.tracking, Tracking::HitDensity { .. }) => return Err(ADAPTIVE),
        Some(access) => call.reply.integer(policy.idle_seconds(access) as i64),
        None => call.reply.null(),
    }
    Ok(())
}

fn frequency(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_TRACKED: CommandError = CommandError::fixed(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust.",
    );
    let key = call.key(2);
    let policy = call.engine.settings.access_policy(call.now_ms());
    match call.keys.inspect_quietly(&key, |record| record.access()) {
        Some(access) if policy.keeps_frequency() => {
            call.reply.integer(i64::from(policy.frequency_of(access)))
        }
        Some(_) => return Err(NOT_TRACKED),
        None => call.reply.null(),
    }
    Ok(())
}
