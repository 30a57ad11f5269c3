use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;

use nuthatch_collections::stream::StreamId;

use super::lzf::{Compressor, decompress};
use super::reader::Reader;
use super::writer::Writer;
use super::{Malformed, Value, load, payload};

const LONGEST: usize = 1 << 20;

fn compress(text: &[u8]) -> Option<Vec<u8>> {
    Compressor::default().compress(text)
}

#[test]
fn compressed_forms_are_those_of_the_stock_server() {
    assert_eq!(compress(&[b'a'; 21]).as_deref(), Some(&b"\x01aa\xe0\x0a\x00"[..]));
    assert_eq!(compress(&[b'a'; 100]).as_deref(), Some(&b"\x01aa\xe0\x57\x00\x01aa"[..]));
    assert_eq!(compress(&[b'x'; 300]).as_deref(), Some(&b"\x01xx\xe0\xff\x00\xe0\x17\x00\x01xx"[..]));
    assert_eq!(compress(b"abcabcabcabcabcabcabcabcabc").as_deref(), Some(&b"\x03abca\xe0\x0c\x02\x01bc"[..]));
    assert_eq!(compress(&(0..64).collect::<Vec<u8>>()), None);
}

#[test]
fn a_claimed_length_must_be_met_and_be_possible() {
    let compressed = b"\x01aa\xe0\x0a\x00";
    assert_eq!(decompress(compressed, 21), Ok(vec![b'a'; 21]));
    assert_eq!(decompress(compressed, 20), Err(Malformed));
    assert_eq!(decompress(compressed, 22), Err(Malformed));
    assert_eq!(decompress(compressed, usize::MAX), Err(Malformed));
    assert_eq!(decompress(b"\x01aa\xe0\x0a\x02", 21), Err(Malformed));
    assert_eq!(decompress(b"\x05aa", 6), Err(Malformed));
    assert_eq!(decompress(b"\xe0", 9), Err(Malformed));
}

#[test]
fn a_payload_is_version_and_checksum_behind_the_value() {
    let stock = b"\x00\xc0\x0c\x0a\x00";
    let sealed = payload::seal(b"\x00\xc0\x0c".to_vec());
    assert_eq!(&sealed[..5], stock);
    assert_eq!(payload::open(&sealed), Some(&b"\x00\xc0\x0c"[..]));
    for place in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[place] ^= 1;
        assert_eq!(payload::open(&damaged), None, "{place}");
    }
    assert_eq!(payload::open(b""), None);
    // What Redis 8.0 answers to DUMP of the number 12.
    let dumped = b"\x00\xc0\x0c\x0c\x00\xf7\x5c\xcc\x91\xa6\x2e\x22\x9c";
    assert_eq!(payload::open(dumped), Some(&b"\x00\xc0\x0c"[..]));
}

#[test]
fn strings_are_no_longer_than_they_may_be() {
    assert_eq!(load(b"\x00\x03abc", 3), Ok(Value::String(b"abc"[..].into())));
    assert_eq!(load(b"\x00\x03abc", 2), Err(Malformed));
    assert_eq!(load(b"\x00\xc3\x06\x15\x01aa\xe0\x0a\x00", 20), Err(Malformed));
    assert_eq!(load(b"\x00\x81\x7f\xff\xff\xff\xff\xff\xff\xff", usize::MAX), Err(Malformed));
}

#[test]
fn collections_are_not_empty_and_elements_not_repeated() {
    for value in [
        &b"\x01\x00"[..],
        b"\x02\x00",
        b"\x02\x02\x01a\x01a",
        b"\x02\x02\x011\xc0\x01",
        b"\x04\x02\x01a\x01b\x01a\x01c",
        b"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f",
        b"\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00",
        b"\x10\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff",
        b"\x12\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff",
    ] {
        assert_eq!(load(value, LONGEST), Err(Malformed), "{}", value.escape_ascii());
    }
}

