//! Sorted sets: one file a subject, and what they share.

pub(super) mod adding;
pub(super) mod blocking;
mod bounds;
pub(super) mod combining;
pub(super) mod counting;
mod inputs;
pub(super) mod pops;
pub(super) mod random;
pub(super) mod ranges;
pub(super) mod removal;
pub(super) mod scanning;
pub(super) mod scores;
pub(super) mod storing;

use nuthatch_collections::packed::Element;
use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::command::{KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::value::sorted_set::PackedLimits;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const DELETE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The limits on packed sorted sets that are in force.
#[inline]
pub(super) fn packed_limits(call: &Call<'_, '_>) -> PackedLimits {
    PackedLimits::of(&call.engine.settings.encodings)
}

/// How members are replied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Alone.
    Members,
    /// With their scores: in RESP3 as pairs, in RESP2 one after the other.
    WithScores,
    /// With their scores, as pairs.
    Pairs,
    /// With their scores, one after the other.
    InTurn,
}

impl Shape {
    /// With scores, or without.
    fn with_scores(with_scores: bool) -> Self {
        if with_scores { Self::WithScores } else { Self::Members }
    }

    /// The header of an array of so many members.
    fn header(self, reply: &mut Reply, members: usize) {
        let each = if self == Self::WithScores && !reply.resp3() { 2 } else { 1 };
        reply.array(members * each);
    }

    /// Replies members behind their header.
    fn entries<'a>(self, reply: &mut Reply, entries: impl Iterator<Item = (Element<'a>, f64)>) {
        entries.for_each(|(member, score)| self.entry(reply, member, score));
    }

    #[inline]
    fn entry(self, reply: &mut Reply, member: Element<'_>, score: f64) {
        if self == Self::Pairs || self == Self::WithScores && reply.resp3() {
            reply.array(2);
        }
        reply_element(reply, member);
        if self != Self::Members {
            reply.double(score);
        }
    }
}

/// Replies so many members.
fn reply_entries<'a>(
    reply: &mut Reply,
    shape: Shape,
    len: usize,
    entries: impl Iterator<Item = (Element<'a>, f64)>,
) {
    shape.header(reply, len);
    shape.entries(reply, entries);
}
