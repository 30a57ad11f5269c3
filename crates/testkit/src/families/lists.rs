//! Lists.

use crate::generator::Family;

/// Every command of lists, on elements of up to some hundred bytes, while the size of nodes changes.
pub const LISTS: Family = Family { name: "lists", value_bytes_max: 300, rows: ROWS };

/// The same with elements that need a node of their own.
pub const LARGE_LISTS: Family = Family { name: "large lists", value_bytes_max: 20_000, rows: ROWS };

const ROWS: &[(u32, &str)] = &[
    (20, "LPUSH key value..."),
    (20, "RPUSH key value..."),
    (6, "LPUSHX key value..."),
    (6, "RPUSHX key value..."),
    (8, "LPOP key [count]"),
    (8, "RPOP key [count]"),
    (4, "LLEN key"),
    (8, "LINDEX key index"),
    (12, "LSET key index value"),
    (12, "LRANGE key index index"),
    (5, "LTRIM key index index"),
    (15, "LINSERT key (BEFORE|AFTER) value value"),
    (8, "LREM key index value"),
    (15, "LPOS key value [RANK index] [COUNT count] [MAXLEN count]"),
    (4, "LPOS key value [RANK integer] [COUNT integer] [MAXLEN integer]"),
    (10, "LMOVE key key (LEFT|RIGHT) (LEFT|RIGHT)"),
    (5, "RPOPLPUSH key key"),
    (3, "LMPOP 1 key (LEFT|RIGHT) [COUNT count]"),
    (3, "LMPOP 2 key key (LEFT|RIGHT) [COUNT count]"),
    (2, "LMPOP count key... (LEFT|RIGHT) [COUNT count]"),
    (1, "LMPOP integer key (LEFT|RIGHT) COUNT integer"),
    (20, "OBJECT ENCODING key"),
    (5, "=CONFIG SET LIST-MAX-LISTPACK-SIZE (-1|-2|-3|-5|0|1|2|3|5|8|20|128)"),
    (1, "SET key value"),
    (1, "EXPIRE key seconds"),
    (2, "COPY key key [REPLACE]"),
    (2, "RENAME key key"),
    (2, "DEL key"),
    (1, "TYPE key"),
];
