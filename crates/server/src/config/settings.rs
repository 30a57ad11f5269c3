//! The settings that the server reads while it works, in the types that it needs them in.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use nuthatch_engine::host::ShutdownOptions;
use nuthatch_engine::keyspace::eviction::EvictionPolicy;
use nuthatch_engine::memory::{EvictionOptions, time_of_tenacity};

use super::compound::{OutputBufferLimits, SavePoint};
use super::values::Values;
use crate::log::Level;

/// How much memory something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// So many bytes; 0 for no limit.
    Bytes(u64),
    /// So many hundredths of `maxmemory`.
    Percent(u8),
}

/// Which supervisor the server reports to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supervision {
    /// None.
    No,
    /// The one that the environment names.
    Auto,
    /// systemd, through the socket that `NOTIFY_SOCKET` names.
    Systemd,
    /// Upstart, which expects the process to stop itself.
    Upstart,
}

/// When what was appended is brought to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fsync {
    /// Before it is acknowledged.
    Always,
    /// Every second.
    EverySecond,
    /// When the system thinks fit.
    No,
}

/// When and how memory is defragmented.
#[derive(Debug, Clone)]
pub(crate) struct DefragmentationSettings {
    /// Whether it is.
    pub(crate) enabled: bool,
    /// Fewer bytes in gaps are not worth it.
    pub(crate) ignore_bytes: u64,
    /// The percentage of memory in gaps at which it begins.
    pub(crate) threshold_lower: u32,
    /// The percentage at which it takes most.
    pub(crate) threshold_upper: u32,
    /// The percentage of time that it takes at the lower threshold.
    pub(crate) cycle_min: u32,
    /// The percentage of time that it takes at the upper threshold.
    pub(crate) cycle_max: u32,
    /// How long it goes on at once, in microseconds.
    pub(crate) cycle_us: u64,
    /// Values of more elements are gone through in parts.
    pub(crate) max_scan_fields: usize,
}

/// The settings of the append-only file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppendOnlySettings {
    /// Whether there is one.
    pub(crate) enabled: bool,
    /// What the names of its files begin with.
    pub(crate) filename: Vec<u8>,
    /// The directory of its files, in the working directory.
    pub(crate) directory: PathBuf,
    /// When it is brought to the disk.
    pub(crate) fsync: Fsync,
    /// Not while it is rewritten.
    pub(crate) no_fsync_on_rewrite: bool,
    /// It is rewritten when it has grown by so many hundredths; 0 for never.
    pub(crate) rewrite_percentage: u64,
    /// But not before it has so many bytes.
    pub(crate) rewrite_min_size: u64,
    /// An end that is missing is no reason not to start.
    pub(crate) load_truncated: bool,
    /// The base is a file of the data set rather than commands.
    pub(crate) rdb_preamble: bool,
    /// Whether a base is brought to the disk while it is written.
    pub(crate) incremental_fsync: bool,
    /// Notes when commands were appended.
    pub(crate) timestamps: bool,
}

