//! The engine driven directly, with a clock that the tests move.

#![allow(missing_docs, reason = "a test binary has no users of its items")]

mod deadlines;
mod defragmentation;
mod events;
mod field_deadlines;
mod files;
mod references;
mod replay;
mod restore;
mod snapshot;
mod support;
mod transactions;
