//! Scripts: EVAL and its relatives, which the dispatcher runs, and SCRIPT.

use super::container::{Explained, reply_help, subcommand_required};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, Handler, KeyFlags, KeySpec, NamedBy};
use crate::error::{CommandError, Outcome};
use crate::scripts::{self, with_interpreter};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    runs("EVAL", NamedBy::Text, false).docs(
        Group::Scripting,
        "2.6.0",
        "Depends on the script that is executed.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a Lua script.",
    ),
    runs("EVAL_RO", NamedBy::Text, true).docs(
        Group::Scripting,
        "7.0.0",
        "Depends on the script that is executed.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a Lua script that does not write.",
    ),
    runs("EVALSHA", NamedBy::Digest, false).docs(
        Group::Scripting,
        "2.6.0",
        "Depends on the script that is executed.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a Lua script that the server knows, by the SHA-1 of its text.",
    ),
    runs("EVALSHA_RO", NamedBy::Digest, true).docs(
        Group::Scripting,
        "7.0.0",
        "Depends on the script that is executed.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a Lua script that the server knows and that does not write, by the SHA-1 of its text.",
    ),
    Command::other("SCRIPT", -2, subcommand_required)
        .without(Flags::LOADING.union(Flags::STALE))
        .subcommands(SUBCOMMANDS)
        .docs(
            Group::Scripting,
            "2.6.0",
            "Depends on subcommand.",
            "",
            "A container for commands about scripts.",
        ),
];

const SUBCOMMANDS: &[Command] = &[
    manages("DEBUG", 3, debug).docs(
        Group::Scripting,
        "3.2.0",
        "O(1)",
        "YES | SYNC | NO",
        "Is refused: there is no debugger of scripts.",
    ),
    manages("EXISTS", -3, exists)
        .docs(
            Group::Scripting,
            "2.6.0",
            "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
            "sha1 [sha1 ...]",
            "Tells which scripts the server knows.",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]),
    manages("FLUSH", -2, flush)
        .docs(
            Group::Scripting,
            "2.6.0",
            "O(N) with N being the number of scripts in cache",
            "[ASYNC | SYNC]",
            "Forgets all scripts.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    manages("HELP", 2, help).without(Flags::NO_SCRIPT).with(Flags::LOADING.union(Flags::STALE)).docs(
        Group::Scripting,
        "5.0.0",
        "O(1)",
        "",
        "Explains the subcommands.",
    ),
    manages("KILL", 2, kill)
        .with(Flags::ALLOW_BUSY)
        .docs(Group::Scripting, "2.6.0", "O(1)", "", "Ends a script that has run for too long and has not written.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    manages("LOAD", 3, load)
        .with(Flags::STALE)
        .docs(
            Group::Scripting,
            "2.6.0",
            "O(N) with N being the length in bytes of the script body.",
            "script",
            "Keeps a script without running it.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    manages("SHOW", 3, show).docs(
        Group::Scripting,
        "8.0.0",
        "O(1)",
        "sha1",
        "Shows the text of a script.",
    ),
];

/// A command that runs a script: the dispatcher does it itself.
pub(super) const fn runs(name: &'static str, named_by: NamedBy, is_read_only: bool) -> Command {
    const READ: &[KeySpec] = &[KeySpec::counted(2, 1, KeyFlags::RO.union(KeyFlags::ACCESS))];
    const WRITE: &[KeySpec] =
        &[KeySpec::counted(2, 1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];
    Command::other(name, -3, |_| Err(CommandError::fixed("ERR the dispatcher runs scripts itself")))
        .without(Flags::LOADING)
        .with(if is_read_only { Flags::READONLY } else { Flags::MAY_REPLICATE })
        .with(Flags::NO_SCRIPT.union(Flags::SKIP_MONITOR).union(Flags::MOVABLE_KEYS))
        .with(Flags::NO_MANDATORY_KEYS)
        .runs_script(named_by)
        .keys(if is_read_only { READ } else { WRITE })
}

pub(super) const fn manages(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler).without(Flags::LOADING.union(Flags::STALE)).with(Flags::NO_SCRIPT)
}

fn load(call: &mut Call<'_, '_>) -> Outcome {
    let text = call.arguments.at(2);
    let name = scripts::name_of(text);
    let is_known = call.engine.scripts.find(&name).is_some();
    let source = call.engine.scripts.load(name, text)?;
    if !is_known && let Err(error) = with_interpreter(|thread| thread.compile(&source, &call.engine.commands))
    {
        call.engine.scripts.forget(&source);
        return Err(error);
    }
    call.reply.bulk(&source.name);
    Ok(())
}

fn exists(call: &mut Call<'_, '_>) -> Outcome {
    call.reply.array(call.arguments.len() - 2);
    for name in call.arguments.from(2) {
        call.reply.integer(i64::from(call.engine.scripts.find(name).is_some()));
    }
    Ok(())
}

fn show(call: &mut Call<'_, '_>) -> Outcome {
    const UNKNOWN: CommandError = CommandError::fixed("NOSCRIPT No matching script.");
    let source = call.engine.scripts.find(call.arguments.at(2)).ok_or(UNKNOWN)?;
    call.reply.bulk(&source.text);
    Ok(())
}

fn flush(call: &mut Call<'_, '_>) -> Outcome {
    const OPTIONS: CommandError = CommandError::fixed("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    match (call.arguments.get(2), call.arguments.get(3)) {
        (None, _) => {}
        (Some(mode), None) if is_word(mode, "SYNC") || is_word(mode, "ASYNC") => {}
        _ => return Err(OPTIONS),
    }
    call.engine.scripts.flush();
    call.reply.ok();
    Ok(())
}

fn kill(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.scripts.busy.kill(false)?;
    call.reply.ok();
    Ok(())
}

fn debug(call: &mut Call<'_, '_>) -> Outcome {
    const OPTIONS: CommandError = CommandError::fixed("ERR Use SCRIPT DEBUG YES/SYNC/NO");
    let mode = call.arguments.at(2);
    if is_word(mode, "NO") {
        call.reply.ok();
        return Ok(());
    }
    call.session.wants_debugger = is_word(mode, "YES") || is_word(mode, "SYNC");
    Err(if call.session.wants_debugger { scripts::NO_DEBUGGER } else { OPTIONS })
}

const HELP: &[Explained] = &[
    ("DEBUG (YES|SYNC|NO)", &["Set the debug mode for subsequent scripts executed."]),
    (
        "EXISTS <sha1> [<sha1> ...]",
        &["Return information about the existence of the scripts in the script cache."],
    ),
    (
        "FLUSH [ASYNC|SYNC]",
        &[
            "Flush the Lua scripts cache. Very dangerous on replicas.",
            "When called without the optional mode argument, the behavior is determined by the",
            "lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "* ASYNC: Asynchronously flush the scripts cache.",
            "* SYNC: Synchronously flush the scripts cache.",
        ],
    ),
    ("KILL", &["Kill the currently executing Lua script."]),
    ("LOAD <script>", &["Load a script into the scripts cache without executing it."]),
    ("SHOW <sha1>", &["Show a script from the scripts cache."]),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "SCRIPT", HELP);
    Ok(())
}
