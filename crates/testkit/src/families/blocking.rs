//! Commands that wait, and what ends their waits.

use crate::generator::Family;

/// Waits for one key each, without timeouts that could pass during a run, and writes that make their keys ready.
pub const BLOCKING: Family = Family {
    name: "blocking",
    value_bytes_max: 20,
    rows: &[
        (10, "=BLPOP key 0"),
        (8, "=BRPOP key 0"),
        (8, "=BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) 0"),
        (4, "=BRPOPLPUSH key key 0"),
        (8, "=BLMPOP 0 1 key (LEFT|RIGHT) [COUNT count]"),
        (2, "=BLPOP key... word"),
        (20, "=LPUSH key count..."),
        (20, "=RPUSH key count..."),
        (5, "=LPUSHX key count"),
        (3, "=LINSERT key BEFORE count count"),
        (6, "=RENAME key key"),
        (4, "=COPY key key [REPLACE]"),
        (3, "=LMOVE key key LEFT RIGHT"),
        (3, "=RPOPLPUSH key key"),
        (3, "=SWAPDB 0 1"),
        (3, "=SET key count"),
        (6, "=DEL key..."),
        (1, "=FLUSHALL ASYNC"),
        (3, "=LRANGE key 0 -1"),
        (2, "=LPOP key"),
    ],
};

/// As [`BLOCKING`], with waits for several keys, which Redis serves otherwise since version 7.2.
pub const BLOCKING_ON_SEVERAL_KEYS: Family = Family {
    name: "blocking on several keys",
    value_bytes_max: 20,
    rows: &[
        (10, "=BLPOP key... 0"),
        (8, "=BRPOP key... 0"),
        (8, "=BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) 0"),
        (8, "=BLMPOP 0 2 key key (LEFT|RIGHT) [COUNT count]"),
        (20, "=LPUSH key count..."),
        (20, "=RPUSH key count..."),
        (6, "=RENAME key key"),
        (4, "=COPY key key [REPLACE]"),
        (3, "=SWAPDB 0 1"),
        (3, "=SET key count"),
        (6, "=DEL key..."),
        (3, "=LRANGE key 0 -1"),
    ],
};
