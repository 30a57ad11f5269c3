//! Whole files of the public RDB format: [`Scanner`] finds what is in one, [`FileWriter`] writes one.
//!
//! ```text
//! REDIS or VALKEY, and the version in digits, nine bytes together
//! parts, each behind a byte that names it:
//!   facts about the file, libraries of functions
//!   the number of the database that the keys behind belong to, and how many there are
//!   keys, each behind its deadline and when it was used, if these are there:
//!     a byte that names the encoding of the value, the key, the value
//! 255, and from version 5 on a checksum of all that is before it, or eight zeros
//! ```
//!
//! The reader has two steps. The scanner reads the file from its beginning to its end, and goes past each value by its
//! structure alone. It gives out [`Batch`]es of entries, of which the values are still to be decoded, which many threads
//! can do at once.

mod batch;
mod error;
mod facts;
mod module;
mod scan;
mod skip;
mod write;

pub use batch::{Batch, FileEntry};
pub use error::{FileError, Problem};
pub use facts::Facts;
pub use scan::{Checked, Part, ScanOptions, Scanner};
pub use write::{EntryWriter, FileWriter};

use super::encoding;
use super::payload::{REDIS_VERSION_MAX, VALKEY_VERSION};

/// The bytes before the version, which together are nine.
const REDIS: &[u8] = b"REDIS";
const VALKEY: &[u8] = b"VALKEY";
const HEADER_LEN: usize = 9;

/// From this version on a checksum is at the end.
const CHECKSUM_SINCE: u16 = 5;

/// The bytes that name parts of a file other than keys.
mod opcode {
    /// Slot, keys in it and those with a deadline: of a node of a cluster.
    pub(super) const SLOT_SIZES: u8 = 244;
    pub(super) const FUNCTION: u8 = 245;
    /// As a release candidate of Redis 7.0 wrote it.
    pub(super) const FUNCTION_OF_CANDIDATE: u8 = 246;
    pub(super) const MODULE_AUXILIARY: u8 = 247;
    /// Seconds since the last use of the next key.
    pub(super) const IDLE: u8 = 248;
    /// The counter of uses of the next key.
    pub(super) const FREQUENCY: u8 = 249;
    /// Name and value of a fact about the file.
    pub(super) const AUXILIARY: u8 = 250;
    /// Keys of the database, and those with a deadline.
    pub(super) const SIZES: u8 = 251;
    pub(super) const DEADLINE_MS: u8 = 252;
    pub(super) const DEADLINE_SECONDS: u8 = 253;
    pub(super) const DATABASE: u8 = 254;
    pub(super) const END: u8 = 255;
}

/// The version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(u16);

impl Version {
    /// The newest that Redis 8.0 and Valkey 9.1 both read.
    pub const COMMON: Self = Self(11);
    /// The first with fields that have deadlines, which Redis 8.0 reads, but Valkey does not.
    pub const FIELD_DEADLINES: Self = Self(12);

    /// The version of a file that begins with these bytes, or why there is none.
    fn of_header(header: &[u8; HEADER_LEN]) -> Result<Self, Problem> {
        let (digits, of_valkey) = match (header.strip_prefix(REDIS), header.strip_prefix(VALKEY)) {
            (Some(digits), _) => (digits, false),
            (None, Some(digits)) => (digits, true),
            (None, None) => return Err(Problem::NotSuchFile),
        };
        let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
        let number = text.and_then(|text| text.parse().ok()).ok_or(Problem::NotSuchFile)?;
        let known = if of_valkey { VALKEY_VERSION..=VALKEY_VERSION } else { 1..=REDIS_VERSION_MAX };
        if known.contains(&number) { Ok(Self(number)) } else { Err(Problem::UnknownVersion(number)) }
    }

    fn header(self) -> String {
        format!("REDIS{:04}", self.0)
    }

    /// The number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Whether a checksum is at the end.
    pub fn has_checksum(self) -> bool {
        self.0 >= CHECKSUM_SINCE
    }

    /// Whether a file of this version may hold a value in this encoding. The numbers of some mean something else to
    /// others.
    fn allows(self, encoding: u8) -> bool {
        let is_of_valkey = self.0 >= VALKEY_VERSION;
        match encoding {
            encoding::HASH_EXPIRATIONS => is_of_valkey,
            encoding::HASH_DEADLINES | encoding::HASH_LISTPACK_DEADLINES => !is_of_valkey,
            _ => true,
        }
    }
}