/// A snapshot of the settings. A change of the configuration publishes a new one.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// TCP port; 0 for none.
    pub(crate) port: u16,
    /// Addresses to listen on. One with a leading `-` may be missing; `*` and `::*` are all of IPv4 and IPv6.
    pub(crate) bind: Vec<String>,
    /// Path of the Unix socket, if any.
    pub(crate) unix_socket: Option<PathBuf>,
    /// Permissions of the Unix socket; 0 leaves them as they are.
    pub(crate) unix_socket_permissions: u32,
    /// Idle clients are disconnected after this time, if any.
    pub(crate) timeout: Option<Duration>,
    /// Interval of TCP keep-alive probes, if any.
    pub(crate) tcp_keepalive: Option<Duration>,
    /// Length of the queue of connections that are not accepted yet.
    pub(crate) tcp_backlog: u32,
    /// As many clients may be connected at once.
    pub(crate) maxclients: u32,
    /// Without a password, only clients on this machine are served.
    pub(crate) protected_mode: bool,
    /// Number of databases.
    pub(crate) databases: u32,
    /// Password of the default user; empty for none.
    pub(crate) requirepass: Vec<u8>,
    /// What is logged.
    pub(crate) loglevel: Level,
    /// The log file; `None` for standard output.
    pub(crate) logfile: Option<PathBuf>,
    /// Log to the system's log as well.
    pub(crate) syslog_enabled: bool,
    /// Name under which to log there.
    pub(crate) syslog_ident: String,
    /// Facility to log to there, such as `local0`.
    pub(crate) syslog_facility: &'static str,
    /// Run in the background.
    pub(crate) daemonize: bool,
    /// The file that holds the process id, if any.
    pub(crate) pidfile: Option<PathBuf>,
    /// The supervisor to report to.
    pub(crate) supervision: Supervision,
    /// Number of threads that serve clients.
    pub(crate) io_threads: usize,
    /// Longest argument that a client may send, in bytes.
    pub(crate) proto_max_bulk_len: u64,
    /// Longest request that a client may send, in bytes.
    pub(crate) client_query_buffer_limit: u64,
    /// Limits on replies that clients have not read.
    pub(crate) client_output_buffer_limits: OutputBufferLimits,
    /// Keys of which it is known which clients have read them, at most; 0 for no limit.
    pub(crate) tracking_table_max_keys: u64,
    /// The letters of the events that are published.
    pub(crate) notify_keyspace_events: String,
    /// How often a second the server does its housekeeping.
    pub(crate) hz: u32,
    /// Memory that the data set may use, in bytes; 0 for no limit.
    pub(crate) maxmemory: u64,
    /// What happens at that limit.
    pub(crate) eviction: EvictionOptions,
    /// Memory that the buffers of clients may take.
    pub(crate) maxmemory_clients: Share,
    /// Resistance of the use counter of LFU eviction against growing.
    pub(crate) lfu_log_factor: u32,
    /// Minutes after which the use counter of LFU eviction is lowered.
    pub(crate) lfu_decay_time: u32,
    /// How much is done at once about what has expired.
    pub(crate) active_expire_effort: u32,
    /// Defragmentation of memory.
    pub(crate) defragmentation: DefragmentationSettings,
    /// Up to how many fields a hash is packed.
    pub(crate) hash_max_listpack_entries: u64,
    /// Up to how long a field or value of a packed hash may be, in bytes.
    pub(crate) hash_max_listpack_value: u64,
    /// Up to which size a list's elements are packed together: elements if positive, else a class of sizes.
    pub(crate) list_max_listpack_size: i64,
    /// Up to how many members a set of integers is an array.
    pub(crate) set_max_intset_entries: u64,
    /// Up to how many members a set is packed.
    pub(crate) set_max_listpack_entries: u64,
    /// Up to how long a member of a packed set may be, in bytes.
    pub(crate) set_max_listpack_value: u64,
    /// Up to how many members a sorted set is packed.
    pub(crate) zset_max_listpack_entries: u64,
    /// Up to how long a member of a packed sorted set may be, in bytes.
    pub(crate) zset_max_listpack_value: u64,
    /// Up to how many bytes a HyperLogLog is kept sparse.
    pub(crate) hll_sparse_max_bytes: u64,
    /// Up to how many bytes a block of a stream takes further entries; 0 is no limit.
    pub(crate) stream_node_max_bytes: u64,
    /// Up to how many entries a block of a stream takes further ones; 0 is no limit.
    pub(crate) stream_node_max_entries: u64,
    /// How long a script may run before others are told so, in milliseconds; 0 is for ever.
    pub(crate) busy_reply_threshold: u64,
    /// Keep the distribution of each command's latency.
    pub(crate) latency_tracking: bool,
    /// The percentiles of it that `INFO` shows.
    pub(crate) latency_tracking_info_percentiles: Vec<f64>,
    /// Working directory.
    pub(crate) dir: PathBuf,
    /// The name of the data set's file in it.
    pub(crate) dbfilename: PathBuf,
    /// Compress strings in that file.
    pub(crate) rdbcompression: bool,
    /// Write and verify the checksum of that file.
    pub(crate) rdbchecksum: bool,
    /// Whether a file of the data set is brought to the disk while it is written.
    pub(crate) rdb_incremental_fsync: bool,
    /// The append-only file.
    pub(crate) append_only: AppendOnlySettings,
    /// Microseconds to wait after each key that is loaded; if negative, keys to load for each microsecond.
    pub(crate) key_load_delay: i64,
    /// When the data set is saved by itself.
    pub(crate) save_points: Vec<SavePoint>,
    /// How the server ends when it gets SIGTERM.
    pub(crate) shutdown_on_sigterm: ShutdownOptions,
    /// How the server ends when it gets SIGINT.
    pub(crate) shutdown_on_sigint: ShutdownOptions,
    /// Whether writes are refused once it could not be.
    pub(crate) stop_writes_on_bgsave_error: bool,
    /// Microseconds to wait after each key that is saved, or, if negative, how many keys to save before one is waited.
    pub(crate) rdb_key_save_delay: i64,
    /// Show the logo even where the log is not a terminal.
    pub(crate) always_show_logo: bool,
    /// Whether the out-of-memory killer's scores are set, and how: `no`, `relative` or `absolute`.
    pub(crate) oom_score_adj: &'static str,
    /// Those scores: of the primary, of a replica, of a background child.
    pub(crate) oom_score_adj_values: [i32; 3],
}

