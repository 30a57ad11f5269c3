//! Effects as commands: what the append-only file says of them, in words that stock servers understand.

use std::io::Write;

use nuthatch_collections::entry::RecordRef;

use crate::effect::{Change, Effect};
use crate::rdb::file::{FileEntry, FileError};
use crate::rdb::{self, payload};
use crate::value::string::StringRef;

/// Appends the commands that do again what an effect has done, for the database that it names, which is selected. Returns
/// how many they are: none if the effect only names what another one tells.
pub fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) -> usize {
    let key = effect.key;
    match effect.change {
        Change::Event | Change::Part => return 0,
        Change::Put(record) => put(key, record, out),
        Change::Splice { offset, bytes } => {
            command(&[b"SETRANGE", key, Decimal::of(offset as u64).text(), bytes], out);
        }
        Change::Deadline(Some(deadline)) => {
            command(&[b"PEXPIREAT", key, Decimal::of(deadline).text()], out);
        }
        Change::Deadline(None) => command(&[b"PERSIST", key], out),
        Change::Remove => command(&[b"DEL", key], out),
        Change::Rename { database, key: to } if database == effect.database => {
            command(&[b"RENAME", key, to], out);
        }
        Change::Rename { database, key: to } if to == key => {
            command(&[b"MOVE", key, Decimal::of(database.into()).text()], out);
        }
        Change::Rename { database, key: to } => {
            command(&[b"COPY", key, to, b"DB", Decimal::of(database.into()).text(), b"REPLACE"], out);
            command(&[b"DEL", key], out);
            return 2;
        }
        Change::Flush => command(&[b"FLUSHDB"], out),
        Change::Swap(other) => {
            let (first, second) = (Decimal::of(effect.database.into()), Decimal::of(other.into()));
            command(&[b"SWAPDB", first.text(), second.text()], out);
        }
        Change::Request(arguments) => {
            header(b'*', arguments.len(), out);
            arguments.from(0).for_each(|word| argument(word, out));
        }
        Change::Equivalent(words) => {
            header(b'*', words.len(), out);
            words.iter().for_each(|word| argument(word, out));
        }
    }
    1
}

/// Appends a command.
pub fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    header(b'*', words.len(), out);
    words.iter().for_each(|word| argument(word, out));
}

/// Appends the command that selects a database.
pub fn select(database: u32, out: &mut Vec<u8>) {
    command(&[b"SELECT", Decimal::of(database.into()).text()], out);
}

/// Appends the command that gives a key the value in a record, and its deadline.
pub fn put(key: &[u8], record: RecordRef<'_>, out: &mut Vec<u8>) {
    let deadline = record.stamp();
    match StringRef::of(record) {
        Some(StringRef::Integer(number)) => put_string(key, number.to_string().as_bytes(), deadline, out),
        Some(StringRef::Bytes(text)) => put_string(key, text, deadline, out),
        Some(StringRef::Shared(text)) => put_string(key, text, deadline, out),
        None => {
            // At the beginning of time no field has ended.
            if let Some(value) = rdb::save(record, 0) {
                restore(key, deadline, &payload::seal(value), out);
            }
        }
    }
}

/// Appends the command that gives a key the value in an entry of a file, and its deadline.
///
/// # Errors
/// The key, or a string, cannot be read.
pub fn entry(entry: &FileEntry<'_>, out: &mut Vec<u8>) -> Result<(), FileError> {
    let key = entry.key()?;
    match entry.string()? {
        Some(text) => put_string(&key, &text, entry.deadline(), out),
        None => restore(&key, entry.deadline(), &payload::seal(entry.serialized()), out),
    }
    Ok(())
}

fn put_string(key: &[u8], text: &[u8], deadline: Option<u64>, out: &mut Vec<u8>) {
    match deadline {
        None => command(&[b"SET", key, text], out),
        Some(deadline) => command(&[b"SET", key, text, b"PXAT", Decimal::of(deadline).text()], out),
    }
}

/// Appends the command that gives a key a value that is not a string, as DUMP returns it.
fn restore(key: &[u8], deadline: Option<u64>, sealed: &[u8], out: &mut Vec<u8>) {
    let deadline = Decimal::of(deadline.unwrap_or_default());
    command(&[b"RESTORE", key, deadline.text(), sealed, b"REPLACE", b"ABSTTL"], out);
}

fn argument(bytes: &[u8], out: &mut Vec<u8>) {
    header(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn header(kind: u8, count: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(Decimal::of(count as u64).text());
    out.extend_from_slice(b"\r\n");
}

/// The digits of a number.
struct Decimal {
    digits: [u8; Self::DIGITS_MAX],
    len: usize,
}

impl Decimal {
    const DIGITS_MAX: usize = 20;

    fn of(number: u64) -> Self {
        let mut digits = [0; Self::DIGITS_MAX];
        let mut room = &mut digits[..];
        // Twenty digits are enough for any.
        let _ = write!(room, "{number}");
        let len = Self::DIGITS_MAX - room.len();
        Self { digits, len }
    }

    fn text(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}
