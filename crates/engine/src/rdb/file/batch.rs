//! Entries of a file whose values are still to be decoded.

use std::borrow::Cow;

use super::error::value_of;
use super::{FileError, Problem};
use crate::access::LastUse;
use crate::rdb::load::load_from;
use crate::rdb::reader::Reader;
use crate::rdb::{Malformed, Value, encoding, ziplist, zipmap};

/// A part of a file with the entries in it, in their order.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Where the bytes are in the file.
    pub(super) offset: u64,
    pub(super) places: Vec<Place>,
}

/// Where an entry is in its batch, and what was said about it before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) database: u32,
    pub(super) deadline: Option<u64>,
    pub(super) last_use: Option<LastUse>,
    /// Of the byte that names the encoding.
    pub(super) start: usize,
    pub(super) value: usize,
    pub(super) end: usize,
}

/// A key with its value.
#[derive(Debug, Clone, Copy)]
pub struct FileEntry<'b> {
    batch: &'b Batch,
    place: &'b Place,
}

impl Batch {
    /// The entries.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = FileEntry<'_>> {
        self.places.iter().map(|place| FileEntry { batch: self, place })
    }

    /// The bytes of the file that it is.
    pub fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl<'b> FileEntry<'b> {
    /// The number of the database.
    pub fn database(&self) -> u32 {
        self.place.database
    }

    /// The deadline in milliseconds since 1970.
    pub fn deadline(&self) -> Option<u64> {
        self.place.deadline
    }

    /// When or how often the key was used.
    pub fn last_use(&self) -> Option<LastUse> {
        self.place.last_use
    }

    /// Where the entry is in the file.
    pub fn offset(&self) -> u64 {
        self.batch.offset + self.place.start as u64
    }

    /// Where it ends in the batch.
    pub(crate) fn end(&self) -> u64 {
        self.place.end as u64
    }

    /// The key.
    ///
    /// # Errors
    /// It is none.
    pub fn key(&self) -> Result<Cow<'b, [u8]>, FileError> {
        let mut reader = Reader::new(self.key_bytes(), usize::MAX);
        reader.string().map_err(|Malformed| FileError {
            offset: self.offset() + 1,
            reading: "a key".to_owned(),
            problem: Problem::Malformed,
        })
    }

    /// The value; nothing if it is a collection without elements, which the stock servers have left in files now and
    /// then by mistake, and leave out when they load these.
    ///
    /// # Errors
    /// It is none.
    pub fn value(&self) -> Result<Option<Value<'b>>, FileError> {
        let bytes = &self.batch.bytes[self.place.value..self.place.end];
        let mut reader = Reader::new(bytes, usize::MAX);
        match load_from(&mut reader, self.encoding()) {
            Ok(value) if reader.remaining() == 0 => Ok(Some(value)),
            Err(Malformed) if holds_nothing(self.encoding(), bytes).unwrap_or(false) => Ok(None),
            _ => {
                let read = bytes.len() - reader.remaining();
                Err(self.error((self.place.value + read - self.place.start) as u64, Problem::Malformed))
            }
        }
    }

    /// That something is wrong with the entry, so many bytes behind its beginning.
    pub fn error(&self, behind: u64, problem: Problem) -> FileError {
        let reading = value_of(self.key_bytes(), self.encoding());
        FileError { offset: self.offset() + behind, reading, problem }
    }

    /// The key as it is in the file.
    fn key_bytes(&self) -> &'b [u8] {
        &self.batch.bytes[self.place.start + 1..self.place.value]
    }

    /// The number of the value's encoding.
    pub fn encoding(&self) -> u8 {
        self.batch.bytes[self.place.start]
    }
}

/// Whether these bytes are a collection of no elements.
fn holds_nothing(encoding: u8, bytes: &[u8]) -> Result<bool, Malformed> {
    use nuthatch_collections::packed::listpack::from_listpack;
    /// What an array of integers has before the integers.
    const INTEGERS_HEADER_LEN: usize = 8;
    let mut reader = Reader::new(bytes, usize::MAX);
    let mut packed = Vec::new();
    match encoding {
        encoding::STRING => return Ok(false),
        encoding::SET_INTSET => return Ok(reader.string()?.len() == INTEGERS_HEADER_LEN),
        encoding::HASH_ZIPMAP => zipmap::read(&reader.string()?, &mut packed)?,
        encoding::SORTED_SET_ZIPLIST | encoding::HASH_ZIPLIST | encoding::LIST_ZIPLIST => {
            ziplist::read(&reader.string()?, &mut packed)?;
        }
        encoding::HASH_LISTPACK | encoding::SORTED_SET_LISTPACK | encoding::SET_LISTPACK => {
            packed = from_listpack(&reader.string()?).map_err(|_| Malformed)?;
        }
        encoding::LIST_ZIPLISTS => {
            for _ in 0..reader.length()? {
                ziplist::read(&reader.string()?, &mut packed)?;
            }
        }
        encoding::LIST_NODES => {
            for _ in 0..reader.length()? {
                if reader.length()? != encoding::NODE_PACKED {
                    return Ok(false);
                }
                packed.extend(from_listpack(&reader.string()?).map_err(|_| Malformed)?);
            }
        }
        encoding::HASH_DEADLINES => {
            reader.milliseconds()?;
            return reader.length().map(|count| count == 0);
        }
        encoding::HASH_LISTPACK_DEADLINES => {
            reader.milliseconds()?;
            packed = from_listpack(&reader.string()?).map_err(|_| Malformed)?;
        }
        _ => return reader.length().map(|count| count == 0),
    }
    Ok(packed.is_empty())
}
