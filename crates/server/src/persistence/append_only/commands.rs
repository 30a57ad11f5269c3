//! A base of commands: `aof-use-rdb-preamble no`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use nuthatch_engine::propagation;
use nuthatch_engine::rdb::file::{FileError, Part, ScanOptions, Scanner};

use crate::disk::{self, DiskFile};

/// Bytes that are written at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// Makes of a file of the data set one of the commands that give the same data, on the disk under the same name.
///
/// # Errors
/// The file cannot be read, or the other not written.
pub(super) fn replace_file(path: &Path, databases: u32) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".commands.aof");
    let commands = Path::new(&name);
    let outcome = translate(path, commands, databases).and_then(|()| disk::rename(commands, path));
    if outcome.is_err() {
        // It may not have been made.
        let _ = disk::remove_file(commands);
    }
    outcome
}

fn translate(from: &Path, to: &Path, databases: u32) -> io::Result<()> {
    let other = |error: FileError| io::Error::other(error.to_string());
    let file = File::open(from)?;
    let options = ScanOptions { bytes: file.metadata()?.len(), databases, verifies_checksum: false };
    let mut scanner = Scanner::new(file, options).map_err(other)?;
    let mut target = DiskFile::create(to)?;
    let mut selected = None;
    let mut bytes = Vec::new();
    let mut take = |bytes: &mut Vec<u8>| {
        if bytes.len() >= BLOCK_BYTES { flush(&mut target, bytes) } else { Ok(()) }
    };
    loop {
        match scanner.next_part().map_err(other)? {
            Part::Library(text, _) => {
                propagation::command(&[b"FUNCTION", b"LOAD", &text], &mut bytes);
            }
            Part::Entries(batch) => {
                for entry in batch.entries() {
                    if selected.replace(entry.database()) != Some(entry.database()) {
                        propagation::select(entry.database(), &mut bytes);
                    }
                    let (key, value) = (entry.key().map_err(other)?, entry.value().map_err(other)?);
                    if let Some(value) = value {
                        propagation::value(&key, &value, entry.deadline(), &mut bytes, &mut take)?;
                    }
                }
            }
            Part::End(_) => break,
            _ => {}
        }
    }
    flush(&mut target, &mut bytes)?;
    target.sync_all()
}

fn flush(target: &mut DiskFile, bytes: &mut Vec<u8>) -> io::Result<()> {
    target.write_all(bytes)?;
    bytes.clear();
    // A long element may have made it big.
    bytes.shrink_to(2 * BLOCK_BYTES);
    Ok(())
}