/// Texts that compress well, badly, and not at all.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..100),
        vec(0..3u8, 0..2000),
        (vec(any::<u8>(), 1..20), 1..600usize).prop_map(|(part, times)| part.repeat(times)),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn what_is_compressed_is_decompressed(texts in vec(text(), 1..4)) {
        let mut compressor = Compressor::default();
        for text in &texts {
            if let Some(compressed) = compressor.compress(text) {
                prop_assert!(compressed.len() + 4 <= text.len());
                prop_assert_eq!(decompress(&compressed, text.len()), Ok(text.clone()));
            }
        }
    }

    #[test]
    fn what_is_written_is_read(texts in vec(text(), 0..5), length in any::<u64>(), bits in 0..64u32) {
        let length = length >> bits;
        let mut writer = Writer::default();
        writer.length(length);
        texts.iter().for_each(|text| writer.string(text));
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes, LONGEST);
        prop_assert_eq!(reader.length(), Ok(length));
        for text in &texts {
            prop_assert_eq!(reader.string().map(Cow::into_owned), Ok(text.clone()));
        }
        prop_assert_eq!(reader.remaining(), 0);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(kind in 0..26u8, bytes in vec(any::<u8>(), 0..60), length in 0..2000usize) {
        let _ = load(&[&[kind][..], &bytes].concat(), LONGEST);
        let _ = decompress(&bytes, length);
    }
}

/// What Redis 7.0 answered to DUMP of a stream with an entry that one consumer of a group has got, without the footer.
const STREAM: &[u8] = b"\x13\x01\x10\x00\x00\x00\x00\x00\x00\x05\xfb\x00\x00\x00\x00\x00\x00\x00\x02\"\"\x00\x00\x00\
    \n\x00\x01\x01\x00\x01\x01\x01\x84name\x05\x00\x01\x02\x01\x00\x01\x00\x01\x83m73\x04\x04\x01\xff\x01E\xfb\x02E\xfb\x02\
    \x00\x00\x01\x02\x05groupE\xfb\x02\x01\x01\x00\x00\x00\x00\x00\x00\x05\xfb\x00\x00\x00\x00\x00\x00\x00\x02\xc8%\xbe\x0e\
    \xa2\x01\x00\x00\x01\x01\x03one\xc8%\xbe\x0e\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05\xfb\x00\x00\x00\x00\x00\x00\
    \x00\x02\x04idleE\xfb\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00";

#[test]
fn streams_are_read_in_older_encodings() {
    let Ok(Value::Stream(stream)) = load(STREAM, LONGEST) else { panic!("a stream") };
    let id = StreamId::new(1531, 2);
    assert_eq!((stream.len(), stream.last_id, stream.entries_added), (1, id, 1));
    let group = &stream.groups[&b"group"[..]];
    assert_eq!((group.last_id, group.entries_read, group.pending_len()), (id, Some(1), 1));
    assert_eq!(stream.groups[&b"idle"[..]].entries_read, None);

    // The oldest encoding: no first entry, no deleted one, no count of all, and groups without a count.
    let entries_end = 54;
    let oldest = [&[15], &STREAM[1..entries_end], b"\x01E\xfb\x02\x01\x05groupE\xfb\x02\x00\x00"].concat();
    let Ok(Value::Stream(stream)) = load(&oldest, LONGEST) else { panic!("a stream") };
    assert_eq!((stream.len(), stream.last_id, stream.entries_added), (1, id, 1));
    assert_eq!(stream.groups[&b"group"[..]].entries_read, Some(1));
}

#[test]
fn damaged_streams_are_refused_or_read_without_harm() {
    for place in 0..STREAM.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = STREAM.to_vec();
            damaged[place] = byte;
            if let Ok(Value::Stream(stream)) = load(&damaged, LONGEST) {
                // Whatever was read can be walked through.
                let entries =
                    stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.elements().count());
                assert!(entries.sum::<usize>() <= STREAM.len());
            }
        }
        assert_eq!(load(&STREAM[..place], LONGEST), Err(Malformed), "{place}");
    }
}
