//! Lists: one file a subject, and what they share.

pub(super) mod blocking;
pub(super) mod edits;
pub(super) mod moves;
pub(super) mod pops;
pub(super) mod positions;
pub(super) mod pushes;
pub(super) mod reads;

use nuthatch_collections::chunked::{End, NodeLimit};
use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::error::CommandError;
use crate::value::list;

/// The limit on nodes and small lists that is in force.
#[inline]
fn node_limit(call: &Call<'_, '_>) -> NodeLimit {
    list::node_limit(&call.engine.settings.encodings.list_size_max)
}

/// The end of a list that `LEFT` or `RIGHT` names.
fn parse_end(word: &[u8]) -> Result<End, CommandError> {
    if is_word(word, "LEFT") {
        Ok(End::Front)
    } else if is_word(word, "RIGHT") {
        Ok(End::Back)
    } else {
        Err(CommandError::SYNTAX)
    }
}

/// The word for an end of a list.
fn end_name(end: End) -> &'static str {
    match end {
        End::Front => "LEFT",
        End::Back => "RIGHT",
    }
}

#[inline]
fn parse_integer(argument: &[u8]) -> Result<i64, CommandError> {
    parse_i64(argument).ok_or(CommandError::NOT_AN_INTEGER)
}

/// A number whose sign tells the direction: the one that has no positive counterpart is refused.
fn parse_directed(argument: &[u8]) -> Result<i64, CommandError> {
    match parse_integer(argument)? {
        i64::MIN => Err(CommandError::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        number => Ok(number),
    }
}

/// The index in a list of `len` elements that a number names, which counts from the end if it is negative.
fn resolve_index(index: i64, len: usize) -> Option<usize> {
    if index < 0 {
        len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok().filter(|index| *index < len)
    }
}

/// The range in a list of `len` elements from the index `first` to `last`, which count from the end if they are
/// negative; what is beyond the ends is cut off.
fn resolve_range(first: i64, last: i64, len: usize) -> std::ops::Range<usize> {
    let from_front = |index: i64| {
        let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
        if index < 0 { len.checked_sub(distance) } else { Some(distance) }
    };
    let start = from_front(first).unwrap_or(0);
    let end = from_front(last).map_or(0, |last| last.saturating_add(1).min(len));
    if start < end { start..end } else { 0..0 }
}
