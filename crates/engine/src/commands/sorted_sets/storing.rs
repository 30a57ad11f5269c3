//! Storing a range of members under another key: ZRANGESTORE.

use std::borrow::Cow;

use super::bounds::By;
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

fn zrangestore(call: &mut Call<'_, '_>) -> Outcome {
    let form = Form { by: None, reversed: None, can_have_scores: false };
    let wanted = Wanted::parse(&call.arguments, 3, form)?;
    let (source, limits) = (call.key(2), packed_limits(call));
    call.remove_expired_keys();
    let stored = call.keys.read_sorted_set(&source)?.map(|set| {
        let ranks = wanted.ranks(set);
        let mut members: Vec<(f64, Cow<'_, [u8]>)> =
            set.iter(ranks.clone()).map(|(member, score)| (score, member.to_cow())).collect();
        // How many members there will be is known beforehand of a range of ranks only. Others begin packed, one
        // member after the other, and so zeros lose their sign until the limits are exceeded.
        if wanted.by != By::Rank || ranks.len() <= limits.entries_max {
            let fits = |member: &Cow<'_, [u8]>| member.len() <= limits.member_bytes_max;
            let drop_sign = |(score, _): &mut (f64, Cow<'_, [u8]>)| *score += 0.0;
            let packed = limits.entries_max;
            if wanted.reversed {
                members.iter_mut().rev().take(packed).take_while(|item| fits(&item.1)).for_each(drop_sign);
            } else {
                members.iter_mut().take(packed).take_while(|item| fits(&item.1)).for_each(drop_sign);
            }
        }
        NewSortedSet::from_sorted(members.iter().map(|(score, member)| (*score, &member[..])), limits)
    });
    let destination = call.key(1);
    if wanted.goes_by_encoding() {
        store_whole(call, &destination, stored);
    } else {
        store(call, &destination, stored, "zrangestore");
    }
    Ok(())
}

/// As [`store`], but the log is told of what is stored: the request could mean others when it is run again, because the
/// source is small again once it was saved and loaded.
fn store_whole(call: &mut Call<'_, '_>, destination: &Key<'_>, set: Option<NewSortedSet>) {
    let set = set.filter(|set| !set.view().is_empty());
    call.reply.integer(set.as_ref().map_or(0, |set| set.view().len() as i64));
    match set {
        Some(set) => {
            call.keys.put_sorted_set(destination, set);
            call.keys.note_whole(destination, "zrangestore");
        }
        None => {
            call.keys.remove(destination, "del");
        }
    }
}

/// Stores a sorted set under a key, or removes that if there are no members. Replies their number.
pub(in crate::commands) fn store(
    call: &mut Call<'_, '_>,
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
