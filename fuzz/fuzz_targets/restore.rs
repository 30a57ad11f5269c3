//! Whatever value RESTORE would be given, it is refused, or read, kept and written as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_collections::entry::Entry;
use nuthatch_engine::rdb::{build, load, payload, save};
use nuthatch_engine::value::limits::EncodingLimits;

const STRING_BYTES_MAX: usize = 1 << 20;

/// The value as it is written by whoever keeps it, and its kind.
fn kept(value: &[u8]) -> Option<(u8, Vec<u8>)> {
    let value = load(value, STRING_BYTES_MAX).ok()?.live_at(0)?;
    let limits = EncodingLimits::default();
    let entry = build(value, &limits, |kind, payload| Entry::new(b"key", kind as u8, None, payload));
    Some((entry.as_ref().kind(), save(entry.as_ref(), 0)?))
}

fuzz_target!(|bytes: &[u8]| {
    // As it would come, with a checksum that is hardly ever right.
    payload::open(bytes);
    let Some((kind, first)) = kept(bytes) else { return };
    assert_eq!(payload::open(&payload::seal(first.clone())), Some(&first[..]));
    let (again, second) = kept(&first).expect("what is written is read");
    // The order in a table is chance, but not what is in it.
    assert_eq!((again, second.len()), (kind, first.len()));
});
