//! The table of commands: from the name in a request to the row.

mod declared;

use std::collections::HashMap;

use crate::arguments::Arguments;
use crate::command::{Command, FindKeys, Flags, KeyFlags, KeySpec};
use crate::commands;

/// The longest name that is looked up; longer ones are unknown.
const NAME_BYTES_MAX: usize = 32;

/// Which locks a command needs.
#[derive(Debug, Clone, Copy)]
pub enum Locks {
    /// None.
    None,
    /// That of the key at this argument.
    One(u16),
    /// Those of all keys of its key specifications.
    Several,
    /// All.
    All,
    /// None: it visits the shards one after another, each under its lock for a while. In a transaction, all.
    Visits,
    /// Those of the keys that the script declares which it runs, and of others when the script uses them.
    Script,
    /// All if the row says so of the request, else those of all keys of its key specifications.
    Depends(fn(&Arguments<'_>) -> bool),
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
    short_names: ShortNames,
    by_name: HashMap<String, &'static Registered>,
    all: Vec<&'static Registered>,
}

/// The commands whose names are one to eight letters, which are those that are sent most: found by the name
/// as a number.
#[derive(Debug)]
struct ShortNames {
    slots: Box<[(u64, Option<&'static Registered>)]>,
}

impl ShortNames {
    /// A power of two, and several times the number of commands, so that almost all are found at once.
    const SLOTS: usize = 1024;

    fn new(by_name: &HashMap<String, &'static Registered>) -> Self {
        let mut slots: Box<[_]> = vec![(0, None); Self::SLOTS].into();
        for (name, command) in by_name {
            let name = name.as_bytes();
            if name.iter().all(u8::is_ascii_alphabetic)
                && let Some(number) = Self::number_of(name)
            {
                let free = Self::probe(number).find(|slot| slots[*slot].1.is_none());
                slots[free.unwrap_or_default()] = (number, Some(*command));
            }
        }
        Self { slots }
    }

    /// The name in lower case as a number. Other names than the commands' may have the same number only if
    /// they differ in nothing but case, as every letter is made from two bytes, itself in either case.
    #[inline]
    fn number_of(name: &[u8]) -> Option<u64> {
        const LOWER_CASE: u64 = 0x2020_2020_2020_2020;
        // Overlapping loads put the same byte in the same place twice.
        let number = match *name {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            [a, b, c, d, ..] if name.len() <= 7 => {
                let rest = name.len() - 4;
                let [.., e, f, g, h] = *name else { return None };
                let (low, high) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                u64::from(low) | u64::from(high) << (8 * rest)
            }
            _ => return None,
        };
        Some(number | LOWER_CASE >> (64 - 8 * name.len()))
    }

    #[inline]
    fn probe(number: u64) -> impl Iterator<Item = usize> {
        // Fibonacci hashing: the top bits of the product depend on all bits of the number.
        let home = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Self::SLOTS.ilog2())) as usize;
        (0..Self::SLOTS).map(move |step| (home + step) % Self::SLOTS)
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&'static Registered> {
        let number = Self::number_of(name)?;
        for slot in Self::probe(number) {
            let (found, command) = self.slots[slot];
            if found == number {
                return command;
            }
            command?;
        }
        None
    }
}

impl CommandTable {
    /// Builds the table from the rows. It lives as long as the process.
    pub fn new() -> Self {
        let mut all: Vec<&'static Registered> = Vec::new();
        let mut by_name: HashMap<String, &'static Registered> = HashMap::new();
        for row in commands::FAMILIES.iter().flat_map(|family| family.iter()) {
            let mut subcommands = Vec::new();
            for subcommand in row.subcommands {
                let registered = register(subcommand, Some(row), Vec::new(), all.len());
                all.push(registered);
                subcommands.push(registered);
            }
            let registered = register(row, None, subcommands, all.len());
            all.push(registered);
            by_name.insert(registered.full_name.clone(), registered);
        }
        Self { short_names: ShortNames::new(&by_name), by_name, all }
    }

    /// Gives a command another name, or none, as `rename-command` does.
    ///
    /// # Errors
    /// What is wrong, in the words of stock servers: there is no such command, or the new name is taken.
    pub fn rename(&mut self, name: &[u8], new_name: &[u8]) -> Result<(), &'static str> {
        let lower_case = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
        let Some(command) = self.by_name.remove(&lower_case(name)) else {
            return Err("No such command in rename-command");
        };
        if !new_name.is_empty() && self.by_name.insert(lower_case(new_name), command).is_some() {
            return Err("Target command name already exists");
        }
        self.short_names = ShortNames::new(&self.by_name);
        Ok(())
    }

    /// The command of this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&'static Registered> {
        if let Some(command) = self.short_names.find(name) {
            return Some(command);
        }
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        self.by_name.get(std::str::from_utf8(name).ok()?.to_ascii_lowercase().as_str()).copied()
    }

