//! Commands that are queued and executed together.

use crate::generator::Family;

/// Transactions of commands on strings.
pub const TRANSACTIONS: Family = Family {
    name: "transactions",
    value_bytes_max: 64,
    rows: &[
        (12, "MULTI"),
        (10, "EXEC"),
        (2, "DISCARD"),
        (5, "WATCH key..."),
        (2, "UNWATCH"),
        (15, "SET key value [NX|XX] [GET]"),
        (10, "GET key"),
        (10, "INCR key"),
        (5, "APPEND key value"),
        (5, "MSET (key value)..."),
        (5, "MGET key..."),
        (3, "DEL key..."),
        (3, "RENAME key key"),
        (3, "SELECT database"),
        (1, "FLUSHALL"),
        (1, "SWAPDB database database"),
        (3, "BITOP (AND|OR) key key..."),
        (2, "PING"),
        (3, "DBSIZE"),
        (1, "!NOSUCHCOMMAND word"),
        (2, "OBJECT ENCODING key"),
    ],
};
