//! The tree against a sorted list.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::leaf::{BYTES_MAX, ENTRIES_MAX};
use super::*;

type Item = (f64, Vec<u8>);

fn order(a: &Item, b: &Item) -> Ordering {
    a.0.partial_cmp(&b.0).expect("no NaN").then_with(|| a.1.cmp(&b.1))
}

/// Checks everything that inner nodes say of what is below them. Returns the number of levels.
fn check_node(node: &Node) -> usize {
    assert_eq!(node.first_scores.len(), node.len());
    assert!(node.len() <= node::CHILDREN_MAX);
    match &node.children {
        Children::Leaves(leaves) => {
            assert_eq!(leaves.len(), node.len());
            for ((leaf, &count), &score) in leaves.iter().zip(&node.counts).zip(&node.first_scores) {
                assert!(leaf.len() > 0 && count <= ENTRIES_MAX && (count == 1 || leaf.len() <= BYTES_MAX));
                assert_eq!(leaf.offset_of(count), leaf.len());
                assert_eq!(leaf.first().score, score);
            }
            1
        }
        Children::Nodes(nodes) => {
            assert_eq!(nodes.len(), node.len());
            for ((below, &count), &score) in nodes.iter().zip(&node.counts).zip(&node.first_scores) {
                assert!(below.len() > 0);
                assert_eq!((below.count(), below.first_scores[0]), (count, score));
            }
            let levels: Vec<usize> = nodes.iter().map(check_node).collect();
            assert!(levels.iter().all(|&level| level == levels[0]));
            levels[0] + 1
        }
    }
}

fn check(tree: &RankedTree) {
    check_node(&tree.root);
    assert_eq!(tree.root.count(), tree.len());
    assert_eq!(tree.root.allocated_below(), tree.memory_bytes());
}

fn items<'a>(entries: impl Iterator<Item = (f64, &'a [u8])>) -> Vec<Item> {
    entries.map(|(score, member)| (score, member.to_vec())).collect()
}

/// How many items are before the places around one.
fn places<'a>(item: &'a Item, model: &[Item]) -> [(Place<'a>, usize); 4] {
    let (score, member) = (item.0, item.1.as_slice());
    let count = |is_before: &dyn Fn(&Item) -> bool| model.partition_point(is_before);
    [
        (Place::BeforeScore(score), count(&|other| other.0 < score)),
        (Place::AfterScore(score), count(&|other| other.0 <= score)),
        (Place::BeforeEntry(score, member), count(&|other| order(other, item).is_lt())),
        (Place::AfterEntry(score, member), count(&|other| order(other, item).is_le())),
    ]
}

/// Compares every answer of the tree.
fn compare(tree: &RankedTree, model: &[Item]) {
    check(tree);
    assert_eq!(items(tree.iter_from(0)), model);
    let backward: Vec<Item> = model.iter().rev().cloned().collect();
    assert_eq!(items(tree.iter_back_from(usize::MAX)), backward);
    for (rank, item) in model.iter().enumerate() {
        assert_eq!(tree.rank(item.0, &item.1), Some(rank));
        assert_eq!(tree.get(rank), Some((item.0, item.1.as_slice())));
        for (place, expected) in places(item, model) {
            assert_eq!(tree.count_before(&place), expected, "{place:?}");
        }
        if rank % 29 == 0 {
            assert_eq!(items(tree.iter_from(rank).take(70)), &model[rank..model.len().min(rank + 70)]);
            let back: Vec<Item> = model[..=rank].iter().rev().take(70).cloned().collect();
            assert_eq!(items(tree.iter_back_from(rank).take(70)), back);
        }
    }
    assert_eq!(tree.get(model.len()), None);
    assert_eq!(tree.iter_from(0).len(), model.len());
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(Item),
    Ascending(u8, Vec<u8>),
    Descending(u8, Vec<u8>),
    Remove(usize),
    RemoveOther(Item),
    RemoveRange(usize, usize),
    Rebuild,
}

fn scores() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3_i32..3).prop_map(f64::from),
        2 => -1e6..1e6,
        1 => (-1_000_000_000_000_i64..1_000_000_000_000).prop_map(|score| score as f64),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX]),
    ]
}

fn members() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..4),
        4 => prop::collection::vec(any::<u8>(), 8..40),
        1 => (any::<u8>(), 200_usize..3000).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        30 => (scores(), members()).prop_map(Operation::Insert),
        2 => (1_u8.., members()).prop_map(|(count, member)| Operation::Ascending(count, member)),
        2 => (1_u8.., members()).prop_map(|(count, member)| Operation::Descending(count, member)),
        8 => any::<usize>().prop_map(Operation::Remove),
        1 => (scores(), members()).prop_map(Operation::RemoveOther),
        1 => (any::<usize>(), 0_usize..300).prop_map(|(start, len)| Operation::RemoveRange(start, len)),
        1 => Just(Operation::Rebuild),
    ]
}

fn insert(tree: &mut RankedTree, model: &mut Vec<Item>, item: Item) {
    if let Err(place) = model.binary_search_by(|other| order(other, &item)) {
        tree.insert(item.0, &item.1);
        model.insert(place, item);
    }
}

