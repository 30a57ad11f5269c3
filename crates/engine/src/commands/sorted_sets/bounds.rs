//! Ranges of sorted sets as commands give them: by rank, by score, or by member where all scores are equal.

use std::ops::Range;

use nuthatch_collections::ranked::Place;
use nuthatch_protocol::number::{parse_f64_bound, parse_i64};

use crate::error::CommandError;
use crate::value::sorted_set::SortedSetRef;

/// What a range goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Ranks, from the end if they are negative.
    Rank,
    /// Scores: BYSCORE.
    Score,
    /// Members: BYLEX.
    Member,
}

/// A range as it was given, before it is known of which sorted set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bounds<'a> {
    /// From rank to rank, both included.
    Ranks(i64, i64),
    /// From place to place; none is the beginning, or the end.
    Places(Option<Place<'a>>, Option<Place<'a>>),
    /// Nothing at all.
    Nothing,
}

/// One bound of a range by member.
enum MemberBound<'a> {
    Lowest,
    Highest,
    Member { member: &'a [u8], is_included: bool },
}

impl<'a> Bounds<'a> {
    /// Reads the two bounds, the lower one first.
    ///
    /// # Errors
    /// One is not of the form that the range asks for.
    pub(super) fn parse(by: By, lower: &'a [u8], upper: &'a [u8]) -> Result<Self, CommandError> {
        match by {
            By::Rank => Ok(Self::Ranks(rank(lower)?, rank(upper)?)),
            By::Score => Self::scores(lower, upper),
            By::Member => Self::members(lower, upper),
        }
    }

    fn scores(lower: &[u8], upper: &[u8]) -> Result<Self, CommandError> {
        let ((lower, lower_included), (upper, upper_included)) = (score(lower)?, score(upper)?);
        let lower = if lower_included { Place::BeforeScore(lower) } else { Place::AfterScore(lower) };
        let upper = if upper_included { Place::AfterScore(upper) } else { Place::BeforeScore(upper) };
        Ok(Self::Places(Some(lower), Some(upper)))
    }

    fn members(lower: &'a [u8], upper: &'a [u8]) -> Result<Self, CommandError> {
        let (lower, upper) = (member(lower)?, member(upper)?);
        let lower = match lower {
            MemberBound::Lowest => None,
            MemberBound::Highest => return Ok(Self::Nothing),
            MemberBound::Member { member, is_included: true } => Some(Place::BeforeMember(member)),
            MemberBound::Member { member, is_included: false } => Some(Place::AfterMember(member)),
        };
        let upper = match upper {
            MemberBound::Lowest => return Ok(Self::Nothing),
            MemberBound::Highest => None,
            MemberBound::Member { member, is_included: true } => Some(Place::AfterMember(member)),
            MemberBound::Member { member, is_included: false } => Some(Place::BeforeMember(member)),
        };
        Ok(Self::Places(lower, upper))
    }

    /// The ranks that are meant in a sorted set; counted from the end if `reversed`, as far as they are ranks.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>, reversed: bool) -> Range<usize> {
        match self {
            Self::Nothing => 0..0,
            Self::Ranks(start, stop) => {
                let len = set.len();
                let Range { start, end } = clamp_ranks(*start, *stop, len);
                if reversed { len - end..len - start } else { start..end }
            }
            Self::Places(lower, upper) => {
                let start = lower.as_ref().map_or(0, |place| set.count_before(place));
                let end = upper.as_ref().map_or_else(|| set.len(), |place| set.count_before(place));
                start.min(end)..end
            }
        }
    }
}

/// The ranks from `start` to `stop`, which count from the end if they are negative, among `len`.
fn clamp_ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let resolve = |rank: i64| {
        let from_end = usize::try_from(rank.unsigned_abs()).unwrap_or(usize::MAX);
        if rank < 0 { len.checked_sub(from_end) } else { Some(from_end) }
    };
    let start = resolve(start).unwrap_or(0);
    let end = resolve(stop).map_or(0, |stop| stop.saturating_add(1).min(len));
    if start < end { start..end } else { 0..0 }
}

fn rank(argument: &[u8]) -> Result<i64, CommandError> {
    parse_i64(argument).ok_or(CommandError::NOT_AN_INTEGER)
}

/// The score, and whether it belongs to the range.
fn score(argument: &[u8]) -> Result<(f64, bool), CommandError> {
    const INVALID: CommandError = CommandError::fixed("ERR min or max is not a float");
    let (number, is_included) = match argument {
        [b'(', number @ ..] => (number, false),
        number => (number, true),
    };
    Ok((parse_f64_bound(number).ok_or(INVALID)?, is_included))
}

fn member(argument: &[u8]) -> Result<MemberBound<'_>, CommandError> {
    match argument {
        b"-" => Ok(MemberBound::Lowest),
        b"+" => Ok(MemberBound::Highest),
        [b'[', member @ ..] => Ok(MemberBound::Member { member, is_included: true }),
        [b'(', member @ ..] => Ok(MemberBound::Member { member, is_included: false }),
        _ => Err(CommandError::fixed("ERR min or max not valid string range item")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_clamped() {
        assert_eq!(clamp_ranks(0, -1, 3), 0..3);
        assert_eq!(clamp_ranks(-2, -1, 3), 1..3);
        assert_eq!(clamp_ranks(-9, 0, 3), 0..1);
        assert_eq!(clamp_ranks(1, i64::MAX, 3), 1..3);
        assert_eq!(clamp_ranks(i64::MIN, i64::MAX, 3), 0..3);
        for (start, stop) in [(2, 1), (3, 5), (0, -9), (0, i64::MIN), (i64::MAX, i64::MAX)] {
            assert_eq!(clamp_ranks(start, stop, 3), 0..0, "{start} to {stop}");
        }
        assert_eq!(clamp_ranks(0, -1, 0), 0..0);
    }
}
