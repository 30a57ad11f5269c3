//! The keys that unions, intersections and differences are made of: sorted sets, or sets, whose members all count 1.

use std::borrow::Cow;
use std::ops::Range;

use nuthatch_collections::packed::Element;
use nuthatch_protocol::number::parse_i64;

use crate::call::Call;
use crate::error::CommandError;
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::set::{SetRef, Wanted};
use crate::value::sorted_set::SortedSetRef;
use crate::value::{Kind, Type};

/// A member with a score, for results that are not in order yet.
pub(super) type Scored<'a> = (f64, Cow<'a, [u8]>);

/// One input.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// There is no such key.
    Missing,
    /// A set.
    Set(SetRef<'a>),
    /// A sorted set.
    SortedSet(SortedSetRef<'a>),
}

impl<'a> Input<'a> {
    /// How many members it has.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    /// The score of a member.
    pub(super) fn score(self, member: Element<'_>) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Set(set) => {
                // A big sorted set gives integers as text, too.
                let member = if let Element::Bytes(text) = member { Element::of(text) } else { member };
                set.contains(&Wanted::new(member)).then_some(1.0)
            }
            Self::SortedSet(set) => member.with_text(|member| set.score(member)),
        }
    }

    /// Visits all members with their scores until one visit says no. Says whether there was none such.
    pub(super) fn visit(self, mut visit: impl FnMut(Element<'a>, f64) -> bool) -> bool {
        match self {
            Self::Missing => true,
            Self::Set(set) => set.members().all(|member| visit(member, 1.0)),
            Self::SortedSet(set) => set.iter_all().all(|(member, score)| visit(member, score)),
        }
    }
}

/// The indexes of the input keys, of which the argument at `at` gives the number.
///
/// # Errors
/// It is no number, not positive, or there are not so many arguments.
pub(super) fn keys(call: &Call<'_, '_>, at: usize) -> Result<Range<usize>, CommandError> {
    let count = parse_i64(call.arguments.at(at)).ok_or(CommandError::NOT_AN_INTEGER)?;
    if count < 1 {
        let name = &call.command.full_name;
        return Err(CommandError::new(format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    let first = at + 1;
    let end = usize::try_from(count).ok().and_then(|count| first.checked_add(count));
    end.filter(|end| *end <= call.arguments.len()).map(|end| first..end).ok_or(CommandError::SYNTAX)
}

/// Notes the accesses to the input keys, which have these indexes.
///
/// # Errors
/// One holds a value that is neither a sorted set nor a set.
pub(super) fn note_reads<'a>(
    call: &mut Call<'a, '_>,
    indexes: Range<usize>,
) -> Result<Vec<Key<'a>>, CommandError> {
    let keys: Vec<Key<'a>> = indexes.map(|index| call.key(index)).collect();
    for key in &keys {
        let value_type = call.keys.read(key).map(|record| Kind::of(record.kind()).value_type());
        if !matches!(value_type, None | Some(Type::SortedSet | Type::Set)) {
            return Err(CommandError::WRONG_TYPE);
        }
    }
    Ok(keys)
}

/// The inputs, which [`note_reads`] has looked at before.
pub(super) fn look<'k>(keyspace: &'k Keys<'_>, keys: &[Key<'_>]) -> Vec<Input<'k>> {
    let look = |record| match SortedSetRef::of(record) {
        Some(set) => Input::SortedSet(set),
        None => Input::Set(SetRef::of(record)),
    };
    keys.iter().map(|key| keyspace.peek(key).map_or(Input::Missing, look)).collect()
}
