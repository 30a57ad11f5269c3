//! What DUMP answers: a serialized value, the version of the format in two bytes, and a checksum of eight.

use crc::{CRC_64_REDIS, Crc, Table};

use super::encoding;

/// Sixteen tables let sixteen bytes be looked up side by side.
pub(super) static CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The newest version that Redis 8.0 reads.
pub(super) const REDIS_VERSION_MAX: u16 = 12;

/// The version of Valkey 9, which counts on from here.
pub(super) const VALKEY_VERSION: u16 = 80;

/// The oldest version with the encoding that the value begins with: servers refuse newer versions than their own,
/// whatever the encoding is.
fn version_of(value: &[u8]) -> u16 {
    match value.first() {
        Some(&(encoding::HASH_DEADLINES | encoding::HASH_LISTPACK_DEADLINES)) => 12,
        Some(&encoding::SET_LISTPACK) => 11,
        _ => 10,
    }
}

/// Puts version and checksum behind a value.
pub fn seal(mut value: Vec<u8>) -> Vec<u8> {
    value.extend(version_of(&value).to_le_bytes());
    value.extend(CHECKSUM.checksum(&value).to_le_bytes());
    value
}

/// The value, if version and checksum are right.
pub fn open(payload: &[u8]) -> Option<&[u8]> {
    let (checked, checksum) = payload.split_last_chunk()?;
    let (value, version) = checked.split_last_chunk()?;
    let version = u16::from_le_bytes(*version);
    let checksum = u64::from_le_bytes(*checksum);
    let known = version <= REDIS_VERSION_MAX || version == VALKEY_VERSION;
    (known && checksum == CHECKSUM.checksum(checked)).then_some(value)
}
