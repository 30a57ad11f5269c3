//! Storing a range of members under another key: ZRANGESTORE.

use std::borrow::Cow;

use super::packed_limits;
use super::ranges::{Form, Wanted};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::Outcome;
use crate::keyspace::Key;
use crate::value::sorted_set::NewSortedSet;

const STORE: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
    KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS)),
];

/// The row.
pub(in crate::commands) const COMMANDS: &[Command] =
    &[Command::write("ZRANGESTORE", -5, STORE, zrangestore).deny_oom().docs(
        Group::SortedSet,
        "6.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
         stored into the destination key.",
        "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
        "Stores the members of a sorted set in a range of ranks, scores or members.",
    )];

fn zrangestore(call: &mut Call<'_>) -> Outcome {
    let form = Form { by: None, reversed: None, can_have_scores: false };
    let wanted = Wanted::parse(&call.arguments, 3, form)?;
    let (source, limits) = (call.key(2), packed_limits(call));
    let stored = call.keys.read_sorted_set(&source)?.map(|set| {
        let members: Vec<(f64, Cow<'_, [u8]>)> =
            set.iter(wanted.ranks(set)).map(|(member, score)| (score, member.to_cow())).collect();
        NewSortedSet::from_sorted(members.iter().map(|(score, member)| (*score, &member[..])), limits)
    });
    let destination = call.key(1);
    store(call, &destination, stored, "zrangestore");
    Ok(())
}

/// Stores a sorted set under a key, or removes that if there are no members. Replies their number.
pub(in crate::commands) fn store(
    call: &mut Call<'_>,
    destination: &Key<'_>,
    set: Option<NewSortedSet>,
    event: &'static str,
) {
    match set.filter(|set| !set.view().is_empty()) {
        Some(set) => {
            call.reply.integer(set.view().len() as i64);
            call.keys.put_sorted_set(destination, set);
            call.keys.note(destination, event);
        }
        None => {
            call.reply.integer(0);
            call.keys.take_away(destination, "del");
        }
    }
}
