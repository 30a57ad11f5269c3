//! The values of many elements, beyond the size at which they are kept as one byte string in their entry.

use crate::chunked::ChunkedList;
use crate::sorted_set::SortedSet;
use crate::paged::PagedTable;
use crate::field_map::FieldMap;

/// A value of many elements.
#[derive(Clone, Debug)]
pub enum Collection {
    /// A hash.
    Hash(FieldMap),
    /// A list.
    List(ChunkedList),
    /// Members with scores.
    SortedSet(SortedSet),
    /// A set, of stride 1.
    Set(PagedTable),
}

impl Collection {
    /// The memory behind the collection in bytes; its own size is not counted.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Hash(map) => map.memory_bytes(),
            Self::List(list) => list.memory_bytes(),
            Self::SortedSet(set) => set.memory_bytes(),
            Collection::Set(table) => table.memory_bytes(),
        }
    }
}
