//! Unions, intersections and differences: ZUNION, ZINTER, ZDIFF, the commands that store them, and ZINTERCARD.

mod algebra;

use std::ops::Range;

use nuthatch_collections::packed::Element;
use nuthatch_protocol::number::{parse_f64, parse_i64};

use self::algebra::{Aggregate, Operation, Recipe};
use super::storing::store;
use super::{Shape, inputs, packed_limits, reply_entries};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::sorted_set::NewSortedSet;

const COMBINE: &[KeySpec] = &[KeySpec::counted(1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const STORE: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
    KeySpec::counted(2, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
];

const UNION_COMPLEXITY: &str = "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and \
                                M being the number of elements in the resulting sorted set.";
const UNION_STORE_COMPLEXITY: &str = "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted \
                                      sets, and M being the number of elements in the resulting sorted set.";
const INTERSECTION_COMPLEXITY: &str = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, \
                                       K being the number of input sorted sets and M being the number of \
                                       elements in the resulting sorted set.";
const DIFFERENCE_COMPLEXITY: &str = "O(L + (N-K)log(N)) worst case where L is the total number of elements in \
                                     all the sets, N is the size of the first set, and K is the size of the \
                                     result set.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("ZDIFF", -3, COMBINE, zdiff).with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "6.2.0",
        DIFFERENCE_COMPLEXITY,
        "numkeys key [key ...] [WITHSCORES]",
        "Returns the members of the first sorted set that are in none of the others.",
    ),
    Command::write("ZDIFFSTORE", -4, STORE, zdiffstore).deny_oom().with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "6.2.0",
        DIFFERENCE_COMPLEXITY,
        "destination numkeys key [key ...]",
        "Stores the members of the first sorted set that are in none of the others.",
    ),
    Command::read("ZINTER", -3, COMBINE, zinter).with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "6.2.0",
        INTERSECTION_COMPLEXITY,
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        "Returns the members that are in all of several sorted sets.",
    ),
    Command::read("ZINTERCARD", -3, COMBINE, zintercard).with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "7.0.0",
        "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
        "numkeys key [key ...] [LIMIT limit]",
        "Counts the members that are in all of several sorted sets.",
    ),
    Command::write("ZINTERSTORE", -4, STORE, zinterstore).deny_oom().with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "2.0.0",
        INTERSECTION_COMPLEXITY,
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        "Stores the members that are in all of several sorted sets.",
    ),
    Command::read("ZUNION", -3, COMBINE, zunion).with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "6.2.0",
        UNION_COMPLEXITY,
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        "Returns the members that are in any of several sorted sets.",
    ),
    Command::write("ZUNIONSTORE", -4, STORE, zunionstore).deny_oom().with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "2.0.0",
        UNION_STORE_COMPLEXITY,
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        "Stores the members that are in any of several sorted sets.",
    ),
];

fn zdiff(call: &mut Call<'_, '_>) -> Outcome {
    reply_combination(call, Operation::Difference)
}

fn zinter(call: &mut Call<'_, '_>) -> Outcome {
    reply_combination(call, Operation::Intersection)
}

fn zunion(call: &mut Call<'_, '_>) -> Outcome {
    reply_combination(call, Operation::Union)
}

fn zdiffstore(call: &mut Call<'_, '_>) -> Outcome {
    store_combination(call, Operation::Difference, "zdiffstore")
}

fn zinterstore(call: &mut Call<'_, '_>) -> Outcome {
    store_combination(call, Operation::Intersection, "zinterstore")
}

fn zunionstore(call: &mut Call<'_, '_>) -> Outcome {
    store_combination(call, Operation::Union, "zunionstore")
}

fn reply_combination(call: &mut Call<'_, '_>, operation: Operation) -> Outcome {
    let indexes = inputs::keys(call, 1)?;
    let keys = inputs::note_reads(call, indexes.clone())?;
    let (recipe, with_scores) = parse_options(call, &indexes, operation, true)?;
    let members = recipe.combine(&inputs::look(call.keys, &keys));
    let entries = members.iter().map(|(score, member)| (Element::Bytes(member), *score));
    reply_entries(call.reply, Shape::with_scores(with_scores), members.len(), entries);
    Ok(())
}

fn store_combination(call: &mut Call<'_, '_>, operation: Operation, event: &'static str) -> Outcome {
    let indexes = inputs::keys(call, 2)?;
    call.remove_expired_keys();
    let keys = inputs::note_reads(call, indexes.clone())?;
    let (recipe, _) = parse_options(call, &indexes, operation, false)?;
    let members = recipe.combine(&inputs::look(call.keys, &keys));
    let members = members.iter().map(|(score, member)| (*score, &member[..]));
    let stored = NewSortedSet::from_sorted(members, packed_limits(call));
    let destination = call.key(1);
    store(call, &destination, Some(stored), event);
    Ok(())
}

/// Reads the options behind the keys: what is made of the inputs, and whether scores are replied.
fn parse_options(
    call: &Call<'_, '_>,
    keys: &Range<usize>,
    operation: Operation,
    can_have_scores: bool,
) -> Result<(Recipe, bool), CommandError> {
    const INVALID_WEIGHT: CommandError = CommandError::fixed("ERR weight value is not a float");
    let mut recipe = Recipe { operation, weights: Vec::new(), aggregate: Aggregate::Sum };
    let mut with_scores = false;
    let mut options = call.arguments.from(keys.end);
    while let Some(option) = options.next() {
        let combines = operation != Operation::Difference;
        if combines && is_word(option, "WEIGHTS") && options.len() >= keys.len() {
            let weights = options.by_ref().take(keys.len());
            recipe.weights =
                weights.map(|weight| parse_f64(weight).ok_or(INVALID_WEIGHT)).collect::<Result<_, _>>()?;
        } else if combines && is_word(option, "AGGREGATE") {
            let name = options.next().ok_or(CommandError::SYNTAX)?;
            recipe.aggregate = Aggregate::parse(name)?;
        } else if can_have_scores && is_word(option, "WITHSCORES") {
            with_scores = true;
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    Ok((recipe, with_scores))
}

fn zintercard(call: &mut Call<'_, '_>) -> Outcome {
    const NEGATIVE: CommandError = CommandError::fixed("ERR LIMIT can't be negative");
    let indexes = inputs::keys(call, 1)?;
    let keys = inputs::note_reads(call, indexes.clone())?;
    let mut limit = 0;
    let mut options = call.arguments.from(indexes.end);
    while let Some(option) = options.next() {
        let number = options.next().filter(|_| is_word(option, "LIMIT")).ok_or(CommandError::SYNTAX)?;
        limit = parse_i64(number).and_then(|number| usize::try_from(number).ok()).ok_or(NEGATIVE)?;
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    let count = algebra::count_common(&inputs::look(call.keys, &keys), limit);
    call.reply.integer(count as i64);
    Ok(())
}
