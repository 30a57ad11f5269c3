//! Sets.

use crate::generator::Family;

/// Every command of sets, on few members of all kinds. Of those that choose at random only what leaves both servers
/// with the same members. What would be a valid number of random members must not be made odd: stock servers end when
/// they are asked for too many.
pub const SETS: Family = Family {
    name: "sets",
    value_bytes_max: 80,
    rows: &[
        (30, "SADD key (count|integer|word|value)..."),
        (20, "SADD key (integer|count)..."),
        (12, "SREM key (count|integer|word|value)..."),
        (6, "SREM key count..."),
        (6, "SISMEMBER key (count|integer|word|value)"),
        (6, "SMISMEMBER key (count|integer|word|value)..."),
        (10, "SMEMBERS key"),
        (6, "SCARD key"),
        (10, "SMOVE key key (count|integer|word|value)"),
        (10, "SINTER key..."),
        (6, "=SINTERCARD 2 key key [LIMIT count]"),
        (3, "SINTERCARD count key... [LIMIT count]"),
        (1, "=SINTERCARD 1 key [LIMIT (integer|count)]"),
        (10, "SUNION key..."),
        (10, "SDIFF key..."),
        (10, "SINTERSTORE key key..."),
        (10, "SUNIONSTORE key key..."),
        (10, "SDIFFSTORE key key..."),
        (6, "SSCAN key 0 COUNT 1000 [MATCH pattern]"),
        (3, "SSCAN key (0|integer) [COUNT count] [MATCH pattern]"),
        (3, "=SPOP key 1000000"),
        (2, "=SPOP key (0|-1|word)"),
        (1, "=SPOP key 1 1"),
        (6, "=SRANDMEMBER key [index]"),
        (1, "=SRANDMEMBER key (word|-9223372036854775808)"),
        (1, "=SRANDMEMBER key 1 1"),
        (12, "OBJECT ENCODING key"),
        (3, "DEL key..."),
        (2, "TYPE key"),
        (2, "EXPIRE key seconds"),
        (2, "TTL key"),
        (2, "RENAME key key"),
        (2, "COPY key key [REPLACE]"),
        (3, "SET key value"),
    ],
};

/// Sets across the limits of their encodings, which are small here. Those of integers are never below those of packed
/// sets, where the encoding of a result would depend on the order of members in a table.
pub const LIMITED_SETS: Family = Family {
    name: "sets at their limits",
    value_bytes_max: 80,
    rows: &[
        (2, "=CONFIG SET SET-MAX-INTSET-ENTRIES (16|20|32)"),
        (2, "=CONFIG SET SET-MAX-LISTPACK-ENTRIES (0|3|8|16)"),
        (2, "=CONFIG SET SET-MAX-LISTPACK-VALUE (0|2|5|64)"),
        (30, "SADD key (count|integer|word|value)... (count|word)... index..."),
        (30, "SADD key index... index... index..."),
        (15, "SREM key (count|integer|word|value)... index..."),
        (6, "SMISMEMBER key (count|integer|word|value)..."),
        (10, "SMEMBERS key"),
        (4, "SCARD key"),
        (10, "SMOVE key key (count|index|word|value)"),
        (10, "SINTER key..."),
        (6, "=SINTERCARD 2 key key [LIMIT count]"),
        (10, "SUNION key... key"),
        (10, "SDIFF key..."),
        (10, "SINTERSTORE key key..."),
        (10, "SUNIONSTORE key key..."),
        (10, "SDIFFSTORE key key..."),
        (6, "SSCAN key 0 COUNT 1000 [MATCH pattern]"),
        (2, "=SPOP key 1000000"),
        (6, "=SRANDMEMBER key [index]"),
        (12, "OBJECT ENCODING key"),
        (2, "DEL key..."),
        (2, "COPY key key [REPLACE]"),
    ],
};
