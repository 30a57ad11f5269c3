//! How many members are in a range: ZCOUNT and ZLEXCOUNT.

use super::READ;
use super::bounds::{Bounds, By};
use crate::call::Call;
use crate::command::{Command, Group};
use crate::error::Outcome;

const COMPLEXITY: &str = "O(log(N)) with N being the number of elements in the sorted set.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("ZCOUNT", 4, READ, zcount).fast().docs(
        Group::SortedSet,
        "2.0.0",
        COMPLEXITY,
        "key min max",
        "Counts the members of a sorted set in a range of scores.",
    ),
    Command::read("ZLEXCOUNT", 4, READ, zlexcount).fast().docs(
        Group::SortedSet,
        "2.8.9",
        COMPLEXITY,
        "key min max",
        "Counts the members of a sorted set in a range of members, where all scores are equal.",
    ),
];

fn zcount(call: &mut Call<'_, '_>) -> Outcome {
    count(call, By::Score)
}

fn zlexcount(call: &mut Call<'_, '_>) -> Outcome {
    count(call, By::Member)
}

fn count(call: &mut Call<'_, '_>, by: By) -> Outcome {
    let bounds = Bounds::parse(by, call.arguments.at(2), call.arguments.at(3))?;
    let key = call.key(1);
    let count = call.keys.read_sorted_set(&key)?.map_or(0, |set| bounds.ranks(set, false).len());
    call.reply.integer(count as i64);
    Ok(())
}
