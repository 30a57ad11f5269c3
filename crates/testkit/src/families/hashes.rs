//! Hashes.

use crate::generator::Family;

/// Every command of hashes without deadlines of fields, while the limits of small ones change.
pub const HASHES: Family = Family {
    name: "hashes",
    value_bytes_max: 100,
    rows: &[
        (25, "HSET key (word value)..."),
        (8, "HSET key (word integer)..."),
        (5, "HMSET key (word value)..."),
        (5, "HSETNX key word value"),
        (12, "HGET key word"),
        (8, "HMGET key word..."),
        (10, "HGETALL key"),
        (4, "HKEYS key"),
        (4, "HVALS key"),
        (5, "HLEN key"),
        (5, "HSTRLEN key word"),
        (5, "HEXISTS key word"),
        (14, "HDEL key word..."),
        (10, "HINCRBY key word integer"),
        (10, "HINCRBYFLOAT key word float"),
        (4, "HRANDFIELD key"),
        // Stock servers run out of memory over great negative numbers.
        (5, "HRANDFIELD key (0|1|3|1000|-1|-3) [WITHVALUES]"),
        (6, "HSCAN key 0 [MATCH pattern] [COUNT 100000]"),
        (1, "HSCAN key integer [COUNT integer]"),
        (12, "OBJECT ENCODING key"),
        (3, "=CONFIG SET HASH-MAX-LISTPACK-ENTRIES (0|1|2|4|8|512)"),
        (3, "=CONFIG SET HASH-MAX-LISTPACK-VALUE (0|8|20|64)"),
        (1, "SET key value"),
        (1, "EXPIRE key seconds"),
        (2, "COPY key key [REPLACE]"),
        (2, "RENAME key key"),
        (2, "DEL key"),
        (1, "TYPE key"),
    ],
};

/// What Redis 7.4 and 8.0 added to hashes: deadlines of fields.
pub const FIELD_DEADLINES: Family = Family {
    name: "field deadlines",
    value_bytes_max: 100,
    rows: &[
        (20, "HSET key (word value)..."),
        (3, "HSETNX key word value"),
        (6, "HGETALL key"),
        (3, "HGET key word"),
        (3, "HLEN key"),
        (6, "HDEL key word..."),
        (4, "HINCRBY key word integer"),
        (4, "HINCRBYFLOAT key word float"),
        (10, "HEXPIRE key seconds [NX|XX|GT|LT] FIELDS 1 word"),
        (6, "HPEXPIRE key milliseconds [NX|XX|GT|LT] FIELDS 2 word word"),
        (10, "HEXPIREAT key unix-seconds [NX|XX|GT|LT] FIELDS 2 word word"),
        (8, "HPEXPIREAT key unix-milliseconds [NX|XX|GT|LT] FIELDS 1 word"),
        (2, "HEXPIRE key integer [NX|XX|GT|LT] FIELDS integer word..."),
        (6, "HTTL key FIELDS 2 word word"),
        (4, "HPTTL key FIELDS 1 word"),
        (4, "HEXPIRETIME key FIELDS 2 word word"),
        (4, "HPEXPIRETIME key FIELDS 1 word"),
        (1, "HTTL key FIELDS integer word..."),
        (1, "HPERSIST key FIELDS integer word..."),
        (1, "HGETDEL key FIELDS integer word..."),
        (1, "HGETEX key [EX integer] FIELDS integer word..."),
        (6, "HPERSIST key FIELDS 2 word word"),
        (4, "HGETEX key FIELDS 1 word"),
        (
            8,
            "HGETEX key [EX seconds|PX milliseconds|EXAT unix-seconds|PXAT unix-milliseconds|PERSIST] FIELDS 2 word word",
        ),
        (
            12,
            "HSETEX key [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-seconds|PXAT unix-milliseconds|KEEPTTL] \
             FIELDS 1 word value",
        ),
        (4, "HSETEX key [KEEPTTL] [FNX|FXX] FIELDS 2 word value word value"),
        (2, "HSETEX key [EX integer] FIELDS integer word value"),
        (5, "HGETDEL key FIELDS 2 word word"),
        (2, "HSCAN key 0 [NOVALUES] [COUNT 100000]"),
        (8, "OBJECT ENCODING key"),
        (2, "=CONFIG SET HASH-MAX-LISTPACK-ENTRIES (0|1|2|4|8|512)"),
        (1, "SET key value"),
        (1, "EXPIRE key seconds"),
        (2, "PERSIST key"),
        (3, "COPY key key [REPLACE]"),
        (3, "RENAME key key"),
        (1, "DEL key"),
    ],
};

/// HSETEX with conditions on the key besides those on the fields, as only Valkey knows them.
pub const CONDITIONAL_HASHES: Family = Family {
    name: "conditional hashes",
    value_bytes_max: 64,
    rows: &[
        // Without the distortions, over which the servers differ, so that many commands come between them.
        (80, "=HSETEX key (NX|XX) (FNX|FXX) FIELDS 1 word value"),
        (40, "=HSETEX key (NX|XX) FIELDS 1 word value"),
        (5, "HSETEX key [NX|XX] [FNX|FXX] FIELDS 1 word value"),
        (5, "HSETEX key [NX|XX] [FNX|FXX] [KEEPTTL] FIELDS 2 word value word value"),
        (
            5,
            "HSETEX key [NX|XX] [EX seconds|PX milliseconds|EXAT unix-seconds|PXAT unix-milliseconds] FIELDS 1 word value",
        ),
        (2, "HSETEX key [NX] [XX] [FNX] [FXX] FIELDS integer word value"),
        (10, "HGETALL key"),
        (3, "HTTL key FIELDS 1 word"),
        (10, "HDEL key word..."),
        (40, "DEL key..."),
        (1, "SET key value"),
        (5, "EXISTS key"),
    ],
};
