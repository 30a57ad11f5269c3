//! Taking the members with the lowest or the highest scores: ZPOPMIN, ZPOPMAX and ZMPOP.

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use super::Shape;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;

/// What is done with the keys.
pub(super) const POP_FLAGS: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
const POP: &[KeySpec] = &[KeySpec::one(1, POP_FLAGS)];
const POP_FIRST: &[KeySpec] = &[KeySpec::counted(1, 1, POP_FLAGS)];
const COMPLEXITY: &str = "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
                          number of elements popped.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("ZMPOP", -4, POP_FIRST, zmpop).with(Flags::MOVABLE_KEYS).docs(
        Group::SortedSet,
        "7.0.0",
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the \
         sorted set, and M being the number of elements popped.",
        "numkeys key [key ...] <MIN | MAX> [COUNT count]",
        "Takes members with the lowest or highest scores from the first of several sorted sets that has any.",
    ),
    Command::write("ZPOPMAX", -2, POP, zpopmax).fast().docs(
        Group::SortedSet,
        "5.0.0",
        COMPLEXITY,
        "key [count]",
        "Takes the members with the highest scores from a sorted set.",
    ),
    Command::write("ZPOPMIN", -2, POP, zpopmin).fast().docs(
        Group::SortedSet,
        "5.0.0",
        COMPLEXITY,
        "key [count]",
        "Takes the members with the lowest scores from a sorted set.",
    ),
];

/// An end of a sorted set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Where the scores are lowest.
    Lowest,
    /// Where the scores are highest.
    Highest,
}

impl End {
    /// The end that `MIN` or `MAX` names.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn parse(word: &[u8]) -> Result<Self, CommandError> {
        if is_word(word, "MIN") {
            Ok(Self::Lowest)
        } else if is_word(word, "MAX") {
            Ok(Self::Highest)
        } else {
            Err(CommandError::SYNTAX)
        }
    }
}

/// How the members that were taken are replied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PopReply {
    /// The member and its score, one after the other.
    One,
    /// As ranges are replied with scores.
    Many,
    /// The key with an array of pairs.
    OfKey,
    /// The key, the member and its score, one after the other.
    OneOfKey,
}

impl PopReply {
    /// Replies what comes before the members. Returns how each of them is replied.
    fn begin(self, reply: &mut Reply, key: &Key<'_>, count: usize) -> Shape {
        match self {
            Self::One => {
                reply.array(2);
                Shape::InTurn
            }
            Self::Many => {
                Shape::WithScores.header(reply, count);
                Shape::WithScores
            }
            Self::OfKey => {
                reply.array(2);
                reply.bulk(key.bytes);
                reply.array(count);
                Shape::Pairs
            }
            Self::OneOfKey => {
                reply.array(3);
                reply.bulk(key.bytes);
                Shape::InTurn
            }
        }
    }
}

/// Takes up to `count` members, at least one, from an end of a key and replies them. Says whether there were any;
/// nothing is replied if not.
///
/// # Errors
/// The key holds a value of another type.
pub(super) fn pop(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    end: End,
    count: usize,
    form: PopReply,
    reply: &mut Reply,
) -> Result<bool, CommandError> {
    let Some(mut set) = keys.change_sorted_set(key)? else { return Ok(false) };
    let len = set.view().len();
    let count = count.min(len);
    let shape = form.begin(reply, key, count);
    let ranks = match end {
        End::Lowest => 0..count,
        End::Highest => len - count..len,
    };
    match end {
        End::Lowest => shape.entries(reply, set.view().iter(ranks.clone())),
        End::Highest => shape.entries(reply, set.view().iter_back(ranks.clone())),
    }
    set.remove_range(ranks);
    let is_empty = count == len;
    keys.note_parts(key, if end == End::Lowest { "zpopmin" } else { "zpopmax" }, count);
    if is_empty {
        keys.take_away(key, "del");
    }
    Ok(true)
}

fn zpopmin(call: &mut Call<'_, '_>) -> Outcome {
    pop_one_key(call, End::Lowest)
}

fn zpopmax(call: &mut Call<'_, '_>) -> Outcome {
    pop_one_key(call, End::Highest)
}

fn pop_one_key(call: &mut Call<'_, '_>, end: End) -> Outcome {
    const INVALID_COUNT: CommandError = CommandError::fixed("ERR value is out of range, must be positive");
    if call.arguments.len() > 3 {
        return Err(CommandError::SYNTAX);
    }
    let key = call.key(1);
    let (count, form) = match call.arguments.get(2) {
        None => (1, PopReply::One),
        Some(count) => {
            let count =
                parse_i64(count).and_then(|count| usize::try_from(count).ok()).ok_or(INVALID_COUNT)?;
            (count, PopReply::Many)
        }
    };
    if count == 0 {
        call.keys.read_sorted_set(&key)?;
    }
    if count == 0 || !pop(call.keys, &key, end, count, form, call.reply)? {
        call.reply.array(0);
    }
    Ok(())
}

/// The arguments of ZMPOP from the count of keys on.
#[derive(Debug, Clone, Copy)]
pub(super) struct MultiplePop {
    /// The index of the argument behind the last key.
    pub(super) keys_end: usize,
    /// From where members are taken.
    pub(super) end: End,
    /// How many are taken at most.
    pub(super) count: usize,
}

impl MultiplePop {
    /// Reads the arguments: the count of keys is the one at `first`.
    ///
    /// # Errors
    /// They do not follow the syntax, or a number is not positive.
    pub(super) fn parse(call: &Call<'_, '_>, first: usize) -> Result<Self, CommandError> {
        const NO_KEYS: CommandError = CommandError::fixed("ERR numkeys should be greater than 0");
        const NO_COUNT: CommandError = CommandError::fixed("ERR count should be greater than 0");
        let positive = |argument: &[u8]| {
            parse_i64(argument).and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0)
        };
        let keys = positive(call.arguments.at(first)).ok_or(NO_KEYS)?;
        let keys_end = keys.saturating_add(first + 1);
        let end = End::parse(call.arguments.get(keys_end).ok_or(CommandError::SYNTAX)?)?;
        let mut count = None;
        let mut options = call.arguments.from(keys_end + 1);
        while let Some(option) = options.next() {
            if count.is_some() || !is_word(option, "COUNT") {
                return Err(CommandError::SYNTAX);
            }
            let number = options.next().ok_or(CommandError::SYNTAX)?;
            count = Some(positive(number).ok_or(NO_COUNT)?);
        }
        Ok(Self { keys_end, end, count: count.unwrap_or(1) })
    }
}

fn zmpop(call: &mut Call<'_, '_>) -> Outcome {
    let MultiplePop { keys_end, end, count } = MultiplePop::parse(call, 1)?;
    for index in 2..keys_end {
        let key = call.key(index);
        if pop(call.keys, &key, end, count, PopReply::OfKey, call.reply)? {
            return Ok(());
        }
    }
    call.reply.null_array();
    Ok(())
}
