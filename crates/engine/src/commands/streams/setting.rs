//! XSETID.

use nuthatch_collections::stream::StreamId;

use super::{entry_id, parse_integer};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const CHANGED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] =
    &[Command::write("XSETID", -3, CHANGED, xsetid).fast().deny_oom().docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
        "Sets what a stream knows of its past, for whoever writes a stream anew.",
    )];

fn xsetid(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_POSITIVE: CommandError = CommandError::fixed("ERR entries_added must be positive");
    const BELOW_GIVEN: CommandError = CommandError::fixed(
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
    );
    const BELOW_DELETED: CommandError =
        CommandError::fixed("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
    const BELOW_TOP: CommandError =
        CommandError::fixed("ERR The ID specified in XSETID is smaller than the target stream top item");
    const TOO_FEW: CommandError = CommandError::fixed(
        "ERR The entries_added specified in XSETID is smaller than the target stream length",
    );
    let id = entry_id(call.arguments.at(2))?;
    let (mut entries_added, mut max_deleted) = (None, None);
    let mut rest = call.arguments.from(3);
    while let Some(word) = rest.next() {
        let value = rest.next().ok_or(CommandError::SYNTAX)?;
        if is_word(word, "ENTRIESADDED") {
            entries_added = Some(u64::try_from(parse_integer(value)?).map_err(|_| NOT_POSITIVE)?);
        } else if is_word(word, "MAXDELETEDID") {
            let deleted = entry_id(value)?;
            if id < deleted {
                return Err(BELOW_GIVEN);
            }
            max_deleted = Some(deleted);
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    let key = call.key(1);
    let stream = call.keys.change_stream(&key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    if id < stream.max_deleted_id {
        return Err(BELOW_DELETED);
    }
    if stream.last().is_some_and(|last| id < last.id) {
        return Err(BELOW_TOP);
    }
    if entries_added.is_some_and(|added| added < stream.len() as u64) && !stream.is_empty() {
        return Err(TOO_FEW);
    }
    stream.last_id = id;
    if let Some(added) = entries_added {
        stream.entries_added = added;
    }
    if let Some(deleted) = max_deleted.filter(|deleted| *deleted != StreamId::MIN) {
        stream.max_deleted_id = deleted;
    }
    call.keys.note_aside(&key, "xsetid");
    call.reply.ok();
    Ok(())
}
