//! Changing, inserting and removing elements anywhere.

use nuthatch_collections::chunked::{End, Side};
use nuthatch_collections::packed::Element;

use super::{node_limit, parse_directed, parse_integer, resolve_index, resolve_range};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const UPDATED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const GROWN: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))];
const SHRUNK: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("LINSERT", 5, GROWN, linsert).deny_oom().docs(
        Group::List,
        "2.2.0",
        "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that \
         inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on \
         the right end (tail) is O(N).",
        "key <BEFORE | AFTER> pivot element",
        "Inserts an element before or after the first one of a list that equals another.",
    ),
    Command::write("LREM", 4, SHRUNK, lrem).docs(
        Group::List,
        "1.0.0",
        "O(N+M) where N is the length of the list and M is the number of elements removed.",
        "key count element",
        "Removes the elements of a list that equal another.",
    ),
    Command::write("LSET", 4, UPDATED, lset).deny_oom().docs(
        Group::List,
        "1.0.0",
        "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).",
        "key index element",
        "Puts an element in the place of the one at an index of a list.",
    ),
    Command::write("LTRIM", 4, SHRUNK, ltrim).docs(
        Group::List,
        "1.0.0",
        "O(N) where N is the number of elements to be removed by the operation.",
        "key start stop",
        "Removes all elements of a list but those from one index to another.",
    ),
];

fn lset(call: &mut Call<'_, '_>) -> Outcome {
    const OUT_OF_RANGE: CommandError = CommandError::fixed("ERR index out of range");
    let key = call.key(1);
    let limit = node_limit(call);
    let text = call.arguments.at(3);
    let mut list = call.keys.change_list(&key, limit)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let index = parse_integer(call.arguments.at(2))?;
    // An index out of range may make the list big all the same, as on stock servers.
    let index = resolve_index(index, list.len()).unwrap_or(usize::MAX);
    if !list.set(index, text) {
        return Err(OUT_OF_RANGE);
    }
    list.settle();
    call.keys.note(&key, "lset");
    call.reply.ok();
    Ok(())
}

fn linsert(call: &mut Call<'_, '_>) -> Outcome {
    let side = match call.arguments.at(2) {
        word if is_word(word, "BEFORE") => Side::Before,
        word if is_word(word, "AFTER") => Side::After,
        _ => return Err(CommandError::SYNTAX),
    };
    let key = call.key(1);
    let limit = node_limit(call);
    let Some(mut list) = call.keys.change_list(&key, limit)? else {
        call.reply.integer(0);
        return Ok(());
    };
    if list.insert(call.arguments.at(3), side, call.arguments.at(4)) {
        call.reply.integer(list.len() as i64);
        call.keys.note(&key, "linsert");
    } else {
        call.reply.integer(-1);
    }
    Ok(())
}

fn lrem(call: &mut Call<'_, '_>) -> Outcome {
    let count = parse_directed(call.arguments.at(2))?;
    let from = if count < 0 { End::Back } else { End::Front };
    let most = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(most) => most,
    };
    let key = call.key(1);
    let limit = node_limit(call);
    let Some(mut list) = call.keys.change_list(&key, limit)? else {
        call.reply.integer(0);
        return Ok(());
    };
    let removed = list.remove_equal(from, Element::of(call.arguments.at(3)), most);
    call.reply.integer(removed as i64);
    if removed > 0 {
        let is_empty = list.settle();
        call.keys.note_parts(&key, "lrem", removed);
        if is_empty {
            call.keys.take_away(&key, "del");
        }
    }
    Ok(())
}

fn ltrim(call: &mut Call<'_, '_>) -> Outcome {
    let first = parse_integer(call.arguments.at(2))?;
    let last = parse_integer(call.arguments.at(3))?;
    let key = call.key(1);
    let limit = node_limit(call);
    call.reply.ok();
    let Some(mut list) = call.keys.change_list(&key, limit)? else { return Ok(()) };
    let len = list.len();
    let kept = resolve_range(first, last, len);
    let is_empty = kept.is_empty();
    if !is_empty {
        list.remove(End::Back, len - kept.end);
        list.remove(End::Front, kept.start);
        list.settle();
    }
    call.keys.note(&key, "ltrim");
    if is_empty {
        call.keys.take_away(&key, "del");
    }
    Ok(())
}
