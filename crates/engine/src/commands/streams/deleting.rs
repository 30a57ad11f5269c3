//! XDEL and XDELEX.

use nuthatch_collections::stream::{References, StreamId};

use super::entry_id;
use super::references::parse_ids;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const SHRUNK: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("XDEL", -3, SHRUNK, xdel).fast().docs(
        Group::Stream,
        "5.0.0",
        "O(1) for each single item to delete in the stream, regardless of the stream size.",
        "key id [id ...]",
        "Deletes entries of a stream and returns how many there were.",
    ),
    Command::write("XDELEX", -5, SHRUNK, xdelex).fast().docs(
        Group::Stream,
        "8.2.0",
        "O(1) for each single item to delete in the stream, regardless of the stream size.",
        "key [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>",
        "Deletes entries of a stream, and tells of each what became of it; groups keep or lose their references.",
    ),
];

fn xdel(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let mut deleted = 0;
    if let Some(stream) = call.keys.change_stream(&key)? {
        let ids: Vec<StreamId> = call.arguments.from(2).map(entry_id).collect::<Result<_, CommandError>>()?;
        deleted = ids.into_iter().filter(|id| stream.delete(*id)).count();
    }
    if deleted > 0 {
        call.keys.note(&key, "xdel");
    }
    call.reply.integer(deleted as i64);
    Ok(())
}

fn xdelex(call: &mut Call<'_, '_>) -> Outcome {
    let (references, ids) = parse_ids(&call.arguments, 2)?;
    let key = call.key(1);
    call.reply.array(ids.len());
    let mut stream = call.keys.change_stream(&key)?;
    let mut changed = false;
    for id in ids {
        let is_there = stream.as_ref().is_some_and(|stream| stream.get(id).is_some());
        call.reply.integer(match &mut stream {
            Some(stream) if is_there => {
                if references == References::Acknowledged && stream.is_referenced(id) {
                    2
                } else {
                    stream.delete(id);
                    if references == References::Delete {
                        stream.forget_references(id);
                    }
                    changed = true;
                    1
                }
            }
            _ => -1,
        });
    }
    if changed {
        call.keys.note(&key, "xdel");
    }
    Ok(())
}
