//! COMMAND GETKEYS and COMMAND GETKEYSANDFLAGS: the keys of a request that is given as arguments.

use nuthatch_protocol::number::parse_i64;

use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::command::{FindKeys, KeyFlags};
use crate::error::{CommandError, Outcome};
use crate::table::Registered;

use super::info::key_flag_names;

/// COMMAND GETKEYS.
pub(super) fn keys(call: &mut Call<'_, '_>) -> Outcome {
    let found = find_keys(call)?;
    call.reply.array(found.len());
    for (key, _) in found {
        call.reply.bulk(key);
    }
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS.
pub(super) fn keys_and_flags(call: &mut Call<'_, '_>) -> Outcome {
    let found = find_keys(call)?;
    call.reply.array(found.len());
    for (key, flags) in found {
        let names = key_flag_names(flags);
        call.reply.array(2);
        call.reply.bulk(key);
        call.reply.set(names.len());
        for name in names {
            call.reply.simple(name);
        }
    }
    Ok(())
}

fn find_keys<'a>(call: &Call<'a, '_>) -> Result<Vec<(&'a [u8], KeyFlags)>, CommandError> {
    const UNKNOWN: CommandError = CommandError::fixed("ERR Invalid command specified");
    const NO_KEYS: CommandError = CommandError::fixed("ERR The command has no key arguments");
    const WRONG_COUNT: CommandError =
        CommandError::fixed("ERR Invalid number of arguments specified for command");
    const INVALID: CommandError = CommandError::fixed("ERR Invalid arguments specified for command");
    let request = call.arguments.skip(2);
    let command = call.engine.commands.resolve(&request).ok_or(UNKNOWN)?;
    if command.row.keys.is_empty() {
        return Err(NO_KEYS);
    }
    if !command.row.accepts(request.len()) {
        return Err(WRONG_COUNT);
    }
    if !counts_are_right(command, &request) {
        return Err(INVALID);
    }
    let mut found = Vec::new();
    for spec in command.row.keys {
        let flags = if spec.flags.contains(KeyFlags::VARIABLE_FLAGS) {
            flags_of_request(command, &request)
        } else {
            spec.flags
        };
        let count_of_keys = |index| usize::try_from(parse_i64(request.get(index)?)?).ok();
        // Of words that are repeated stock servers name the first one's key, although the command uses the last one's.
        let listed = if let FindKeys::Behind { .. } = spec.find { 1 } else { usize::MAX };
        let positions = spec.positions(&request, count_of_keys).take(listed);
        found.extend(positions.filter_map(|position| Some((request.get(position)?, flags))));
    }
    Ok(found)
}

/// Whether every argument that says how many keys follow is a number of keys that are there.
fn counts_are_right(command: &Registered, request: &Arguments<'_>) -> bool {
    command.row.keys.iter().all(|spec| match spec.find {
        FindKeys::Range { .. } | FindKeys::Behind { .. } | FindKeys::Sought(_) => true,
        FindKeys::FirstHalfBehind { .. } => spec.positions(request, |_| None).next().is_some(),
        FindKeys::Counted { step } => {
            let index = usize::from(spec.index);
            let room = request.len().saturating_sub(index + 1) / usize::from(step).max(1);
            let count = request.get(index).and_then(parse_i64).and_then(|count| usize::try_from(count).ok());
            count.is_some_and(|count| count > 0 && count <= room)
        }
    })
}

/// What a request does with its key where that depends on the other arguments.
fn flags_of_request(command: &Registered, request: &Arguments<'_>) -> KeyFlags {
    match command.row.name {
        "SET" if !request.from(3).any(|option| is_word(option, "GET")) => KeyFlags::OW | KeyFlags::UPDATE,
        "BITFIELD" if only_reads_fields(request) => KeyFlags::RO | KeyFlags::ACCESS,
        _ => KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE,
    }
}

/// Whether all that a BITFIELD does is GET, the choice of an OVERFLOW aside.
fn only_reads_fields(request: &Arguments<'_>) -> bool {
    let mut words = request.from(2);
    while let Some(word) = words.next() {
        let complete = match word {
            get if is_word(get, "GET") => words.next().is_some() && words.next().is_some(),
            overflow if is_word(overflow, "OVERFLOW") => words.next().is_some(),
            _ => false,
        };
        if !complete {
            return false;
        }
    }
    true
}
