//! Removing elements at the ends.

use std::ops::Range;

use nuthatch_collections::chunked::{End, NodeLimit};
use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use super::{node_limit, parse_end};
use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;

pub(super) const SHRUNK: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("LMPOP", -4, &[KeySpec::counted(1, 1, SHRUNK)], lmpop).with(Flags::MOVABLE_KEYS).docs(
        Group::List,
        "7.0.0",
        "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
        "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        "Removes and returns elements at an end of the first list among several keys.",
    ),
    Command::write("LPOP", -2, &[KeySpec::one(1, SHRUNK)], |call| pop(call, End::Front, "lpop")).fast().docs(
        Group::List,
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "key [count]",
        "Removes and returns elements at the head of a list.",
    ),
    Command::write("RPOP", -2, &[KeySpec::one(1, SHRUNK)], |call| pop(call, End::Back, "rpop")).fast().docs(
        Group::List,
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "key [count]",
        "Removes and returns elements at the tail of a list.",
    ),
];

fn pop(call: &mut Call<'_, '_>, end: End, name: &'static str) -> Outcome {
    const NOT_POSITIVE: CommandError = CommandError::fixed("ERR value is out of range, must be positive");
    let key = call.key(1);
    let limit = node_limit(call);
    let count = match (call.arguments.get(2), call.arguments.len()) {
        (None, _) => {
            if !pop_one(call.keys, call.reply, &key, end, limit)? {
                call.reply.null();
            }
            return Ok(());
        }
        (Some(count), 3) => parse_i64(count).and_then(|count| usize::try_from(count).ok()),
        _ => return Err(CommandError::wrong_arity(name)),
    };
    let count = count.ok_or(NOT_POSITIVE)?;
    if !pop_several(call.keys, call.reply, &key, end, count, limit)? {
        call.reply.null_array();
    }
    Ok(())
}

fn lmpop(call: &mut Call<'_, '_>) -> Outcome {
    let MultiplePop { keys, end, count } = MultiplePop::parse(&call.arguments, 1)?;
    let limit = node_limit(call);
    for index in keys {
        let key = call.key(index);
        if pop_named(call.keys, call.reply, &key, end, count, limit)? {
            return Ok(());
        }
    }
    call.reply.null_array();
    Ok(())
}

/// The arguments `numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`.
pub(super) struct MultiplePop {
    /// The indexes of the keys.
    pub(super) keys: Range<usize>,
    /// Which end the elements are taken from.
    pub(super) end: End,
    /// How many are taken at most.
    pub(super) count: usize,
}

impl MultiplePop {
    /// Reads the arguments from the one at `first` on.
    pub(super) fn parse(arguments: &Arguments<'_>, first: usize) -> Result<Self, CommandError> {
        let positive = |argument: &[u8], error: &'static str| {
            let number = parse_i64(argument).and_then(|number| usize::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or(CommandError::fixed(error))
        };
        let keys = positive(arguments.at(first), "ERR numkeys should be greater than 0")?;
        let behind = keys.checked_add(first + 1).ok_or(CommandError::SYNTAX)?;
        let end = parse_end(arguments.get(behind).ok_or(CommandError::SYNTAX)?)?;
        let mut count = None;
        let mut rest = arguments.from(behind + 1);
        while let Some(word) = rest.next() {
            if count.is_some() || !is_word(word, "COUNT") {
                return Err(CommandError::SYNTAX);
            }
            let argument = rest.next().ok_or(CommandError::SYNTAX)?;
            count = Some(positive(argument, "ERR count should be greater than 0")?);
        }
        Ok(Self { keys: first + 1..behind, end, count: count.unwrap_or(1) })
    }
}

/// Removes an element at an end of a list and replies it. Says whether there is such a list; if not, nothing is
/// replied.
#[inline]
pub(crate) fn pop_one(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    key: &Key<'_>,
    end: End,
    limit: NodeLimit,
) -> Result<bool, CommandError> {
    let Some(mut list) = keys.change_list(key, limit)? else { return Ok(false) };
    list.pop(end, |element| reply_element(reply, element));
    let is_empty = list.settle();
    note_removal(keys, key, end, is_empty);
    Ok(true)
}

/// As [`pop_several`], replying the key before the elements.
pub(crate) fn pop_named(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    key: &Key<'_>,
    end: End,
    count: usize,
    limit: NodeLimit,
) -> Result<bool, CommandError> {
    let mark = reply.mark();
    reply.array(2);
    reply.bulk(key.bytes);
    let is_there = pop_several(keys, reply, key, end, count, limit)?;
    if !is_there {
        reply.truncate(mark);
    }
    Ok(is_there)
}

/// Removes up to `count` elements at an end of a list and replies them as an array. Says whether there is such a
/// list; if not, nothing is replied.
pub(crate) fn pop_several(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    key: &Key<'_>,
    end: End,
    count: usize,
    limit: NodeLimit,
) -> Result<bool, CommandError> {
    let Some(mut list) = keys.change_list(key, limit)? else { return Ok(false) };
    let len = list.len();
    let count = count.min(len);
    reply.array(count);
    if count == 0 {
        return Ok(true);
    }
    let elements = match end {
        End::Front => list.as_list().iter(0, End::Back),
        End::Back => list.as_list().iter(len - 1, End::Front),
    };
    elements.take(count).for_each(|element| reply_element(reply, element));
    if count < len {
        list.remove(end, count);
        list.settle();
    }
    note_removal(keys, key, end, count == len);
    Ok(true)
}

/// Notes that elements at an end of a list are gone, and removes the key if it `is_empty`.
pub(super) fn note_removal(keys: &mut Keys<'_>, key: &Key<'_>, end: End, is_empty: bool) {
    keys.note(
        key,
        match end {
            End::Front => "lpop",
            End::Back => "rpop",
        },
    );
    if is_empty {
        keys.take_away(key, "del");
    }
}
