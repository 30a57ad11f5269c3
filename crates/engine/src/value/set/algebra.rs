//! Intersections, unions and differences of sets that are looked at side by side.

use nuthatch_collections::integer_set;
use nuthatch_collections::packed::{self, Element, Index};
use nuthatch_collections::paged::PagedTable;
use std::ops::ControlFlow;

use super::change::insert;
use super::{SetRef, Wanted, hash};

/// Visits every member of all these sets, until the visitor has enough.
pub fn intersection(sets: &mut [SetRef<'_>], mut visit: impl FnMut(Element<'_>) -> ControlFlow<()>) {
    sets.sort_by_cached_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    let integers = |set: &SetRef<'_>| matches!(set, SetRef::Integers(_));
    let _ = if integers(smallest) && others.iter().all(integers) {
        common_integers(*smallest, others, &mut visit)
    } else if let (SetRef::Table(table), Some((SetRef::Table(second), others))) =
        (smallest, others.split_first())
        && table.is_alike(second)
    {
        let mut others = Searched::all(others);
        table.visit_common(second, &mut |member| {
            if others.have(member) { visit(member) } else { ControlFlow::Continue(()) }
        })
    } else {
        let mut others = Searched::all(others);
        smallest.members().try_for_each(|member| {
            if others.have(member) { visit(member) } else { ControlFlow::Continue(()) }
        })
    };
}

/// Sets in which many members are looked up.
struct Searched<'a> {
    packed: Vec<(&'a [u8], Index)>,
    others: Vec<SetRef<'a>>,
    encoding: Vec<u8>,
}

impl<'a> Searched<'a> {
    fn all(sets: &[SetRef<'a>]) -> Self {
        let mut searched = Self { packed: Vec::new(), others: Vec::new(), encoding: Vec::new() };
        for set in sets {
            if let SetRef::Packed(bytes) = set {
                let mut index = Index::default();
                index.prepare(bytes);
                searched.packed.push((bytes, index));
            } else {
                searched.others.push(*set);
            }
        }
        searched
    }

    /// Whether all sets have the member.
    fn have(&mut self, member: Element<'_>) -> bool {
        !self.in_packed(member, |found| !found) && {
            let wanted = Wanted::new(member);
            self.others.iter().all(|set| set.contains(&wanted))
        }
    }

    /// Whether any set has the member.
    fn has(&mut self, member: Element<'_>) -> bool {
        self.in_packed(member, |found| found) || {
            let wanted = Wanted::new(member);
            self.others.iter().any(|set| set.contains(&wanted))
        }
    }

    /// Looks a member up in the packed sets, until it decides whether it was found in one; false if that is never so.
    fn in_packed(&mut self, member: Element<'_>, decides: impl Fn(bool) -> bool) -> bool {
        if self.packed.is_empty() {
            return false;
        }
        self.encoding.clear();
        packed::encode(member, &mut self.encoding);
        let mut found = self.packed.iter().map(|(bytes, index)| index.contains(bytes, &self.encoding));
        found.any(decides)
    }
}

/// As [`intersection`], of sets of integers, which are walked through side by side.
fn common_integers(
    smallest: SetRef<'_>,
    others: &[SetRef<'_>],
    visit: &mut impl FnMut(Element<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut walks: Vec<(&[u8], usize)> = others
        .iter()
        .filter_map(|set| if let SetRef::Integers(integers) = set { Some((*integers, 0)) } else { None })
        .collect();
    for member in smallest.members() {
        let Element::Integer(number) = member else { continue };
        let is_everywhere = walks.iter_mut().all(|(integers, position)| {
            *position = integer_set::position_from(integers, *position, number);
            integer_set::get(integers, *position) == Some(number)
        });
        if is_everywhere {
            visit(member)?;
        }
    }
    ControlFlow::Continue(())
}

/// Visits every member of any of these sets, each once.
pub fn union(sets: &mut [SetRef<'_>], mut visit: impl FnMut(Element<'_>)) {
    /// Up to so many sets, looking into those before is quicker than to note what was visited.
    const SIDE_BY_SIDE_MAX: usize = 3;
    sets.sort_by_cached_key(|set| std::cmp::Reverse(set.len()));
    if sets.len() <= SIDE_BY_SIDE_MAX {
        for (index, set) in sets.iter().enumerate() {
            let mut before = Searched::all(&sets[..index]);
            set.members().filter(|member| !before.has(*member)).for_each(&mut visit);
        }
    } else {
        let mut visited = PagedTable::new(1);
        for member in sets.iter().flat_map(|set| set.members()) {
            if insert(&mut visited, member) {
                visit(member);
            }
        }
    }
}

/// Whether a difference is had quicker by removing the members of the others from a copy of the first set than by
/// looking its members up in the others, of which half are asked on average. What is stored shows which way was taken,
/// because a copy keeps its encoding, so the rule is that of stock servers.
pub fn is_copy_quicker(first: SetRef<'_>, others: &[SetRef<'_>]) -> bool {
    let others_len: usize = others.iter().map(|set| set.len()).sum();
    let sets = 1 + others.iter().filter(|set| !set.is_empty()).count();
    first.len().saturating_mul(sets) / 2 > first.len().saturating_add(others_len)
}

/// Visits every member of the first of these sets that is in none of the others.
pub fn difference(sets: &mut [SetRef<'_>], visit: impl FnMut(Element<'_>)) {
    let Some((first, others)) = sets.split_first_mut() else { return };
    if is_copy_quicker(*first, others) {
        let mut left = PagedTable::new(1);
        first.members().for_each(|member| {
            insert(&mut left, member);
        });
        for member in others.iter().flat_map(|set| set.members()) {
            member.with_text(|text| left.remove(hash(member), text));
        }
        left.iter().map(|entry| entry.key).for_each(visit);
    } else {
        // A member is most likely found in a big set.
        others.sort_by_cached_key(|set| std::cmp::Reverse(set.len()));
        let mut others = Searched::all(others);
        first.members().filter(|member| !others.has(*member)).for_each(visit);
    }
}
