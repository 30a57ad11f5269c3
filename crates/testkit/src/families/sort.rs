//! Orders of lists, sets and sorted sets.

use crate::generator::Family;

/// SORT and SORT_RO over small numbers and words, by themselves and by keys that are made from them.
///
/// Sorted sets have a member that is too long for the packed encoding, since in Redis sorting one unpacks it for good.
/// Here, as in Valkey, reading a value leaves it as it is.
pub const SORT: Family = Family {
    name: "sort",
    value_bytes_max: 30,
    rows: &[
        (20, "SORT key [LIMIT integer count] [ASC|DESC] [ALPHA]"),
        (10, "SORT key [BY sort-pattern] [LIMIT index index] (GET sort-pattern)... [ASC|DESC]"),
        (20, "SORT key [BY sort-pattern] [GET sort-pattern] [LIMIT count count] [ASC|DESC] [STORE key]"),
        (5, "SORT key ALPHA [DESC] [LIMIT count index] [GET sort-pattern] STORE key"),
        (10, "SORT_RO key [BY sort-pattern] [LIMIT index index] (GET sort-pattern)... [ASC|DESC]"),
        (3, "SORT_RO key [ALPHA] [STORE key]"),
        (3, "SORT key ALPHA BY sort-pattern [DESC]"),
        (6, "RPUSH key (count|integer)..."),
        (3, "RPUSH key (float|word|member)..."),
        (3, "LPUSH key (count|score)..."),
        (6, "SADD key (count|integer)..."),
        (3, "SADD key (count|word)..."),
        (6, "=ZADD key score AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA score count"),
        (
            6,
            "=ZADD key 3 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 1 B 2 C score count",
        ),
        (15, "HSET key (count (count|word))..."),
        (15, "SET key (count|integer|float)"),
        (3, "SET key value"),
        (10, "DEL key..."),
        (3, "RENAME key key"),
        (4, "LRANGE key 0 -1"),
        (4, "OBJECT ENCODING key"),
        (2, "=COMMAND GETKEYS SORT key BY sort-pattern LIMIT 0 STORE GET STORE STORE key"),
    ],
};
