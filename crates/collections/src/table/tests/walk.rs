//! Scanning, sampling and visiting by fragment.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

fn number_of(record: RecordRef<'_>) -> u32 {
    let bytes = record.key().last_chunk::<8>().expect("every test key ends with its number");
    u64::from_be_bytes(*bytes) as u32
}

fn scan_all(table: &Table<TestHash>) -> Vec<u32> {
    let mut found = Vec::new();
    let mut position = Some(0);
    while let Some(from) = position {
        assert_eq!(from % (1 << 16), 0, "the engine needs the low bits");
        position = table.scan(from, &mut |record| found.push(number_of(record)));
        assert!(position.is_none_or(|next| next > from));
    }
    found
}

#[test]
fn a_scan_of_an_unchanged_table_returns_each_entry_once() {
    let count = if cfg!(miri) { 600 } else { 5_000 };
    for hash in TestHash::ALL {
        let mut table = Table::new(hash);
        (0..count).for_each(|number| insert(&mut table, number));
        let mut found = scan_all(&table);
        found.sort_unstable();
        assert!(found.into_iter().eq(0..count), "{hash:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Scan,
    Insert(u32, u32),
    Remove(u32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Scan),
        1 => (1_000u32..6_000, 1u32..1_500).prop_map(|(first, count)| Step::Insert(first, count)),
        1 => (1_000u32..6_000, 1u32..1_500).prop_map(|(first, count)| Step::Remove(first, count)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 48 }, failure_persistence: None, ..ProptestConfig::default() })]

    /// The numbers below 1 000 stay all the time; the others come and go between the steps of the scan.
    #[test]
    fn a_scan_misses_nothing_that_stays_while_segments_split_and_merge(
        hash in prop::sample::select(vec![TestHash::Mixed, TestHash::FewFragments]),
        steps in prop::collection::vec(step(), 20..60),
    ) {
        let mut table = Table::new(hash);
        (0..1_000).for_each(|number| insert(&mut table, number));
        let mut found = HashSet::new();
        let mut position = Some(0);
        for step in steps {
            match step {
                Step::Scan => for _ in 0..20 {
                    let Some(from) = position else { break };
                    position = table.scan(from, &mut |record| { found.insert(number_of(record)); });
                },
                Step::Insert(first, count) => for number in first..first + count {
                    if !contains(&table, number) {
                        insert(&mut table, number);
                    }
                },
                Step::Remove(first, count) => for number in first..first + count {
                    remove(&mut table, number);
                },
            }
        }
        while let Some(from) = position {
            position = table.scan(from, &mut |record| { found.insert(number_of(record)); });
        }
        table.check();
        prop_assert!((0..1_000).all(|number| found.contains(&number)));
    }
}

#[test]
fn samples_of_any_table_are_spread_over_all_entries() {
    let mut seed = 1;
    let mut random = || {
        seed += 1;
        mix(seed)
    };
    for hash in [TestHash::Mixed, TestHash::Constant] {
        for count in [1, 3, 100, 600, 1_500] {
            let mut table = Table::new(hash);
            (0..count).for_each(|number| insert(&mut table, number));
            let expected = if cfg!(miri) { 2 } else { 100 };
            let mut counts = HashMap::new();
            for _ in 0..expected * count {
                let record = table.sample(&mut random).expect("the table is not empty");
                *counts.entry(number_of(record)).or_insert(0u32) += 1;
            }
            if !cfg!(miri) {
                assert_eq!(counts.len(), count as usize, "{hash:?}: some of {count} never came");
                let most = counts.values().max().copied();
                assert!(most < Some(2 * expected), "{hash:?}: one of {count} came {most:?} times");
            }
        }
    }
}

#[test]
fn sampling_an_empty_table_returns_nothing() {
    let mut table = Table::new(TestHash::Mixed);
    assert!(table.sample(&mut || 7).is_none());
    insert(&mut table, 1);
    remove(&mut table, 1);
    assert!(table.sample(&mut || 7).is_none());
    insert(&mut table, 1);
    assert!(table.sample(&mut || u64::MAX).is_some(), "an unlucky source of random numbers must not matter");
}

#[test]
fn a_visit_by_fragment_reaches_all_its_entries_and_may_remove_them() {
    let count = if cfg!(miri) { 400 } else { 2_000 };
    for hash in TestHash::ALL {
        let mut table = Table::new(hash);
        (0..count).for_each(|number| insert(&mut table, number));
        let mut by_fragment = HashMap::<u32, HashSet<u32>>::new();
        for number in 0..count {
            by_fragment.entry((hash.hash(&key(number)) >> 32) as u32).or_default().insert(number);
        }
        for (fragment, numbers) in by_fragment {
            let mut seen = HashSet::new();
            table.visit_fragment(fragment, &mut |slot| {
                assert_eq!((slot.hash() >> 32) as u32, fragment);
                let number = number_of(slot.get());
                assert!(seen.insert(number), "visited twice");
                if number.is_multiple_of(2) {
                    slot.remove();
                }
            });
            assert_eq!(seen, numbers, "{hash:?}");
            table.check();
        }
        assert!((0..count).all(|number| contains(&table, number) == (number % 2 == 1)), "{hash:?}");
    }
}

#[test]
fn pairs_of_buckets_are_visited_each_once_and_lead_through_the_whole_table() {
    for count in [0, 1, 100, 1_500] {
        let mut table = Table::new(TestHash::Mixed);
        (0..count).for_each(|number| insert(&mut table, number));
        let pairs = (table.memory_bytes() / 64).next_power_of_two() / 2;
        for start in [0, u64::MAX, mix(u64::from(count))] {
            let (mut numbers, mut position) = (Vec::new(), start);
            for _ in 0..pairs {
                position = table.visit_pair(position, &mut |record| {
                    numbers.push(number_of(record));
                    true
                });
            }
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len() as u32, count);
        }
    }
}

#[test]
fn a_pair_of_buckets_is_left_when_the_visitor_has_enough() {
    let mut table = Table::new(TestHash::Mixed);
    (0..1_500).for_each(|number| insert(&mut table, number));
    for wanted in 1..4 {
        let mut visits = 0;
        table.visit_pair(0, &mut |_| {
            visits += 1;
            visits < wanted
        });
        assert_eq!(visits, wanted);
    }
}
