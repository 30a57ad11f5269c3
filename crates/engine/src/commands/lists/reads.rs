//! Reading elements by index.

use nuthatch_collections::chunked::End;

use super::{parse_integer, resolve_index, resolve_range};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::Outcome;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("LINDEX", 3, READ, lindex).docs(
        Group::List,
        "1.0.0",
        "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for \
         the first or the last element of the list O(1).",
        "key index",
        "Returns the element at an index of a list.",
    ),
    Command::read("LLEN", 2, &[KeySpec::one(1, KeyFlags::RO)], llen).fast().docs(
        Group::List,
        "1.0.0",
        "O(1)",
        "key",
        "Returns the number of elements of a list.",
    ),
    Command::read("LRANGE", 4, READ, lrange).docs(
        Group::List,
        "1.0.0",
        "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) \
         for large lists; and N is the number of elements in the specified range.",
        "key start stop",
        "Returns the elements of a list from one index to another.",
    ),
];

fn llen(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let len = call.keys.read_list(&key)?.map_or(0, |list| list.len());
    call.reply.integer(len as i64);
    Ok(())
}

fn lindex(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let Some(list) = call.keys.read_list(&key)? else {
        call.reply.null();
        return Ok(());
    };
    let index = parse_integer(call.arguments.at(2))?;
    match resolve_index(index, list.len()).and_then(|index| list.get(index)) {
        Some(element) => reply_element(call.reply, element),
        None => call.reply.null(),
    }
    Ok(())
}

fn lrange(call: &mut Call<'_, '_>) -> Outcome {
    let first = parse_integer(call.arguments.at(2))?;
    let last = parse_integer(call.arguments.at(3))?;
    let key = call.key(1);
    let Some(list) = call.keys.read_list(&key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let range = resolve_range(first, last, list.len());
    call.reply.array(range.len());
    for element in list.iter(range.start, End::Back).take(range.len()) {
        reply_element(call.reply, element);
    }
    Ok(())
}
