//! CONFIG: the directives, read, changed and written back.

use crate::call::Call;
use crate::command::{Command, Flags, Group, Handler};
use crate::error::{CommandError, Outcome};

use super::container::{Explained, reply_help, subcommand_required};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::other("CONFIG", -2, subcommand_required)
    .without(Flags::LOADING.union(Flags::STALE))
    .subcommands(SUBCOMMANDS)
    .docs(Group::Server, "2.0.0", "Depends on subcommand.", "", "Reads and changes the configuration.")];

const SUBCOMMANDS: &[Command] = &[
    operator("GET", -3, get).docs(
        Group::Server,
        "2.0.0",
        "O(N) when N is the number of configuration parameters provided",
        "parameter [parameter ...]",
        "Returns directives and their values.",
    ),
    Command::other("HELP", 2, help).docs(Group::Server, "5.0.0", "O(1)", "", "Explains the subcommands."),
    operator("RESETSTAT", 2, reset_statistics).tips(TO_ALL_NODES).docs(
        Group::Server,
        "2.0.0",
        "O(1)",
        "",
        "Sets the counters of INFO to zero.",
    ),
    operator("REWRITE", 2, rewrite).tips(TO_ALL_NODES).docs(
        Group::Server,
        "2.8.0",
        "O(1)",
        "",
        "Writes the configuration in force to its file.",
    ),
    operator("SET", -4, set).tips(TO_ALL_NODES).docs(
        Group::Server,
        "2.0.0",
        "O(N) when N is the number of configuration parameters provided",
        "parameter value [parameter value ...]",
        "Changes directives while the server runs.",
    ),
];

const TO_ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const fn operator(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler).with(Flags::ADMIN.union(Flags::NO_SCRIPT))
}

const HELP: &[Explained] = &[
    ("GET <pattern>", &["Return the directives that match <pattern>, and their values."]),
    ("RESETSTAT", &["Set the counters of INFO to zero."]),
    ("REWRITE", &["Write the configuration in force to its file."]),
    ("SET <directive> <value>", &["Change a directive."]),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "CONFIG", HELP);
    Ok(())
}

fn get(call: &mut Call<'_, '_>) -> Outcome {
    let patterns: Vec<&[u8]> = call.arguments.from(2).collect();
    let found = call.engine.host.config_get(&patterns);
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(&name);
        call.reply.bulk(&value);
    }
    Ok(())
}

fn set(call: &mut Call<'_, '_>) -> Outcome {
    if !call.arguments.len().is_multiple_of(2) {
        return Err(CommandError::SYNTAX);
    }
    let names = call.arguments.from(2).step_by(2);
    let values = call.arguments.from(3).step_by(2);
    let pairs: Vec<(&[u8], &[u8])> = names.zip(values).collect();
    call.engine.host.config_set(&pairs, call.session.record.local).map_err(refusal)?;
    call.reply.ok();
    Ok(())
}

fn rewrite(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.host.config_rewrite().map_err(refusal)?;
    call.reply.ok();
    Ok(())
}

fn refusal(reason: impl AsRef<[u8]>) -> CommandError {
    CommandError::new([b"ERR ", reason.as_ref()].concat())
}

fn reset_statistics(call: &mut Call<'_, '_>) -> Outcome {
    let engine = call.engine;
    engine.statistics.reset();
    engine.defragmentation.reset(engine.now_ms());
    engine.keyspace.reset_reclaim_figures();
    engine.memory.reset(engine.now_ms());
    call.reply.ok();
    Ok(())
}
