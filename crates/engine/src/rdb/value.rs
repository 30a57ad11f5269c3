//! Values as they are read, before they become records.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use foldhash::quality::RandomState;
use nuthatch_collections::Stream;
use nuthatch_collections::chunked::strip;
use nuthatch_collections::packed::{self, Element};

use super::Malformed;

/// A value. Collections are not empty, and their elements are packed: see `nuthatch_collections::packed`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A string.
    String(Cow<'a, [u8]>),
    /// A list.
    List(Vec<ListNode>),
    /// A set.
    Set(Members),
    /// A sorted set.
    SortedSet(SortedMembers),
    /// A hash.
    Hash(HashFields),
    /// A stream.
    Stream(Box<Stream>),
}

impl Value<'_> {
    /// The value at this time: without the fields of a hash whose deadlines are past, and nothing if none is left.
    pub fn live_at(self, now_ms: u64) -> Option<Self> {
        match self {
            Self::Hash(fields) => {
                Some(fields.live_at(now_ms)).filter(|fields| !fields.is_empty()).map(Self::Hash)
            }
            value => Some(value),
        }
    }
}

/// A part of a list, not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListNode {
    /// The elements, each followed by its length: see `nuthatch_collections::chunked::strip`.
    pub elements: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// Whether the only element is one that was too big to share a node.
    pub is_isolated: bool,
}

impl ListNode {
    /// A node of packed elements.
    pub(super) fn of_packed(packed: &[u8]) -> Self {
        let mut node = Self::default();
        for (_, element) in packed::iter(packed) {
            node.push(element);
        }
        node
    }

    /// The elements.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        strip::iter(&self.elements)
    }

    pub(super) fn push(&mut self, element: Element<'_>) {
        strip::append(element, &mut self.elements);
        self.count += 1;
    }
}

/// The members of a set, no two alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// The members, packed.
    pub(super) packed: Vec<u8>,
    /// Whether they came as a listpack, which even a set of integers may be.
    pub(super) is_listpack: bool,
}

impl Members {
    /// The members.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> + Clone {
        packed::iter(&self.packed).map(|(_, element)| element)
    }
}

/// The members of a sorted set, no two alike, with their scores.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SortedMembers {
    members: Vec<u8>,
    /// Scores and offsets of the members, in the order of the set.
    order: Vec<(f64, usize)>,
}

impl SortedMembers {
    /// The members and their scores in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Element<'_>, f64)> {
        self.order.iter().map(|(score, offset)| (element_at(&self.members, *offset), *score))
    }

    pub(super) fn push(&mut self, member: Element<'_>, score: f64) {
        self.order.push((score, self.members.len()));
        packed::encode(member, &mut self.members);
    }

    /// The members in the order of the set.
    pub(super) fn sorted(mut self) -> Result<Self, Malformed> {
        check_distinct(&self.members, 1)?;
        let members = &self.members;
        self.order.sort_by(|(score, offset), (other_score, other_offset)| {
            score.partial_cmp(other_score).unwrap_or(Ordering::Equal).then_with(|| {
                let (member, other) = (element_at(members, *offset), element_at(members, *other_offset));
                member.with_text(|text| other.with_text(|other| text.cmp(other)))
            })
        });
        Ok(self)
    }
}

/// The element at an offset at which there is one.
fn element_at(packed: &[u8], offset: usize) -> Element<'_> {
    packed.get(offset..).and_then(packed::read).map_or(Element::Bytes(&[]), |(element, _)| element)
}

/// The fields of a hash, no two alike, with their values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HashFields {
    /// Field and value in turn.
    pub(super) pairs: Vec<u8>,
    /// The deadline of each field, or nothing; empty if the encoding has no place for them.
    pub(super) deadlines: Vec<Option<u64>>,
}

impl HashFields {
    /// Fields, values and deadlines in milliseconds since 1970.
    pub fn iter(&self) -> impl Iterator<Item = (Element<'_>, Element<'_>, Option<u64>)> {
        let mut elements = packed::iter(&self.pairs).map(|(_, element)| element);
        let mut deadlines = self.deadlines.iter();
        std::iter::from_fn(move || {
            let deadline = deadlines.next().copied().flatten();
            Some((elements.next()?, elements.next()?, deadline))
        })
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        packed::count(&self.pairs) / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether there is room for deadlines, even if no field has one.
    pub fn have_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }

    /// The fields whose deadlines, if any, are ahead.
    fn live_at(self, now_ms: u64) -> Self {
        let is_past = |deadline: &Option<u64>| deadline.is_some_and(|deadline| deadline <= now_ms);
        if !self.deadlines.iter().any(is_past) {
            return self;
        }
        let mut live = Self::default();
        for (field, value, deadline) in self.iter().filter(|(_, _, deadline)| !is_past(deadline)) {
            packed::encode(field, &mut live.pairs);
            packed::encode(value, &mut live.pairs);
            live.deadlines.push(deadline);
        }
        live
    }
}

/// Checks that no two of the packed elements are alike, looking at each `stride`-th from the first one on.
pub(super) fn check_distinct(packed: &[u8], stride: usize) -> Result<(), Malformed> {
    let mut seen = HashSet::with_hasher(RandomState::default());
    let (mut offset, mut index) = (0, 0);
    while let Some(length) = packed.get(offset..).and_then(packed::skip) {
        // Encodings are canonical: elements that are alike are encoded alike.
        if index % stride == 0 && !seen.insert(&packed[offset..offset + length]) {
            return Err(Malformed);
        }
        offset += length;
        index += 1;
    }
    Ok(())
}
