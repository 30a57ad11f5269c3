//! Up to which sizes values keep their compact encodings.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The directives that bound the compact encodings, by their names in the configuration.
#[derive(Debug)]
pub struct EncodingLimits {
    /// `hash-max-listpack-entries`.
    pub hash_entries_max: AtomicU64,
    /// `hash-max-listpack-value`, in bytes.
    pub hash_value_bytes_max: AtomicU64,
    /// `list-max-listpack-size`: elements if positive, else a class of sizes (-1: 4 KiB to -5: 64 KiB).
    pub list_size_max: AtomicI64,
    /// `set-max-intset-entries`.
    pub set_integers_max: AtomicU64,
    /// `set-max-listpack-entries`.
    pub set_entries_max: AtomicU64,
    /// `set-max-listpack-value`, in bytes.
    pub set_value_bytes_max: AtomicU64,
    /// `zset-max-listpack-entries`.
    pub sorted_set_entries_max: AtomicU64,
    /// `zset-max-listpack-value`, in bytes.
    pub sorted_set_value_bytes_max: AtomicU64,
    /// `hll-sparse-max-bytes`.
    pub hyperloglog_sparse_bytes_max: AtomicU64,
    /// `stream-node-max-bytes`; 0 is no limit.
    pub stream_block_bytes_max: AtomicU64,
    /// `stream-node-max-entries`; 0 is no limit.
    pub stream_block_entries_max: AtomicU64,
}

impl Default for EncodingLimits {
    fn default() -> Self {
        Self {
            hash_entries_max: AtomicU64::new(512),
            hash_value_bytes_max: AtomicU64::new(64),
            list_size_max: AtomicI64::new(-2),
            set_integers_max: AtomicU64::new(512),
            set_entries_max: AtomicU64::new(128),
            set_value_bytes_max: AtomicU64::new(64),
            sorted_set_entries_max: AtomicU64::new(128),
            sorted_set_value_bytes_max: AtomicU64::new(64),
            hyperloglog_sparse_bytes_max: AtomicU64::new(3000),
            stream_block_bytes_max: AtomicU64::new(4096),
            stream_block_entries_max: AtomicU64::new(100),
        }
    }
}

/// A limit as it stands now, as a count or size.
#[inline]
pub fn limit(directive: &AtomicU64) -> usize {
    usize::try_from(directive.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
}
