//! What an entry promises about its size; its content is tested together with the table.

use super::*;

#[test]
fn an_owner_costs_one_pointer_and_may_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Entry>();
    assert_eq!(size_of::<Option<Entry>>(), 8);
}

#[test]
fn a_common_entry_takes_eight_bytes_over_its_own_and_as_many_for_a_stamp() {
    for (stamp, bytes) in [(None, 88), (Some(1), 96)] {
        let entry = Entry::new(&[b'k'; 16], 0, stamp, NewPayload::Inline(&[b'v'; 64]));
        assert_eq!(entry.as_ref().allocated_bytes(), bytes);
    }
    let number = Entry::new(b"counter", 0, None, NewPayload::Int(7));
    assert_eq!(number.as_ref().allocated_bytes(), 24);
}

#[test]
fn sizes_are_rounded_to_the_classes_that_jemalloc_documents() {
    let classes = [
        16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280,
        1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480,
    ];
    for size in 1..=20_480 {
        assert_eq!(classes.iter().find(|class| **class >= size), Some(&size_class(size)));
    }
}

#[test]
fn a_value_is_overwritten_in_place_if_and_only_if_the_size_stays() {
    // Header, stamp, key and 60 bytes make 79, so that 80 have room for 54 to 61 bytes; with 2000 bytes it is 2048, which
    // jemalloc gives to 1774 to 2029.
    for (len, fitting) in [(60, 54..=61), (2_000, 1_774..=2_029)] {
        let mut entry = Entry::new(b"key", 1, Some(9), NewPayload::Inline(&vec![b'a'; len]));
        for len in (0..2_100).chain([len]) {
            let (old_len, fits) = (entry.as_ref().inline_len(), fitting.contains(&len));
            assert_eq!(entry.as_mut().overwrite(2, &NewPayload::Inline(&vec![b'b'; len])), fits, "{len}");
            assert_eq!(entry.as_ref().inline_len(), if fits { len } else { old_len });
        }
    }
    let mut entry = Entry::new(b"key", 2, Some(9), NewPayload::Inline(b"value"));
    assert!(!entry.as_mut().overwrite(3, &NewPayload::Int(5)));
    assert!(!entry.as_mut().overwrite(3, &NewPayload::Shared(Arc::new(Vec::new()))));
    assert_eq!(
        (entry.as_ref().key(), entry.as_ref().kind(), entry.as_ref().stamp()),
        (&b"key"[..], 2, Some(9))
    );
}

#[test]
fn a_shared_payload_is_freed_with_its_last_owner() {
    let bytes = Arc::new(vec![1; 100_000]);
    let entry = Entry::new(b"key", 0, None, NewPayload::Shared(Arc::clone(&bytes)));
    let mut copy = entry.duplicate(b"another key");
    assert_eq!(Arc::strong_count(&bytes), 3);
    assert!(copy.as_ref().allocated_bytes() > 100_000);
    *copy.as_mut().shared_mut().expect("the payload is shared") = Arc::new(Vec::new());
    assert_eq!(Arc::strong_count(&bytes), 2);
    drop(entry.with_key(b"third"));
    assert_eq!(Arc::strong_count(&bytes), 1);
}

#[test]
fn keys_of_any_length_come_back() {
    for len in [0, 1, 254, 255, 256, 257, 70_000] {
        for stamp in [None, Some(u64::MAX)] {
            for payload in [NewPayload::Inline(b"value"), NewPayload::Int(i64::MIN)] {
                let key = vec![b'x'; len];
                let mut entry = Entry::new(&key, 255, stamp, payload);
                entry.as_mut().set_access(u32::MAX);
                entry.as_mut().set_mark(true);
                let record = entry.as_ref();
                assert_eq!((record.key(), record.stamp(), record.kind()), (&key[..], stamp, 255));
                assert_eq!((record.access(), record.mark()), ((1 << 24) - 1, true));
                match record.payload() {
                    Payload::Inline(bytes) => assert_eq!(bytes, b"value"),
                    other => assert_eq!(other, Payload::Int(i64::MIN)),
                }
            }
        }
    }
}

#[test]
fn a_payload_too_long_to_be_inline_becomes_shared() {
    let bytes = vec![b'v'; INLINE_MAX + 1];
    let inline = Entry::new(b"key", 0, None, NewPayload::Inline(&bytes[1..]));
    assert!(matches!(inline.as_ref().payload(), Payload::Inline(stored) if stored == &bytes[1..]));
    let shared = Entry::new(b"key", 0, None, NewPayload::Inline(&bytes));
    assert!(matches!(shared.as_ref().payload(), Payload::Shared(stored) if **stored == bytes));
}
