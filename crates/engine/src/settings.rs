//! The directives that commands look at while they run, kept where reading them costs nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::access::{AccessPolicy, Tracking};
use crate::value::limits::EncodingLimits;

/// The settings in force. The server writes them at start and on CONFIG SET.
#[derive(Debug)]
pub struct Settings {
    /// `proto-max-bulk-len`: no string grows beyond it, in bytes.
    pub string_bytes_max: AtomicU64,
    /// What `maxmemory-policy` needs to know of each key's use.
    pub tracking: RwLock<Tracking>,
    /// `lfu-log-factor`.
    pub lfu_log_factor: AtomicU32,
    /// `lfu-decay-time`, in minutes.
    pub lfu_decay_minutes: AtomicU32,
    /// `requirepass`; empty when clients need none.
    pub password: RwLock<Vec<u8>>,
    /// `latency-tracking`: whether it is kept how long single runs of commands took.
    pub latency_tracking: AtomicBool,
    /// `latency-tracking-info-percentiles`.
    pub latency_percentiles: RwLock<Vec<f64>>,
    /// Up to which sizes values keep their compact encodings.
    pub encodings: EncodingLimits,
    /// `busy-reply-threshold`: how long a script may run before others are told so, in milliseconds; 0 for ever.
    pub busy_reply_ms: AtomicU64,
    /// Whether `maxmemory-policy` goes by when or how often keys were used.
    pub keeps_last_use: AtomicBool,
    /// `rdbcompression`: whether strings in files are compressed.
    pub compresses_files: AtomicBool,
    /// `rdbchecksum`: whether files have checksums, and these are looked at.
    pub checks_files: AtomicBool,
    /// Whether there are save points: `save`.
    pub has_save_points: AtomicBool,
    /// `active-expire-effort`, from 1 to 10.
    pub expire_effort: AtomicU32,
    /// `enable-debug-command`: whether DEBUG runs, by the kind of connection.
    pub debug_commands: RwLock<LocalOnly>,
}

/// Who may use what is switched on by `yes`, `no` or `local`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalOnly {
    /// Nobody.
    No,
    /// Everybody.
    Yes,
    /// Clients on this machine.
    Local,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            string_bytes_max: AtomicU64::new(512 * 1024 * 1024),
            tracking: RwLock::new(Tracking::LastUse),
            lfu_log_factor: AtomicU32::new(10),
            lfu_decay_minutes: AtomicU32::new(1),
            password: RwLock::default(),
            latency_tracking: AtomicBool::new(true),
            latency_percentiles: RwLock::new(vec![50.0, 99.0, 99.9]),
            encodings: EncodingLimits::default(),
            busy_reply_ms: AtomicU64::new(5000),
            keeps_last_use: AtomicBool::new(false),
            compresses_files: AtomicBool::new(true),
            checks_files: AtomicBool::new(true),
            has_save_points: AtomicBool::new(false),
            expire_effort: AtomicU32::new(1),
            debug_commands: RwLock::new(LocalOnly::No),
        }
    }
}

impl Settings {
    /// How accesses at `now_ms` are noted.
    pub fn access_policy(&self, now_ms: u64) -> AccessPolicy {
        AccessPolicy {
            tracking: *self.tracking.read(),
            log_factor: self.lfu_log_factor.load(Ordering::Relaxed),
            decay_minutes: self.lfu_decay_minutes.load(Ordering::Relaxed),
            now_ms,
            silent: false,
        }
    }
}
