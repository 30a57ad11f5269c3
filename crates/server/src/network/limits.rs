//! What connections are held to, changeable while the server runs.

use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::RwLock;

use crate::config::OutputBufferLimit;

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
    pub(crate) output: RwLock<OutputBufferLimit>,
    /// `client-output-buffer-limit pubsub`.
    pub(crate) output_of_subscribers: RwLock<OutputBufferLimit>,
    /// `protected-mode`.
    pub(crate) protected: AtomicBool,
}
