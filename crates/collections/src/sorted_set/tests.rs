//! The set against a map from members to scores.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn check(set: &SortedSet, model: &BTreeMap<Vec<u8>, f64>) {
    let mut expected: Vec<(f64, &[u8])> =
        model.iter().map(|(member, score)| (*score, member.as_slice())).collect();
    expected.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(other.1)));
    assert_eq!(set.iter_from(0).collect::<Vec<_>>(), expected);
    assert_eq!(set.scores.len(), set.len());
    for (rank, (score, member)) in expected.iter().enumerate() {
        assert_eq!(set.rank(member), Some((rank, *score)));
    }
    let mut scanned = BTreeMap::new();
    let mut position = Some(0);
    while let Some(from) = position {
        position = set.scan(from, |member, score| {
            scanned.insert(member.to_cow().to_vec(), score);
        });
    }
    assert_eq!(&scanned, model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, ..ProptestConfig::default() })]

    #[test]
    fn table_and_order_keep_step(
        steps in prop::collection::vec((0_u8..20, 0_u32..300, -5_i32..5, 0_usize..40), 1..500),
    ) {
        let mut set = SortedSet::new();
        let mut model = BTreeMap::new();
        for (operation, number, score, len) in steps {
            let member = if number % 2 == 0 { number.to_string() } else { format!("member:{number}") }.into_bytes();
            match operation {
                0..13 => {
                    let score = f64::from(score) / 2.0;
                    let mut before = None;
                    set.change(&member, |current| {
                        before = current;
                        (operation != 0).then_some(score)
                    });
                    prop_assert_eq!(before, model.get(&member).copied());
                    if operation != 0 {
                        model.insert(member, score);
                    }
                }
                13..19 => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                _ => {
                    let start = number as usize % (set.len() + 1);
                    set.remove_range(start..start + len, |score, member| {
                        assert_eq!(model.remove(member), Some(score));
                    });
                }
            }
        }
        check(&set, &model);
        check(&SortedSet::from_sorted(set.iter_from(0)), &model);
        check(&set.clone(), &model);
    }
}

#[test]
fn packed_scores_come_back_bit_by_bit() {
    for score in
        [0.0, -0.0, 1.0, -1.0, 0.5, 9_007_199_254_740_991.0, 9_007_199_254_740_993.0, 1e300, f64::INFINITY]
    {
        for score in [score, -score] {
            assert_eq!(PackedScore::read(PackedScore::new(score).element()).to_bits(), score.to_bits());
        }
    }
}
