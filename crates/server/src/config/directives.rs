//! Every directive of a `redis.conf`, one row each. What a directive accepts, what it is by default, whether
//! it can be changed while the server runs, and the documentation: all is derived from its row.
//!
//! Names, bounds and defaults are those of Redis 8.0, and of Valkey 9.1 for directives that only it has.

use std::collections::HashMap;
use std::sync::LazyLock;

use nuthatch_engine::keyspace::eviction::EvictionPolicy;

use super::kind::Kind::{self, *};
use super::text::{
    any, append_only_directory, append_only_file, computed_directory, computed_io_threads, host_name,
    ipv4_address, ipv6_address, node_name, process_title, snapshot_file,
};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directive {
    /// The name in a configuration file and in `CONFIG GET`.
    pub(crate) name: &'static str,
    /// A second name, usually the one from before a renaming.
    pub(crate) alias: Option<&'static str>,
    /// What it accepts.
    pub(crate) kind: Kind,
    /// The value that holds when none is given.
    pub(crate) default: Default,
    /// It can only be set when the server starts.
    pub(crate) immutable: bool,
    /// It can only be changed at run time where `enable-protected-configs` allows.
    pub(crate) protected: bool,
    /// `CONFIG GET` shows it by its full name only, not for a pattern.
    pub(crate) hidden: bool,
    /// It changes what the server does; otherwise it is accepted, checked and kept, and that is all.
    pub(crate) effective: bool,
}

/// The value that a directive has when none is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// This text.
    Text(&'static str),
    /// What the function finds out, described for the documentation.
    Computed(&'static str, fn() -> Vec<u8>),
}

/// A directive's place in the table.
pub(crate) type Index = usize;

/// The table, by the parts in which it is documented.
pub(crate) const GROUPS: &[(&str, &[Directive])] = &[
    ("Network", NETWORK),
    ("TLS", TLS),
    ("Process", PROCESS),
    ("Log", LOG),
    ("Security", SECURITY),
    ("Clients", CLIENTS),
    ("Memory", MEMORY),
    ("Values", VALUES),
    ("Persistence", PERSISTENCE),
    ("Replication", REPLICATION),
    ("Cluster", CLUSTER),
    ("Diagnostics", DIAGNOSTICS),
];

static ALL: LazyLock<Vec<&'static Directive>> =
    LazyLock::new(|| GROUPS.iter().flat_map(|(_, rows)| rows.iter()).collect());

static BY_NAME: LazyLock<HashMap<&'static str, Index>> = LazyLock::new(|| {
    let names = |(index, directive): (Index, &&'static Directive)| {
        std::iter::once(directive.name).chain(directive.alias).map(move |name| (name, index))
    };
    ALL.iter().enumerate().flat_map(names).collect()
});

/// All directives, in the order of the table.
pub(crate) fn all() -> &'static [&'static Directive] {
    &ALL
}

/// Finds a directive by its name or alias, whatever its case; the name is returned as the table spells it.
pub(crate) fn find(name: &[u8]) -> Option<(&'static str, Index)> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    BY_NAME.get_key_value(name.as_str()).map(|(name, index)| (*name, *index))
}

const fn row(name: &'static str, kind: Kind, default: &'static str) -> Directive {
    Directive {
        name,
        alias: None,
        kind,
        default: Default::Text(default),
        immutable: false,
        protected: false,
        hidden: false,
        effective: false,
    }
}

impl Directive {
    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn computed(mut self, description: &'static str, compute: fn() -> Vec<u8>) -> Self {
        self.default = Default::Computed(description, compute);
        self
    }

    const fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    const fn protected(mut self) -> Self {
        self.protected = true;
        self
    }

    const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    const fn effective(mut self) -> Self {
        self.effective = true;
        self
    }
}

const TEXT: Kind = Text(any);
const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;
const UINT_MAX: i64 = u32::MAX as i64;
const PORT_MAX: i64 = u16::MAX as i64;
const SIGNED_MAX: u64 = i64::MAX as u64;

