//! Iteration over the members of a set, step by step.

use super::READ;
use crate::call::Call;
use crate::command::{Command, Group};
use crate::commands::elements::reply_element;
use crate::commands::scanning::{self, ScanOptions, Scanned};
use crate::error::Outcome;
use crate::value::Type;
use crate::value::set::SetRef;

/// The row of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::read("SSCAN", -3, READ, scan)
    .docs(
        Group::Set,
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
         cursor to return back to 0. N is the number of elements inside the collection.",
        "key cursor [MATCH pattern] [COUNT count]",
        "Iterates over the members of a set.",
    )
    .tips(&["nondeterministic_output"])];

fn scan(call: &mut Call<'_, '_>) -> Outcome {
    let (key, cursor) = (call.key(1), scanning::cursor(call.arguments.at(2))?);
    let Some(record) = call.keys.read_as(&key, Type::Set)? else {
        call.reply.array(2);
        call.reply.bulk(b"0");
        call.reply.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(call.arguments.from(3), Scanned::Elements(Type::Set))?;
    let mut found = Vec::new();
    let mut next = None;
    match SetRef::of(record) {
        SetRef::Table(table) => {
            let mut visited = 0;
            next = Some(scanning::position_of(cursor));
            while let Some(position) = next.filter(|_| visited < options.count) {
                next = table.scan(position, &mut |entry| {
                    visited += 1;
                    found.push(entry.key);
                });
            }
        }
        set => found.extend(set.members()),
    }
    found.retain(|member| member.with_text(|text| options.accepts(text)));
    call.reply.array(2);
    call.reply.bulk_integer(next.map_or(0, scanning::cursor_of) as i64);
    call.reply.array(found.len());
    found.into_iter().for_each(|member| reply_element(call.reply, member));
    Ok(())
}
