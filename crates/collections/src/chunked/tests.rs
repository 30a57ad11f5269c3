//! Lists against vectors of texts, and the division into nodes against what stock servers do.

use proptest::prelude::*;

use super::{ChunkedList, EDGE, End, Node, NodeLimit, Side, strip};
use crate::entry::size_class;
use crate::packed::{Element, listpack};

#[derive(Clone, Debug)]
enum Operation {
    Push(End, Vec<u8>),
    Pop(End),
    Set(usize, Vec<u8>),
    Insert(usize, Side, Vec<u8>),
    InsertBeside(Vec<u8>, Side, Vec<u8>),
    RemoveEqual(End, Vec<u8>, usize),
    Keep(usize, usize),
    Clone,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-3i64..3).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        4 => prop::sample::select(vec![b"a".to_vec(), b"".to_vec(), b"007".to_vec(), vec![b'x'; 64]]),
        2 => (0usize..300).prop_map(|len| vec![b'y'; len]),
        1 => (0usize..20_000).prop_map(|len| vec![b'z'; len]),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop::sample::select(vec![End::Front, End::Back])
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(vec![Side::Before, Side::After])
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        10 => (end(), text()).prop_map(|(end, text)| Operation::Push(end, text)),
        4 => end().prop_map(Operation::Pop),
        2 => (any::<prop::sample::Index>(), text()).prop_map(|(at, text)| Operation::Set(at.index(1000), text)),
        3 => (any::<prop::sample::Index>(), side(), text())
            .prop_map(|(at, side, text)| Operation::Insert(at.index(1000), side, text)),
        2 => (text(), side(), text()).prop_map(|(pivot, side, text)| Operation::InsertBeside(pivot, side, text)),
        1 => (end(), text(), 0usize..5).prop_map(|(end, text, most)| Operation::RemoveEqual(end, text, most)),
        1 => (0usize..20, 0usize..20).prop_map(|(start, behind)| Operation::Keep(start, behind)),
        1 => Just(Operation::Clone),
    ]
}

fn apply(list: &mut ChunkedList, twin: &mut Vec<Vec<u8>>, operation: &Operation) {
    match operation {
        Operation::Push(end, text) => {
            list.push(*end, Element::of(text));
            twin.insert(if *end == End::Front { 0 } else { twin.len() }, text.clone());
        }
        Operation::Pop(end) => {
            let popped = list.pop(*end, |element| element.to_cow().into_owned());
            let expected = match end {
                End::Front => (!twin.is_empty()).then(|| twin.remove(0)),
                End::Back => twin.pop(),
            };
            assert_eq!(popped, expected);
        }
        Operation::Set(index, text) => {
            let index = index % (twin.len() + 1);
            assert_eq!(list.place(index).is_some(), index < twin.len());
            if let Some(place) = list.place(index) {
                list.set(place, Element::of(text));
                twin[index].clone_from(text);
            }
        }
        Operation::Insert(index, side, text) => {
            if let Some(place) = list.place(index % (twin.len() + 1)) {
                list.insert(place, *side, Element::of(text));
                twin.insert(index % (twin.len() + 1) + usize::from(*side == Side::After), text.clone());
            }
        }
        Operation::InsertBeside(pivot, side, text) => {
            let place = list.find(Element::of(pivot));
            let index = twin.iter().position(|text| text == pivot);
            assert_eq!(place, index.and_then(|index| list.place(index)));
            if let (Some(place), Some(index)) = (place, index) {
                list.insert(place, *side, Element::of(text));
                twin.insert(index + usize::from(*side == Side::After), text.clone());
            }
        }
        Operation::RemoveEqual(end, text, most) => {
            let mut places: Vec<usize> = (0..twin.len()).filter(|index| twin[*index] == *text).collect();
            if *end == End::Back {
                places.reverse();
            }
            places.truncate(*most);
            places.sort_unstable();
            assert_eq!(list.remove_equal(*end, Element::of(text), *most), places.len());
            for index in places.into_iter().rev() {
                twin.remove(index);
            }
        }
        Operation::Keep(start, behind) => {
            let end = twin.len().saturating_sub(*behind);
            list.keep(*start, end);
            twin.truncate(end);
            twin.drain(..(*start).min(twin.len()));
        }
        Operation::Clone => *list = list.clone(),
    }
}

fn texts<'a>(elements: impl Iterator<Item = Element<'a>>) -> Vec<Vec<u8>> {
    elements.map(|element| element.to_cow().into_owned()).collect()
}

