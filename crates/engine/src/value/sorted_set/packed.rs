//! Packed sorted sets: members and scores in turn, in order, in one byte string.

use std::ops::Range;

use nuthatch_collections::packed::{self, Element, Found};
use nuthatch_collections::ranked::Place;
use nuthatch_collections::sorted_set::{PackedScore, SortedSet};

use super::PackedLimits;

/// A member with its score, where it is in the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The member.
    pub member: Element<'a>,
    /// Its score.
    pub score: f64,
    /// Where both are.
    pub start: usize,
    /// Where the next one begins.
    pub end: usize,
}

impl<'a> Entry<'a> {
    /// The entry that begins at `start`; none at the end.
    #[inline]
    pub(super) fn read(bytes: &'a [u8], start: usize) -> Option<Self> {
        let (member, member_len) = packed::read(bytes.get(start..)?)?;
        let (score, score_len) = packed::read(bytes.get(start + member_len..)?)?;
        let end = start + member_len + score_len;
        Some(Self { member, score: PackedScore::read(score), start, end })
    }

    /// Whether the place is after the entry.
    #[inline]
    fn is_before(&self, place: &Place<'_>) -> bool {
        match self.member {
            Element::Bytes(member) => place.is_after(self.score, || member),
            // Written out only where the scores do not decide.
            Element::Integer(_) if place.is_decided_by(self.score) => place.is_after(self.score, || &[]),
            number => number.with_text(|member| place.is_after(self.score, || member)),
        }
    }
}

/// The entries in order.
pub fn iter(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let entry = Entry::read(bytes, offset)?;
        offset = entry.end;
        Some(entry)
    })
}

/// The number of members.
pub fn len(bytes: &[u8]) -> usize {
    let (mut offset, mut elements) = (0, 0);
    while let Some(len) = bytes.get(offset..).and_then(packed::skip) {
        offset += len;
        elements += 1;
    }
    elements / 2
}

/// Where a member is, and its score.
#[inline]
pub fn find(bytes: &[u8], member: &[u8]) -> Option<(Found, f64)> {
    let found = packed::find(bytes, member, 2)?;
    let (score, _) = packed::read(bytes.get(found.value_offset..)?)?;
    Some((found, PackedScore::read(score)))
}

/// How many members are before a place.
pub fn count_before(bytes: &[u8], place: &Place<'_>) -> usize {
    iter(bytes).take_while(|entry| entry.is_before(place)).count()
}

/// The bytes of the members of these ranks, as far as there are any.
pub fn range_of(bytes: &[u8], ranks: Range<usize>) -> Range<usize> {
    let mut entries = iter(bytes).skip(ranks.start);
    let Some(first) = entries.next().filter(|_| !ranks.is_empty()) else { return 0..0 };
    let last = entries.take(ranks.len() - 1).last().unwrap_or(first);
    first.start..last.end
}

/// Appends a member with its score.
pub fn push(out: &mut Vec<u8>, member: &[u8], score: f64) {
    packed::encode(Element::of(member), out);
    // A packed zero has no sign.
    let score = if score == 0.0 { 0.0 } else { score };
    packed::encode(PackedScore::new(score).element(), out);
}

/// What a change makes of the bytes.
#[derive(Debug)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// These bytes are replaced by others.
    Splice(Range<usize>, Vec<u8>),
    /// The member, which is new, gets this score, but there is no room for it.
    Outgrown(f64),
}

/// Changes or adds a member, as `decide` says of the score that it has: to that score, or not at all.
#[inline]
pub fn change(
    bytes: &[u8],
    member: &[u8],
    limits: PackedLimits,
    decide: impl FnOnce(Option<f64>) -> Option<f64>,
) -> Change {
    let Some((found, before)) = find(bytes, member) else {
        let Some(score) = decide(None) else { return Change::Nothing };
        if member.len() > limits.member_bytes_max {
            return Change::Outgrown(score);
        }
        return insertion(bytes, member, score, limits);
    };
    match decide(Some(before)) {
        Some(score) if score != before => movement(bytes, member, score, found.offset..found.end),
        _ => Change::Nothing,
    }
}

/// The change that adds a member.
fn insertion(bytes: &[u8], member: &[u8], score: f64, limits: PackedLimits) -> Change {
    let place = Place::BeforeEntry(score, member);
    let (mut at, mut count) = (bytes.len(), 0);
    for entry in iter(bytes) {
        if at == bytes.len() && !entry.is_before(&place) {
            at = entry.start;
        }
        count += 1;
    }
    if count >= limits.entries_max {
        return Change::Outgrown(score);
    }
    let mut with = Vec::with_capacity(member.len() + 16);
    push(&mut with, member, score);
    Change::Splice(at..at, with)
}

/// The change that gives the member at `old` another score, and moves it past those between.
fn movement(bytes: &[u8], member: &[u8], score: f64, old: Range<usize>) -> Change {
    let place = Place::BeforeEntry(score, member);
    let mut others = iter(bytes).filter(|entry| entry.start != old.start);
    let at = others.find(|entry| !entry.is_before(&place)).map_or(bytes.len(), |entry| entry.start);
    let mut with = Vec::with_capacity(at.abs_diff(old.start) + old.len() + 8);
    if at < old.start {
        push(&mut with, member, score);
        with.extend_from_slice(&bytes[at..old.start]);
        Change::Splice(at..old.end, with)
    } else {
        with.extend_from_slice(&bytes[old.end..at.max(old.end)]);
        push(&mut with, member, score);
        Change::Splice(old.start..at.max(old.end), with)
    }
}

/// The same sorted set as a table and an order.
pub fn to_big(bytes: &[u8]) -> SortedSet {
    let texts: Vec<_> = iter(bytes).map(|entry| (entry.score, entry.member.to_cow())).collect();
    SortedSet::from_sorted(texts.iter().map(|(score, member)| (*score, &member[..])))
}