fn run(tree: &mut RankedTree, model: &mut Vec<Item>, operation: Operation) {
    match operation {
        Operation::Insert(item) => insert(tree, model, item),
        Operation::Ascending(count, member) => {
            let last = model.last().map_or(0.0, |item| item.0.min(1e9));
            (0..count).for_each(|add| insert(tree, model, (last + f64::from(add), member.clone())));
        }
        Operation::Descending(count, member) => {
            let first = model.get(model.len() / 2).map_or(0.0, |item| item.0.max(-1e9));
            (0..count)
                .for_each(|less| insert(tree, model, (first - f64::from(less) / 256.0, member.clone())));
        }
        Operation::Remove(which) => {
            if !model.is_empty() {
                let (score, member) = model.remove(which % model.len());
                assert!(tree.remove(score, &member));
            }
        }
        Operation::RemoveOther(item) => {
            let place = model.binary_search_by(|other| order(other, &item)).ok();
            place.map(|place| model.remove(place));
            assert_eq!(tree.remove(item.0, &item.1), place.is_some());
        }
        Operation::RemoveRange(start, len) => {
            let start = start % (model.len() + 1);
            let end = model.len().min(start + len);
            let expected: Vec<Item> = model.drain(start..end).collect();
            let mut removed = Vec::new();
            tree.remove_range(start..start + len, |score, member| removed.push((score, member.to_vec())));
            assert_eq!(removed, expected);
        }
        Operation::Rebuild => {
            *tree = RankedTree::from_sorted(tree.clone().iter_from(0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 96 }, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_a_sorted_list(steps in prop::collection::vec(operations(), 1..400)) {
        let mut tree = RankedTree::new();
        let mut model = Vec::new();
        for operation in steps {
            run(&mut tree, &mut model, operation);
            check(&tree);
        }
        compare(&tree, &model);
        compare(&tree.clone(), &model);
        while !model.is_empty() {
            let third = model.len() / 3;
            run(&mut tree, &mut model, Operation::RemoveRange(third, 40));
            check(&tree);
            run(&mut tree, &mut model, Operation::Remove(0));
        }
        prop_assert_eq!(tree.memory_bytes(), RankedTree::new().memory_bytes());
    }

    #[test]
    fn places_between_members(
        members in prop::collection::btree_set(members(), 1..300),
        bounds in prop::collection::vec(members(), 1..20),
    ) {
        let tree = RankedTree::from_sorted(members.iter().map(|member| (5.0, member.as_slice())));
        for bound in &bounds {
            let before = members.range(..bound.clone()).count();
            prop_assert_eq!(tree.count_before(&Place::BeforeMember(bound)), before);
            let up_to = before + usize::from(members.contains(bound));
            prop_assert_eq!(tree.count_before(&Place::AfterMember(bound)), up_to);
        }
    }
}

#[test]
fn a_full_leaf_whose_last_entry_has_most_of_its_bytes_is_split() {
    let (mut tree, mut model) = (RankedTree::new(), Vec::new());
    insert(&mut tree, &mut model, (1.0, vec![b'x'; 240]));
    for number in 0..100 {
        insert(&mut tree, &mut model, (0.0, vec![number]));
        check(&tree);
    }
    compare(&tree, &model);
}

/// Numbers below `count` in an order without pattern.
fn shuffled(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |number| number.wrapping_mul(2_654_435_761) % count)
}

fn leaves(node: &Node) -> usize {
    match &node.children {
        Children::Leaves(leaves) => leaves.len(),
        Children::Nodes(nodes) => nodes.iter().map(leaves).sum(),
    }
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn entries_in_order_fill_the_leaves() {
    let mut ascending = RankedTree::new();
    let mut descending = RankedTree::new();
    let mut random = RankedTree::new();
    let member = |number: u64| format!("member{number:05}");
    for number in 0..50_000 {
        ascending.insert(number as f64, member(number).as_bytes());
        descending.insert(-(number as f64), member(number).as_bytes());
    }
    for number in shuffled(50_000) {
        random.insert(number as f64, member(number).as_bytes());
    }
    let full = 50_000_usize.div_ceil(ENTRIES_MAX);
    check(&ascending);
    check(&descending);
    check(&random);
    assert_eq!(leaves(&ascending.root), full);
    assert_eq!(leaves(&descending.root), full);
    assert!(leaves(&random.root) * 65 <= full * 100, "{} leaves", leaves(&random.root));
    assert!(random.memory_bytes() <= 50_000 * 30, "{} bytes", random.memory_bytes());
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn a_tree_without_most_of_its_entries_is_small() {
    let mut tree = RankedTree::new();
    for number in shuffled(100_000) {
        tree.insert(number as f64, b"some member");
    }
    for number in shuffled(100_000).filter(|number| number % 100 != 0) {
        assert!(tree.remove(number as f64, b"some member"));
    }
    check(&tree);
    assert!(tree.memory_bytes() <= 1000 * 60, "{} bytes", tree.memory_bytes());
}

#[test]
fn neighbours_of_a_long_member_do_not_move_it() {
    let long = vec![b'm'; 100_000];
    let mut tree = RankedTree::new();
    tree.insert(0.0, &long);
    for number in 0..1000_u32 {
        tree.insert(0.0, format!("a{number}").as_bytes());
        tree.insert(0.0, format!("z{number}").as_bytes());
    }
    check(&tree);
    assert_eq!(tree.rank(0.0, &long), Some(1000));
    assert!(tree.memory_bytes() < 200_000);
}
