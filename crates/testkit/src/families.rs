//! The families of commands that the differential suites generate, by the syntax of each command.

mod bitmaps;
mod blocking;
mod connection;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod messages;
mod scripts;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod structures;
mod tracking;
mod transactions;

pub use bitmaps::BITMAPS;
pub use blocking::{BLOCKING, BLOCKING_ON_SEVERAL_KEYS};
pub use connection::CONNECTION;
pub use geo::{GEO, POLYGONS};
pub use hashes::{CONDITIONAL_HASHES, FIELD_DEADLINES, HASHES};
pub use hyperloglog::HYPERLOGLOG;
pub use keys::KEYS;
pub use lists::{LARGE_LISTS, LISTS};
pub use messages::{MISSES, MONITOR, NOTIFICATIONS, PUBLICATIONS};
pub use scripts::SCRIPTS;
pub use sets::{LIMITED_SETS, SETS};
pub use sort::SORT;
pub use sorted_sets::SORTED_SETS;
pub use streams::{BLOCKING_STREAMS, STREAM_DETAILS, STREAMS};
pub use strings::{CONDITIONAL_STRINGS, LARGE_STRINGS, STRINGS};
pub use structures::STRUCTURES;
pub use tracking::TRACKING;
pub use transactions::{CONCURRENT_TRANSACTIONS, TRANSACTIONS};
