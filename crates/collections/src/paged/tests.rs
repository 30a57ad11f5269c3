use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::hash::ElementHasher;

type Twin = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Option<u64>)>;

fn hash(key: &[u8]) -> u64 {
    ElementHasher::get().hash(key)
}

fn key(number: u16) -> Vec<u8> {
    if number.is_multiple_of(3) {
        number.to_string().into_bytes()
    } else {
        format!("field:{number}").into_bytes()
    }
}

/// Compares everything that can be known of a table, and its account of memory.
fn check(table: &PagedTable, twin: &Twin) {
    assert_eq!(table.len(), twin.len());
    assert_eq!(table.is_empty(), twin.is_empty());
    assert_eq!(table.deadlines(), twin.values().filter(|(_, deadline)| deadline.is_some()).count());
    let owned = |entry: EntryRef<'_>| {
        let value = entry.value.map(|value| value.to_cow().into_owned());
        (entry.key.to_cow().into_owned(), (value, entry.deadline))
    };
    let entries: Vec<_> = table.iter().map(owned).collect();
    assert_eq!(entries.len(), twin.len());
    assert_eq!(&entries.into_iter().collect::<Twin>(), twin);
    let (mut scanned, mut position) = (Vec::new(), Some(0));
    while let Some(start) = position {
        position = table.scan(start, &mut |entry| scanned.push(owned(entry)));
    }
    assert_eq!(scanned.len(), twin.len());
    assert_eq!(&scanned.into_iter().collect::<Twin>(), twin);
    for (key, (value, deadline)) in twin {
        let entry = table.find(hash(key), key).expect("the twin has it");
        assert!(entry.key.eq_bytes(key));
        assert_eq!(entry.value.map(|value| value.to_cow().into_owned()).as_ref(), value.as_ref());
        assert_eq!(entry.deadline, *deadline);
    }
    assert_eq!(table.page_bytes, table.pages.iter().map(Page::allocated).sum::<usize>());
    assert_eq!(table.entry_bytes, table.pages.iter().map(|page| page.bytes().len()).sum::<usize>());
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, Vec<u8>, Option<u64>),
    InsertRange(u16, u16),
    Remove(u16),
    RemoveRange(u16, u16),
    SetDeadline(u16, Option<u64>),
    Visit(u16, u8),
    Clone,
}

fn step() -> impl Strategy<Value = Step> {
    let deadline = || prop_oneof![2 => Just(None), 1 => any::<u64>().prop_map(Some)];
    let value = prop_oneof![
        vec(any::<u8>(), 0..12),
        any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        (0usize..3000).prop_map(|len| vec![b'v'; len]),
    ];
    prop_oneof![
        4 => (0u16..400, value, deadline()).prop_map(|(number, value, deadline)| Step::Insert(number, value, deadline)),
        1 => (0u16..400, 0u16..200).prop_map(|(start, len)| Step::InsertRange(start, len)),
        3 => (0u16..400).prop_map(Step::Remove),
        1 => (0u16..400, 0u16..300).prop_map(|(start, len)| Step::RemoveRange(start, len)),
        2 => (0u16..400, deadline()).prop_map(|(number, deadline)| Step::SetDeadline(number, deadline)),
        2 => (0u16..400, 0u8..4).prop_map(|(number, fate)| Step::Visit(number, fate)),
        1 => Just(Step::Clone),
    ]
}

fn insert(table: &mut PagedTable, twin: &mut Twin, number: u16, value: &[u8], deadline: Option<u64>) {
    let key = key(number);
    let stored = (table.stride() == 2).then(|| value.to_vec());
    let old = table.insert_or_replace(hash(&key), &key, Some(Element::of(value)), deadline);
    assert_eq!(old.map(|old| old.deadline), twin.insert(key, (stored, deadline)).map(|old| old.1));
}

fn remove(table: &mut PagedTable, twin: &mut Twin, number: u16) {
    let key = key(number);
    let old = table.remove(hash(&key), &key);
    assert_eq!(old.map(|old| old.deadline), twin.remove(&key).map(|old| old.1));
}

fn take(table: &mut PagedTable, twin: &mut Twin, step: Step) {
    match step {
        Step::Insert(number, value, deadline) => insert(table, twin, number, &value, deadline),
        Step::InsertRange(start, len) => {
            (start..start + len).for_each(|number| insert(table, twin, number, b"value", None));
        }
        Step::Remove(number) => remove(table, twin, number),
        Step::RemoveRange(start, len) => {
            (start..start + len).for_each(|number| remove(table, twin, number));
        }
        Step::SetDeadline(number, deadline) => {
            let key = key(number);
            let old = table.set_deadline(hash(&key), &key, deadline).map(|old| old.deadline);
            let entry = twin.get_mut(&key);
            assert_eq!(old, entry.map(|entry| std::mem::replace(&mut entry.1, deadline)));
        }
        Step::Visit(number, fate) => {
            let key = key(number);
            let fate = match fate {
                0 => Fate::Keep,
                1 => Fate::Deadline(Some(7)),
                2 => Fate::Deadline(None),
                _ => Fate::Remove,
            };
            let mut visits = 0;
            table.visit_fragment((hash(&key) >> 32) as u32, &mut |entry| {
                // Another key may share the fragment, if rarely.
                let is_meant = entry.key.eq_bytes(&key);
                visits += usize::from(is_meant);
                if is_meant { fate } else { Fate::Keep }
            });
            assert_eq!(visits, usize::from(twin.contains_key(&key)));
            match (fate, twin.get_mut(&key)) {
                (Fate::Deadline(deadline), Some(entry)) => entry.1 = deadline,
                (Fate::Remove, Some(_)) => drop(twin.remove(&key)),
                _ => {}
            }
        }
        Step::Clone => *table = table.clone(),
    }
}

