//! Values as bytes, in the encodings of the public RDB format: what DUMP answers and RESTORE takes, and what files are
//! made of (see [`mod@file`]).
//!
//! A serialized value is a byte that names its encoding, and what the encoding says. [`load`] reads every encoding
//! that Redis up to 8.0 and Valkey up to 9.1 write for strings, lists, sets, sorted sets, hashes and streams, and checks
//! all of it: what is no such value is [`Malformed`], and no length is believed before the bytes are there. [`save`]
//! writes the encodings of Redis 8.0.

mod build;
pub mod file;
pub mod functions;
mod load;
mod lzf;
pub mod payload;
mod reader;
mod save;
mod stream;
#[cfg(test)]
mod tests;
mod value;
mod writer;
mod ziplist;
mod zipmap;

use std::fmt;

pub use build::build;
pub use load::load;
pub use save::save;
pub use value::{HashFields, ListNode, Members, SortedMembers, Value};

/// The bytes are not a serialized value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a serialized value")
    }
}

/// The bytes that name encodings.
mod encoding {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    /// A sorted set with its scores as texts.
    pub(super) const SORTED_SET_TEXTS: u8 = 3;
    pub(super) const HASH: u8 = 4;
    pub(super) const SORTED_SET: u8 = 5;
    pub(super) const HASH_ZIPMAP: u8 = 9;
    pub(super) const LIST_ZIPLIST: u8 = 10;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const SORTED_SET_ZIPLIST: u8 = 12;
    pub(super) const HASH_ZIPLIST: u8 = 13;
    /// A list of ziplists.
    pub(super) const LIST_ZIPLISTS: u8 = 14;
    /// A stream.
    pub(super) const STREAM: u8 = 15;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const SORTED_SET_LISTPACK: u8 = 17;
    /// A list of nodes, each a listpack or a single big element.
    pub(super) const LIST_NODES: u8 = 18;
    /// A stream that knows what was added and deleted.
    pub(super) const STREAM_PAST: u8 = 19;
    pub(super) const SET_LISTPACK: u8 = 20;
    /// As that, with the times at which consumers last got something.
    pub(super) const STREAM_ACTIVE_TIMES: u8 = 21;
    /// A value of a module, of which the structure is known. That of those before it, 6, is not.
    pub(super) const MODULE_WITH_CODES: u8 = 7;
    /// Valkey's hash of fields with deadlines.
    pub(super) const HASH_EXPIRATIONS: u8 = 22;
    /// What a release candidate of Redis 7.4 wrote; there, the number before this is one of these, too.
    pub(super) const HASH_OF_CANDIDATE: u8 = 23;
    /// Redis's hash of fields with deadlines.
    pub(super) const HASH_DEADLINES: u8 = 24;
    /// Redis's small hash of fields with deadlines.
    pub(super) const HASH_LISTPACK_DEADLINES: u8 = 25;

    /// In a list of nodes: the node is a single element.
    pub(super) const NODE_PLAIN: u64 = 1;
    /// In a list of nodes: the node is a listpack.
    pub(super) const NODE_PACKED: u64 = 2;
}
