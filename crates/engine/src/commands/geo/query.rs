//! What a search looks for and what it finds.

use std::cmp::Ordering;
use std::ops::Range;

use nuthatch_collections::packed::Element;
use nuthatch_collections::ranked::Place;

use crate::value::geo::{Position, Shape, cover};
use crate::value::sorted_set::SortedSetRef;

/// The order of what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The nearest first.
    Ascending,
    /// The farthest first.
    Descending,
}

/// How many are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) count: usize,
    /// Any so many, rather than the nearest or farthest.
    pub(super) any: bool,
}

/// What is replied of each member besides its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) distance: bool,
    pub(super) hash: bool,
    pub(super) position: bool,
}

impl Details {
    /// How many there are.
    pub(super) fn count(self) -> usize {
        usize::from(self.distance) + usize::from(self.hash) + usize::from(self.position)
    }
}

/// Which members are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'q> {
    pub(super) center: Position,
    pub(super) shape: &'q Shape,
    pub(super) order: Option<Order>,
    pub(super) limit: Option<Limit>,
}

/// A member within the shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) member: Element<'a>,
    pub(super) score: f64,
    pub(super) position: Position,
    /// In meters.
    pub(super) distance: f64,
    /// How many were found before it.
    place: usize,
}

impl Query<'_> {
    /// What there is in `set`.
    pub(super) fn run<'a>(&self, set: SortedSetRef<'a>) -> Vec<Found<'a>> {
        let enough = self.limit.filter(|limit| limit.any).map_or(usize::MAX, |limit| limit.count);
        let mut found: Vec<Found<'a>> = cover(self.center, self.shape)
            .flat_map(|cell| {
                let Range { start, end } = cell.scores();
                let rank = |score| set.count_before(&Place::BeforeScore(score));
                set.iter(rank(start)..rank(end))
            })
            .filter_map(|(member, score)| {
                let position = Position::of_score(score);
                let distance = self.shape.distance_within(self.center, position)?;
                Some((member, score, position, distance))
            })
            .take(enough)
            .enumerate()
            .map(|(place, (member, score, position, distance))| Found {
                member,
                score,
                position,
                distance,
                place,
            })
            .collect();
        // The nearest are wanted if only some are, and not just any.
        let nearest = self.limit.filter(|limit| !limit.any).map(|_| Order::Ascending);
        if let Some(order) = self.order.or(nearest) {
            let compare = |one: &Found<'_>, other: &Found<'_>| {
                let nearer = one.distance.total_cmp(&other.distance);
                let sooner = if order == Order::Ascending { nearer } else { nearer.reverse() };
                sooner.then(one.place.cmp(&other.place))
            };
            sort_first(&mut found, self.limit.map(|limit| limit.count), compare);
        }
        found
    }
}

/// Sorts, and keeps no more than the first `count`.
fn sort_first<T>(elements: &mut Vec<T>, count: Option<usize>, compare: impl Fn(&T, &T) -> Ordering) {
    if let Some(count) = count.filter(|count| *count < elements.len()) {
        elements.select_nth_unstable_by(count, &compare);
        elements.truncate(count);
    }
    elements.sort_unstable_by(compare);
}
