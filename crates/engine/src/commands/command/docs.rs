//! COMMAND DOCS: summaries, versions and arguments.

use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::error::Outcome;
use crate::table::Registered;

use super::syntax::{Argument, Kind};

/// COMMAND DOCS.
pub(super) fn docs(call: &mut Call<'_, '_>) -> Outcome {
    let table = &call.engine.commands;
    let commands: Vec<&Registered> = match call.arguments.len() {
        2 => table.commands().collect(),
        _ => call.arguments.from(2).filter_map(|name| table.find_full(name)).collect(),
    };
    document_all(call.reply, &commands);
    Ok(())
}

fn document_all(reply: &mut Reply, commands: &[&Registered]) {
    reply.map(commands.len());
    for command in commands {
        reply.bulk(command.full_name.as_bytes());
        document(reply, command);
    }
}

fn document(reply: &mut Reply, command: &Registered) {
    let row = command.row;
    let arguments = Argument::parse_all(row, command.is_subcommand());
    let deprecation_pairs = if row.deprecated.is_some() { 3 } else { 0 };
    reply.map(
        4 + deprecation_pairs
            + usize::from(!arguments.is_empty())
            + usize::from(!command.subcommands.is_empty()),
    );
    reply_pair(reply, "summary", row.summary);
    reply_pair(reply, "since", row.since);
    reply_pair(reply, "group", row.group.name());
    reply_pair(reply, "complexity", row.complexity);
    if let Some((since, replacement)) = row.deprecated {
        reply.bulk(b"doc_flags");
        reply.set(1);
        reply.simple("deprecated");
        reply_pair(reply, "deprecated_since", since);
        reply_pair(reply, "replaced_by", replacement);
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        document_arguments(reply, &arguments);
    }
    if !command.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        document_all(reply, &command.subcommands);
    }
}

fn reply_pair(reply: &mut Reply, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn document_arguments(reply: &mut Reply, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        document_argument(reply, argument);
    }
}

fn document_argument(reply: &mut Reply, argument: &Argument) {
    let is_group = matches!(argument.kind, Kind::Block | Kind::OneOf);
    let flags: Vec<&str> = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect();
    reply.map(
        3 + usize::from(argument.key_spec.is_some())
            + usize::from(argument.token.is_some())
            + usize::from(!flags.is_empty()),
    );
    reply_pair(reply, "name", &argument.name);
    reply_pair(reply, "type", argument.kind.name());
    if !is_group {
        reply_pair(reply, "display_text", &argument.name);
    }
    if let Some(key_spec) = argument.key_spec {
        reply.bulk(b"key_spec_index");
        reply.integer(i64::try_from(key_spec).unwrap_or(i64::MAX));
    }
    if let Some(token) = &argument.token {
        reply_pair(reply, "token", token);
    }
    if !flags.is_empty() {
        reply.bulk(b"flags");
        reply.set(flags.len());
        for flag in flags {
            reply.simple(flag);
        }
    }
    if is_group {
        reply.bulk(b"arguments");
        document_arguments(reply, &argument.arguments);
    }
}
