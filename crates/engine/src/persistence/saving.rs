//! From the keyspace to a file.

use std::io::{self, Write};
use std::sync::Arc;

use nuthatch_collections::entry::RecordRef;

use crate::access::{AccessPolicy, LastUse};
use crate::keyspace::DatabaseFigures;
use crate::keyspace::locked::Keys;
use crate::rdb::file::{EntryWriter, FileWriter, Version};
use crate::scripts::Library;

/// Entries are handed over to the file when there are as many bytes of them.
const ENTRIES_BYTES: usize = 64 * 1024;

/// All data as it is at one moment.
pub trait Content {
    /// The numbers and sizes of the databases that have keys.
    fn databases(&self) -> Vec<(u32, DatabaseFigures)>;

    /// Shows every entry with the number of its database, until `visit` fails.
    ///
    /// # Errors
    /// `visit` has failed.
    fn visit(&self, visit: &mut dyn FnMut(u32, RecordRef<'_>) -> io::Result<()>) -> io::Result<()>;
}

/// A command that holds all shards has all data before it.
impl Content for Keys<'_> {
    fn databases(&self) -> Vec<(u32, DatabaseFigures)> {
        let figures = (0..self.keyspace().databases()).map(|number| (number, self.figures(number)));
        figures.filter(|(_, figures)| figures.keys > 0).collect()
    }

    fn visit(&self, visit: &mut dyn FnMut(u32, RecordRef<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut outcome = Ok(());
        for (database, _) in self.databases() {
            self.for_each(database, &mut |record| {
                if outcome.is_ok() {
                    outcome = visit(database, record);
                }
            });
        }
        outcome
    }
}

/// How a file is written.
#[derive(Debug, Clone)]
pub struct SaveOptions {
    /// Whether strings are compressed: `rdbcompression`.
    pub compresses: bool,
    /// Whether there is a checksum: `rdbchecksum`.
    pub with_checksum: bool,
    /// Whether it is written when or how often keys were used: whether `maxmemory-policy` goes by it.
    pub with_last_use: bool,
    /// The memory that the data takes, in bytes.
    pub memory: u64,
    /// Whether the file is the beginning of an append-only file.
    pub is_log_base: bool,
}

/// Writes all data and the libraries of functions to a file, as of the policy's time.
///
/// # Errors
/// The file does not take it.
pub fn save(
    content: &dyn Content,
    libraries: &[Arc<Library>],
    policy: AccessPolicy,
    options: &SaveOptions,
    sink: &mut dyn Write,
) -> io::Result<()> {
    let databases = content.databases();
    let has_field_deadlines = databases.iter().any(|(_, figures)| figures.with_field_deadlines > 0);
    // Whoever does not know fields with deadlines is told so at once, others read as much as can be.
    let version = if has_field_deadlines { Version::FIELD_DEADLINES } else { Version::COMMON };
    let mut file = FileWriter::new(sink, version, options.with_checksum);
    file.fact("redis-ver", crate::REDIS_VERSION);
    file.fact("redis-bits", &usize::BITS.to_string());
    file.fact("ctime", &(policy.now_ms / 1000).to_string());
    file.fact("used-mem", &options.memory.to_string());
    file.fact("aof-base", if options.is_log_base { "1" } else { "0" });
    for library in libraries {
        file.library(&library.text)?;
    }
    let mut entries = EntryWriter::new(options.compresses);
    let mut current = None;
    content.visit(&mut |database, record| {
        if current != Some(database) {
            if let Some(before) = current.replace(database) {
                file.entries(before, entries.bytes())?;
                entries.clear();
            }
            if let Some((_, figures)) = databases.iter().find(|(number, _)| *number == database) {
                file.sizes(database, figures.keys as u64, figures.with_deadline as u64);
            }
        }
        entries.write(record, policy.now_ms, options.with_last_use.then(|| last_use(record, policy)));
        if entries.bytes().len() >= ENTRIES_BYTES {
            file.entries(database, entries.bytes())?;
            entries.clear();
        }
        Ok(())
    })?;
    if let Some(database) = current {
        file.entries(database, entries.bytes())?;
    }
    file.finish()
}

fn last_use(record: RecordRef<'_>, policy: AccessPolicy) -> LastUse {
    if policy.frequency {
        LastUse::Frequency(u8::try_from(policy.frequency_of(record.access())).unwrap_or(u8::MAX))
    } else {
        LastUse::Idle(policy.idle_seconds(record.access()))
    }
}