fn check(list: &ChunkedList, twin: &[Vec<u8>]) {
    assert_eq!(list.len(), twin.len());
    assert_eq!(texts(list.iter_from(0)), twin);
    let mut reversed = texts(list.iter_back_from(twin.len().wrapping_sub(1)));
    reversed.reverse();
    assert_eq!(reversed, twin);
    for index in [0, 1, twin.len() / 3, twin.len() / 2, twin.len().saturating_sub(2), twin.len()] {
        let text = list.get(index).map(|element| element.to_cow().into_owned());
        assert_eq!(text.as_ref(), twin.get(index));
        assert_eq!(texts(list.iter_from(index)), twin.get(index..).unwrap_or_default());
        assert_eq!(list.iter_back_from(index).count(), if index < twin.len() { index + 1 } else { 0 });
    }
    assert_eq!(list.node_bytes, list.nodes.iter().map(Node::allocated_bytes).sum::<usize>());
    for node in &list.nodes {
        assert_eq!(strip::iter(node.elements()).count(), node.count());
        assert!(node.count() > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_like_a_vector(
        setting in prop::sample::select(vec![-1, -2, -5, 0, 1, 2, 3, 10, 1000]),
        operations in prop::collection::vec(operation(), 1..150),
    ) {
        let limit = NodeLimit::from_setting(setting);
        let (mut list, mut twin) = (ChunkedList::new(limit), Vec::new());
        for operation in &operations {
            apply(&mut list, &mut twin, operation);
            check(&list, &twin);
        }
    }

    #[test]
    fn a_strip_is_the_inside_of_a_listpack(texts in prop::collection::vec(text(), 0..50)) {
        let (mut strip, mut packed) = (Vec::new(), Vec::new());
        for text in &texts {
            strip::append(Element::of(text), &mut strip);
            crate::packed::encode(Element::of(text), &mut packed);
        }
        let listpack = listpack::to_listpack(&packed);
        prop_assert_eq!(&strip, &listpack[6..listpack.len() - 1]);
        for index in 0..=texts.len() {
            let offset = strip::offset_of(&strip, index, texts.len());
            prop_assert_eq!(strip::iter(&strip[offset..]).count(), texts.len() - index);
            prop_assert_eq!(strip::iter(&strip[..offset]).rev().count(), index);
        }
    }
}

/// The numbers of elements in each node.
fn counts(list: &ChunkedList) -> Vec<usize> {
    list.nodes.iter().map(Node::count).collect()
}

fn filled(setting: i32, lens: &[usize]) -> (ChunkedList, NodeLimit) {
    let limit = NodeLimit::from_setting(setting);
    let mut list = ChunkedList::new(limit);
    for len in lens {
        list.push(End::Back, Element::Bytes(&vec![b'x'; *len]));
    }
    (list, limit)
}

#[test]
fn nodes_are_as_big_as_on_stock_servers() {
    for (setting, len, count) in [
        (-1, 1, 1361),
        (-1, 64, 60),
        (-1, 4000, 1),
        (-2, 1, 2726),
        (-2, 63, 125),
        (-2, 1000, 8),
        (-3, 100, 158),
        (0, 1, 1),
        (5, 5, 5),
        (5, 2047, 3),
        (1000, 10, 681),
        (-7, 1000, 65),
    ] {
        let (list, _) = filled(setting, &vec![len; count]);
        assert_eq!(counts(&list), [count], "{setting} {len}");
        let (list, _) = filled(setting, &vec![len; count + 1]);
        assert_eq!(counts(&list), [count, 1], "{setting} {len}");
    }
}

#[test]
fn an_element_over_the_limit_is_alone() {
    let (mut list, _) = filled(-1, &[5, 4097, 5, 5, 5]);
    assert_eq!(counts(&list), [1, 1, 3]);
    list.push(End::Front, Element::Bytes(&[b'x'; 4097]));
    list.push(End::Front, Element::Bytes(b"small"));
    assert_eq!(counts(&list), [1, 1, 1, 1, 3]);
    list.insert(list.place(5).unwrap(), Side::After, Element::Bytes(&[b'x'; 4097]));
    assert_eq!(counts(&list), [1, 1, 1, 1, 2, 1, 1]);
    // In place of a big one, a small one goes to the next node if it is no big one, too.
    list.set(list.place(3).unwrap(), Element::Bytes(b"small"));
    assert_eq!(counts(&list), [1, 1, 1, 3, 1, 1]);
}

#[test]
fn a_full_node_is_divided_and_small_ones_are_joined() {
    let (mut list, _) = filled(4, &[1; 12]);
    assert_eq!(counts(&list), [4, 4, 4]);
    list.insert(list.place(5).unwrap(), Side::After, Element::Bytes(b"new"));
    assert_eq!(counts(&list), [4, 2, 3, 4]);
    list.keep(3, list.len());
    assert_eq!(counts(&list), [1, 2, 3, 4]);
    list.insert(list.place(8).unwrap(), Side::Before, Element::Bytes(b"new"));
    assert_eq!(counts(&list), [1, 2, 3, 3, 2]);
    list.insert(list.place(10).unwrap(), Side::After, Element::Bytes(b"new"));
    assert_eq!(counts(&list), [1, 2, 3, 3, 3]);
}

#[test]
fn a_list_may_be_small_again_when_half_a_node_is_left() {
    let (mut list, limit) = filled(-1, &[100; 41]);
    assert_eq!(counts(&list), [39, 2]);
    list.truncate(20);
    assert!(list.as_small(limit).is_none());
    list.truncate(19);
    assert_eq!(list.as_small(limit).map(<[u8]>::len), Some(19 * 103));
    let (list, limit) = filled(-1, &[4097]);
    assert!(list.as_small(limit).is_none(), "an element that was too big stays alone");
}

/// Bytes of the elements alone, exactly as the format has them.
fn element_bytes(list: &ChunkedList) -> usize {
    list.nodes.iter().map(|node| node.elements().len()).sum()
}

#[test]
fn finished_nodes_take_no_more_than_their_size_class() {
    for (end, len) in [(End::Front, 10), (End::Back, 10), (End::Front, 1500), (End::Back, 1500)] {
        let limit = NodeLimit::from_setting(-2);
        let mut list = ChunkedList::new(limit);
        let mut state = 1_u64;
        for _ in 0..10_000 {
            // Bytes that cannot be compressed (Knuth's generator), and are no number.
            let noise = (0..len).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8 | 0x80
            });
            list.push(end, Element::Bytes(&noise.collect::<Vec<u8>>()));
        }
        let finished = match end {
            End::Front => list.nodes.range(1..),
            End::Back => list.nodes.range(..list.nodes.len() - 1),
        };
        for node in finished {
            assert_eq!(node.allocated_bytes(), size_class(node.elements().len()));
        }
        assert!(list.memory_bytes() < element_bytes(&list) * 112 / 100 + 10_000, "{end:?} {len}");
    }
}

