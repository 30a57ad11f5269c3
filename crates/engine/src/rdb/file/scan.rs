//! From a file to its parts.

use std::io::Read;
use std::mem;

use crc::{Digest, Table};

use super::batch::Place;
use super::error::value_of;
use super::skip::{is_known, skip_value};
use super::{Batch, Facts, FileError, HEADER_LEN, Problem, Version, module, opcode};
use crate::access::LastUse;
use crate::rdb::encoding;
use crate::rdb::payload::CHECKSUM;
use crate::rdb::reader::Reader;

/// How much of the file is read at once, and is in one batch, in bytes, unless an entry is longer.
const BLOCK_BYTES: usize = 128 * 1024;

/// How a file is to be read.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// The length of the file in bytes: nothing is allocated for what is said to be beyond it.
    pub bytes: u64,
    /// How many databases there are.
    pub databases: u32,
    /// Whether the checksum is looked at: `rdbchecksum`.
    pub verifies_checksum: bool,
}

/// A part of a file.
#[derive(Debug)]
pub enum Part {
    /// Name and value of a fact about the file.
    Fact(Vec<u8>, Vec<u8>),
    /// The text of a library of functions, and its offset.
    Library(Vec<u8>, u64),
    /// The keys behind are of this database.
    Database(u32),
    /// The module of this name has left something.
    Module(String),
    /// A key whose value is of this type of a module's, and its offset.
    ModuleValue(String, u64),
    /// Keys with their values.
    Entries(Batch),
    /// The end, and what is known of the checksum.
    End(Checked),
}

/// What is known of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is right.
    Right,
    /// The file has none.
    Absent,
    /// It was not to be looked at.
    Unseen,
}

/// Reads a file, part by part.
pub struct Scanner<R> {
    source: R,
    options: ScanOptions,
    version: Version,
    facts: Facts,
    /// What of the file was not read yet, in bytes.
    unread: u64,
    /// What was read and is not given out yet.
    block: Vec<u8>,
    /// Where the block is in the file.
    offset: u64,
    /// What is before this in the block was looked at.
    at: usize,
    /// Of all that is before the block.
    checksum: Option<Digest<'static, u64, Table<16>>>,
    /// The database of the next key.
    database: u32,
    /// What was said about the next key.
    deadline: Option<u64>,
    last_use: Option<LastUse>,
    /// Entries in the block.
    places: Vec<Place>,
}

/// Why the scanner does not get any further with what it has read.
enum Halt {
    /// So many bytes more are needed at least to read this.
    Lacking(usize, String),
    /// That does not help.
    Error(FileError),
}

/// What was read, and where in the block the next begins.
type Step = Result<(Option<Part>, usize), Halt>;

impl<R: Read> Scanner<R> {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// It is no such file, or not one that this server can read.
    pub fn new(source: R, options: ScanOptions) -> Result<Self, FileError> {
        let mut scanner = Self {
            source,
            options,
            version: Version::COMMON,
            facts: Facts::default(),
            unread: options.bytes,
            block: Vec::new(),
            offset: 0,
            at: 0,
            checksum: options.verifies_checksum.then(|| CHECKSUM.digest()),
            database: 0,
            deadline: None,
            last_use: None,
            places: Vec::new(),
        };
        scanner.read_more(HEADER_LEN, "the signature")?;
        let header = scanner.block.first_chunk().copied().unwrap_or_default();
        scanner.version = Version::of_header(&header).map_err(|problem| FileError {
            offset: 0,
            reading: "the signature".to_owned(),
            problem,
        })?;
        scanner.at = HEADER_LEN;
        Ok(scanner)
    }

