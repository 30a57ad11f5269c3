//! The families of commands that the differential suites generate, by the syntax of each command.

mod bitmaps;
mod connection;
mod hashes;
mod keys;
mod lists;
mod strings;
mod transactions;

pub use bitmaps::BITMAPS;
pub use connection::CONNECTION;
pub use hashes::{FIELD_DEADLINES, HASHES};
pub use keys::KEYS;
pub use lists::{LARGE_LISTS, LISTS};
pub use strings::{CONDITIONAL_STRINGS, LARGE_STRINGS, STRINGS};
pub use transactions::TRANSACTIONS;
