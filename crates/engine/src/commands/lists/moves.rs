//! Moving an element from one list to another.

use nuthatch_collections::chunked::{End, NodeLimit};
use nuthatch_protocol::Reply;

use super::pops::note_removal;
use super::{node_limit, parse_end};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::Type;

pub(super) const SOURCE_AND_DESTINATION: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE)),
    KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("LMOVE", 5, SOURCE_AND_DESTINATION, lmove).deny_oom().docs(
        Group::List,
        "6.2.0",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        "Moves an element from an end of a list to an end of another, or of the same, and returns it.",
    ),
    Command::write("RPOPLPUSH", 3, SOURCE_AND_DESTINATION, rpoplpush)
        .deny_oom()
        .docs(
            Group::List,
            "1.2.0",
            "O(1)",
            "source destination",
            "Moves an element from the tail of a list to the head of another, or of the same, and returns it.",
        )
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
];

fn lmove(call: &mut Call<'_, '_>) -> Outcome {
    let from = parse_end(call.arguments.at(3))?;
    let to = parse_end(call.arguments.at(4))?;
    reply_moved(call, from, to)
}

fn rpoplpush(call: &mut Call<'_, '_>) -> Outcome {
    reply_moved(call, End::Back, End::Front)
}

fn reply_moved(call: &mut Call<'_, '_>, from: End, to: End) -> Outcome {
    let (source, destination) = (call.key(1), call.key(2));
    let limit = node_limit(call);
    if !move_element(call.keys, call.reply, (&source, from), (&destination, to), limit)? {
        call.reply.null();
    }
    Ok(())
}

/// Moves an element from an end of a list to an end of another, or of the same, and replies it. Says whether there is
/// a list to take it from; if not, nothing is replied.
pub(crate) fn move_element(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    (source, from): (&Key<'_>, End),
    (destination, to): (&Key<'_>, End),
    limit: NodeLimit,
) -> Result<bool, CommandError> {
    if keys.peek_as(source, Type::List)?.is_none() {
        return Ok(false);
    }
    keys.peek_as(destination, Type::List)?;
    let mut text = Vec::new();
    if let Some(mut list) = keys.change_list(source, limit)? {
        list.pop(from, |element| {
            reply_element(reply, element);
            element.write_to(&mut text);
        });
    }
    keys.push(destination, to, std::iter::once(text.as_slice()), limit)?;
    keys.note(
        destination,
        match to {
            End::Front => "lpush",
            End::Back => "rpush",
        },
    );
    let is_empty = match keys.change_list(source, limit)? {
        Some(mut list) => list.settle(),
        None => false,
    };
    note_removal(keys, source, from, is_empty);
    Ok(true)
}