const ALLOWED: &[&str] = &["no", "yes", "local"];
const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force"];
const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
const NETWORK: &[Directive] = &[
    row("bind", Addresses, "* -::*").effective(),
    row("bind-source-addr", TEXT, ""),
    row("port", Integer(0, PORT_MAX), "6379").effective(),
    row("protected-mode", Boolean, "yes").effective(),
    row("tcp-backlog", Integer(0, INT_MAX), "511").immutable().effective(),
    row("tcp-keepalive", Integer(0, INT_MAX), "300").effective(),
    row("timeout", Integer(0, INT_MAX), "0").effective(),
    row("unixsocket", TEXT, "").immutable().effective(),
    row("unixsocketperm", Permissions, "0").immutable().effective(),
    row("unixsocketgroup", TEXT, "").immutable(),
    row("maxclients", Integer(1, UINT_MAX), "10000").effective(),
    row("max-new-connections-per-cycle", Integer(1, 1000), "10"),
    row("max-new-tls-connections-per-cycle", Integer(1, 1000), "1"),
    row("socket-mark-id", Integer(0, UINT_MAX), "0").immutable(),
    row("mptcp", Boolean, "no").immutable(),
    row("rdma-bind", TEXT, ""),
    row("rdma-port", Integer(0, PORT_MAX), "0"),
    row("rdma-rx-size", Integer(65536, 16_777_216), "1048576").immutable(),
    row("rdma-completion-vector", Integer(-1, 1024), "-1").immutable(),
    row("availability-zone", TEXT, ""),
];

const TLS: &[Directive] = &[
    row("tls-auth-clients", Choice(&["no", "yes", "optional"]), "yes"),
    row("tls-auth-clients-user", Choice(&["CN", "URI", "off"]), "off"),
    row("tls-auto-reload-interval", Integer(0, INT_MAX), "0"),
    row("tls-ca-cert-dir", TEXT, ""),
    row("tls-ca-cert-file", TEXT, ""),
    row("tls-cert-file", TEXT, ""),
    row("tls-ciphers", TEXT, ""),
    row("tls-ciphersuites", TEXT, ""),
    row("tls-client-cert-file", TEXT, ""),
    row("tls-client-key-file", TEXT, ""),
    row("tls-client-key-file-pass", TEXT, ""),
    row("tls-cluster", Boolean, "no"),
    row("tls-dh-params-file", TEXT, ""),
    row("tls-key-file", TEXT, ""),
    row("tls-key-file-pass", TEXT, ""),
    row("tls-port", Integer(0, PORT_MAX), "0"),
    row("tls-prefer-server-ciphers", Boolean, "no"),
    row("tls-protocols", TEXT, ""),
    row("tls-replication", Boolean, "no"),
    row("tls-session-cache-size", Integer(0, INT_MAX), "20480"),
    row("tls-session-cache-timeout", Integer(0, INT_MAX), "300"),
    row("tls-session-caching", Boolean, "yes"),
];

const PROCESS: &[Directive] = &[
    row("daemonize", Boolean, "no").immutable().effective(),
    row("supervised", Choice(&["upstart", "systemd", "auto", "no"]), "no").immutable().effective(),
    row("pidfile", TEXT, "").immutable().effective(),
    row("dir", TEXT, "")
        .computed("the directory it is started in", computed_directory)
        .protected()
        .effective(),
    row("databases", Integer(1, INT_MAX), "16").immutable().effective(),
    row("io-threads", Integer(1, 128), "")
        .computed("the number of processors", computed_io_threads)
        .immutable()
        .effective(),
    row("prefetch-batch-max-size", Integer(0, 128), "16"),
    row("hz", Frequency, "10"),
    row("dynamic-hz", Boolean, "yes"),
    row("set-proc-title", Boolean, "yes").immutable(),
    row("proc-title-template", Text(process_title), "{title} {listen-addr} {server-mode}"),
    row("always-show-logo", Boolean, "no").immutable().effective(),
    row("locale-collate", TEXT, ""),
    row("server-cpulist", TEXT, "").alias("server_cpulist").immutable(),
    row("bio-cpulist", TEXT, "").alias("bio_cpulist").immutable(),
    row("aof-rewrite-cpulist", TEXT, "").alias("aof_rewrite_cpulist").immutable(),
    row("bgsave-cpulist", TEXT, "").alias("bgsave_cpulist").immutable(),
    row("oom-score-adj", Choice(&["no", "yes", "relative", "absolute"]), "no").effective(),
    row("oom-score-adj-values", OutOfMemoryScores, "0 200 800").effective(),
    row("disable-thp", Boolean, "yes").immutable(),
    row("jemalloc-bg-thread", Boolean, "yes"),
    row("ignore-warnings", TEXT, ""),
    row("crash-log-enabled", Boolean, "yes"),
    row("crash-memcheck-enabled", Boolean, "yes"),
    row("shutdown-timeout", Integer(0, INT_MAX), "10"),
    row("shutdown-on-sigint", Choices(SHUTDOWN), "default").effective(),
    row("shutdown-on-sigterm", Choices(SHUTDOWN), "default").effective(),
    row("hash-seed", TEXT, "").immutable(),
    row("use-exit-on-panic", Boolean, "no").hidden(),
    row("watchdog-period", Integer(0, INT_MAX), "0").hidden(),
];