proptest! {
    #[test]
    fn it_is_a_map(steps in vec(step(), 0..60), stride in 1usize..3) {
        let (mut table, mut twin) = (PagedTable::new(stride), Twin::new());
        for step in steps {
            take(&mut table, &mut twin, step);
        }
        check(&table, &twin);
    }

    #[test]
    fn a_scan_visits_what_stays(
        steps in vec(vec(step(), 0..4), 1..40),
        stays in 1u16..300,
    ) {
        // Keys that the steps do not touch stay.
        let (mut table, mut twin) = (PagedTable::new(1), Twin::new());
        (1000..1000 + stays).for_each(|number| insert(&mut table, &mut twin, number, b"", None));
        let (mut seen, mut position, mut steps) = (HashSet::new(), Some(0), steps.into_iter());
        while let Some(start) = position {
            position = table.scan(start, &mut |entry| seen.extend([entry.key.to_cow().into_owned()]));
            steps.next().into_iter().flatten().for_each(|step| take(&mut table, &mut twin, step));
        }
        prop_assert!((1000..1000 + stays).all(|number| seen.contains(&key(number))));
    }
}

#[test]
fn pages_come_and_go_with_the_entries() {
    let (mut table, mut twin) = (PagedTable::new(2), Twin::new());
    (0..20_000).for_each(|number| insert(&mut table, &mut twin, number, b"0123456789", None));
    check(&table, &twin);
    assert!(table.pages.len() > 1500);
    assert!(table.memory_bytes() < 20_000 * 32);
    (0..20_000).for_each(|number| remove(&mut table, &mut twin, number));
    check(&table, &twin);
    assert!(table.pages.len() <= 3 && table.memory_bytes() < 1000, "{}", table.memory_bytes());
}

#[test]
fn big_entries_have_pages_of_their_own() {
    let (mut table, mut twin) = (PagedTable::new(2), Twin::new());
    let value = vec![b'v'; 5000];
    (0..1000).for_each(|number| insert(&mut table, &mut twin, number, &value, None));
    check(&table, &twin);
    assert_eq!(table.pages.len(), 1000);
}

#[test]
fn a_value_of_the_same_length_is_written_in_place() {
    let mut table = PagedTable::new(2);
    for number in 0..10u16 {
        table.insert_or_replace(hash(&key(number)), &key(number), Some(Element::Integer(1000)), Some(1));
    }
    let order =
        |table: &PagedTable| table.iter().map(|entry| entry.key.to_cow().into_owned()).collect::<Vec<_>>();
    let before = order(&table);
    table.insert_or_replace(hash(&key(4)), &key(4), Some(Element::Integer(1001)), Some(2));
    assert_eq!(order(&table), before);
    let entry = table.find(hash(&key(4)), &key(4)).expect("it was inserted");
    assert_eq!((entry.value, entry.deadline), (Some(Element::Integer(1001)), Some(2)));
}

#[test]
fn samples_are_uniform() {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let (mut table, mut twin) = (PagedTable::new(1), Twin::new());
    assert_eq!(table.sample(&mut random), None);
    (0..300).for_each(|number| insert(&mut table, &mut twin, number, b"", None));
    let mut counts = HashMap::new();
    for _ in 0..300 * 400 {
        let entry = table.sample(&mut random).expect("there are entries");
        *counts.entry(entry.key.to_cow().into_owned()).or_insert(0i32) += 1;
    }
    assert_eq!(counts.len(), 300);
    // Each is drawn 400 times on average, with a standard deviation of 20.
    assert!(counts.values().all(|count| (count - 400).abs() < 120), "{counts:?}");
}

#[test]
fn removed_samples_are_all_there_was() {
    let (mut table, mut twin) = (PagedTable::new(1), Twin::new());
    (0..500).for_each(|number| insert(&mut table, &mut twin, number, b"", None));
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    };
    while let Some(removed) = table.remove_sample(&mut random, |entry| entry.key.to_cow().into_owned()) {
        assert!(twin.remove(&removed).is_some(), "{}", removed.escape_ascii());
        check(&table, &twin);
    }
    assert!(twin.is_empty());
}

proptest! {
    #[test]
    fn common_members_are_those_of_both(ours in vec(0u16..400, 0..300), theirs in vec(0u16..400, 0..300)) {
        let [(one, twin), (other, other_twin)] = [ours, theirs].map(|numbers| {
            let (mut table, mut twin) = (PagedTable::new(1), Twin::new());
            numbers.into_iter().for_each(|number| insert(&mut table, &mut twin, number, b"", None));
            (table, twin)
        });
        let mut common = Vec::new();
        let ended = one.visit_common(&other, &mut |member| {
            common.push(member.to_cow().into_owned());
            std::ops::ControlFlow::Continue(())
        });
        prop_assert!(ended.is_continue());
        common.sort();
        let expected: Vec<_> = twin.into_keys().filter(|key| other_twin.contains_key(key)).collect();
        prop_assert_eq!(common, expected);
    }
}
