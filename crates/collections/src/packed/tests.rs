use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::listpack::{
    Invalid, back_length_len, from_listpack, push_back_length, read_back_length, to_listpack,
};
use super::*;

/// Texts of all kinds: numbers, near-numbers and strings around the limits of the headers.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let number = |range: i64| any::<i64>().prop_map(move |n| (n % range).to_string().into_bytes());
    prop_oneof![
        vec(any::<u8>(), 0..5),
        number(200),
        number(10_000),
        number(100_000),
        number(20_000_000),
        number(5_000_000_000),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        proptest::string::string_regex("[-+0]{0,2}[0-9]{0,21}").unwrap().prop_map(String::into_bytes),
        (60usize..68).prop_map(|len| vec![b'a'; len]),
        (4090usize..4100).prop_map(|len| vec![b'b'; len]),
    ]
}

fn pack(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    texts.iter().for_each(|text| encode(Element::of(text), &mut bytes));
    bytes
}

fn texts(bytes: &[u8]) -> Vec<Vec<u8>> {
    iter(bytes).map(|(_, element)| element.to_cow().into_owned()).collect()
}

fn is_number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

fn encoding(text: &[u8]) -> Vec<u8> {
    pack(&[text.to_vec()])
}

#[test]
fn encodings_are_those_of_the_format() {
    assert_eq!(encoding(b"0"), [0]);
    assert_eq!(encoding(b"127"), [0x7f]);
    assert_eq!(encoding(b"128"), [0xc0, 0x80]);
    assert_eq!(encoding(b"4095"), [0xcf, 0xff]);
    assert_eq!(encoding(b"-1"), [0xdf, 0xff]);
    assert_eq!(encoding(b"-4096"), [0xd0, 0x00]);
    assert_eq!(encoding(b"4096"), [0xf1, 0x00, 0x10]);
    assert_eq!(encoding(b"-32768"), [0xf1, 0x00, 0x80]);
    assert_eq!(encoding(b"32768"), [0xf2, 0x00, 0x80, 0x00]);
    assert_eq!(encoding(b"-8388608"), [0xf2, 0x00, 0x00, 0x80]);
    assert_eq!(encoding(b"8388608"), [0xf3, 0x00, 0x00, 0x80, 0x00]);
    assert_eq!(encoding(b"-2147483648"), [0xf3, 0x00, 0x00, 0x00, 0x80]);
    assert_eq!(encoding(b"2147483648"), [0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0]);
    assert_eq!(encoding(b"-9223372036854775808"), [0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    assert_eq!(encoding(b"9223372036854775808")[0], 0x80 | 19);
    assert_eq!(encoding(b"hello"), b"\x85hello");
    assert_eq!(encoding(&[b'x'; 300])[..3], [0xe1, 0x2c, b'x']);
    assert_eq!(encoding(&[b'x'; 5000])[..6], [0xf0, 0x88, 0x13, 0, 0, b'x']);
}

#[test]
fn back_lengths_are_read_backwards() {
    let mut bytes = vec![0xaa];
    push_back_length(500, &mut bytes);
    assert_eq!(bytes, [0xaa, 0b0000_0011, 0b1111_0100]);
    assert_eq!(read_back_length(&bytes), Some((500, 2)));
    assert_eq!(read_back_length(&[]), None);
    assert_eq!(read_back_length(&[0xff; 9]), None);
    for len in [0, 127, 128, 16_382, 16_383, 16_384, 2_097_150, 2_097_151, 268_435_454, 268_435_455, 4 << 30]
    {
        let mut bytes = vec![0xff];
        push_back_length(len, &mut bytes);
        assert_eq!(read_back_length(&bytes), Some((len, back_length_len(len))));
    }
}

#[test]
fn the_greatest_back_length_of_two_bytes_takes_three() {
    let mut bytes = Vec::new();
    [16_382, 16_383, 16_384].iter().for_each(|len| push_back_length(*len, &mut bytes));
    assert_eq!(bytes, [0x7f, 0xfe, 0x00, 0xff, 0xff, 0x01, 0x80, 0x80]);
}

#[test]
fn a_listpack_has_header_count_back_lengths_and_end() {
    let listpack = to_listpack(&pack(&[b"a".to_vec(), b"1".to_vec()]));
    assert_eq!(listpack, [12, 0, 0, 0, 2, 0, 0x81, b'a', 2, 1, 1, 0xff]);
    assert_eq!(to_listpack(&[]), [7, 0, 0, 0, 0, 0, 0xff]);
    assert_eq!(from_listpack(&[7, 0, 0, 0, 0, 0, 0xff]), Ok(vec![]));
}

#[test]
fn a_listpack_of_others_becomes_canonical() {
    // A string that spells 7, and 5 in 16 bits; the number of elements is not known.
    let listpack = [15, 0, 0, 0, 0xff, 0xff, 0x81, b'7', 2, 0xf1, 5, 0, 3, 0, 0];
    assert_eq!(from_listpack(&listpack), Err(Invalid));
    let listpack = [14, 0, 0, 0, 0xff, 0xff, 0x81, b'7', 2, 0xf1, 5, 0, 3, 0xff];
    assert_eq!(from_listpack(&listpack), Ok(vec![7, 5]));
}

#[test]
fn more_elements_than_the_header_can_tell() {
    let bytes = vec![1; 70_000];
    let listpack = to_listpack(&bytes);
    assert_eq!(listpack[4..6], [0xff, 0xff]);
    assert_eq!(from_listpack(&listpack), Ok(bytes));
}

#[test]
fn only_canonical_encodings_are_valid() {
    for bytes in [&[0x81, b'7'][..], &[0xf1, 5, 0], &[0xe0, 1, b'a'], &[0xf5, 0], &[0xff], &[0x82, b'a']] {
        assert_eq!(validate(bytes), None, "{bytes:?}");
    }
    assert_eq!(validate(&[]), Some(0));
}

proptest! {
    #[test]
    fn an_element_is_its_text(text in text(), other in text()) {
        let element = Element::of(&text);
        prop_assert_eq!(is_number(&text), match element {
            Element::Integer(number) => Some(number),
            Element::Bytes(_) => None,
        });
        prop_assert_eq!(element.len(), text.len());
        prop_assert_eq!(element.is_empty(), text.is_empty());
        prop_assert_eq!(&*element.to_cow(), &text[..]);
        let mut written = b">".to_vec();
        element.write_to(&mut written);
        prop_assert_eq!(&written[1..], &text[..]);
        prop_assert!(element.eq_bytes(&text));
        prop_assert_eq!(element.eq_bytes(&other), text == other);
        prop_assert_eq!(encoding(&text) == encoding(&other), text == other);
    }

    #[test]
    fn what_is_encoded_is_read(list in vec(text(), 0..20)) {
        let bytes = pack(&list);
        prop_assert_eq!(&texts(&bytes), &list);
        prop_assert_eq!(validate(&bytes), Some(list.len()));
        let mut offset = 0;
        for text in &list {
            let len = skip(&bytes[offset..]);
            prop_assert_eq!(len, Some(encoded_len(Element::of(text))));
            prop_assert_eq!(read(&bytes[offset..]), len.map(|len| (Element::of(text), len)));
            offset += len.unwrap();
        }
        prop_assert_eq!(offset, bytes.len());
    }

    #[test]
    fn find_is_a_search_of_the_texts(list in vec(text(), 0..20), other in text(), stride in 1usize..4) {
        let list = &list[..list.len() / stride * stride];
        let bytes = pack(list);
        for wanted in list.iter().chain([&other]) {
            let index = list.chunks(stride).position(|entry| entry[0] == *wanted);
            let expected = index.map(|index| {
                let offset = pack(&list[..index * stride]).len();
                let value_offset = offset + encoding(wanted).len();
                Found { offset, index, value_offset, end: pack(&list[..(index + 1) * stride]).len() }
            });
            prop_assert_eq!(find(&bytes, wanted, stride), expected);
        }
    }

    #[test]
    fn a_listpack_keeps_the_elements(list in vec(text(), 0..20)) {
        let bytes = pack(&list);
        let listpack = to_listpack(&bytes);
        prop_assert_eq!(from_listpack(&listpack), Ok(bytes));
    }

    #[test]
    fn a_damaged_listpack_is_refused_or_canonical(
        list in vec(text(), 0..10),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut listpack = to_listpack(&pack(&list));
        damage.iter().for_each(|(index, byte)| *index.get_mut(&mut listpack) = *byte);
        if is_cut {
            listpack.truncate(cut.index(listpack.len()));
            prop_assert_eq!(from_listpack(&listpack), Err(Invalid));
        } else if let Ok(bytes) = from_listpack(&listpack) {
            prop_assert!(validate(&bytes).is_some());
        }
    }

    #[test]
    fn an_index_finds_what_a_search_finds(texts in vec(text(), 0..40), others in vec(text(), 0..40)) {
        let bytes = pack(&texts);
        let mut index = Index::default();
        index.prepare(&pack(&others));
        index.prepare(&bytes);
        for wanted in texts.iter().chain(&others) {
            let mut encoding = Vec::new();
            encode(Element::of(wanted), &mut encoding);
            prop_assert_eq!(index.contains(&bytes, &encoding), texts.contains(wanted));
            let found = search(&bytes, Element::of(wanted), 1);
            prop_assert_eq!(found.ok(), find(&bytes, wanted, 1));
            prop_assert!(found.is_ok() || found == Err(texts.len()));
        }
        prop_assert_eq!(count(&bytes), texts.len());
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..40), wanted in text(), stride in 0usize..4) {
        find(&bytes, &wanted, stride);
        let elements: HashSet<_> = texts(&bytes).into_iter().collect();
        prop_assert!(elements.len() <= bytes.len());
        validate(&bytes);
        let _ = from_listpack(&bytes);
        to_listpack(&bytes);
        read_back_length(&bytes);
    }
}
