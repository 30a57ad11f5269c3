//! XGROUP.

use nuthatch_collections::Stream;
use nuthatch_collections::stream::{Group as ConsumerGroup, StreamId};

use super::{bound_id, entry_id, no_such_group, parse_integer, unknown_form};
use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::commands::container::{Explained, reply_help, subcommand_required};
use crate::error::{CommandError, Outcome};

const INSERT: &[KeySpec] = &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT))];
const UPDATE: &[KeySpec] = &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::UPDATE))];
const DELETE: &[KeySpec] = &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::other("XGROUP", -2, subcommand_required)
    .without(Flags::LOADING.union(Flags::STALE))
    .subcommands(SUBCOMMANDS)
    .docs(
        Group::Stream,
        "5.0.0",
        "Depends on subcommand.",
        "",
        "Makes, changes and removes groups of consumers.",
    )];

const SUBCOMMANDS: &[Command] = &[
    Command::write("CREATE", -5, INSERT, create).deny_oom().docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
        "Makes a group that reads what is behind an id.",
    ),
    Command::write("CREATECONSUMER", 5, INSERT, create_consumer).deny_oom().docs(
        Group::Stream,
        "6.2.0",
        "O(1)",
        "key group consumer",
        "Makes a consumer of a group.",
    ),
    Command::write("DELCONSUMER", 5, DELETE, delete_consumer).docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key group consumer",
        "Removes a consumer of a group, with what it has not acknowledged.",
    ),
    Command::write("DESTROY", 4, DELETE, destroy).docs(
        Group::Stream,
        "5.0.0",
        "O(N) where N is the number of entries in the group's pending entries list (PEL).",
        "key group",
        "Removes a group.",
    ),
    Command::other("HELP", 2, help).docs(Group::Stream, "5.0.0", "O(1)", "", "Explains the subcommands."),
    Command::write("SETID", -5, UPDATE, set_id).docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key group <id | $> [ENTRIESREAD entries-read]",
        "Sets behind which id a group reads on.",
    ),
];

const HELP: &[Explained] = &[
    (
        "CREATE <key> <groupname> <id|$> [option]",
        &[
            "Make a group that reads what is behind an id, or behind the end. Options are:",
            "* MKSTREAM",
            "  Make an empty stream if there is none.",
            "* ENTRIESREAD entries_read",
            "  Say how many entries were read up to the id.",
        ],
    ),
    ("CREATECONSUMER <key> <groupname> <consumer>", &["Make a consumer of a group."]),
    ("DELCONSUMER <key> <groupname> <consumer>", &["Remove a consumer of a group."]),
    ("DESTROY <key> <groupname>", &["Remove a group."]),
    (
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        &["Set behind which id the group reads on, and how many entries were read up to there."],
    ),
];

const NO_KEY: CommandError = CommandError::fixed(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "XGROUP", HELP);
    Ok(())
}

/// The options of CREATE and SETID.
#[derive(Default)]
struct Options {
    makes_stream: bool,
    /// What was given; nothing in it if it is not known.
    entries_read: Option<Option<u64>>,
}

impl Options {
    fn parse(call: &Call<'_, '_>, may_make_stream: bool) -> Result<Self, CommandError> {
        const NEGATIVE: CommandError =
            CommandError::fixed("ERR value for ENTRIESREAD must be positive or -1");
        let mut options = Self::default();
        let mut rest = call.arguments.from(5);
        while let Some(word) = rest.next() {
            if may_make_stream && is_word(word, "MKSTREAM") {
                options.makes_stream = true;
            } else if let Some(value) = rest.next().filter(|_| is_word(word, "ENTRIESREAD")) {
                options.entries_read = Some(match parse_integer(value)? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| NEGATIVE)?),
                });
            } else {
                return Err(unknown_form("XGROUP", call.arguments.at(1)));
            }
        }
        Ok(options)
    }
}

