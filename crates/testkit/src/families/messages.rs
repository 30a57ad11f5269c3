//! Messages to several connections: what is published, what happens to keys, what others do.

use crate::generator::Family;

/// Subscriptions, and what is published to them.
pub const PUBLICATIONS: Family = Family {
    name: "publications",
    value_bytes_max: 64,
    rows: &[
        (10, "SUBSCRIBE channel..."),
        (6, "UNSUBSCRIBE channel..."),
        (2, "=UNSUBSCRIBE"),
        (10, "PSUBSCRIBE channel-pattern..."),
        (6, "PUNSUBSCRIBE channel-pattern..."),
        (2, "=PUNSUBSCRIBE"),
        (8, "SSUBSCRIBE channel..."),
        (4, "SUNSUBSCRIBE channel..."),
        (2, "=SUNSUBSCRIBE"),
        (30, "PUBLISH channel value"),
        (12, "SPUBLISH channel value"),
        (3, "PUBSUB CHANNELS [channel-pattern]"),
        (3, "PUBSUB NUMSUB channel..."),
        (2, "PUBSUB NUMPAT"),
        (3, "PUBSUB SHARDCHANNELS [channel-pattern]"),
        (3, "PUBSUB SHARDNUMSUB channel..."),
        (2, "!PUBSUB WORD channel"),
        (3, "=HELLO (2|3)"),
        (3, "!=RESET"),
        (1, "!=QUIT"),
        (4, "PING [value]"),
        (3, "SET key value"),
        (3, "GET key"),
        (2, "ECHO value"),
        (5, "MULTI"),
        (5, "EXEC"),
        (1, "DISCARD"),
        (1, "=CLIENT KILL TYPE PUBSUB SKIPME YES"),
        (1, "!=CLIENT REPLY OFF ; PUBLISH channel value ; UNSUBSCRIBE channel ; CLIENT REPLY ON"),
        (1, "!=CLIENT REPLY SKIP ; PUBLISH channel value"),
        (1, "!NOSUCHCOMMAND word"),
    ],
};

/// Who hears of what happens to keys; other families make it happen.
pub const NOTIFICATIONS: Family = Family {
    name: "notifications",
    value_bytes_max: 64,
    rows: &[
        (10, "=CONFIG SET NOTIFY-KEYSPACE-EVENTS event-classes"),
        (2, "=CONFIG GET NOTIFY-KEYSPACE-EVENTS"),
        (14, "=PSUBSCRIBE event-channel"),
        (4, "=PUNSUBSCRIBE event-channel"),
        (4, "=HELLO 3"),
        (4, "!=RESET"),
        (4, "=SELECT database"),
        (6, "MULTI"),
        (8, "EXEC"),
        (2, "FLUSHALL"),
        (2, "SWAPDB database database"),
        (8, "PEXPIREAT key unix-milliseconds"),
        (3, "BLPOP key 0"),
        (2, "BLMOVE key key LEFT RIGHT 0"),
    ],
};

/// Who hears of keys that are looked for and are not there; other families look for them.
pub const MISSES: Family = Family {
    name: "misses",
    value_bytes_max: 64,
    rows: &[
        (6, "=CONFIG SET NOTIFY-KEYSPACE-EVENTS miss-classes"),
        (10, "=PSUBSCRIBE event-channel"),
        (2, "=PUNSUBSCRIBE event-channel"),
        (3, "=HELLO 3"),
        (1, "!=RESET"),
        (2, "=SELECT database"),
        (4, "MULTI"),
        (6, "EXEC"),
        (6, "DEL key..."),
        (1, "FLUSHALL"),
    ],
};

/// Who sees what all others do.
pub const MONITOR: Family = Family {
    name: "monitor",
    value_bytes_max: 64,
    rows: &[
        (4, "!=MONITOR"),
        (4, "!=RESET"),
        (3, "=HELLO (2|3)"),
        (2, "=SELECT database"),
        (8, "SET key value"),
        (6, "GET key"),
        (3, "MGET key..."),
        (3, "INCR key"),
        (3, "LPUSH key value..."),
        (2, "BLPOP key 0"),
        (3, "ECHO value"),
        (3, "PING [value]"),
        (3, "PUBLISH channel value"),
        (3, "PSUBSCRIBE channel-pattern"),
        (3, "!=AUTH word"),
        (2, "=CLIENT SETNAME word"),
        (2, "=CLIENT GETNAME"),
        (2, "=CONFIG GET MAXMEMORY"),
        (8, "MULTI"),
        (6, "EXEC"),
        (2, "DISCARD"),
        (2, "WATCH key"),
        (2, "!NOSUCHCOMMAND value"),
        (2, "GET"),
        (1, "!=QUIT"),
    ],
};
