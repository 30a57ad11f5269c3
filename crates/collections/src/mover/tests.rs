//! Whatever is moved is the same as before.

use std::collections::HashSet;

use super::*;
use crate::chunked::{ChunkedList, End, NodeLimit};
use crate::collection::Collection;
use crate::field_map::FieldMap;
use crate::hash::ElementHasher;
use crate::packed::Element;
use crate::paged::PagedTable;
use crate::sorted_set::SortedSet;
use crate::stream::{BlockLimits, Stream, StreamId};

const ELEMENTS: usize = if cfg!(miri) { 300 } else { 20_000 };

/// One collection of each type.
fn collections() -> Vec<Collection> {
    let texts: Vec<String> = (0..ELEMENTS).map(|number| format!("element:{number}")).collect();
    let (mut map, mut set, mut sorted) = (FieldMap::default(), PagedTable::new(1), SortedSet::new());
    // Enough nodes for those in the middle to be folded.
    let mut list = ChunkedList::new(NodeLimit::from_setting(if cfg!(miri) { 10 } else { -2 }));
    let (mut stream, limits) = (Stream::new(), BlockLimits { entries_max: 100, bytes_max: 4096 });
    for (number, text) in texts.iter().enumerate() {
        let (hash, text) = (ElementHasher::get().hash(text.as_bytes()), text.as_bytes());
        map.set(text, Element::Bytes(text), (number % 3 == 0).then_some(number as u64));
        set.insert_or_replace(hash, text, None, None);
        sorted.change(text, |_| Some((number / 7) as f64));
        list.push(End::Back, Element::of(text));
        stream.append(StreamId::new(1, number as u64), [text, text].into_iter(), limits);
    }
    vec![
        Collection::Hash(map),
        Collection::Set(set),
        Collection::SortedSet(sorted),
        Collection::List(list),
        Collection::Stream(Box::new(stream)),
    ]
}

/// All that a collection holds, as text.
fn content(collection: &Collection) -> String {
    match collection {
        Collection::Hash(map) => format!("{:?}", map.table().iter().collect::<Vec<_>>()),
        Collection::Set(table) => format!("{:?}", table.iter().collect::<Vec<_>>()),
        Collection::SortedSet(set) => format!("{set:?} {:?}", set.table().iter().collect::<Vec<_>>()),
        Collection::List(list) => format!("{:?}", list.strips().collect::<Vec<_>>()),
        Collection::Stream(stream) => format!("{stream:?}"),
    }
}

#[test]
fn a_collection_is_the_same_after_all_or_a_part_of_it_has_moved() {
    for mut collection in collections() {
        let (before, bytes) = (content(&collection), collection.memory_bytes());
        let copy = collection.clone();
        for share in [1, 3] {
            let mut looks = 0;
            let mut is_misplaced = |_| {
                looks += 1;
                looks % share == 0
            };
            let mut mover = Mover::by_address(0, &mut is_misplaced);
            assert!(!collection.relocate_small(&mut mover), "it is big");
            assert_eq!(mover.work, 0);
            assert_eq!(collection.relocate(0, usize::MAX, &mut mover), None);
            assert!(mover.moved >= 10, "{collection:?}: {mover:?}");
            assert_eq!(content(&collection), before);
            assert_eq!(collection.memory_bytes(), bytes, "{collection:?}");
        }
        assert_eq!(content(&copy), before, "the copy is another one");
    }
}

#[test]
fn parts_make_up_the_whole() {
    const WORK: usize = 16;
    for mut collection in collections() {
        let mut whole = HashSet::new();
        let mut is_misplaced = |address| !whole.insert(address);
        let mut mover = Mover::by_address(0, &mut is_misplaced);
        collection.relocate(0, usize::MAX, &mut mover);
        let mut parts = HashSet::new();
        let mut position = Some(0);
        let mut steps = 0;
        while let Some(from) = position {
            let mut looked = |address| {
                parts.insert(address);
                false
            };
            let mut mover = Mover::by_address(0, &mut looked);
            position = collection.relocate(from, WORK, &mut mover);
            assert!(mover.work <= 2 * WORK, "{mover:?}");
            steps += 1;
        }
        assert_eq!(parts, whole);
        assert!(steps >= whole.len() / (2 * WORK), "{collection:?}: {steps}");
    }
}

#[test]
fn a_vector_with_other_owners_stays() {
    let mut shared = Arc::new(vec![7; 100]);
    let other = shared.clone();
    let mut always = |_| true;
    let mut mover = Mover::by_address(0, &mut always);
    mover.shared(&mut shared);
    assert!(Arc::ptr_eq(&shared, &other) && mover.moved == 0);
    drop(other);
    mover.shared(&mut shared);
    assert_eq!((&**shared, mover.moved), (&[7; 100][..], 2));
}