impl Settings {
    pub(super) fn new(values: &Values) -> Self {
        let seconds_or_none =
            |name| Some(Duration::from_secs(values.number(name))).filter(|duration| !duration.is_zero());
        let path_or_none = |name| Some(path(values.text(name))).filter(|path| !path.as_os_str().is_empty());
        Self {
            port: values.number("port"),
            bind: values.addresses("bind"),
            unix_socket: path_or_none("unixsocket"),
            unix_socket_permissions: values.permissions("unixsocketperm"),
            timeout: seconds_or_none("timeout"),
            tcp_keepalive: seconds_or_none("tcp-keepalive"),
            tcp_backlog: values.number("tcp-backlog"),
            maxclients: values.number("maxclients"),
            protected_mode: values.boolean("protected-mode"),
            databases: values.number("databases"),
            requirepass: values.text("requirepass").to_vec(),
            loglevel: Level::from_name(values.choice("loglevel")),
            logfile: path_or_none("logfile"),
            syslog_enabled: values.boolean("syslog-enabled"),
            syslog_ident: String::from_utf8_lossy(values.text("syslog-ident")).into_owned(),
            syslog_facility: values.choice("syslog-facility"),
            daemonize: values.boolean("daemonize"),
            pidfile: path_or_none("pidfile"),
            supervision: match values.choice("supervised") {
                "upstart" => Supervision::Upstart,
                "systemd" => Supervision::Systemd,
                "auto" => Supervision::Auto,
                _ => Supervision::No,
            },
            io_threads: values.number("io-threads"),
            proto_max_bulk_len: values.size("proto-max-bulk-len"),
            client_query_buffer_limit: values.size("client-query-buffer-limit"),
            client_output_buffer_limits: values.output_buffer_limits("client-output-buffer-limit"),
            tracking_table_max_keys: values.number("tracking-table-max-keys"),
            notify_keyspace_events: values.keyspace_events("notify-keyspace-events"),
            hz: values.number("hz"),
            maxmemory: values.size("maxmemory"),
            eviction: EvictionOptions {
                policy: EvictionPolicy::of_name(values.choice("maxmemory-policy")),
                samples: values.number("maxmemory-samples"),
                minds_sizes: values.boolean("adaptive-eviction-sizes"),
                time_max: match values.number("maxmemory-eviction-tenacity") {
                    100 => None,
                    tenacity => Some(time_of_tenacity(tenacity)),
                },
            },
            maxmemory_clients: values.share("maxmemory-clients"),
            lfu_log_factor: values.number("lfu-log-factor"),
            lfu_decay_time: values.number("lfu-decay-time"),
            active_expire_effort: values.number("active-expire-effort"),
            defragmentation: DefragmentationSettings {
                enabled: values.boolean("activedefrag"),
                ignore_bytes: values.size("active-defrag-ignore-bytes"),
                threshold_lower: values.number("active-defrag-threshold-lower"),
                threshold_upper: values.number("active-defrag-threshold-upper"),
                cycle_min: values.number("active-defrag-cycle-min"),
                cycle_max: values.number("active-defrag-cycle-max"),
                cycle_us: values.number("active-defrag-cycle-us"),
                max_scan_fields: values.number("active-defrag-max-scan-fields"),
            },
            hash_max_listpack_entries: values.number("hash-max-listpack-entries"),
            hash_max_listpack_value: values.size("hash-max-listpack-value"),
            list_max_listpack_size: values.number("list-max-listpack-size"),
            set_max_intset_entries: values.number("set-max-intset-entries"),
            set_max_listpack_entries: values.number("set-max-listpack-entries"),
            set_max_listpack_value: values.number("set-max-listpack-value"),
            zset_max_listpack_entries: values.number("zset-max-listpack-entries"),
            zset_max_listpack_value: values.size("zset-max-listpack-value"),
            hll_sparse_max_bytes: values.size("hll-sparse-max-bytes"),
            stream_node_max_bytes: values.size("stream-node-max-bytes"),
            stream_node_max_entries: values.number("stream-node-max-entries"),
            busy_reply_threshold: values.number("busy-reply-threshold"),
            latency_tracking: values.boolean("latency-tracking"),
            latency_tracking_info_percentiles: values.percentiles("latency-tracking-info-percentiles"),
            dir: path(values.text("dir")),
            dbfilename: path(values.text("dbfilename")),
            rdbcompression: values.boolean("rdbcompression"),
            rdbchecksum: values.boolean("rdbchecksum"),
            rdb_incremental_fsync: values.boolean("rdb-save-incremental-fsync"),
            append_only: AppendOnlySettings {
                enabled: values.boolean("appendonly"),
                filename: values.text("appendfilename").to_vec(),
                directory: path(values.text("appenddirname")),
                fsync: match values.choice("appendfsync") {
                    "always" => Fsync::Always,
                    "no" => Fsync::No,
                    _ => Fsync::EverySecond,
                },
                no_fsync_on_rewrite: values.boolean("no-appendfsync-on-rewrite"),
                rewrite_percentage: values.number("auto-aof-rewrite-percentage"),
                rewrite_min_size: values.size("auto-aof-rewrite-min-size"),
                load_truncated: values.boolean("aof-load-truncated"),
                rdb_preamble: values.boolean("aof-use-rdb-preamble"),
                incremental_fsync: values.boolean("aof-rewrite-incremental-fsync"),
                timestamps: values.boolean("aof-timestamp-enabled"),
            },
            key_load_delay: values.number("key-load-delay"),
            save_points: values.save_points("save"),
            shutdown_on_sigterm: shutdown_options(values.choices("shutdown-on-sigterm")),
            shutdown_on_sigint: shutdown_options(values.choices("shutdown-on-sigint")),
            stop_writes_on_bgsave_error: values.boolean("stop-writes-on-bgsave-error"),
            rdb_key_save_delay: values.number("rdb-key-save-delay"),
            always_show_logo: values.boolean("always-show-logo"),
            oom_score_adj: values.choice("oom-score-adj"),
            oom_score_adj_values: values.out_of_memory_scores("oom-score-adj-values"),
        }
    }
}

fn shutdown_options(names: &[&str]) -> ShutdownOptions {
    let is_named = |name| names.contains(&name);
    ShutdownOptions {
        save: is_named("save"),
        no_save: is_named("nosave"),
        now: is_named("now"),
        force: is_named("force"),
    }
}

fn path(text: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(text.to_vec()))
}
