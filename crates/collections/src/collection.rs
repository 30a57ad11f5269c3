//! The values of many elements, beyond the size at which they are kept as one byte string in their entry.

use crate::paged::PagedTable;

/// A value of many elements.
#[derive(Clone, Debug)]
pub enum Collection {
    /// A set, of stride 1.
    Set(PagedTable),
}

impl Collection {
    /// The memory behind the collection in bytes; its own size is not counted.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Collection::Set(table) => table.memory_bytes(),
        }
    }
}
