//! From data to a file.

use std::io::{self, Write};
use std::mem;

use crc::{Digest, Table};
use nuthatch_collections::entry::RecordRef;

use super::{Version, opcode};
use crate::access::LastUse;
use crate::rdb::payload::CHECKSUM;
use crate::rdb::save::{is_over, save_value};
use crate::rdb::writer::Writer;

/// Bytes that are kept before they are given to whoever takes the file.
const BUFFER_BYTES: usize = 8 * 1024;

/// Writes entries as they are in files, one behind another.
pub struct EntryWriter(Writer);

impl EntryWriter {
    /// A writer that compresses strings (`rdbcompression`), or does not.
    pub fn new(compresses: bool) -> Self {
        Self(Writer::new(compresses))
    }

    /// Appends an entry as it is at this time; nothing if it is a hash of which every field has ended. Says whether
    /// there is one.
    pub fn write(&mut self, record: RecordRef<'_>, now_ms: u64, last_use: Option<LastUse>) -> bool {
        let writer = &mut self.0;
        if is_over(record, now_ms) {
            return false;
        }
        if let Some(deadline) = record.stamp() {
            writer.byte(opcode::DEADLINE_MS);
            writer.milliseconds(deadline);
        }
        match last_use {
            None => {}
            Some(LastUse::Idle(seconds)) => {
                writer.byte(opcode::IDLE);
                writer.length(seconds);
            }
            Some(LastUse::Frequency(counter)) => {
                writer.byte(opcode::FREQUENCY);
                writer.byte(counter);
            }
        }
        save_value(record, now_ms, Some(record.key()), writer);
        true
    }

    /// What was written and not taken.
    pub fn bytes(&self) -> &[u8] {
        &self.0.out
    }

    /// Forgets what was written behind so many bytes.
    pub fn truncate(&mut self, bytes: usize) {
        self.0.out.truncate(bytes);
    }

    /// Takes what was written, and goes on in another buffer, which is empty.
    pub fn replace(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        mem::replace(&mut self.0.out, buffer)
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.0.out.clear();
    }
}

/// Writes a file.
pub struct FileWriter<'s> {
    sink: &'s mut dyn Write,
    /// What was not given to the sink yet.
    parts: Writer,
    checksum: Option<Digest<'static, u64, Table<16>>>,
    /// The database that the next entry is in.
    database: Option<u32>,
}

impl<'s> FileWriter<'s> {
    /// Begins a file, with a checksum (`rdbchecksum`) or without.
    pub fn new(sink: &'s mut dyn Write, version: Version, with_checksum: bool) -> Self {
        let mut parts = Writer::default();
        parts.bytes(version.header().as_bytes());
        Self { sink, parts, checksum: with_checksum.then(|| CHECKSUM.digest()), database: None }
    }

    /// Writes a fact about the file.
    pub fn fact(&mut self, name: &str, value: &str) {
        self.parts.byte(opcode::AUXILIARY);
        self.parts.string(name.as_bytes());
        self.parts.string(value.as_bytes());
    }

    /// Writes the text of a library of functions.
    ///
    /// # Errors
    /// The sink does not take it.
    pub fn library(&mut self, text: &[u8]) -> io::Result<()> {
        self.parts.byte(opcode::FUNCTION);
        self.parts.string(text);
        self.flush_if_full()
    }

    /// Says how many keys a database has, and how many of them have deadlines.
    pub fn sizes(&mut self, database: u32, keys: u64, with_deadline: u64) {
        self.select(database);
        self.parts.byte(opcode::SIZES);
        self.parts.length(keys);
        self.parts.length(with_deadline);
    }

    /// Writes entries of a database, which an [`EntryWriter`] has made.
    ///
    /// # Errors
    /// The sink does not take them.
    pub fn entries(&mut self, database: u32, entries: &[u8]) -> io::Result<()> {
        self.select(database);
        self.parts.bytes(entries);
        self.flush_if_full()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The sink does not take it.
    pub fn finish(mut self) -> io::Result<()> {
        self.parts.byte(opcode::END);
        self.flush()?;
        let checksum = self.checksum.map_or(0, |checksum: Digest<'_, u64, _>| checksum.finalize());
        self.sink.write_all(&checksum.to_le_bytes())
    }

    fn select(&mut self, database: u32) {
        if self.database != Some(database) {
            self.database = Some(database);
            self.parts.byte(opcode::DATABASE);
            self.parts.length(database.into());
        }
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.parts.out.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut bytes = mem::take(&mut self.parts.out);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&bytes);
        }
        let written = self.sink.write_all(&bytes);
        bytes.clear();
        self.parts.out = bytes;
        written
    }
}
