//! Removing members, one by one or by range: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX.

use super::DELETE;
use super::bounds::{Bounds, By};
use crate::call::Call;
use crate::command::{Command, Group};
use crate::error::Outcome;

const COMPLEXITY: &str = "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                          of elements removed by the operation.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("ZREM", -3, DELETE, zrem).looks_for(2).fast().docs(
        Group::SortedSet,
        "1.2.0",
        "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to \
         be removed.",
        "key member [member ...]",
        "Removes members from a sorted set.",
    ),
    Command::write("ZREMRANGEBYLEX", 4, DELETE, zremrangebylex).docs(
        Group::SortedSet,
        "2.8.9",
        COMPLEXITY,
        "key min max",
        "Removes the members of a sorted set in a range of members, where all scores are equal.",
    ),
    Command::write("ZREMRANGEBYRANK", 4, DELETE, zremrangebyrank).docs(
        Group::SortedSet,
        "2.0.0",
        COMPLEXITY,
        "key start stop",
        "Removes the members of a sorted set in a range of ranks.",
    ),
    Command::write("ZREMRANGEBYSCORE", 4, DELETE, zremrangebyscore).docs(
        Group::SortedSet,
        "1.2.0",
        COMPLEXITY,
        "key min max",
        "Removes the members of a sorted set in a range of scores.",
    ),
];

fn zrem(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let (mut removed, mut is_empty) = (0, false);
    if let Some(mut set) = call.keys.change_sorted_set(&key)? {
        for member in call.arguments.from(2) {
            removed += i64::from(set.remove(member));
        }
        is_empty = set.view().is_empty();
    }
    finish(call, removed, is_empty, "zrem");
    Ok(())
}

fn zremrangebylex(call: &mut Call<'_, '_>) -> Outcome {
    remove_range(call, By::Member, "zremrangebylex")
}

fn zremrangebyrank(call: &mut Call<'_, '_>) -> Outcome {
    remove_range(call, By::Rank, "zremrangebyrank")
}

fn zremrangebyscore(call: &mut Call<'_, '_>) -> Outcome {
    remove_range(call, By::Score, "zremrangebyscore")
}

fn remove_range(call: &mut Call<'_, '_>, by: By, event: &'static str) -> Outcome {
    let bounds = Bounds::parse(by, call.arguments.at(2), call.arguments.at(3))?;
    let key = call.key(1);
    let (mut removed, mut is_empty) = (0, false);
    if let Some(mut set) = call.keys.change_sorted_set(&key)? {
        let ranks = bounds.ranks(set.view(), false);
        removed = ranks.len() as i64;
        set.remove_range(ranks);
        is_empty = set.view().is_empty();
    }
    finish(call, removed, is_empty, event);
    Ok(())
}

/// Notes that members were removed, takes an empty key away, and replies how many members there were.
fn finish(call: &mut Call<'_, '_>, removed: i64, is_empty: bool, event: &'static str) {
    let key = call.key(1);
    if removed > 0 {
        call.keys.note_parts(&key, event, removed as usize);
    }
    if is_empty {
        call.keys.take_away(&key, "del");
    }
    call.reply.integer(removed);
}
