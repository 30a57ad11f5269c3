//! The values of many elements, beyond the size at which they are kept as one byte string in their entry.

use crate::chunked::ChunkedList;
use crate::field_map::FieldMap;
use crate::paged::PagedTable;
use crate::sorted_set::SortedSet;

/// A value of many elements.
#[derive(Clone, Debug)]
pub enum Collection {
    /// A hash.
    Hash(FieldMap),
    /// A list.
    List(ChunkedList),
    /// A set, of stride 1.
    Set(PagedTable),
    /// Members with scores.
    SortedSet(SortedSet),
}

impl Collection {
    /// Where elements are searched by their hashes.
    #[inline]
    pub fn table(&self) -> Option<&PagedTable> {
        match self {
            Self::Hash(map) => Some(map.table()),
            Self::List(_) => None,
            Self::SortedSet(set) => Some(set.table()),
            Self::Set(table) => Some(table),
        }
    }

    /// The memory behind the collection in bytes; its own size is not counted.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Hash(map) => map.memory_bytes(),
            Self::List(list) => list.memory_bytes(),
            Self::SortedSet(set) => set.memory_bytes(),
            Self::Set(table) => table.memory_bytes(),
        }
    }
}
