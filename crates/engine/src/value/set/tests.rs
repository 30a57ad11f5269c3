use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;

use super::change::Place;
use super::new::NewSet;
use super::*;

type Twin = BTreeSet<Vec<u8>>;

const LIMITS: SetLimits = SetLimits { integers_max: 12, entries_max: 8, value_bytes_max: 6 };

/// Few numbers and few texts, so that sets have some in common; one in twenty is long.
fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        10 => (-20i64..20).prop_map(|number| number.to_string().into_bytes()),
        1 => (-4i64..4).prop_map(|number| (number * 30_000_000).to_string().into_bytes()),
        8 => (0u8..20).prop_map(|number| vec![b'a' + number]),
        1 => Just(b"longer than all limits".to_vec()),
    ]
}

fn build(members: &[Vec<u8>]) -> (NewSet, Twin) {
    let (mut set, mut twin) = (NewSet::integers(), Twin::new());
    for member in members {
        assert_eq!(set.add(Element::of(member), LIMITS), twin.insert(member.clone()));
    }
    (set, twin)
}

fn content(set: SetRef<'_>) -> Vec<Vec<u8>> {
    let mut members: Vec<_> = set.members().map(|member| member.to_cow().into_owned()).collect();
    members.sort();
    members
}

/// What a visitor is shown, in order.
fn shown(visit: impl FnOnce(&mut dyn FnMut(Element<'_>))) -> Vec<Vec<u8>> {
    let mut members = Vec::new();
    visit(&mut |member| members.push(member.to_cow().into_owned()));
    members.sort();
    members
}

fn is_number(member: &[u8]) -> bool {
    matches!(Element::of(member), Element::Integer(_))
}

proptest! {
    #[test]
    fn it_is_a_set_in_the_encoding_that_its_limits_say(
        members in vec(member(), 0..30),
        removed in vec(member(), 0..10),
    ) {
        let (mut set, mut twin) = build(&members);
        let is_short = |member: &Vec<u8>| member.len() <= LIMITS.value_bytes_max;
        match set.view() {
            SetRef::Integers(_) => {
                prop_assert!(twin.iter().all(|member| is_number(member)) && twin.len() <= LIMITS.integers_max);
            }
            SetRef::Packed(_) => prop_assert!(twin.iter().all(is_short) && twin.len() <= LIMITS.entries_max),
            SetRef::Table(_) => prop_assert!(
                twin.len() > LIMITS.entries_max || twin.iter().any(|member| !is_short(member))
            ),
        }
        for member in &removed {
            prop_assert_eq!(super::change::remove(&mut set, Element::of(member)), twin.remove(member));
        }
        prop_assert_eq!((set.len(), set.is_empty()), (twin.len(), twin.is_empty()));
        for member in members.iter().chain(&removed) {
            let wanted = Wanted::new(Element::of(member));
            prop_assert_eq!(set.view().contains(&wanted), twin.contains(member));
        }
        prop_assert_eq!(content(set.view()), twin.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn algebra_agrees_with_its_definition(
        members in vec(vec(member(), 0..40), 1..6),
        members_max in 1usize..10,
    ) {
        let (sets, twins): (Vec<_>, Vec<_>) = members.iter().map(|members| build(members)).unzip();
        let views = || sets.iter().map(Place::view).collect::<Vec<_>>();
        let (first, others) = twins.split_first().unwrap();
        let all = |member: &&Vec<u8>| others.iter().all(|twin| twin.contains(*member));
        let any = |member: &&Vec<u8>| others.iter().any(|twin| twin.contains(*member));

        let common: Vec<_> = first.iter().filter(all).cloned().collect();
        let found = shown(|visit| algebra::intersection(&mut views(), |member| {
            visit(member);
            ControlFlow::Continue(())
        }));
        prop_assert_eq!(&found, &common);
        let mut counted = 0;
        algebra::intersection(&mut views(), |_| {
            counted += 1;
            if counted == members_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        prop_assert_eq!(counted, common.len().min(members_max));

        let together: Twin = twins.iter().flatten().cloned().collect();
        let found = shown(|visit| algebra::union(&mut views(), visit));
        prop_assert_eq!(found, together.into_iter().collect::<Vec<_>>());

        let rest: Vec<_> = first.iter().filter(|member| !any(member)).cloned().collect();
        prop_assert_eq!(shown(|visit| algebra::difference(&mut views(), visit)), rest);
    }

    #[test]
    fn chosen_members_are_different_ones_of_the_set(members in vec(member(), 0..40), count in 0usize..40) {
        let (mut set, mut twin) = build(&members);
        let chosen = shown(|visit| choice::several(set.view(), count, visit));
        prop_assert_eq!(chosen.len(), count.min(twin.len()));
        prop_assert!(chosen.windows(2).all(|pair| pair[0] != pair[1]));
        prop_assert!(chosen.iter().all(|member| twin.contains(member)));
        if count < twin.len() {
            let mut kept = None;
            let removed = shown(|visit| kept = choice::remove_several(&mut set, count, LIMITS, visit));
            prop_assert_eq!(removed.len(), count);
            prop_assert!(removed.iter().all(|member| twin.remove(member)));
            let set = kept.unwrap_or(set);
            prop_assert_eq!(content(set.view()), twin.into_iter().collect::<Vec<_>>());
        }
    }
}

/// Draws often and sees whether each member comes up equally often: by Pearson's test, with a bound that is passed by
/// chance less than once in 10^9 times (Laurent and Massart's inequality).
fn assert_uniform(members: usize, mut draw: impl FnMut(&mut dyn FnMut(Element<'_>))) {
    const EACH: usize = 100;
    let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut drawn = 0;
    while drawn < members * EACH {
        draw(&mut |member| {
            *counts.entry(member.to_cow().into_owned()).or_default() += 1;
            drawn += 1;
        });
    }
    let expected = drawn as f64 / members as f64;
    let missing = (members - counts.len()) as f64 * expected;
    let statistic: f64 =
        missing + counts.values().map(|count| (*count as f64 - expected).powi(2) / expected).sum::<f64>();
    let (freedom, exponent) = (members as f64 - 1.0, 21.0_f64);
    let bound = freedom + 2.0 * (freedom * exponent).sqrt() + 2.0 * exponent;
    assert!(statistic < bound, "{statistic} of {freedom}, at most {bound}: {counts:?}");
}

#[test]
fn every_member_is_chosen_equally_often() {
    let sets: [Vec<Vec<u8>>; 3] = [
        (0..12).map(|number: i32| (number * number * 1000).to_string().into_bytes()).collect(),
        (b'a'..b'i').map(|letter| vec![letter]).collect(),
        (0..250).map(|number: i32| format!("m{number}").into_bytes()).collect(),
    ];
    for members in sets {
        let (set, _) = build(&members);
        let len = members.len();
        assert_uniform(len, |visit| visit(choice::one(set.view()).expect("it has members")));
        assert_uniform(len, |visit| {
            choice::repeatedly(set.view(), &mut |member| {
                visit(member);
                !fastrand::bool()
            })
        });
        for count in [1, len / 10 + 1, len / 2, len - 1] {
            assert_uniform(len, |visit| choice::several(set.view(), count, visit));
            assert_uniform(len, |visit| {
                choice::remove_several(&mut build(&members).0, count, LIMITS, visit);
            });
        }
    }
}
