//! Bytes that are taken for packed elements do no harm, and what is read from a listpack is written as one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_collections::packed::listpack::{from_listpack, of_strip, to_listpack};
use nuthatch_collections::packed::{find, iter, validate};

fuzz_target!(|bytes: &[u8]| {
    let (wanted, bytes) = bytes.split_at(bytes.len().min(3));
    let count = iter(bytes).count();
    assert!(validate(bytes).is_none_or(|valid| valid == count));
    for stride in 1..4 {
        if let Some(found) = find(bytes, wanted, stride) {
            assert!(found.offset < found.end && found.end <= bytes.len());
        }
    }
    // The elements as they would stand between header and end, which a fuzzer seldom gets right by itself.
    for listpack in [bytes.to_vec(), of_strip(bytes, usize::from(u16::MAX)), to_listpack(bytes)] {
        if let Ok(packed) = from_listpack(&listpack) {
            assert!(validate(&packed).is_some());
            assert_eq!(from_listpack(&to_listpack(&packed)), Ok(packed));
        }
    }
});
