//! What all containers of subcommands answer alike: HELP and unknown subcommands.

use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::error::{CommandError, Outcome};

/// A subcommand with its arguments, and the lines that explain it.
pub(super) type Explained = (&'static str, &'static [&'static str]);

/// Answers a container's HELP.
pub(super) fn reply_help(reply: &mut Reply, container: &str, subcommands: &[Explained]) {
    let lines: usize = subcommands.iter().map(|(_, explanation)| 1 + explanation.len()).sum();
    reply.array(1 + lines + 2);
    reply.simple(format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (usage, explanation) in subcommands {
        reply.simple(usage);
        for line in *explanation {
            reply.simple(format!("    {line}"));
        }
    }
    reply.simple("HELP");
    reply.simple("    Print this help.");
}

/// Answers a request for a container without a subcommand, which the container's arity does not let through.
pub(super) fn subcommand_required(call: &mut Call<'_, '_>) -> Outcome {
    Err(CommandError::wrong_arity(&call.command.full_name))
}

/// The error for a subcommand that the container does not have.
pub(crate) fn unknown_subcommand(container: &str, subcommand: &[u8]) -> CommandError {
    /// How much of the name the error repeats.
    const SHOWN_BYTES_MAX: usize = 128;
    let name = &subcommand[..subcommand.len().min(SHOWN_BYTES_MAX)];
    CommandError::repeating("ERR unknown subcommand '", name, &format!("'. Try {container} HELP."))
}

/// The error for a subcommand with arguments that it does not take, where its arity alone does not tell.
pub(super) fn wrong_form(call: &Call<'_, '_>) -> CommandError {
    let container = call.command.full_name.split('|').next().unwrap_or_default().to_ascii_uppercase();
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    CommandError::repeating(before, call.arguments.at(1), &format!("'. Try {container} HELP."))
}

/// The part of an argument that error texts repeat: stock servers print it as a C string.
pub(crate) fn printed(argument: &[u8]) -> &[u8] {
    argument.split(|byte| *byte == 0).next().unwrap_or_default()
}