const LOG: &[Directive] = &[
    row("loglevel", Choice(&["debug", "verbose", "notice", "warning", "nothing"]), "notice").effective(),
    row("logfile", TEXT, "").immutable().effective(),
    row("log-format", Choice(&["legacy", "logfmt", "json"]), "legacy"),
    row("log-timestamp-format", Choice(&["legacy", "iso8601", "milliseconds"]), "legacy"),
    row("syslog-enabled", Boolean, "no").immutable().effective(),
    row("syslog-ident", TEXT, "redis").immutable().effective(),
    row("syslog-facility", Choice(FACILITIES), "local0").immutable().effective(),
    row("hide-user-data-from-log", Boolean, "no"),
];

const SECURITY: &[Directive] = &[
    row("requirepass", TEXT, "").effective(),
    row("aclfile", TEXT, "").immutable(),
    row("acllog-max-len", Integer(0, i64::MAX), "128"),
    row("acl-pubsub-default", Choice(&["allchannels", "resetchannels"]), "resetchannels"),
    row("enable-debug-command", Choice(ALLOWED), "no").immutable().effective(),
    row("enable-module-command", Choice(ALLOWED), "no").immutable(),
    row("enable-protected-configs", Choice(ALLOWED), "no").immutable().effective(),
    // Nothing that comes from outside is kept unchecked, whatever this says.
    row("sanitize-dump-payload", Choice(&["no", "yes", "clients"]), "no").effective(),
];

const CLIENTS: &[Directive] = &[
    row("proto-max-bulk-len", Size(1048576, SIGNED_MAX), "536870912").effective(),
    row("client-query-buffer-limit", Size(1048576, SIGNED_MAX), "1073741824").effective(),
    row(
        "client-output-buffer-limit",
        OutputBufferLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    )
    .effective(),
    row("maxmemory-clients", SizeOrPercent, "0").effective(),
    row("tracking-table-max-keys", Integer(0, i64::MAX), "1000000").effective(),
    row("extended-redis-compatibility", Boolean, "no"),
];

const MEMORY: &[Directive] = &[
    row("maxmemory", Size(0, u64::MAX), "0").effective(),
    row("maxmemory-policy", Choice(EvictionPolicy::NAMES), "noeviction").effective(),
    row("maxmemory-samples", Integer(1, 64), "5").effective(),
    row("adaptive-eviction-sizes", Boolean, "yes").effective(),
    row("maxmemory-eviction-tenacity", Integer(0, 100), "10").effective(),
    row("lfu-log-factor", Integer(0, INT_MAX), "10").effective(),
    row("lfu-decay-time", Integer(0, INT_MAX), "1").effective(),
    row("active-expire-effort", Integer(1, 10), "1").effective(),
    row("activerehashing", Boolean, "yes"),
    // Stock servers leave it off. Here gaps are closed by themselves.
    row("activedefrag", Boolean, "yes").effective(),
    row("active-defrag-cycle-max", Integer(1, 99), "25").effective(),
    row("active-defrag-cycle-min", Integer(1, 99), "1").effective(),
    row("active-defrag-cycle-us", Integer(0, 100_000), "500").effective(),
    row("active-defrag-ignore-bytes", Size(1, SIGNED_MAX), "104857600").effective(),
    row("active-defrag-max-scan-fields", Integer(1, i64::MAX), "1000").effective(),
    row("active-defrag-threshold-lower", Integer(0, 1000), "10").effective(),
    row("active-defrag-threshold-upper", Integer(0, 1000), "100").effective(),
    // Another thread releases values that take 64 KiB or more and flushed databases, whatever these say.
    row("lazyfree-lazy-eviction", Boolean, "no").effective(),
    row("lazyfree-lazy-expire", Boolean, "no").effective(),
    row("lazyfree-lazy-server-del", Boolean, "no").effective(),
    row("lazyfree-lazy-user-del", Boolean, "no").effective(),
    row("lazyfree-lazy-user-flush", Boolean, "no").effective(),
    row("import-mode", Boolean, "no"),
];

