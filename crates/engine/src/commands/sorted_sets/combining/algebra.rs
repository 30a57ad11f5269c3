//! What unions, intersections and differences are made of their inputs.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use foldhash::quality::RandomState;
use nuthatch_collections::packed::Element;

use super::super::inputs::{Input, Scored};
use crate::arguments::is_word;
use crate::error::CommandError;

/// Which members are in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Those of any input.
    Union,
    /// Those of all inputs.
    Intersection,
    /// Those of the first input that are in no other.
    Difference,
}

/// What becomes of the scores that a member has in several inputs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    pub(super) fn parse(name: &[u8]) -> Result<Self, CommandError> {
        if is_word(name, "SUM") {
            Ok(Self::Sum)
        } else if is_word(name, "MIN") {
            Ok(Self::Min)
        } else if is_word(name, "MAX") {
            Ok(Self::Max)
        } else {
            Err(CommandError::SYNTAX)
        }
    }

    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => zero_if_nan(one + other),
            Self::Min if other < one => other,
            Self::Max if other > one => other,
            Self::Min | Self::Max => one,
        }
    }
}

/// Infinities that cancel each other out count as zero.
fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// How a result is made of the inputs.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) operation: Operation,
    /// What the scores of each input are multiplied by; none if by nothing.
    pub(super) weights: Vec<f64>,
    pub(super) aggregate: Aggregate,
}

/// An input with its weight.
#[derive(Clone, Copy)]
struct Weighted<'a> {
    input: Input<'a>,
    weight: f64,
}

impl Weighted<'_> {
    fn score(self, score: f64) -> f64 {
        zero_if_nan(self.weight * score)
    }
}

impl Recipe {
    /// The members of the result, in order.
    pub(super) fn combine<'a>(&self, inputs: &[Input<'a>]) -> Vec<Scored<'a>> {
        let weights = self.weights.iter().copied().chain(std::iter::repeat(1.0));
        let mut weighted: Vec<Weighted<'a>> =
            inputs.iter().zip(weights).map(|(input, weight)| Weighted { input: *input, weight }).collect();
        let mut members = match self.operation {
            Operation::Difference => difference(inputs),
            Operation::Union | Operation::Intersection => {
                // Sums of scores are made from the smallest input on.
                weighted.sort_by_key(|weighted| weighted.input.len());
                if self.operation == Operation::Union {
                    self.union(&weighted)
                } else {
                    self.intersection(&weighted)
                }
            }
        };
        let by_score = |one: f64, other: f64| one.partial_cmp(&other).unwrap_or(Ordering::Equal);
        members.sort_unstable_by(|one, other| by_score(one.0, other.0).then_with(|| one.1.cmp(&other.1)));
        members
    }

    fn union<'a>(&self, inputs: &[Weighted<'a>]) -> Vec<Scored<'a>> {
        let mut scores: HashMap<Cow<'a, [u8]>, f64, RandomState> = HashMap::default();
        for weighted in inputs {
            weighted.input.visit(|member, score| {
                let score = weighted.score(score);
                scores
                    .entry(member.to_cow())
                    .and_modify(|sum| *sum = self.aggregate.of(*sum, score))
                    .or_insert(score);
                true
            });
        }
        scores.into_iter().map(|(member, score)| (score, member)).collect()
    }

    fn intersection<'a>(&self, inputs: &[Weighted<'a>]) -> Vec<Scored<'a>> {
        let Some((first, others)) = inputs.split_first() else { return Vec::new() };
        let mut members = Vec::new();
        first.input.visit(|member, score| {
            let sum = others.iter().try_fold(first.score(score), |sum, other| {
                // Not a number if infinity has no weight: a sum with it is zero, and no minimum or maximum is.
                Some(self.aggregate.of(sum, other.weight * other.input.score(member)?))
            });
            members.extend(sum.map(|sum| (sum, member.to_cow())));
            true
        });
        members
    }
}

fn difference<'a>(inputs: &[Input<'a>]) -> Vec<Scored<'a>> {
    let Some((first, others)) = inputs.split_first() else { return Vec::new() };
    let mut members = Vec::new();
    first.visit(|member, score| {
        if others.iter().all(|other| other.score(member).is_none()) {
            members.push((score, member.to_cow()));
        }
        true
    });
    members
}

/// How many members are in all inputs; no more than `limit` are counted.
pub(super) fn count_common(inputs: &[Input<'_>], limit: usize) -> usize {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(|input| input.len());
    let Some((first, others)) = inputs.split_first() else { return 0 };
    let mut count = 0;
    first.visit(|member: Element<'_>, _| {
        count += usize::from(others.iter().all(|other| other.score(member).is_some()));
        count < limit
    });
    count
}
