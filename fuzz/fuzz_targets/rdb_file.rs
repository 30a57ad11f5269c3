//! Whatever bytes are taken for a file, they are refused with an offset in them, or what they hold is kept, and written
//! to a file that is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_collections::entry::Entry;
use nuthatch_engine::rdb::build;
use nuthatch_engine::rdb::file::{EntryWriter, FileError, FileWriter, Part, ScanOptions, Scanner, Version};
use nuthatch_engine::value::limits::EncodingLimits;

/// Shows every part of a file to `take`, and checks that errors are somewhere in the file.
fn scan(bytes: &[u8], take: &mut dyn FnMut(Part) -> Result<(), FileError>) -> Result<(), FileError> {
    let options = ScanOptions { bytes: bytes.len() as u64, databases: 16, verifies_checksum: true };
    let mut scanner = Scanner::new(bytes, options)?;
    loop {
        let before = scanner.position();
        let part = scanner.next_part()?;
        assert!(scanner.position() >= before && scanner.position() <= bytes.len() as u64);
        let is_end = matches!(part, Part::End(_));
        take(part)?;
        if is_end {
            return Ok(());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = EncodingLimits::default();
    let mut entries = EntryWriter::new(true);
    let mut written = 0;
    let outcome = scan(bytes, &mut |part| {
        let Part::Entries(batch) = part else { return Ok(()) };
        for entry in batch.entries() {
            let key = entry.key()?;
            if let Some(value) = entry.value()? {
                let kept = build(value, &limits, |kind, payload| {
                    Entry::new(&key, kind as u8, entry.deadline(), payload)
                });
                written += usize::from(entries.write(kept.as_ref(), 0, entry.last_use()));
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        assert!(error.offset <= bytes.len() as u64, "{error}");
    }
    let mut file = Vec::new();
    let mut writer = FileWriter::new(&mut file, Version::FIELD_DEADLINES, true);
    writer.entries(1, entries.bytes()).expect("memory takes all");
    writer.finish().expect("memory takes all");
    let mut read = 0;
    let outcome = scan(&file, &mut |part| {
        let Part::Entries(batch) = part else { return Ok(()) };
        for entry in batch.entries() {
            entry.key()?;
            read += usize::from(entry.value()?.is_some());
        }
        Ok(())
    });
    assert!(outcome.is_ok() && read == written, "{outcome:?}: {read} of {written}");
});