#[test]
fn memory_is_given_back_as_elements_go() {
    for (pushed, popped) in [(End::Back, End::Front), (End::Back, End::Back), (End::Front, End::Back)] {
        let limit = NodeLimit::from_setting(-2);
        let mut list = ChunkedList::new(limit);
        for number in 0..100_000 {
            list.push(pushed, Element::Integer(number));
        }
        while list.len() > 10 {
            list.pop(popped, |_| ());
        }
        assert!(list.memory_bytes() < 1000, "{pushed:?} {popped:?}: {}", list.memory_bytes());
    }
}

/// A list of so many different texts that are alike.
fn messages(end: End, count: usize) -> (ChunkedList, Vec<String>) {
    let mut list = ChunkedList::new(NodeLimit::from_setting(-1));
    let mut texts: Vec<String> = (0..count).map(|number| format!("message:{number:07}")).collect();
    for text in &texts {
        list.push(end, Element::of(text.as_bytes()));
    }
    if end == End::Front {
        texts.reverse();
    }
    (list, texts)
}

fn folded(list: &ChunkedList) -> usize {
    list.nodes.iter().filter(|node| node.allocated_bytes() < node.elements_len()).count()
}

#[test]
fn nodes_far_from_the_ends_are_folded_and_read_as_before() {
    for end in [End::Front, End::Back] {
        let (list, texts) = messages(end, 50_000);
        assert!(folded(&list) >= list.nodes() - 2 * EDGE - 2, "{end:?}");
        assert!(list.memory_bytes() < element_bytes(&list) / 2);
        let read: Vec<_> = list.iter_from(0).map(|element| element.to_cow().into_owned()).collect();
        assert!(read.iter().eq(texts.iter().map(|text| text.as_bytes())));
        assert!(list.memory_bytes() > element_bytes(&list), "what was read stays there");
        assert!(list.clone().memory_bytes() < element_bytes(&list) / 2, "but is not copied");
    }
}

#[test]
fn nodes_that_were_read_or_changed_are_folded_again_as_the_list_grows() {
    let (mut list, _) = messages(End::Back, 50_000);
    let before = list.memory_bytes();
    for index in (0..50_000).step_by(100) {
        let place = list.place(index).unwrap();
        list.set(place, Element::of(b"message:changed"));
    }
    assert!(list.iter_from(0).count() == 50_000 && list.memory_bytes() > 2 * before);
    for number in 0..50_000 {
        list.push(End::Back, Element::of(format!("message:{number:07}").as_bytes()));
    }
    assert!(list.memory_bytes() < 3 * before, "{} {before}", list.memory_bytes());
}

#[test]
fn folded_nodes_are_popped_from_both_ends() {
    for (pushed, popped) in [(End::Front, End::Back), (End::Back, End::Back)] {
        let (mut list, mut texts) = messages(pushed, 20_000);
        if popped == End::Back {
            texts.reverse();
        }
        for text in texts {
            let element = list.pop(popped, |element| element.to_cow().into_owned());
            assert_eq!(element.as_deref(), Some(text.as_bytes()));
        }
        assert!(list.is_empty() && list.node_bytes == 0);
    }
}
