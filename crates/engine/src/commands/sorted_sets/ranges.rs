//! Ranges of members: ZRANGE, and the older commands for each of its forms.

use std::ops::Range;

use nuthatch_protocol::number::parse_i64;

use super::bounds::{Bounds, By};
use super::{READ, Shape, reply_entries};
use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::command::{Command, Group};
use crate::error::{CommandError, Outcome};
use crate::value::sorted_set::SortedSetRef;

const COMPLEXITY: &str = "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                          of elements being returned. If M is constant (e.g. always asking for the first 10 \
                          elements with LIMIT), you can consider it O(log(N)).";
const COMPLEXITY_BY_RANK: &str = "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                                  number of elements returned.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("ZRANGE", -4, READ, zrange).docs(
        Group::SortedSet,
        "1.2.0",
        COMPLEXITY_BY_RANK,
        "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        "Returns the members of a sorted set in a range of ranks, scores or members.",
    ),
    Command::read("ZRANGEBYLEX", -4, READ, zrangebylex)
        .docs(
            Group::SortedSet,
            "2.8.9",
            COMPLEXITY,
            "key min max [LIMIT offset count]",
            "Returns the members of a sorted set in a range of members, where all scores are equal.",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
    Command::read("ZRANGEBYSCORE", -4, READ, zrangebyscore)
        .docs(
            Group::SortedSet,
            "1.0.5",
            COMPLEXITY,
            "key min max [WITHSCORES] [LIMIT offset count]",
            "Returns the members of a sorted set in a range of scores.",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
    Command::read("ZREVRANGE", -4, READ, zrevrange)
        .docs(
            Group::SortedSet,
            "1.2.0",
            COMPLEXITY_BY_RANK,
            "key start stop [WITHSCORES]",
            "Returns the members of a sorted set in a range of ranks, from the highest score on.",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
    Command::read("ZREVRANGEBYLEX", -4, READ, zrevrangebylex)
        .docs(
            Group::SortedSet,
            "2.8.9",
            COMPLEXITY,
            "key max min [LIMIT offset count]",
            "Returns the members of a sorted set in a range of members, backwards, where all scores are equal.",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
    Command::read("ZREVRANGEBYSCORE", -4, READ, zrevrangebyscore)
        .docs(
            Group::SortedSet,
            "2.2.0",
            COMPLEXITY,
            "key max min [WITHSCORES] [LIMIT offset count]",
            "Returns the members of a sorted set in a range of scores, from the highest score on.",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
];

/// Which range is meant, what the command's name says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// What it goes by; none if an option may say so.
    pub(super) by: Option<By>,
    /// Whether it goes backwards; none if an option may say so.
    pub(super) reversed: Option<bool>,
    /// Whether WITHSCORES is an option.
    pub(super) can_have_scores: bool,
}

impl Form {
    /// A command that is for one kind of range only.
    const fn only(by: By, reversed: bool) -> Self {
        Self { by: Some(by), reversed: Some(reversed), can_have_scores: true }
    }
}

/// A range as a request asks for it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// What the range goes by.
    pub(super) by: By,
    bounds: Bounds<'a>,
    /// Whether it goes backwards.
    pub(super) reversed: bool,
    offset: i64,
    /// At most so many members, unless it is negative.
    count: i64,
    with_scores: bool,
}

impl<'a> Wanted<'a> {
    /// Reads the two bounds at `first`, and the options behind them.
    ///
    /// # Errors
    /// An option is unknown or does not suit the form of the range, or a bound is malformed.
    pub(super) fn parse(arguments: &Arguments<'a>, first: usize, form: Form) -> Result<Self, CommandError> {
        const LIMIT_BY_RANK: CommandError = CommandError::fixed(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        );
        const SCORES_BY_MEMBER: CommandError =
            CommandError::fixed("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        let Form { mut by, mut reversed, can_have_scores } = form;
        let (mut with_scores, mut limit) = (false, None);
        let mut options = arguments.from(first + 2);
        while let Some(option) = options.next() {
            if can_have_scores && is_word(option, "WITHSCORES") {
                with_scores = true;
            } else if is_word(option, "LIMIT") && options.len() >= 2 {
                let mut number = || options.next().and_then(parse_i64).ok_or(CommandError::NOT_AN_INTEGER);
                limit = Some((number()?, number()?));
            } else if reversed.is_none() && is_word(option, "REV") {
                reversed = Some(true);
            } else if by.is_none() && is_word(option, "BYLEX") {
                by = Some(By::Member);
            } else if by.is_none() && is_word(option, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        let (by, reversed) = (by.unwrap_or(By::Rank), reversed.unwrap_or(false));
        if by == By::Rank && limit.is_some_and(|(_, count)| count != -1) {
            return Err(LIMIT_BY_RANK);
        }
        if by == By::Member && with_scores {
            return Err(SCORES_BY_MEMBER);
        }
        let (one, other) = (arguments.at(first), arguments.at(first + 1));
        let (lower, upper) = if reversed && by != By::Rank { (other, one) } else { (one, other) };
        let bounds = Bounds::parse(by, lower, upper)?;
        let (offset, count) = limit.filter(|_| by != By::Rank).unwrap_or((0, -1));
        Ok(Self { by, bounds, reversed, offset, count, with_scores })
    }

    /// Whether it depends on how the set is encoded which members are meant.
    pub(super) fn goes_by_encoding(&self) -> bool {
        self.offset < 0
    }

    /// The ranks of the members that are meant.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let ranks = self.bounds.ranks(set, self.reversed);
        let rest = match (usize::try_from(self.offset), set) {
            (Ok(offset), _) => ranks.len().saturating_sub(offset),
            (Err(_), SortedSetRef::Packed(_)) => 0,
            // As stock servers do: in a big one, a negative offset counts from the end of the range.
            (Err(_), SortedSetRef::Big(_)) => usize::try_from(self.offset.unsigned_abs())
                .ok()
                .filter(|rest| *rest <= ranks.len())
                .unwrap_or(0),
        };
        let count = usize::try_from(self.count).map_or(rest, |count| rest.min(count));
        let start = if self.reversed { ranks.start + rest - count } else { ranks.start + ranks.len() - rest };
        start..start + count
    }
}

fn zrange(call: &mut Call<'_, '_>) -> Outcome {
    reply_range(call, Form { by: None, reversed: None, can_have_scores: true })
}

fn zrangebylex(call: &mut Call<'_, '_>) -> Outcome {
    reply_range(call, Form::only(By::Member, false))
}

fn zrangebyscore(call: &mut Call<'_, '_>) -> Outcome {
    reply_range(call, Form::only(By::Score, false))
}

fn zrevrange(call: &mut Call<'_, '_>) -> Outcome {
    reply_range(call, Form::only(By::Rank, true))
}

fn zrevrangebylex(call: &mut Call<'_, '_>) -> Outcome {
    reply_range(call, Form::only(By::Member, true))
}

fn zrevrangebyscore(call: &mut Call<'_, '_>) -> Outcome {
    reply_range(call, Form::only(By::Score, true))
}

fn reply_range(call: &mut Call<'_, '_>, form: Form) -> Outcome {
    let wanted = Wanted::parse(&call.arguments, 2, form)?;
    let key = call.key(1);
    let Some(set) = call.keys.read_sorted_set(&key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let ranks = wanted.ranks(set);
    let (shape, len) = (Shape::with_scores(wanted.with_scores), ranks.len());
    if wanted.reversed {
        reply_entries(call.reply, shape, len, set.iter_back(ranks));
    } else {
        reply_entries(call.reply, shape, len, set.iter(ranks));
    }
    Ok(())
}
