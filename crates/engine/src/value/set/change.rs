//! Adding and removing members, with the conversions from one encoding to the next.
//!
//! A set begins as integers and becomes packed with the first member that is none, if it is small then; else, and as
//! soon as it is not small any more, it becomes a table. There is no way back, but for a set of which most members are
//! taken at random: see [`super::choice`].

use nuthatch_collections::integer_set::{self, Edit, Insertion};
use nuthatch_collections::packed::{self, Element};
use nuthatch_collections::paged::PagedTable;
use std::ops::Range;

use super::{SetLimits, SetRef, hash};
use crate::value::Kind;

/// Where a set is kept while it is changed: in a key's record, or apart.
pub trait Place {
    /// The set.
    fn view(&self) -> SetRef<'_>;

    /// Replaces a part of the bytes of a set that is no table, which is of this kind then.
    fn splice(&mut self, kind: Kind, range: Range<usize>, with: &[u8]);

    /// Makes the set this table.
    fn become_table(&mut self, table: PagedTable);

    /// The table, if the set is one.
    fn table_mut(&mut self) -> Option<&mut PagedTable>;
}

/// Converts a set that is about to be given so many members at once, if that is more than its encoding may have. It
/// counts them as they come, without looking whether they are there already: so do stock servers.
pub fn make_room(place: &mut impl Place, members: usize, limits: SetLimits) {
    let members_max = match place.view() {
        SetRef::Integers(_) => limits.integers_max,
        SetRef::Packed(_) => limits.entries_max,
        SetRef::Table(_) => return,
    };
    if members > members_max {
        convert(place);
    }
}

/// Adds a member; returns false if it is there already.
#[inline]
pub fn add(place: &mut impl Place, member: Element<'_>, limits: SetLimits) -> bool {
    match (place.view(), member) {
        (SetRef::Packed(bytes), _) => match packed::search(bytes, member, 1) {
            Ok(_) => false,
            Err(len) if len < limits.entries_max && member.len() <= limits.value_bytes_max => {
                let end = bytes.len();
                let mut encoded = Vec::with_capacity(packed::encoded_len(member));
                packed::encode(member, &mut encoded);
                place.splice(Kind::SetPacked, end..end, &encoded);
                true
            }
            Err(_) => add_converted(place, member),
        },
        (SetRef::Table(_), _) => place.table_mut().is_some_and(|table| insert(table, member)),
        (SetRef::Integers(set), Element::Integer(number)) => match integer_set::insertion(set, number) {
            Insertion::Present => false,
            _ if integer_set::len(set) >= limits.integers_max => add_converted(place, member),
            Insertion::InPlace(Edit { offset, width, header }) => {
                place.splice(Kind::SetIntegers, offset..offset, &number.to_le_bytes()[..width]);
                place.splice(Kind::SetIntegers, 0..header.len(), &header);
                true
            }
            Insertion::Wider => {
                let (len, mut wider) = (set.len(), set.to_vec());
                integer_set::insert(&mut wider, number);
                place.splice(Kind::SetIntegers, 0..len, &wider);
                true
            }
        },
        (SetRef::Integers(set), Element::Bytes(_)) => {
            if fits_packed(set, member, limits) {
                let (len, mut packed) = (set.len(), Vec::new());
                super::SetRef::Integers(set)
                    .members()
                    .for_each(|element| packed::encode(element, &mut packed));
                packed::encode(member, &mut packed);
                place.splice(Kind::SetPacked, 0..len, &packed);
                true
            } else {
                add_converted(place, member)
            }
        }
    }
}

/// Removes a member; returns false if it is not there. The set may be empty then.
#[inline]
pub fn remove(place: &mut impl Place, member: Element<'_>) -> bool {
    match (place.view(), member) {
        (SetRef::Packed(bytes), _) => match packed::search(bytes, member, 1) {
            Ok(found) => {
                place.splice(Kind::SetPacked, found.offset..found.end, &[]);
                true
            }
            Err(_) => false,
        },
        (SetRef::Table(_), _) => place
            .table_mut()
            .is_some_and(|table| member.with_text(|text| table.remove(hash(member), text).is_some())),
        (SetRef::Integers(set), Element::Integer(number)) => match integer_set::search(set, number) {
            Ok(index) => remove_integer(place, index),
            Err(_) => false,
        },
        (SetRef::Integers(_), Element::Bytes(_)) => false,
    }
}

/// Removes the integer with so many before it.
pub(super) fn remove_integer(place: &mut impl Place, index: usize) -> bool {
    let SetRef::Integers(set) = place.view() else { return false };
    let Some(Edit { offset, width, header }) = integer_set::removal(set, index) else { return false };
    place.splice(Kind::SetIntegers, offset..offset + width, &[]);
    place.splice(Kind::SetIntegers, 0..header.len(), &header);
    true
}

/// Whether a set of integers may become packed when a text is added.
fn fits_packed(set: &[u8], text: Element<'_>, limits: SetLimits) -> bool {
    let len = integer_set::len(set);
    // The longest spelling is at one of the ends.
    let ends = [integer_set::get(set, 0), len.checked_sub(1).and_then(|last| integer_set::get(set, last))];
    let longest = ends.into_iter().flatten().map(|number| Element::Integer(number).len()).max().unwrap_or(0);
    len < limits.entries_max && longest.max(text.len()) <= limits.value_bytes_max
}

/// Adds a member after the set has become a table.
#[cold]
fn add_converted(place: &mut impl Place, member: Element<'_>) -> bool {
    convert(place);
    place.table_mut().is_some_and(|table| insert(table, member))
}

/// Makes a set a table.
fn convert(place: &mut impl Place) {
    let mut table = PagedTable::new(1);
    for member in place.view().members() {
        insert(&mut table, member);
    }
    place.become_table(table);
}

/// Adds a member to a table; returns false if it is there already.
#[inline]
pub(super) fn insert(table: &mut PagedTable, member: Element<'_>) -> bool {
    member.with_text(|text| table.insert_or_replace(hash(member), text, None, None).is_none())
}
