//! COMMAND: what the server knows about its own commands.

mod docs;
mod info;
mod keys;
mod syntax;

use nuthatch_protocol::glob;

use crate::arguments::is_word;
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Group};
use crate::error::{CommandError, Outcome};
use crate::table::Registered;

use super::container::{Explained, reply_help};

/// The family's rows.
pub(super) const COMMANDS: &[Command] =
    &[about_commands("COMMAND", -1, info::all).tips(UNORDERED).subcommands(SUBCOMMANDS).docs(
        Group::Server,
        "2.8.13",
        "O(N) where N is the total number of Redis commands",
        "",
        "Tells about all commands.",
    )];

const SUBCOMMANDS: &[Command] = &[
    about_commands("COUNT", 2, count).docs(Group::Server, "2.8.13", "O(1)", "", "Counts the commands."),
    about_commands("DOCS", -2, docs::docs).tips(UNORDERED).docs(
        Group::Server,
        "7.0.0",
        "O(N) where N is the number of commands to look up",
        "[command-name [command-name ...]]",
        "Returns the documentation of commands.",
    ),
    about_commands("GETKEYS", -3, keys::keys).docs(
        Group::Server,
        "2.8.13",
        "O(N) where N is the number of arguments to the command",
        "command [arg [arg ...]]",
        "Returns the keys in a request.",
    ),
    about_commands("GETKEYSANDFLAGS", -3, keys::keys_and_flags).docs(
        Group::Server,
        "7.0.0",
        "O(N) where N is the number of arguments to the command",
        "command [arg [arg ...]]",
        "Returns the keys in a request, and what would be done with them.",
    ),
    about_commands("HELP", 2, help).docs(Group::Server, "5.0.0", "O(1)", "", "Explains the subcommands."),
    about_commands("INFO", -2, info::some).tips(UNORDERED).docs(
        Group::Server,
        "2.8.13",
        "O(N) where N is the number of commands to look up",
        "[command-name [command-name ...]]",
        "Tells about commands: arity, flags, keys.",
    ),
    about_commands("LIST", -2, list).tips(UNORDERED).docs(
        Group::Server,
        "7.0.0",
        "O(N) where N is the total number of Redis commands",
        "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        "Returns the names of commands.",
    ),
];

const UNORDERED: &[&str] = &["nondeterministic_output_order"];

const fn about_commands(name: &'static str, arity: i16, handler: crate::command::Handler) -> Command {
    Command::other(name, arity, handler).also_in(Categories::CONNECTION)
}

const HELP: &[Explained] = &[
    ("(no subcommand)", &["Tell about all commands."]),
    ("COUNT", &["Return how many commands there are."]),
    ("DOCS [<command-name> ...]", &["Return the documentation of some commands, or of all."]),
    ("GETKEYS <full-command>", &["Return the keys in a request."]),
    ("GETKEYSANDFLAGS <full-command>", &["Return the keys in a request, and what would be done with them."]),
    ("INFO [<command-name> ...]", &["Tell about some commands, or about all."]),
    (
        "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
        &["Return the names of all commands, or of those that match."],
    ),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "COMMAND", HELP);
    Ok(())
}

fn count(call: &mut Call<'_, '_>) -> Outcome {
    let count = call.engine.commands.commands().count();
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn list(call: &mut Call<'_, '_>) -> Outcome {
    let table = &call.engine.commands;
    let found: Vec<&Registered> = match call.arguments.len() {
        2 => table.all().to_vec(),
        5 if is_word(call.arguments.at(2), "FILTERBY") => {
            let filter = Filter::parse(call.arguments.at(3), call.arguments.at(4))?;
            table.all().iter().copied().filter(|command| filter.selects(command)).collect()
        }
        _ => return Err(CommandError::SYNTAX),
    };
    call.reply.array(found.len());
    for command in found {
        call.reply.bulk(command.full_name.as_bytes());
    }
    Ok(())
}

/// Which commands COMMAND LIST returns, subcommands included.
#[derive(Debug)]
enum Filter<'a> {
    /// Those of a module. There are no modules.
    Module,
    /// Those of an ACL category.
    Category(&'a [u8]),
    /// Those whose full name matches a pattern.
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(kind: &[u8], value: &'a [u8]) -> Result<Self, CommandError> {
        match kind {
            word if is_word(word, "MODULE") => Ok(Self::Module),
            word if is_word(word, "ACLCAT") => Ok(Self::Category(value)),
            word if is_word(word, "PATTERN") => Ok(Self::Pattern(value)),
            _ => Err(CommandError::SYNTAX),
        }
    }

    fn selects(&self, command: &Registered) -> bool {
        match self {
            Self::Module => false,
            Self::Category(category) => {
                Categories::of(command.row).names().any(|name| category.eq_ignore_ascii_case(name.as_bytes()))
            }
            Self::Pattern(pattern) => glob::matches_ignoring_case(pattern, command.full_name.as_bytes()),
        }
    }
}