    /// The command of this full name, or the subcommand (`client|id`), in any case.
    pub fn find_full(&self, name: &[u8]) -> Option<&'static Registered> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.find(name),
            Some(bar) => self.find(&name[..bar])?.subcommand(&name[bar + 1..]),
        }
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
        self.subcommands
            .iter()
            .copied()
            .find(|subcommand| name.eq_ignore_ascii_case(subcommand.row.name.as_bytes()))
    }

    /// Whether it is a subcommand.
    pub fn is_subcommand(&self) -> bool {
        self.full_name.contains('|')
    }

    /// The argument indexes of the request's keys.
    pub fn key_positions<'a>(&self, arguments: &'a Arguments<'_>) -> impl Iterator<Item = usize> + use<'a> {
        let arguments = *arguments;
        let keys = self.row.keys.iter().filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
        keys.flat_map(move |spec| {
            spec.positions(&arguments, |index| std::str::from_utf8(arguments.get(index)?).ok()?.parse().ok())
        })
    }
}

fn register(
    row: &'static Command,
    container: Option<&Command>,
    subcommands: Vec<&'static Registered>,
    id: usize,
) -> &'static Registered {
    let locks = match (row.keys, row.reaches_all) {
        _ if row.script.is_some() => Locks::Script,
        _ if row.flags.contains(Flags::ALL_KEYS) => Locks::All,
        _ if row.flags.contains(Flags::VISITS_SHARDS) => Locks::Visits,
        (_, Some(reaches_all)) => Locks::Depends(reaches_all),
        ([], None) => Locks::None,
        ([KeySpec { flags, .. }], None) if flags.contains(KeyFlags::NOT_KEY) => Locks::None,
        ([KeySpec { index, find: FindKeys::Range { last: 0, step: 1 }, .. }], None) => Locks::One(*index),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_in_any_case() {
        let table = CommandTable::new();
        for command in table.commands() {
            for name in [command.row.name.to_ascii_uppercase(), command.row.name.to_ascii_lowercase()] {
                let found = table.find(name.as_bytes()).map(|found| found.id);
                assert_eq!(found, Some(command.id), "{name}");
            }
        }
    }

    #[test]
    fn renamed_commands_answer_to_their_new_names_only() {
        let mut table = CommandTable::new();
        let get = table.find(b"get").map(|found| found.id);
        assert_eq!(table.rename(b"GET", b"Fetch"), Ok(()));
        assert_eq!(table.rename(b"flushall", b""), Ok(()));
        assert_eq!(table.find(b"FETCH").map(|found| found.id), get);
        assert!(table.find(b"get").is_none() && table.find(b"flushall").is_none());
        assert_eq!(table.rename(b"get", b"x"), Err("No such command in rename-command"));
        assert_eq!(table.rename(b"set", b"fetch"), Err("Target command name already exists"));
    }

    #[test]
    fn longer_shorter_and_similar_names_are_not_taken_for_commands() {
        let table = CommandTable::new();
        for command in table.commands() {
            let name = command.row.name.as_bytes();
            let longer = [name, b"x"].concat();
            let mut similar = name.to_vec();
            similar[0] ^= 0x80;
            for other in [&longer[..], &name[1..], &similar, b""] {
                let found = table.find(other).map(|found| found.row.name);
                assert!(found.is_none_or(|found| found.as_bytes().eq_ignore_ascii_case(other)), "{other:?}");
            }
        }
    }
}
