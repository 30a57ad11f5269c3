//! The data structures that Nuthatch is built on, and the only crate with unsafe code.
//!
//! * [`allocator`]: how memory is asked for.
//! * [`collection`]: values of many elements.
//! * [`entry`]: a key with its value in one allocation.
//! * [`table`]: the hash table of entries, which grows and shrinks without a pause.
//! * [`deadlines`]: an index of keys by deadline, at little more than four bytes each.
//! * [`chunked`]: lists as sequences of nodes of elements.
//! * [`packed`]: sequences of elements in one byte string, for small collections and pages of big ones.
//! * [`paged`]: the hash table of packed pages, for big collections.
//! * [`field_map`]: the fields of a big hash, by name and by deadline.
//! * [`integer_set`]: a sorted set of integers in one byte string.
//! * [`hash`]: the hash of elements.
//! * [`hit_density`]: which of many keys bring fewest hits for the time for which they are kept.
//! * [`mover`]: moving allocations to where they leave fewer gaps.
//! * [`ranked`]: scores and members in order, with ranks.
//! * [`sorted_set`]: a table and an order of the same members.
//! * [`stream`]: entries in the order of their ids, and those who read them.
//!
//! Nothing here knows commands, clocks or the protocol.

pub mod allocator;
pub mod chunked;
pub mod collection;
pub mod deadlines;
pub mod entry;
pub mod field_map;
pub mod hash;
pub mod hit_density;
pub mod integer_set;
pub mod mover;
pub mod packed;
pub mod paged;
mod prefetch;
pub mod ranked;
mod slab;
pub mod sorted_set;
pub mod stream;
pub mod table;

pub use collection::Collection;
pub use deadlines::{Deadlines, Progress};
pub use entry::{Entry, INLINE_MAX, NewPayload, Payload, RecordMut, RecordRef};
pub use hash::ElementHasher;
pub use mover::Mover;
pub use packed::Element;
pub use paged::PagedTable;
pub use ranked::RankedTree;
pub use sorted_set::SortedSet;
pub use stream::Stream;
pub use table::{KeyHasher, Occupied, Pin, Prefetcher, Table, pin};