const VALUES: &[Directive] = &[
    row("hash-max-listpack-entries", Integer(0, i64::MAX), "512")
        .alias("hash-max-ziplist-entries")
        .effective(),
    row("hash-max-listpack-value", Size(0, SIGNED_MAX), "64").alias("hash-max-ziplist-value").effective(),
    row("list-max-listpack-size", Integer(INT_MIN, INT_MAX), "-2").alias("list-max-ziplist-size").effective(),
    row("list-compress-depth", Integer(0, INT_MAX), "0"),
    row("set-max-intset-entries", Integer(0, i64::MAX), "512").effective(),
    row("set-max-listpack-entries", Integer(0, i64::MAX), "128").effective(),
    row("set-max-listpack-value", Integer(0, i64::MAX), "64").effective(),
    row("zset-max-listpack-entries", Integer(0, i64::MAX), "128")
        .alias("zset-max-ziplist-entries")
        .effective(),
    row("zset-max-listpack-value", Size(0, SIGNED_MAX), "64").alias("zset-max-ziplist-value").effective(),
    row("hll-sparse-max-bytes", Size(0, SIGNED_MAX), "3000").effective(),
    row("stream-node-max-bytes", Size(0, SIGNED_MAX), "4096").effective(),
    row("stream-node-max-entries", Integer(0, i64::MAX), "100").effective(),
];

const PERSISTENCE: &[Directive] = &[
    row("save", SavePoints, "3600 1 300 100 60 10000").effective(),
    row("dbfilename", Text(snapshot_file), "dump.rdb").protected().effective(),
    row("rdbcompression", Boolean, "yes").effective(),
    row("rdbchecksum", Boolean, "yes").immutable().effective(),
    row("rdb-del-sync-files", Boolean, "no"),
    row("rdb-save-incremental-fsync", Boolean, "yes").effective(),
    row("rdb-version-check", Choice(&["strict", "relaxed"]), "strict"),
    row("stop-writes-on-bgsave-error", Boolean, "yes").effective(),
    row("appendonly", Boolean, "no").effective(),
    row("appendfilename", Text(append_only_file), "appendonly.aof").immutable().effective(),
    row("appenddirname", Text(append_only_directory), "appendonlydir").immutable().effective(),
    row("appendfsync", Choice(&["everysec", "always", "no"]), "everysec").effective(),
    row("no-appendfsync-on-rewrite", Boolean, "no").effective(),
    row("auto-aof-rewrite-percentage", Integer(0, INT_MAX), "100").effective(),
    row("auto-aof-rewrite-min-size", Size(0, SIGNED_MAX), "67108864").effective(),
    row("aof-load-truncated", Boolean, "yes").effective(),
    row("aof-use-rdb-preamble", Boolean, "yes").effective(),
    row("aof-timestamp-enabled", Boolean, "no").effective(),
    row("aof-rewrite-incremental-fsync", Boolean, "yes").effective(),
    row("key-load-delay", Integer(INT_MIN, INT_MAX), "0").hidden().effective(),
    row("rdb-key-save-delay", Integer(INT_MIN, INT_MAX), "0").hidden().effective(),
    row("loading-process-events-interval-bytes", Integer(1024, INT_MAX), "524288").hidden(),
];

const REPLICATION: &[Directive] = &[
    row("replicaof", Primary, "").alias("slaveof").immutable(),
    row("masteruser", TEXT, "").alias("primaryuser"),
    row("masterauth", TEXT, "").alias("primaryauth"),
    row("replica-announce-ip", TEXT, "").alias("slave-announce-ip"),
    row("replica-announce-port", Integer(0, PORT_MAX), "0").alias("slave-announce-port"),
    row("replica-announced", Boolean, "yes"),
    row("replica-full-sync-buffer-limit", Size(0, SIGNED_MAX), "0"),
    row("replica-ignore-disk-write-errors", Boolean, "no"),
    row("replica-ignore-maxmemory", Boolean, "yes").alias("slave-ignore-maxmemory"),
    row("replica-lazy-flush", Boolean, "no").alias("slave-lazy-flush"),
    row("replica-priority", Integer(0, INT_MAX), "100").alias("slave-priority"),
    row("replica-read-only", Boolean, "yes").alias("slave-read-only"),
    row("replica-serve-stale-data", Boolean, "yes").alias("slave-serve-stale-data"),
    row("repl-backlog-size", Size(1, SIGNED_MAX), "1048576"),
    row("repl-backlog-ttl", Integer(0, i64::MAX), "3600"),
    row("repl-disable-tcp-nodelay", Boolean, "no"),
    row("repl-diskless-load", Choice(&["disabled", "on-empty-db", "swapdb"]), "disabled"),
    row("repl-diskless-sync", Boolean, "yes"),
    row("repl-diskless-sync-delay", Integer(0, INT_MAX), "5"),
    row("repl-diskless-sync-max-replicas", Integer(0, INT_MAX), "0"),
    row("repl-mptcp", Boolean, "no").immutable(),
    row("repl-ping-replica-period", Integer(1, INT_MAX), "10").alias("repl-ping-slave-period"),
    row("repl-timeout", Integer(1, INT_MAX), "60"),
    row("min-replicas-max-lag", Integer(0, INT_MAX), "10").alias("min-slaves-max-lag"),
    row("min-replicas-to-write", Integer(0, INT_MAX), "0").alias("min-slaves-to-write"),
    row("propagation-error-behavior", Choice(&["ignore", "panic", "panic-on-replicas"]), "ignore"),
    row("dual-channel-replication-enabled", Boolean, "no"),
    row("repl-rdb-channel", Boolean, "yes").hidden(),
];

