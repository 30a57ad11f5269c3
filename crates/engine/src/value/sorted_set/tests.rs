//! Packed and big sorted sets against a sorted list.

use nuthatch_collections::packed::Element;
use proptest::prelude::*;

use super::*;

const LIMITS: PackedLimits = PackedLimits { entries_max: 20, member_bytes_max: 8 };

type Item = (f64, Vec<u8>);

fn items<'a>(entries: impl Iterator<Item = (Element<'a>, f64)>) -> Vec<Item> {
    entries.map(|(member, score)| (score, member.to_cow().to_vec())).collect()
}

fn compare(set: SortedSetRef<'_>, model: &[Item]) {
    assert_eq!(items(set.iter_all()), model);
    assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
    for (rank, (score, member)) in model.iter().enumerate() {
        assert_eq!(set.rank(member), Some((rank, *score)));
        assert_eq!(set.score(member), Some(*score));
        assert_eq!(set.count_before(&Place::BeforeEntry(*score, member)), rank);
        assert_eq!(set.count_before(&Place::AfterEntry(*score, member)), rank + 1);
        let end = model.len().min(rank + 3);
        assert_eq!(items(set.iter(rank..end)), model[rank..end]);
        let backward: Vec<Item> = model[rank..end].iter().rev().cloned().collect();
        assert_eq!(items(set.iter_back(rank..end)), backward);
    }
    assert_eq!(set.score(b"missing"), None);
}

proptest! {
    #[test]
    fn both_forms_are_a_sorted_list(
        steps in prop::collection::vec((0_u32..40, -3_i32..3, any::<bool>()), 1..80),
    ) {
        let mut set = NewSortedSet::for_members(1, LIMITS);
        let mut model: Vec<Item> = Vec::new();
        for (number, score, is_wanted) in steps {
            let member = if number % 2 == 0 { number.to_string() } else { format!("m{number}") }.into_bytes();
            let score = f64::from(score) / 2.0;
            let place = model.iter().position(|item| item.1 == member);
            set.change(&member, LIMITS, |before| {
                assert_eq!(before, place.map(|place| model[place].0));
                is_wanted.then_some(score)
            });
            if is_wanted {
                place.map(|place| model.remove(place));
                model.push((score, member));
                model.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
            }
        }
        compare(set.view(), &model);
        prop_assert_eq!(matches!(set, NewSortedSet::Packed(_)), model.len() <= LIMITS.entries_max);
        let sorted = NewSortedSet::from_sorted(model.iter().map(|item| (item.0, &item.1[..])), LIMITS);
        compare(sorted.view(), &model);
        if let NewSortedSet::Packed(bytes) = &set {
            compare(SortedSetRef::Big(&packed::to_big(bytes)), &model);
            for start in 0..=model.len() {
                for end in start..=model.len() + 1 {
                    let mut rest = bytes.clone();
                    rest.drain(packed::range_of(bytes, start..end));
                    let expected = [&model[..start], &model[end.min(model.len())..]].concat();
                    prop_assert_eq!(items(SortedSetRef::Packed(&rest).iter_all()), expected);
                }
            }
        }
    }
}

#[test]
fn a_long_member_makes_it_big() {
    let mut set = NewSortedSet::for_members(1, LIMITS);
    set.change(b"12345678", LIMITS, |_| Some(-0.0));
    assert!(matches!(set, NewSortedSet::Packed(_)));
    set.change(b"123456789", LIMITS, |_| Some(1.0));
    assert!(matches!(set, NewSortedSet::Big(_)));
    compare(set.view(), &[(0.0, b"12345678".to_vec()), (1.0, b"123456789".to_vec())]);
}
