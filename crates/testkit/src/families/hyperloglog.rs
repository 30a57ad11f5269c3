//! HyperLogLogs, and the strings that they are kept in.

use crate::generator::Family;

/// Every command of HyperLogLogs. Their strings are read and set as well, since they must mean the same everywhere.
/// Without `PFSELFTEST`, which takes stock servers seconds.
pub const HYPERLOGLOG: Family = Family {
    name: "hyperloglog",
    value_bytes_max: 64,
    rows: &[
        (30, "PFADD key element..."),
        (3, "PFADD key"),
        (3, "PFADD key value..."),
        (16, "PFCOUNT key"),
        (6, "PFCOUNT key key..."),
        (8, "PFMERGE key key..."),
        (3, "PFMERGE key"),
        (1, "PFDEBUG GETREG key"),
        (4, "PFDEBUG DECODE key"),
        (4, "PFDEBUG ENCODING key"),
        (2, "PFDEBUG TODENSE key"),
        (1, "PFDEBUG WORD key"),
        // Redis answers twice when the argument is neither.
        (1, "=PFDEBUG SIMD (ON|OFF)"),
        (1, "=CONFIG SET HLL-SPARSE-MAX-BYTES (0|20|40|200|3000|16000)"),
        (20, "SET key hyperloglog"),
        (20, "GET key"),
        (3, "GETRANGE key index index"),
        (3, "STRLEN key"),
        (4, "OBJECT ENCODING key"),
        (3, "DEL key..."),
        (2, "COPY key key [REPLACE]"),
        (2, "EXPIRE key seconds"),
        (2, "TTL key"),
        (2, "SET key value"),
        (1, "LPUSH key value"),
    ],
};
