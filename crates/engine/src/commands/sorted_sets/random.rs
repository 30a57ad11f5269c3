//! Members by chance: ZRANDMEMBER.

use std::collections::BTreeSet;

use nuthatch_collections::packed::Element;
use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use super::{READ, Shape};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group};
use crate::commands::elements::reply_element;
use crate::error::{CommandError, Outcome};
use crate::value::sorted_set::SortedSetRef;

/// The row.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::read("ZRANDMEMBER", -2, READ, zrandmember)
    .docs(
        Group::SortedSet,
        "6.2.0",
        "O(N) where N is the number of members returned",
        "key [count [WITHSCORES]]",
        "Returns random members of a sorted set.",
    )
    .tips(&["nondeterministic_output"])];

fn zrandmember(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let Some(count) = call.arguments.get(2) else {
        let set = call.keys.read_sorted_set(&key)?.filter(|set| !set.is_empty());
        match set.and_then(|set| member_at(set, fastrand::usize(..set.len()))) {
            Some((member, _)) => reply_element(call.reply, member),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let (count, shape) = parse_count(call, count)?;
    let Some(set) = call.keys.read_sorted_set(&key)?.filter(|set| !set.is_empty()) else {
        call.reply.array(0);
        return Ok(());
    };
    let len = set.len();
    let reply = &mut *call.reply;
    match usize::try_from(count) {
        Ok(count) => {
            let ranks = choose(count.min(len), len);
            shape.header(reply, ranks.len());
            let members = ranks.into_iter().filter_map(|rank| member_at(set, rank));
            shape.entries(reply, members);
        }
        Err(_) => {
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            return repeat(reply, shape, set, count);
        }
    }
    Ok(())
}

/// Replies so many random members, the same ones again and again if need be.
fn repeat(reply: &mut Reply, shape: Shape, set: SortedSetRef<'_>, count: usize) -> Outcome {
    /// No reply grows beyond this. Stock servers have no such limit and run out of memory.
    const REPLY_BYTES_MAX: usize = 512 * 1024 * 1024;
    const TOO_LONG: CommandError =
        CommandError::fixed("ERR value is out of range, the reply would be too long");
    /// What the shortest member takes in a reply.
    const MEMBER_BYTES_MIN: usize = 6;
    if count > REPLY_BYTES_MAX / MEMBER_BYTES_MIN {
        return Err(TOO_LONG);
    }
    let (bytes_max, len) = (reply.len().saturating_add(REPLY_BYTES_MAX), set.len());
    shape.header(reply, count);
    for (member, score) in (0..count).filter_map(|_| member_at(set, fastrand::usize(..len))) {
        if reply.len() > bytes_max {
            return Err(TOO_LONG);
        }
        shape.entry(reply, member, score);
    }
    Ok(())
}

/// Reads the count, and whether scores are wanted.
fn parse_count(call: &Call<'_, '_>, count: &[u8]) -> Result<(i64, Shape), CommandError> {
    const OUT_OF_RANGE: CommandError = CommandError::fixed("ERR value is out of range");
    const MINIMUM: CommandError = CommandError::fixed(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    let count = parse_i64(count).ok_or(CommandError::NOT_AN_INTEGER)?;
    if count == i64::MIN {
        return Err(MINIMUM);
    }
    let with_scores = match call.arguments.get(3) {
        None => false,
        Some(word) if call.arguments.len() == 4 && is_word(word, "WITHSCORES") => true,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(OUT_OF_RANGE);
    }
    Ok((count, Shape::with_scores(with_scores)))
}

fn member_at(set: SortedSetRef<'_>, rank: usize) -> Option<(Element<'_>, f64)> {
    set.iter(rank..rank + 1).next()
}

/// `count` different numbers below `len`, in order: every choice is as likely.
fn choose(count: usize, len: usize) -> Vec<usize> {
    // Floyd's algorithm: as many random numbers as are chosen, or as are left out.
    let sample = |count: usize| {
        let mut chosen = BTreeSet::new();
        for limit in len - count..len {
            let number = fastrand::usize(..=limit);
            if !chosen.insert(number) {
                chosen.insert(limit);
            }
        }
        chosen
    };
    if count <= len / 2 {
        return sample(count).into_iter().collect();
    }
    let left_out = sample(len - count);
    (0..len).filter(|number| !left_out.contains(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_of_different_numbers_and_equally_likely() {
        let mut hits = [0; 10];
        for count in 0..=10 {
            for _ in 0..1000 {
                let numbers = choose(count, 10);
                assert!(numbers.len() == count && numbers.is_sorted_by(|one, other| one < other));
                numbers.into_iter().for_each(|number| hits[number] += 1);
            }
        }
        // 5500 each on average.
        assert!(hits.iter().all(|hits| (5000..6000).contains(hits)), "{hits:?}");
    }
}
