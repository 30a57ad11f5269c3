//! What connections are held to, changeable while the server runs.

use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::RwLock;

/// How much output may wait for a client that does not read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    /// Bytes at which the client is closed at once; 0: none.
    pub(crate) hard_bytes: u64,
    /// Bytes at which it is closed if they stay exceeded; 0: none.
    pub(crate) soft_bytes: u64,
    /// For how long, in seconds.
    pub(crate) soft_seconds: u64,
}

/// The limits in force.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// `maxclients`.
    pub(crate) clients_max: AtomicU64,
    /// `timeout` in seconds; 0: none.
    pub(crate) idle_seconds_max: AtomicU64,
    /// `tcp-keepalive` in seconds; 0: none.
    pub(crate) keepalive_seconds: AtomicU64,
    /// `client-query-buffer-limit` in bytes.
    pub(crate) query_bytes_max: AtomicU64,
    /// `proto-max-bulk-len` in bytes.
    pub(crate) bulk_bytes_max: AtomicU64,
    /// `client-output-buffer-limit normal`.
    pub(crate) output: RwLock<OutputLimit>,
    /// `protected-mode`.
    pub(crate) protected: AtomicBool,
}
