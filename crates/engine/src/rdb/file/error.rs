//! Why a file cannot be read, and where.

use std::fmt;
use std::io;

use crate::rdb::reader::Reader;

/// What is wrong with a file, at which place.
#[derive(Debug)]
pub struct FileError {
    /// The offset in the file, in bytes.
    pub offset: u64,
    /// What was being read.
    pub reading: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum Problem {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It ends there, but must not.
    Truncated,
    /// What is there is nothing that can be there.
    Malformed,
    /// It does not begin as such a file does.
    NotSuchFile,
    /// It is of a version that is not known.
    UnknownVersion(u16),
    /// It has another checksum than the one that it ends with.
    Checksum {
        /// The one that it ends with.
        expected: u64,
        /// The one that it has.
        found: u64,
    },
    /// This byte names no part of a file.
    UnknownPart(u8),
    /// It holds a value of this module's.
    OfModule(String),
    /// It holds what only a release candidate wrote.
    OfCandidate,
    /// There is no database of this number.
    Database(u64),
    /// The key was there before.
    SameKey,
    /// The library of functions cannot be loaded, for this reason.
    Library(String),
    /// It was not to be read any further.
    Cancelled,
}

impl FileError {
    /// The lines with which stock servers log that a file cannot be loaded into so many databases: whoever watches logs
    /// knows these. They say less of the place.
    pub fn in_stock_words(&self, databases: u32) -> Vec<String> {
        const SHORT_READ: &str = "Short read or OOM loading DB. Unrecoverable error, aborting now.";
        let Self { offset, reading, problem } = self;
        let internal =
            |reason: &str| format!("Internal error in RDB reading offset {offset}, {reading} -> {reason}");
        let reason = problem.in_stock_words().unwrap_or_else(|| problem.to_string());
        match problem {
            Problem::Cancelled => Vec::new(),
            Problem::NotSuchFile | Problem::UnknownVersion(_) => vec![reason],
            Problem::Truncated | Problem::Unreadable(_) => vec![SHORT_READ.to_owned(), internal(&reason)],
            Problem::Checksum { expected, found } => {
                // What the file has counts as expected there.
                let sums =
                    format!("Wrong RDB checksum expected: ({found:x}) but got ({expected:x}). Aborting now.");
                vec![sums, internal(&reason)]
            }
            Problem::Database(_) => vec![format!(
                "FATAL: Data file was created with a Redis server configured to handle more than {databases} databases. \
                 Exiting"
            )],
            Problem::Library(reason) => vec![format!("Failed loading library, {reason}")],
            _ => vec![internal(&reason)],
        }
    }
}

impl Problem {
    /// What stock servers and their tool say of it, where they always say the same.
    pub fn in_stock_words(&self) -> Option<String> {
        match self {
            Self::Truncated | Self::Unreadable(_) => Some("Unexpected EOF reading RDB file".to_owned()),
            Self::NotSuchFile => Some("Wrong signature trying to load DB from file".to_owned()),
            Self::UnknownVersion(version) => Some(format!("Can't handle RDB format version {version}")),
            Self::Checksum { .. } => Some("RDB CRC error".to_owned()),
            Self::OfModule(name) => Some(format!(
                "The RDB file contains module data I can't load: no matching module type '{name}'"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, reading, problem } = self;
        write!(formatter, "at offset {offset}, reading {reading}: {problem}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(formatter, "{error}"),
            Self::Truncated => formatter.write_str("the file ends there"),
            Self::Malformed => formatter.write_str("this is no valid data"),
            Self::NotSuchFile => formatter.write_str("wrong signature, this is no RDB file"),
            Self::UnknownVersion(version) => write!(formatter, "can't handle RDB format version {version}"),
            Self::Checksum { expected, found } => {
                write!(formatter, "wrong RDB checksum, expected {expected:x} but got {found:x}")
            }
            Self::UnknownPart(code) => write!(formatter, "unknown type or opcode {code}"),
            Self::OfModule(name) => {
                write!(formatter, "this is data of the module type '{name}', which does not exist here")
            }
            Self::OfCandidate => formatter.write_str("this was written by a release candidate"),
            Self::Database(number) => {
                write!(formatter, "there is no database {number}: the server has too few databases")
            }
            Self::SameKey => formatter.write_str("the key is in the file twice"),
            Self::Library(reason) => formatter.write_str(reason),
            Self::Cancelled => formatter.write_str("reading was ended"),
        }
    }
}

impl std::error::Error for FileError {}

/// How errors call a value in this encoding, of which the key is these bytes of the file.
pub(super) fn value_of(key: &[u8], encoding: u8) -> String {
    let key = Reader::new(key, usize::MAX).string();
    let key = key.map_or_else(|_| "?".to_owned(), |key| shown(&key));
    format!("the value of key {key}, of type {encoding}")
}

fn shown(key: &[u8]) -> String {
    /// How much of it is shown, in bytes.
    const SHOWN_MAX: usize = 64;
    let rest = if key.len() > SHOWN_MAX { "..." } else { "" };
    format!("'{}{rest}'", key[..key.len().min(SHOWN_MAX)].escape_ascii())
}
