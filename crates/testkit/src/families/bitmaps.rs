//! Bits of strings.

use crate::generator::Family;

/// Every command of bitmaps, and what else changes or reads the strings below them.
pub const BITMAPS: Family = Family {
    name: "bitmaps",
    value_bytes_max: 300,
    rows: &[
        (20, "SETBIT key offset bit"),
        (10, "GETBIT key offset"),
        (12, "BITCOUNT key [index index [BYTE|BIT]]"),
        (16, "BITPOS key bit [index [index [BYTE|BIT]]]"),
        (10, "BITOP (AND|OR|XOR) key key..."),
        (4, "BITOP NOT key key"),
        (
            20,
            "BITFIELD key (GET bitfield-type bitfield-offset|SET bitfield-type bitfield-offset integer|INCRBY bitfield-type bitfield-offset integer|OVERFLOW (WRAP|SAT|FAIL))...",
        ),
        (5, "BITFIELD_RO key (GET bitfield-type bitfield-offset)..."),
        (
            1,
            "BITFIELD_RO key (GET bitfield-type bitfield-offset|SET bitfield-type bitfield-offset integer)...",
        ),
        (8, "SET key value"),
        (3, "APPEND key value"),
        (3, "SETRANGE key offset value"),
        (3, "INCR key"),
        (6, "GET key"),
        (3, "STRLEN key"),
        (3, "DEL key..."),
        (6, "OBJECT ENCODING key"),
        (2, "EXPIRE key seconds"),
        (2, "TTL key"),
        (1, "LPUSH key value"),
    ],
};
