//! Adding elements at the ends.

use nuthatch_collections::chunked::End;

use super::node_limit;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::Outcome;

const GROWN: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))];
const COMPLEXITY: &str = "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.";
const SYNTAX: &str = "key element [element ...]";

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("LPUSH", -3, GROWN, |call| push(call, End::Front, "lpush")).fast().deny_oom().docs(
        Group::List,
        "1.0.0",
        COMPLEXITY,
        SYNTAX,
        "Adds elements at the head of a list and makes it if there is none.",
    ),
    Command::write("LPUSHX", -3, GROWN, |call| push_existing(call, End::Front, "lpush"))
        .fast()
        .deny_oom()
        .docs(Group::List, "2.2.0", COMPLEXITY, SYNTAX, "Adds elements at the head of a list that exists."),
    Command::write("RPUSH", -3, GROWN, |call| push(call, End::Back, "rpush")).fast().deny_oom().docs(
        Group::List,
        "1.0.0",
        COMPLEXITY,
        SYNTAX,
        "Adds elements at the tail of a list and makes it if there is none.",
    ),
    Command::write("RPUSHX", -3, GROWN, |call| push_existing(call, End::Back, "rpush"))
        .fast()
        .deny_oom()
        .docs(Group::List, "2.2.0", COMPLEXITY, SYNTAX, "Adds elements at the tail of a list that exists."),
];

fn push(call: &mut Call<'_, '_>, end: End, event: &'static str) -> Outcome {
    let key = call.key(1);
    let len = call.keys.push(&key, end, call.arguments.from(2), node_limit(call))?;
    call.keys.note_parts(&key, event, call.arguments.len() - 2);
    call.reply.integer(len as i64);
    Ok(())
}

fn push_existing(call: &mut Call<'_, '_>, end: End, event: &'static str) -> Outcome {
    let key = call.key(1);
    let limit = node_limit(call);
    let Some(mut list) = call.keys.change_list(&key, limit)? else {
        call.reply.integer(0);
        return Ok(());
    };
    list.push(end, call.arguments.from(2));
    call.reply.integer(list.len() as i64);
    call.keys.note_parts(&key, event, call.arguments.len() - 2);
    Ok(())
}