const CLUSTER: &[Directive] = &[
    row("cluster-allow-pubsubshard-when-down", Boolean, "yes"),
    row("cluster-allow-reads-when-down", Boolean, "no"),
    row("cluster-allow-replica-migration", Boolean, "yes"),
    row("cluster-announce-bus-port", Integer(0, PORT_MAX), "0"),
    row("cluster-announce-client-ipv4", Text(ipv4_address), ""),
    row("cluster-announce-client-ipv6", Text(ipv6_address), ""),
    row("cluster-announce-client-port", Integer(0, PORT_MAX), "0"),
    row("cluster-announce-client-tls-port", Integer(0, PORT_MAX), "0"),
    row("cluster-announce-hostname", Text(host_name), ""),
    row("cluster-announce-human-nodename", Text(node_name), ""),
    row("cluster-announce-ip", TEXT, ""),
    row("cluster-announce-port", Integer(0, PORT_MAX), "0"),
    row("cluster-announce-tls-port", Integer(0, PORT_MAX), "0"),
    row("cluster-blacklist-ttl", Integer(i64::MIN, i64::MAX), "60"),
    row("cluster-compatibility-sample-ratio", Integer(0, 100), "0"),
    row("cluster-config-file", TEXT, "nodes.conf").immutable(),
    row("cluster-config-save-behavior", Choice(&["sync", "best-effort"]), "sync"),
    row("cluster-databases", Integer(1, INT_MAX), "1").immutable(),
    row("cluster-enabled", Boolean, "no").immutable(),
    row("cluster-link-sendbuf-limit", Size(0, u64::MAX), "0"),
    row("cluster-manual-failover-timeout", Integer(1, INT_MAX), "5000"),
    row("cluster-migration-barrier", Integer(0, INT_MAX), "1"),
    row("cluster-node-timeout", Integer(0, i64::MAX), "15000"),
    row("cluster-port", Integer(0, PORT_MAX), "0").immutable(),
    row("cluster-preferred-endpoint-type", Choice(&["ip", "hostname", "unknown-endpoint"]), "ip"),
    row("cluster-replica-no-failover", Boolean, "no").alias("cluster-slave-no-failover"),
    row("cluster-replica-validity-factor", Integer(0, INT_MAX), "10").alias("cluster-slave-validity-factor"),
    row("cluster-require-full-coverage", Boolean, "yes"),
    row("cluster-slot-migration-log-max-len", Integer(0, i64::MAX), "1000"),
    row("cluster-slot-stats-enabled", Boolean, "no"),
    row("slot-migration-max-failover-repl-bytes", SizeOrUnlimited, "0"),
];

const DIAGNOSTICS: &[Directive] = &[
    row("slowlog-log-slower-than", Integer(-1, i64::MAX), "10000").alias("commandlog-execution-slower-than"),
    row("slowlog-max-len", Integer(0, i64::MAX), "128").alias("commandlog-slow-execution-max-len"),
    row("commandlog-large-reply-max-len", Integer(0, i64::MAX), "128"),
    row("commandlog-large-request-max-len", Integer(0, i64::MAX), "128"),
    row("commandlog-reply-larger-than", Integer(-1, i64::MAX), "1048576"),
    row("commandlog-request-larger-than", Integer(-1, i64::MAX), "1048576"),
    row("latency-monitor-threshold", Integer(0, i64::MAX), "0"),
    row("latency-tracking", Boolean, "yes").effective(),
    row("latency-tracking-info-percentiles", Percentiles, "50 99 99.9").effective(),
    row("busy-reply-threshold", Integer(0, i64::MAX), "5000").alias("lua-time-limit").effective(),
    row("notify-keyspace-events", KeyspaceEvents, "").effective(),
];
