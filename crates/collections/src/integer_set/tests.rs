use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        -20i64..20,
        any::<i16>().prop_map(i64::from),
        any::<i32>().prop_map(i64::from),
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
    ]
}

#[test]
fn the_layout_is_that_of_the_format() {
    let mut set = new();
    assert_eq!(set, [2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(insert(&mut set, 5) && insert(&mut set, -1) && !insert(&mut set, 5));
    assert_eq!(set, [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0]);
    assert!(insert(&mut set, 40_000));
    assert_eq!(set[..8], [4, 0, 0, 0, 3, 0, 0, 0]);
    assert!(remove(&mut set, 40_000) && remove(&mut set, -1));
    assert_eq!(set, [4, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0]);
    assert!(insert(&mut set, i64::MIN));
    assert_eq!(set[..8], [8, 0, 0, 0, 2, 0, 0, 0]);
}

#[test]
fn only_sets_are_valid() {
    assert_eq!(validate(&new()), Some(0));
    assert_eq!(validate(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0]), Some(2));
    for bytes in [
        &[][..],
        &[2, 0, 0, 0],
        &[3, 0, 0, 0, 0, 0, 0, 0],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 1, 0, 0, 0],
        &[2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2],
        &[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0],
        &[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0],
        &[8, 0, 0, 0, 255, 255, 255, 255, 1, 0, 1, 0],
    ] {
        assert_eq!(validate(bytes), None, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn it_is_a_sorted_set(steps in vec((number(), 0..4u8), 0..100)) {
        let (mut set, mut twin) = (new(), BTreeSet::new());
        for (number, step) in steps {
            if step == 0 {
                // One that is there, mostly.
                let number = twin.range(number..).next().copied().unwrap_or(number);
                prop_assert_eq!(remove(&mut set, number), twin.remove(&number));
            } else {
                prop_assert_eq!(insert(&mut set, number), twin.insert(number));
            }
            prop_assert_eq!(contains(&set, number), twin.contains(&number));
            prop_assert_eq!(validate(&set), Some(twin.len()));
            prop_assert_eq!(is_empty(&set), twin.is_empty());
        }
        prop_assert!(iter(&set).eq(twin.iter().copied()));
        prop_assert!(iter(&set).rev().eq(twin.iter().rev().copied()));
        prop_assert_eq!(get(&set, twin.len()), None);
        prop_assert_eq!(get(&set, usize::MAX), None);
    }

    #[test]
    fn edits_do_what_the_functions_do(numbers in vec(number(), 0..40), other in number()) {
        let mut set = new();
        numbers.iter().for_each(|number| {
            insert(&mut set, *number);
        });
        let (mut edited, mut expected) = (set.clone(), set.clone());
        let inserted = insert(&mut expected, other);
        match insertion(&set, other) {
            Insertion::Present => prop_assert!(!inserted),
            Insertion::Wider => prop_assert!(inserted && expected[0] > set[0]),
            Insertion::InPlace(Edit { offset, width, header }) => {
                edited.splice(offset..offset, other.to_le_bytes()[..width].iter().copied());
                edited[..header.len()].copy_from_slice(&header);
                prop_assert_eq!(edited, expected);
            }
        }
        for index in 0..len(&set) {
            let (mut edited, mut expected) = (set.clone(), set.clone());
            remove(&mut expected, get(&set, index).unwrap());
            let Edit { offset, width, header } = removal(&set, index).unwrap();
            edited.drain(offset..offset + width);
            edited[..header.len()].copy_from_slice(&header);
            prop_assert_eq!(edited, expected);
        }
        prop_assert_eq!(removal(&set, len(&set)), None);
    }

    #[test]
    fn positions_are_those_of_a_search(numbers in vec(number(), 0..80), wanted in number(), start in 0usize..80) {
        let mut set = new();
        numbers.iter().for_each(|number| {
            insert(&mut set, *number);
        });
        let expected = iter(&set).filter(|found| *found < wanted).count();
        prop_assert_eq!(position_from(&set, start.min(expected), wanted), expected);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(mut bytes in vec(any::<u8>(), 0..30), number in number()) {
        validate(&bytes);
        iter(&bytes).count();
        contains(&bytes, number);
        remove(&mut bytes, number);
    }
}
