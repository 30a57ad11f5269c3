//! The table of commands: from the name in a request to the row.

use std::collections::HashMap;

use crate::arguments::Arguments;
use crate::command::{Command, FindKeys, Flags};
use crate::commands;

/// The longest name that is looked up; longer ones are unknown.
const NAME_BYTES_MAX: usize = 32;

/// Which locks a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// None.
    None,
    /// That of the key at this argument.
    One(u16),
    /// Those of all keys of its key specifications.
    Several,
    /// All.
    All,
}

/// A row with what was derived from it when the server started.
#[derive(Debug)]
pub struct Registered {
    /// The row.
    pub row: &'static Command,
    /// The place among all commands and subcommands.
    pub id: u16,
    /// As in error replies and INFO: in lower case, a subcommand as `client|id`.
    pub full_name: String,
    /// The locks that it needs.
    pub locks: Locks,
    /// The subcommands' rows by name.
    pub subcommands: Vec<&'static Registered>,
}

/// All commands.
#[derive(Debug)]
pub struct CommandTable {
    by_name: HashMap<Name, &'static Registered, foldhash::fast::RandomState>,
    all: Vec<&'static Registered>,
}

/// A name in lower case, padded with zeros.
type Name = [u8; NAME_BYTES_MAX];

fn name_of(bytes: &[u8]) -> Option<Name> {
    let mut name = [0; NAME_BYTES_MAX];
    name.get_mut(..bytes.len())?.copy_from_slice(bytes);
    name.make_ascii_lowercase();
    Some(name)
}

impl CommandTable {
    /// Builds the table from the rows. It lives as long as the process.
    pub fn new() -> Self {
        let mut all: Vec<&'static Registered> = Vec::new();
        let mut by_name = HashMap::default();
        for row in commands::FAMILIES.iter().flat_map(|family| family.iter()) {
            let mut subcommands = Vec::new();
            for subcommand in row.subcommands {
                let registered = register(subcommand, Some(row), Vec::new(), all.len());
                all.push(registered);
                subcommands.push(registered);
            }
            let registered = register(row, None, subcommands, all.len());
            all.push(registered);
            if let Some(name) = name_of(row.name.as_bytes()) {
                by_name.insert(name, registered);
            }
        }
        Self { by_name, all }
    }

    /// The command of this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&'static Registered> {
        self.by_name.get(&name_of(name)?).copied()
    }

    /// The command, or the subcommand, that a request asks for.
    #[inline]
    pub fn resolve(&self, arguments: &Arguments<'_>) -> Option<&'static Registered> {
        let command = self.find(arguments.get(0)?)?;
        match arguments.get(1) {
            Some(name) if !command.subcommands.is_empty() => command.subcommand(name),
            _ => Some(command),
        }
    }

    /// Commands and subcommands by their number.
    pub fn all(&self) -> &[&'static Registered] {
        &self.all
    }

    /// The commands, without subcommands.
    pub fn commands(&self) -> impl Iterator<Item = &'static Registered> {
        self.all.iter().copied().filter(|command| !command.is_subcommand())
    }
}

impl Default for CommandTable {
    fn default() -> Self {
        Self::new()
    }
}

impl Registered {
    /// The subcommand of this name, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Registered> {
        self.subcommands.iter().copied().find(|subcommand| name.eq_ignore_ascii_case(subcommand.row.name.as_bytes()))
    }

    /// Whether it is a subcommand.
    pub fn is_subcommand(&self) -> bool {
        self.full_name.contains('|')
    }

    /// The argument indexes of the request's keys.
    pub fn key_positions<'a>(&self, arguments: &'a Arguments<'_>) -> impl Iterator<Item = usize> + use<'a> {
        let arguments = *arguments;
        self.row.keys.iter().flat_map(move |spec| {
            spec.positions(arguments.len(), |index| {
                std::str::from_utf8(arguments.get(index)?).ok()?.parse().ok()
            })
        })
    }
}

fn register(
    row: &'static Command,
    container: Option<&Command>,
    subcommands: Vec<&'static Registered>,
    id: usize,
) -> &'static Registered {
    let locks = match row.keys {
        _ if row.flags.contains(Flags::ALL_KEYS) => Locks::All,
        [] => Locks::None,
        [spec] if spec.find == (FindKeys::Range { last: 0, step: 1 }) => Locks::One(spec.index),
        _ => Locks::Several,
    };
    let name = row.name.to_ascii_lowercase();
    let full_name = match container {
        Some(container) => format!("{}|{name}", container.name.to_ascii_lowercase()),
        None => name,
    };
    let id = u16::try_from(id).unwrap_or(u16::MAX);
    Box::leak(Box::new(Registered { row, id, full_name, locks, subcommands }))
}
