//! A base of commands: `aof-use-rdb-preamble no`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
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
    let target = DiskFile::create(to)?;
    let mut target = BufWriter::with_capacity(BLOCK_BYTES, target);
    let mut selected = None;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match scanner.next_part().map_err(other)? {
            Part::Library(text, _) => {
                propagation::command(&[b"FUNCTION", b"LOAD", &text], &mut bytes);
            }
            Part::Entries(batch) => {
                for entry in batch.entries() {
                    if selected.replace(entry.database()) != Some(entry.database()) {
                        propagation::select(entry.database(), &mut bytes);
                    }
                    propagation::entry(&entry, &mut bytes).map_err(other)?;
                }
            }
            Part::End(_) => break,
            _ => {}
        }
        target.write_all(&bytes)?;
    }
    target.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
