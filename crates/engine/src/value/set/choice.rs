//! Members chosen at random, each with the same probability, to be returned or removed.

use nuthatch_collections::integer_set;
use nuthatch_collections::packed::{self, Element};
use std::collections::HashSet;

use super::change::{Place, remove_integer};
use super::new::NewSet;
use super::{SetLimits, SetRef, hash};
use crate::value::Kind;

/// A member chosen at random; none of an empty set.
pub fn one(set: SetRef<'_>) -> Option<Element<'_>> {
    match set {
        SetRef::Integers(integers) => {
            let len = integer_set::len(integers);
            let number = integer_set::get(integers, (len > 0).then(|| fastrand::usize(..len))?)?;
            Some(Element::Integer(number))
        }
        SetRef::Packed(bytes) => {
            let len = packed::count(bytes);
            packed::iter(bytes).nth((len > 0).then(|| fastrand::usize(..len))?).map(|(_, member)| member)
        }
        SetRef::Table(table) => table.sample(&mut || fastrand::u64(..)).map(|entry| entry.key),
    }
}

/// Chooses one member after another, independently, until the visitor has enough.
pub fn repeatedly(set: SetRef<'_>, visit: &mut dyn FnMut(Element<'_>) -> bool) {
    // Counting packed members anew each time would cost more than to look at each of them once.
    let members: Vec<Element<'_>> = match set {
        SetRef::Packed(_) => set.members().collect(),
        SetRef::Integers(_) | SetRef::Table(_) => Vec::new(),
    };
    loop {
        let member = if members.is_empty() { one(set) } else { fastrand::choice(&members).copied() };
        if !member.is_some_and(&mut *visit) {
            return;
        }
    }
}

/// Chooses so many different members, or all if there are not more.
pub fn several(set: SetRef<'_>, count: usize, visit: &mut dyn FnMut(Element<'_>)) {
    /// Up to this part of a big set, choosing again and again is quicker than to look at every member.
    const PART: usize = 8;
    let len = set.len();
    if let SetRef::Table(table) = set
        && count < len / PART
    {
        // By their hashes: two members with the same one are hardly ever met, and then only one of them is returned.
        let mut chosen = HashSet::with_capacity(count);
        while chosen.len() < count {
            let Some(entry) = table.sample(&mut || fastrand::u64(..)) else { return };
            if chosen.insert(hash(entry.key)) {
                visit(entry.key);
            }
        }
    } else {
        let mut selection = Selection { wanted: count.min(len), left: len };
        set.members().filter(|_| selection.next()).for_each(visit);
    }
}

/// Removes a member chosen at random, which is shown before.
pub fn remove_one<R>(place: &mut impl Place, show: impl FnOnce(Element<'_>) -> R) -> Option<R> {
    match place.view() {
        SetRef::Integers(set) => {
            let len = integer_set::len(set);
            let index = (len > 0).then(|| fastrand::usize(..len))?;
            let shown = show(Element::Integer(integer_set::get(set, index)?));
            remove_integer(place, index);
            Some(shown)
        }
        SetRef::Packed(bytes) => {
            let len = packed::count(bytes);
            let mut members = packed::iter(bytes);
            let (start, member) = members.nth((len > 0).then(|| fastrand::usize(..len))?)?;
            let (end, shown) = (members.offset(), show(member));
            place.splice(Kind::SetPacked, start..end, &[]);
            Some(shown)
        }
        SetRef::Table(_) => {
            place.table_mut()?.remove_sample(&mut || fastrand::u64(..), |entry| show(entry.key))
        }
    }
}

/// Removes so many members chosen at random, each of which is shown before, from a set of more members than that. If
/// few of many stay, they are put into a new set, which is returned to take the place of this one.
pub fn remove_several(
    place: &mut impl Place,
    count: usize,
    limits: SetLimits,
    show: &mut dyn FnMut(Element<'_>),
) -> Option<NewSet> {
    /// Stock servers build a new set from what stays if it is no more than this part of what goes. It shows, since a
    /// table may become packed by it.
    const PART: usize = 5;
    let set = place.view();
    let len = set.len();
    let (rest, is_rebuilt) =
        (len.saturating_sub(count), len.saturating_sub(count).saturating_mul(PART) <= count);
    if !is_rebuilt && matches!(set, SetRef::Table(_)) {
        for _ in 0..count {
            remove_one(place, &mut *show)?;
        }
        return None;
    }
    let limits = if is_rebuilt { limits } else { SetLimits::NONE };
    let mut kept = match set {
        SetRef::Integers(_) => NewSet::integers(),
        SetRef::Packed(_) | SetRef::Table(_) => NewSet::packed_up_to(rest, limits),
    };
    let mut selection = Selection { wanted: count, left: len };
    for member in set.members() {
        if selection.next() {
            show(member);
        } else {
            kept.add(member, limits);
        }
    }
    Some(kept)
}

/// Chooses so many things out of as many as are left, in one pass over them: each is taken with the probability that
/// leaves every choice equally likely (Knuth's algorithm S).
struct Selection {
    wanted: usize,
    left: usize,
}

impl Selection {
    /// Whether the next thing is chosen.
    fn next(&mut self) -> bool {
        let is_chosen = self.wanted > 0 && fastrand::usize(..self.left.max(1)) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= usize::from(is_chosen);
        is_chosen
    }
}
