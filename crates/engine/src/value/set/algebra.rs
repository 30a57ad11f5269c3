//! Intersections, unions and differences of sets that are looked at side by side.

use nuthatch_collections::integer_set;
use nuthatch_collections::packed::Element;
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
    } else {
        smallest.members().try_for_each(|member| {
            let wanted = Wanted::new(member);
            if others.iter().all(|set| set.contains(&wanted)) {
                visit(member)
            } else {
                ControlFlow::Continue(())
            }
        })
    };
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
            for member in set.members() {
                let wanted = Wanted::new(member);
                if !sets[..index].iter().any(|before| before.contains(&wanted)) {
                    visit(member);
                }
            }
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

/// Visits every member of the first of these sets that is in none of the others.
pub fn difference(sets: &mut [SetRef<'_>], mut visit: impl FnMut(Element<'_>)) {
    let Some((first, others)) = sets.split_first_mut() else { return };
    let others_len: usize = others.iter().map(|set| set.len()).sum();
    // Looking each member up in half of the others on average, or removing each member of the others from a copy.
    if first.len().saturating_mul(others.len()) / 2 <= others_len {
        // A member is most likely found in a big set.
        others.sort_by_cached_key(|set| std::cmp::Reverse(set.len()));
        for member in first.members() {
            let wanted = Wanted::new(member);
            if !others.iter().any(|set| set.contains(&wanted)) {
                visit(member);
            }
        }
    } else {
        let mut left = PagedTable::new(1);
        first.members().for_each(|member| {
            insert(&mut left, member);
        });
        for member in others.iter().flat_map(|set| set.members()) {
            member.with_text(|text| left.remove(hash(member), text));
        }
        left.iter().for_each(|entry| visit(entry.key));
    }
}
