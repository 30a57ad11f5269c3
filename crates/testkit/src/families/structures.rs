//! What can be asked of any value, whatever its type and encoding.

use crate::generator::Family;

/// OBJECT, DEBUG, MEMORY USAGE and SCAN with a type, on values of every type and encoding.
pub const STRUCTURES: Family = Family {
    name: "structures",
    value_bytes_max: 100,
    rows: &[
        (6, "SET key value"),
        (3, "SET key integer"),
        (2, "APPEND key value"),
        (8, "RPUSH key value..."),
        (4, "SADD key integer..."),
        (6, "SADD key value..."),
        (8, "ZADD key (score member)..."),
        (8, "HSET key (word value)..."),
        (2, "PFADD key value..."),
        (2, "GEOADD key longitude latitude member"),
        (4, "DEL key"),
        (1, "EXPIRE key seconds"),
        (
            6,
            "=CONFIG SET (HASH-MAX-LISTPACK-ENTRIES|ZSET-MAX-LISTPACK-ENTRIES|SET-MAX-INTSET-ENTRIES) (1|2|512)",
        ),
        (2, "=CONFIG SET LIST-MAX-LISTPACK-SIZE (1|3|-2)"),
        (10, "OBJECT ENCODING key"),
        (6, "OBJECT REFCOUNT key"),
        (6, "OBJECT IDLETIME key"),
        (6, "OBJECT FREQ key"),
        (1, "!OBJECT WORD key"),
        (6, "TYPE key"),
        (8, "SCAN 0 COUNT 1000 [TYPE type] [MATCH pattern]"),
        (2, "SCAN 0 TYPE type COUNT count TYPE type"),
        (6, "MEMORY USAGE key [SAMPLES integer]"),
        (2, "MEMORY USAGE key [SAMPLES count] [SAMPLES integer]"),
        (6, "=DEBUG OBJECT key"),
        (4, "=DEBUG LISTPACK key"),
        (4, "=DEBUG QUICKLIST key"),
        (4, "=DEBUG HTSTATS-KEY key [FULL]"),
        (
            2,
            "=DEBUG QUICKLIST-PACKED-THRESHOLD (1GB|2GB|3000M|4GB|4294967295|4293918720|4293918721|-1|1.5|WORD)",
        ),
    ],
};
