//! Finding members step by step: ZSCAN.

use nuthatch_protocol::number::{format_f64, format_f64_17};

use super::READ;
use crate::call::Call;
use crate::command::{Command, Group};
use crate::commands::scanning::{self, ScanOptions, Scanned};
use crate::error::Outcome;
use crate::value::Type;
use crate::value::sorted_set::SortedSetRef;

/// The row.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::read("ZSCAN", -3, READ, zscan)
    .docs(
        Group::SortedSet,
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
         return back to 0. N is the number of elements inside the collection.",
        "key cursor [MATCH pattern] [COUNT count]",
        "Iterates over the members of a sorted set.",
    )
    .tips(&["nondeterministic_output"])];

fn zscan(call: &mut Call<'_, '_>) -> Outcome {
    let cursor = scanning::cursor(call.arguments.at(2))?;
    let key = call.key(1);
    let mut next = 0;
    // Texts of members and scores in turn, and where each ends.
    let (mut texts, mut ends) = (Vec::new(), Vec::new());
    if let Some(set) = call.keys.read_sorted_set(&key)? {
        let options = ScanOptions::parse(call.arguments.from(3), Scanned::Elements(Type::SortedSet))?;
        let mut take = |member: &[u8], score: f64, format: fn(f64, &mut Vec<u8>)| {
            if options.accepts(member) {
                texts.extend_from_slice(member);
                ends.push(texts.len());
                format(score, &mut texts);
                ends.push(texts.len());
            }
        };
        match set {
            SortedSetRef::Packed(_) => {
                for (member, score) in set.iter_all() {
                    member.with_text(|member| take(member, score, format_f64));
                }
            }
            SortedSetRef::Big(set) => {
                let mut visited = 0;
                let mut position = Some(cursor);
                while let Some(from) = position.filter(|_| visited < options.count) {
                    position = set.scan(from, |member, score| {
                        visited += 1;
                        // As stock servers show the scores of big ones here.
                        member.with_text(|member| take(member, score, format_f64_17));
                    });
                }
                next = position.unwrap_or(0);
            }
        }
    }
    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    call.reply.array(ends.len());
    let mut start = 0;
    for end in ends {
        call.reply.bulk(&texts[start..end]);
        start = end;
    }
    Ok(())
}
