//! Effects and values as commands: what the append-only file says of them, in words that stock servers understand.

mod streams;
#[cfg(test)]
mod tests;
mod values;

use std::convert::Infallible;
use std::io::Write;

use nuthatch_collections::entry::RecordRef;

use crate::effect::{Change, Effect};
use crate::rdb::Value;
use crate::value::string::StringRef;
use values::Maker;

/// Appends the commands that do again what an effect has done, for the database that it names, which is selected. Returns
/// how many they are: none if the effect only names what another one tells.
pub fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) -> usize {
    let key = effect.key;
    match effect.change {
        Change::Event | Change::Part => return 0,
        Change::Put(record) => return put(key, record, out),
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

/// Appends the commands that give a key the value in a record, and its deadline, whatever it held before. Returns how many
/// they are.
fn put(key: &[u8], record: RecordRef<'_>, out: &mut Vec<u8>) -> usize {
    let deadline = record.stamp();
    match StringRef::of(record) {
        Some(StringRef::Integer(number)) => put_string(key, number.to_string().as_bytes(), deadline, out),
        Some(StringRef::Bytes(text)) => put_string(key, text, deadline, out),
        Some(StringRef::Shared(text)) => put_string(key, text, deadline, out),
        None => {
            command(&[b"DEL", key], out);
            let mut maker = Maker { key, out, take: &mut |_| Ok::<_, Infallible>(()), commands: 1 };
            let Ok(()) = maker.collection(record);
            if let Some(deadline) = deadline {
                let Ok(()) = maker.deadline(deadline);
            }
            return maker.commands;
        }
    }
    1
}

/// Appends the commands that give a key, which does not exist, a value and its deadline. Behind each, `take` may take what
/// was appended: a command is no longer than a megabyte and one element, however big the value is.
///
/// # Errors
/// That of `take`.
pub fn value<E>(
    key: &[u8],
    value: &Value<'_>,
    deadline: Option<u64>,
    out: &mut Vec<u8>,
    take: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut maker = Maker { key, out, take, commands: 0 };
    maker.value(value)?;
    deadline.map_or(Ok(()), |deadline| maker.deadline(deadline))
}

fn put_string(key: &[u8], text: &[u8], deadline: Option<u64>, out: &mut Vec<u8>) {
    match deadline {
        None => command(&[b"SET", key, text], out),
        Some(deadline) => command(&[b"SET", key, text, b"PXAT", Decimal::of(deadline).text()], out),
    }
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
