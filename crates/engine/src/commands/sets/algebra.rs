//! Intersections, unions and differences.

use std::ops::ControlFlow;

use nuthatch_collections::packed::Element;
use nuthatch_protocol::number::parse_i64;

use super::limits;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::Type;
use crate::value::set::new::NewSet;
use crate::value::set::{SetLimits, SetRef, algebra};

const SOURCES: &[KeySpec] = &[KeySpec::rest(1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const COUNTED_SOURCES: &[KeySpec] = &[KeySpec::counted(1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const STORE: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
    KeySpec::rest(2, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
];

const INTERSECTION_TIME: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";
const TOTAL_TIME: &str = "O(N) where N is the total number of elements in all given sets.";
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("SDIFF", -2, SOURCES, |call| reply_with(call, Operation::Difference))
        .docs(
            Group::Set,
            "1.0.0",
            TOTAL_TIME,
            "key [key ...]",
            "Returns the members of the first set that no other one has.",
        )
        .tips(ANY_ORDER),
    Command::write("SDIFFSTORE", -3, STORE, |call| store(call, Operation::Difference)).deny_oom().docs(
        Group::Set,
        "1.0.0",
        TOTAL_TIME,
        "destination key [key ...]",
        "Stores the members of the first set that no other one has.",
    ),
    Command::read("SINTER", -2, SOURCES, |call| reply_with(call, Operation::Intersection))
        .docs(
            Group::Set,
            "1.0.0",
            INTERSECTION_TIME,
            "key [key ...]",
            "Returns the members that all sets have.",
        )
        .tips(ANY_ORDER),
    Command::read("SINTERCARD", -3, COUNTED_SOURCES, count_intersection).docs(
        Group::Set,
        "7.0.0",
        INTERSECTION_TIME,
        "numkeys key [key ...] [LIMIT limit]",
        "Counts the members that all sets have.",
    ),
    Command::write("SINTERSTORE", -3, STORE, |call| store(call, Operation::Intersection)).deny_oom().docs(
        Group::Set,
        "1.0.0",
        INTERSECTION_TIME,
        "destination key [key ...]",
        "Stores the members that all sets have.",
    ),
    Command::read("SUNION", -2, SOURCES, |call| reply_with(call, Operation::Union))
        .docs(
            Group::Set,
            "1.0.0",
            TOTAL_TIME,
            "key [key ...]",
            "Returns the members that any of the sets has.",
        )
        .tips(ANY_ORDER),
    Command::write("SUNIONSTORE", -3, STORE, |call| store(call, Operation::Union)).deny_oom().docs(
        Group::Set,
        "1.0.0",
        TOTAL_TIME,
        "destination key [key ...]",
        "Stores the members that any of the sets has.",
    ),
];

const NO_KEYS: CommandError = CommandError::fixed("ERR numkeys should be greater than 0");
const TOO_FEW_KEYS: CommandError =
    CommandError::fixed("ERR Number of keys can't be greater than number of args");
const NEGATIVE_LIMIT: CommandError = CommandError::fixed("ERR LIMIT can't be negative");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

impl Operation {
    /// The event of storing the result.
    const fn event(self) -> &'static str {
        match self {
            Self::Intersection => "sinterstore",
            Self::Union => "sunionstore",
            Self::Difference => "sdiffstore",
        }
    }

    /// Visits the members of the result.
    fn visit(self, sets: &mut [SetRef<'_>], mut visit: impl FnMut(Element<'_>)) {
        match self {
            Self::Intersection => algebra::intersection(sets, |member| {
                visit(member);
                ControlFlow::Continue(())
            }),
            Self::Union => algebra::union(sets, visit),
            Self::Difference => algebra::difference(sets, visit),
        }
    }
}

/// The sets of some keys, looked at side by side after each has been read.
fn sources<'k>(keys: &'k mut Keys<'_>, names: &[Key<'_>]) -> Result<Vec<SetRef<'k>>, CommandError> {
    for name in names {
        keys.read_as(name, Type::Set)?;
    }
    let keys = &*keys;
    names.iter().map(|name| Ok(keys.peek_as(name, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of))).collect()
}

/// The keys at the arguments from `first` to before `end`.
fn names<'a>(call: &Call<'a, '_>, first: usize, end: usize) -> Vec<Key<'a>> {
    (first..end).map(|index| call.key(index)).collect()
}

fn reply_with(call: &mut Call<'_, '_>, operation: Operation) -> Outcome {
    let names = names(call, 1, call.arguments.len());
    let mut sets = sources(call.keys, &names)?;
    let header = call.reply.array_later();
    let mut len = 0;
    operation.visit(&mut sets, |member| {
        reply_element(call.reply, member);
        len += 1;
    });
    call.reply.set_set_len(header, len);
    Ok(())
}

fn store(call: &mut Call<'_, '_>, operation: Operation) -> Outcome {
    const FIRST_SOURCE: usize = 2;
    let (destination, limits) = (call.key(1), limits(call));
    let names = names(call, FIRST_SOURCE, call.arguments.len());
    call.remove_expired_keys();
    let mut sets = sources(call.keys, &names)?;
    let result = combined(operation, &mut sets, limits);
    let len = result.len();
    call.keys.store_set(&destination, result, operation.event());
    call.reply.integer(len as i64);
    Ok(())
}

/// The result as a set of its own.
fn combined(operation: Operation, sets: &mut [SetRef<'_>], limits: SetLimits) -> NewSet {
    let mut result = NewSet::integers();
    match (operation, &*sets) {
        // The result itself tells what is there already.
        (Operation::Union, sets) => sets.iter().flat_map(|set| set.members()).for_each(|member| {
            result.add(member, limits);
        }),
        (Operation::Difference, [first, others @ ..]) if algebra::is_copy_quicker(*first, others) => {
            for member in first.members() {
                result.add(member, limits);
            }
            for member in others.iter().flat_map(|set| set.members()) {
                result.remove(member);
            }
        }
        _ => operation.visit(sets, |member| {
            result.add(member, limits);
        }),
    }
    result
}

fn count_intersection(call: &mut Call<'_, '_>) -> Outcome {
    const FIRST_SOURCE: usize = 2;
    let count = parse_i64(call.arguments.at(1)).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0).ok_or(NO_KEYS)?;
    if count > call.arguments.len() - FIRST_SOURCE {
        return Err(TOO_FEW_KEYS);
    }
    let end = FIRST_SOURCE + count;
    let members_max = parse_limit(call.arguments.from(end))?;
    let names = names(call, FIRST_SOURCE, end);
    let mut sets = sources(call.keys, &names)?;
    let mut found = 0;
    algebra::intersection(&mut sets, |_| {
        found += 1;
        if found == members_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    call.reply.integer(found);
    Ok(())
}

/// How many members are counted at most, or 0 for all: the last LIMIT among the options.
fn parse_limit<'a>(mut options: impl Iterator<Item = &'a [u8]>) -> Result<i64, CommandError> {
    let mut members_max = 0;
    while let Some(option) = options.next() {
        let value = options.next().filter(|_| is_word(option, "LIMIT")).ok_or(CommandError::SYNTAX)?;
        members_max = parse_i64(value).filter(|limit| *limit >= 0).ok_or(NEGATIVE_LIMIT)?;
    }
    Ok(members_max)
}
