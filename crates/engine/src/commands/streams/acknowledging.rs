//! XACK and XACKDEL.

use nuthatch_collections::stream::{References, StreamId};

use super::entry_id;
use super::references::parse_ids;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const CHANGED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const SHRUNK: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("XACK", -4, CHANGED, xack).fast().docs(
        Group::Stream,
        "5.0.0",
        "O(1) for each message ID processed.",
        "key group id [id ...]",
        "Has a group forget entries that its consumers are done with, and returns how many there were.",
    ),
    Command::write("XACKDEL", -6, SHRUNK, xackdel).fast().docs(
        Group::Stream,
        "8.2.0",
        "O(1) for each message ID processed.",
        "key group [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>",
        "Has a group forget entries that its consumers are done with, and deletes them from the stream.",
    ),
];

fn xack(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let stream = call.keys.change_stream(&key)?;
    let mut acknowledged = 0;
    if let Some(group) = stream.and_then(|stream| stream.groups.get_mut(call.arguments.at(2))) {
        let mut ids = call.arguments.from(3);
        acknowledged = if ids.len() == 1 {
            usize::from(group.acknowledge(entry_id(ids.next().unwrap_or_default())?))
        } else {
            let ids: Vec<StreamId> = ids.map(entry_id).collect::<Result<_, CommandError>>()?;
            ids.into_iter().filter(|id| group.acknowledge(*id)).count()
        };
    }
    if acknowledged > 0 {
        call.keys.note_aside(&key, "");
    } else if !call.keys.contains(&key) {
        call.keys.note_miss(&key);
    }
    call.reply.integer(acknowledged as i64);
    Ok(())
}

fn xackdel(call: &mut Call<'_, '_>) -> Outcome {
    let (references, ids) = parse_ids(&call.arguments, 3)?;
    let key = call.key(1);
    let group_name = call.arguments.at(2);
    call.reply.array(ids.len());
    let mut stream = call.keys.change_stream(&key)?;
    let (mut changed, mut deleted) = (false, false);
    for id in ids {
        let group = stream.as_mut().and_then(|stream| stream.groups.get_mut(group_name));
        let acknowledged = group.is_some_and(|group| group.acknowledge(id));
        call.reply.integer(match &mut stream {
            Some(stream) if acknowledged => {
                changed = true;
                if references == References::Acknowledged && stream.is_referenced(id) {
                    2
                } else {
                    deleted |= stream.delete(id);
                    if references == References::Delete {
                        stream.forget_references(id);
                    }
                    1
                }
            }
            _ => -1,
        });
    }
    if deleted {
        call.keys.note(&key, "xdel");
    } else if changed {
        call.keys.note_aside(&key, "");
    }
    Ok(())
}