    /// The file's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the file has said about itself so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where in the file the next part begins; behind the last one, where the file ends although bytes may follow.
    pub fn position(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// The next part. Entries may come behind what is between them in the file, which would make small batches of them,
    /// but not behind the end or an error. Behind [`Part::End`] there is nothing.
    ///
    /// # Errors
    /// What is there cannot be read.
    pub fn next_part(&mut self) -> Result<Part, FileError> {
        loop {
            match self.step() {
                Ok((part, at)) => {
                    self.at = at;
                    if let Some(part) = part {
                        return Ok(part);
                    }
                }
                Err(_) if !self.places.is_empty() => return Ok(Part::Entries(self.cut())),
                Err(Halt::Lacking(count, reading)) => {
                    if self.at > 0 {
                        drop(self.cut());
                    }
                    self.read_more(count, &reading)?;
                }
                Err(Halt::Error(error)) => return Err(error),
            }
        }
    }

    /// Takes what was looked at out of the block.
    fn cut(&mut self) -> Batch {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.block[..self.at]);
        }
        let mut rest = Vec::with_capacity(if self.unread > 0 { BLOCK_BYTES } else { 0 });
        rest.extend_from_slice(&self.block[self.at..]);
        let mut bytes = mem::replace(&mut self.block, rest);
        bytes.truncate(self.at);
        let batch = Batch { bytes, offset: self.offset, places: mem::take(&mut self.places) };
        self.offset += mem::take(&mut self.at) as u64;
        batch
    }

    /// Reads on, at least `count` bytes. A block that holds the beginning of one long entry is doubled each time, so
    /// that going past this from its beginning again takes no more than twice the time.
    fn read_more(&mut self, count: usize, reading: &str) -> Result<(), FileError> {
        let error = |offset, problem| FileError { offset, reading: reading.to_owned(), problem };
        if count as u64 > self.unread {
            let end = self.offset + self.block.len() as u64 + self.unread;
            return Err(error(end, Problem::Truncated));
        }
        let wanted = count.max(self.block.len()).max(BLOCK_BYTES.saturating_sub(self.block.len()));
        let wanted = wanted.min(usize::try_from(self.unread).unwrap_or(usize::MAX));
        self.block.reserve_exact(wanted);
        let end = self.offset + self.block.len() as u64;
        match self.source.by_ref().take(wanted as u64).read_to_end(&mut self.block) {
            Ok(found) => {
                self.unread -= found as u64;
                if found < wanted {
                    // The file is shorter than it was.
                    self.unread = 0;
                }
                if found < count {
                    return Err(error(end + found as u64, Problem::Truncated));
                }
                Ok(())
            }
            Err(problem) => Err(error(end, Problem::Unreadable(problem))),
        }
    }

    /// Looks at what is next in the block.
    fn step(&mut self) -> Step {
        let mut reader = Reader::new(&self.block[self.at..], usize::MAX);
        let before = Before { offset: self.position(), len: reader.remaining() };
        let code = reader.byte().map_err(|_| before.halt(&reader, "the next part"))?;
        let is_entry = is_known(code) && self.version.allows(code);
        let mut part = None;
        match code {
            _ if is_entry => {
                reader.skip_string().map_err(|_| before.halt(&reader, "a key"))?;
                let value = self.at + before.read(&reader);
                skip_value(&mut reader, code)
                    .map_err(|_| before.halt(&reader, value_of(&self.block[self.at + 1..value], code)))?;
                self.places.push(Place {
                    database: self.database,
                    deadline: self.deadline.take(),
                    last_use: self.last_use.take(),
                    start: self.at,
                    value,
                    end: self.at + before.read(&reader),
                });
            }
            opcode::DEADLINE_MS => {
                let deadline = reader.milliseconds().map_err(|_| before.halt(&reader, "a deadline"))?;
                // Those that never come are written as -1.
                self.deadline = (deadline != -1).then(|| u64::try_from(deadline).unwrap_or(0));
            }
            opcode::DEADLINE_SECONDS => {
                let seconds = reader.array().map_err(|_| before.halt(&reader, "a deadline"))?;
                let seconds = i32::from_le_bytes(seconds);
                self.deadline = (seconds != -1).then(|| u64::try_from(seconds).unwrap_or(0) * 1000);
            }
            opcode::IDLE => {
                let seconds = reader.length().map_err(|_| before.halt(&reader, "an idle time"))?;
                self.last_use = Some(LastUse::Idle(seconds));
            }
            opcode::FREQUENCY => {
                let counter = reader.byte().map_err(|_| before.halt(&reader, "a frequency"))?;
                self.last_use = Some(LastUse::Frequency(counter));
            }
            // What is behind the batch is at the beginning of the block then.
            opcode::END if !self.places.is_empty() => return Ok((Some(Part::Entries(self.cut())), 0)),
            opcode::END => return self.end(&before),
            opcode::DATABASE => {
                let number = reader.length().map_err(|_| before.halt(&reader, "the number of a database"))?;
                let database = u32::try_from(number).ok().filter(|number| *number < self.options.databases);
                self.database = database
                    .ok_or_else(|| before.error(0, "the number of a database", Problem::Database(number)))?;
                part = Some(Part::Database(self.database));
            }
            opcode::AUXILIARY => {
                let mut string = || reader.string();
                let pair = string().and_then(|name| Ok((name.into_owned(), string()?.into_owned())));
                let (name, value) = pair.map_err(|_| before.halt(&reader, "a fact about the file"))?;
                self.facts.note(&name, &value);
                part = Some(Part::Fact(name, value));
            }
            opcode::FUNCTION => {
                let text = reader.string().map_err(|_| before.halt(&reader, "a library of functions"))?;
                part = Some(Part::Library(text.into_owned(), before.offset));
            }
            opcode::SIZES => {
                let count = (0..2).try_for_each(|_| reader.length().map(drop));
                count.map_err(|_| before.halt(&reader, "the sizes of a database"))?;
            }
            opcode::SLOT_SIZES => {
                let count = (0..3).try_for_each(|_| reader.length().map(drop));
                count.map_err(|_| before.halt(&reader, "the sizes of a slot"))?;
            }
            opcode::MODULE_AUXILIARY => {
                let number = reader.length().and_then(|number| module::skip(&mut reader).map(|()| number));
                let number = number.map_err(|_| before.halt(&reader, "what a module has left"))?;
                part = Some(Part::Module(module::name(number)));
            }
            encoding::MODULE_WITH_CODES => {
                let number = reader.skip_string().and_then(|()| reader.length());
                let number = number.and_then(|number| module::skip(&mut reader).map(|()| number));
                let number = number.map_err(|_| before.halt(&reader, "a value of a module"))?;
                self.deadline = None;
                self.last_use = None;
                part = Some(Part::ModuleValue(module::name(number), before.offset));
            }
            opcode::FUNCTION_OF_CANDIDATE => {
                return Err(before.error(0, "a library of functions", Problem::OfCandidate));
            }
            encoding::HASH_EXPIRATIONS | encoding::HASH_OF_CANDIDATE => {
                return Err(before.error(0, "a hash with deadlines of fields", Problem::OfCandidate));
            }
            code => return Err(before.error(0, "the next part", Problem::UnknownPart(code))),
        }
        Ok((part, self.at + before.read(&reader)))
    }

    /// The end, of which the code is next in the block.
    fn end(&self, before: &Before) -> Step {
        const CODE_LEN: usize = 1;
        let behind = self.at + CODE_LEN;
        if !self.version.has_checksum() {
            return Ok((Some(Part::End(Checked::Absent)), behind));
        }
        let Some(expected) = self.block[behind..].first_chunk() else {
            let lacking = behind + size_of::<u64>() - self.block.len();
            return Err(Halt::Lacking(lacking, "the checksum".to_owned()));
        };
        let expected = u64::from_le_bytes(*expected);
        let checked = match self.checksum.clone() {
            _ if expected == 0 => Checked::Absent,
            None => Checked::Unseen,
            Some(mut checksum) => {
                checksum.update(&self.block[..behind]);
                let found = checksum.finalize();
                if found != expected {
                    let problem = Problem::Checksum { expected, found };
                    return Err(before.error(CODE_LEN, "the checksum", problem));
                }
                Checked::Right
            }
        };
        Ok((Some(Part::End(checked)), behind + size_of::<u64>()))
    }
}

/// Where a part begins that is being read, and how much of the block was left there.
struct Before {
    offset: u64,
    len: usize,
}

impl Before {
    /// How much was read.
    fn read(&self, reader: &Reader<'_>) -> usize {
        self.len - reader.remaining()
    }

    /// Why `reader` could not read this.
    fn halt(&self, reader: &Reader<'_>, reading: impl Into<String>) -> Halt {
        match reader.lacking() {
            0 => self.error(self.read(reader), reading, Problem::Malformed),
            count => Halt::Lacking(count, reading.into()),
        }
    }

    fn error(&self, behind: usize, reading: impl Into<String>, problem: Problem) -> Halt {
        Halt::Error(FileError { offset: self.offset + behind as u64, reading: reading.into(), problem })
    }
}
