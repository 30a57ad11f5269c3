//! Strings and counters.

use crate::generator::Family;

/// Every command of strings, on values of up to some hundred bytes.
pub const STRINGS: Family = Family {
    name: "strings",
    value_bytes_max: 300,
    rows: &[
        (
            30,
            "SET key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-seconds|PXAT unix-milliseconds|KEEPTTL]",
        ),
        (10, "GET key"),
        (3, "SETNX key value"),
        (4, "SETEX key seconds value"),
        (4, "PSETEX key milliseconds value"),
        (4, "GETSET key value"),
        (8, "GETEX key [EX seconds|PX milliseconds|EXAT unix-seconds|PXAT unix-milliseconds|PERSIST]"),
        (4, "GETDEL key"),
        (8, "APPEND key value"),
        (5, "STRLEN key"),
        (6, "GETRANGE key index index"),
        (2, "SUBSTR key index index"),
        (8, "SETRANGE key offset value"),
        (8, "INCR key"),
        (6, "DECR key"),
        (8, "INCRBY key integer"),
        (8, "DECRBY key integer"),
        (14, "INCRBYFLOAT key float"),
        (5, "MSET (key value)..."),
        (4, "MSETNX (key value)..."),
        (5, "MGET key..."),
        (5, "LCS key key [LEN] [IDX] [MINMATCHLEN count] [WITHMATCHLEN]"),
        (3, "DEL key..."),
        (12, "OBJECT ENCODING key"),
        (4, "TTL key"),
        (2, "TYPE key"),
        (2, "LPUSH key value"),
        (1, "HSET key value value"),
        (1, "SADD key value"),
        (1, "=ZADD key count value"),
    ],
};

/// Strings across the sizes at which they are stored or sent in another way. Without `LCS`, whose
/// work grows with the square of the size.
pub const LARGE_STRINGS: Family = Family {
    name: "large strings",
    value_bytes_max: 20_000,
    rows: &[
        (20, "SET key value [NX|XX] [GET] [EX seconds|KEEPTTL]"),
        (20, "GET key"),
        (5, "GETSET key value"),
        (5, "GETEX key [PERSIST]"),
        (5, "GETDEL key"),
        (15, "APPEND key value"),
        (5, "STRLEN key"),
        (10, "GETRANGE key index index"),
        (10, "SETRANGE key offset value"),
        (5, "SETBIT key offset bit"),
        (5, "BITCOUNT key"),
        (3, "INCR key"),
        (5, "MSET (key value)..."),
        (5, "MGET key..."),
        (3, "COPY key key [REPLACE]"),
        (3, "RENAME key key"),
        (3, "DEL key..."),
        (5, "OBJECT ENCODING key"),
    ],
};

/// Strings that are changed or deleted if they have a certain value, which Valkey introduced.
pub const CONDITIONAL_STRINGS: Family = Family {
    name: "conditional strings",
    value_bytes_max: 64,
    rows: &[
        (30, "SET key count [IFEQ count|NX|XX] [GET] [EX seconds|KEEPTTL]"),
        (10, "SET key value"),
        (15, "DELIFEQ key count"),
        (10, "GET key"),
        (5, "APPEND key count"),
        (5, "INCR key"),
        (5, "LPUSH key count"),
        (5, "DEL key"),
        (3, "TTL key"),
    ],
};
