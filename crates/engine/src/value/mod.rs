//! The types of values and how records encode them.

pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod limits;
pub mod list;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod string;

/// A type of values, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A string, which may be a number or a bitmap.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl Type {
    /// The name, as TYPE answers it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
        }
    }
}

/// The type and encoding of a record, kept in one byte of its header.
///
/// A packed kind is one byte string in the record: see `nuthatch_collections::packed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A string held as a 64-bit integer.
    StringInteger = 0,
    /// A short string, set as a whole.
    StringEmbedded = 1,
    /// Any other string.
    StringRaw = 2,
    /// A list of few elements, packed, with back-lengths.
    ListPacked = 3,
    /// Any other list.
    ListChunked = 4,
    /// A set of integers in ascending order.
    SetIntegers = 5,
    /// A set of few members, packed.
    SetPacked = 6,
    /// Any other set.
    SetTable = 7,
    /// A sorted set of few members, packed: member and score in ascending order of the scores.
    SortedSetPacked = 8,
    /// Any other sorted set.
    SortedSetTree = 9,
    /// A hash of few fields, packed: field and value.
    HashPacked = 10,
    /// A hash of few fields, packed, of which some have deadlines: field, value and deadline.
    HashPackedDeadlines = 11,
    /// Any other hash.
    HashTable = 12,
    /// A stream.
    Stream = 13,
}

impl Kind {
    /// Every kind, at its number.
    const ALL: [Self; 14] = [
        Self::StringInteger,
        Self::StringEmbedded,
        Self::StringRaw,
        Self::ListPacked,
        Self::ListChunked,
        Self::SetIntegers,
        Self::SetPacked,
        Self::SetTable,
        Self::SortedSetPacked,
        Self::SortedSetTree,
        Self::HashPacked,
        Self::HashPackedDeadlines,
        Self::HashTable,
        Self::Stream,
    ];

    /// The kind that a record's header gives. Records are made only from kinds, so others do not occur.
    #[inline]
    pub fn of(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(Self::StringRaw)
    }

    /// The type of the value.
    #[inline]
    pub const fn value_type(self) -> Type {
        match self {
            Self::StringInteger | Self::StringEmbedded | Self::StringRaw => Type::String,
            Self::ListPacked | Self::ListChunked => Type::List,
            Self::SetIntegers | Self::SetPacked | Self::SetTable => Type::Set,
            Self::SortedSetPacked | Self::SortedSetTree => Type::SortedSet,
            Self::HashPacked | Self::HashPackedDeadlines | Self::HashTable => Type::Hash,
            Self::Stream => Type::Stream,
        }
    }

    /// The name of the encoding, as OBJECT ENCODING answers it.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::StringInteger => "int",
            Self::StringEmbedded => "embstr",
            Self::StringRaw => "raw",
            Self::ListChunked => "quicklist",
            Self::SetIntegers => "intset",
            Self::SortedSetTree => "skiplist",
            Self::HashPackedDeadlines => "listpackex",
            Self::Stream => "stream",
            Self::SetTable | Self::HashTable => "hashtable",
            Self::ListPacked | Self::SetPacked | Self::SortedSetPacked | Self::HashPacked => "listpack",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_at_its_number() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, Kind::of(number as u8)), (number, kind));
        }
    }
}