/// Options that are repeated are refused only when the key was looked at.
fn check_length(arguments: &Arguments<'_>, most: usize) -> Result<(), CommandError> {
    if arguments.len() > most { Err(unknown_form("XGROUP", arguments.at(1))) } else { Ok(()) }
}

fn create(call: &mut Call<'_, '_>) -> Outcome {
    const EXISTS: CommandError = CommandError::fixed("BUSYGROUP Consumer Group name already exists");
    let Options { makes_stream, entries_read } = Options::parse(call, true)?;
    let key = call.key(2);
    let (name, id) = (call.arguments.at(3), call.arguments.at(4));
    let arguments = call.arguments;
    let group_at = |last_id: StreamId| -> Result<_, CommandError> {
        check_length(&arguments, 8)?;
        let id = if id == b"$" { last_id } else { entry_id(id)? };
        Ok(ConsumerGroup::new(id, entries_read.flatten()))
    };
    let is_new = match call.keys.change_stream(&key)? {
        Some(stream) => {
            let group = group_at(stream.last_id)?;
            if stream.groups.contains_key(name) {
                return Err(EXISTS);
            }
            stream.groups.insert(name.into(), group);
            false
        }
        None if makes_stream => {
            let group = group_at(StreamId::MIN)?;
            let mut stream = Stream::new();
            stream.groups.insert(name.into(), group);
            call.keys.put_stream(&key, stream);
            true
        }
        None => return Err(NO_KEY),
    };
    if is_new {
        call.keys.note(&key, "xgroup-create");
    } else {
        call.keys.note_aside(&key, "xgroup-create");
    }
    call.reply.ok();
    Ok(())
}

fn set_id(call: &mut Call<'_, '_>) -> Outcome {
    let Options { entries_read, .. } = Options::parse(call, false)?;
    let key = call.key(2);
    let (name, id) = (call.arguments.at(3), call.arguments.at(4));
    let stream = call.keys.change_stream(&key)?.ok_or(NO_KEY)?;
    let last_id = stream.last_id;
    let group = stream.groups.get_mut(name).ok_or_else(|| no_such_group(key.bytes, name))?;
    check_length(&call.arguments, 7)?;
    group.last_id = if id == b"$" { last_id } else { bound_id(id, 0)? };
    group.entries_read = entries_read.flatten();
    // As with the stock servers, those who wait go on only when something is added.
    call.keys.note_aside(&key, "xgroup-setid");
    call.reply.ok();
    Ok(())
}

fn destroy(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(2);
    let stream = call.keys.change_stream(&key)?.ok_or(NO_KEY)?;
    let existed = stream.groups.remove(call.arguments.at(3)).is_some();
    if existed {
        call.keys.mark_ready(&key);
        call.keys.note_aside(&key, "xgroup-destroy");
    }
    call.reply.integer(i64::from(existed));
    Ok(())
}

fn create_consumer(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(2), call.keys.clock_ms());
    let (name, consumer) = (call.arguments.at(3), call.arguments.at(4));
    let stream = call.keys.change_stream(&key)?.ok_or(NO_KEY)?;
    let group = stream.groups.get_mut(name).ok_or_else(|| no_such_group(key.bytes, name))?;
    let is_new = group.find(consumer).is_none();
    if is_new {
        group.add_consumer(consumer, now_ms, None);
        call.keys.note_aside(&key, "xgroup-createconsumer");
    }
    call.reply.integer(i64::from(is_new));
    Ok(())
}

fn delete_consumer(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(2);
    let (name, consumer) = (call.arguments.at(3), call.arguments.at(4));
    let stream = call.keys.change_stream(&key)?.ok_or(NO_KEY)?;
    let group = stream.groups.get_mut(name).ok_or_else(|| no_such_group(key.bytes, name))?;
    let pending = group.remove_consumer(consumer);
    if pending.is_some() {
        call.keys.note_aside(&key, "xgroup-delconsumer");
    }
    call.reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}
