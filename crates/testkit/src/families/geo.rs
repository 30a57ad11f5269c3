//! Places on the earth, and the sorted sets that they are kept in.

use crate::generator::Family;

/// Every command of places. What a unit or an order is, options say in any order, so each is left out at times. Scores
/// that are no places are kept under words and searched without COUNT: many of them are equally far away, and which of
/// these are among the first so many is in no order.
pub const GEO: Family = Family {
    name: "geo",
    value_bytes_max: 64,
    rows: &[
        (40, "GEOADD key (longitude latitude member)..."),
        (8, "GEOADD key [NX|XX] [CH] (longitude latitude member)..."),
        (8, "GEOPOS key member..."),
        (1, "GEOPOS key"),
        (8, "GEODIST key member member [unit]"),
        (6, "GEOHASH key member..."),
        (
            20,
            "GEOSEARCH key (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) [ASC|DESC] [COUNT count|COUNT count ANY] [WITHCOORD] [WITHDIST] [WITHHASH]",
        ),
        (
            4,
            "GEOSEARCH key [FROMMEMBER member] [FROMLONLAT longitude latitude] [BYRADIUS distance unit] [BYBOX distance distance unit] [ASC] [DESC] [COUNT count] [ANY] [STOREDIST] [WITHDIST]",
        ),
        (
            8,
            "GEOSEARCHSTORE key key (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) [ASC|DESC] [COUNT count|COUNT count ANY]",
        ),
        (
            4,
            "GEOSEARCHSTORE word key (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) [ASC|DESC] [COUNT count|COUNT count ANY] STOREDIST",
        ),
        (
            4,
            "GEOSEARCH word (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) [WITHCOORD] [WITHDIST] [WITHHASH]",
        ),
        (
            2,
            "GEOSEARCHSTORE word key FROMMEMBER member BYRADIUS distance unit [WITHDIST] [WITHHASH] [STOREDIST]",
        ),
        (
            8,
            "GEORADIUS key longitude latitude distance unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count|COUNT count ANY] [ASC|DESC]",
        ),
        (
            4,
            "GEORADIUS key longitude latitude distance unit [WITHDIST] [COUNT count] [ANY] [STORE key|STOREDIST word] [STORE word]",
        ),
        (
            8,
            "GEORADIUSBYMEMBER key member distance unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count|COUNT count ANY] [ASC|DESC]",
        ),
        (4, "GEORADIUSBYMEMBER key member distance unit [COUNT count] [STORE key|STOREDIST word]"),
        (
            2,
            "COMMAND GETKEYS GEORADIUS key longitude latitude distance unit [STORE key] [STOREDIST key] [STORE key] [STOREDIST key]",
        ),
        (
            2,
            "COMMAND GETKEYSANDFLAGS GEORADIUSBYMEMBER key member distance unit [STORE key|STOREDIST key] [STORE key]",
        ),
        (4, "GEORADIUS_RO key longitude latitude distance unit [WITHDIST] [ASC|DESC] [STORE key]"),
        (4, "GEORADIUSBYMEMBER_RO key member distance unit [WITHDIST] [ASC|DESC] [STORE key]"),
        (4, "ZADD word score member"),
        (3, "ZREM key member..."),
        (3, "GEOPOS word member..."),
        (2, "GEODIST word member member [unit]"),
        (2, "GEOHASH word member..."),
        (3, "ZSCORE key member"),
        (4, "ZRANGE key 0 -1 WITHSCORES"),
        (3, "OBJECT ENCODING key"),
        (3, "DEL key..."),
        (1, "EXPIRE key seconds"),
        (2, "TTL key"),
        (1, "SET key value"),
    ],
};

/// Searches within polygons, which only Valkey knows, and what they search in. Neither around a pole, where Valkey reads
/// memory that it has not written, nor for the nearest so many, since places are equally far away there at times.
pub const POLYGONS: Family = Family {
    name: "polygons",
    value_bytes_max: 64,
    rows: &[
        (40, "GEOADD key (near-longitude near-latitude element)..."),
        (4, "GEOADD key (longitude latitude element)..."),
        (
            20,
            "GEOSEARCH key BYPOLYGON 3 near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude [ASC|DESC] [WITHDIST] [WITHHASH]",
        ),
        (
            10,
            "GEOSEARCH key BYPOLYGON 4 near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude [ASC|DESC] [WITHCOORD] [WITHDIST]",
        ),
        (
            10,
            "GEOSEARCH key BYPOLYGON 6 near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude [WITHDIST]",
        ),
        (
            6,
            "=GEOSEARCH key [WITHDIST] BYPOLYGON 5 near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude COUNT count ANY",
        ),
        (
            6,
            "GEOSEARCHSTORE key key BYPOLYGON 3 near-longitude near-latitude near-longitude near-latitude near-longitude near-latitude [ASC|DESC] [STOREDIST]",
        ),
        (6, "GEOSEARCH key BYPOLYGON (integer|count) (near-longitude near-latitude)... [ASC] [WITHDIST]"),
        (
            4,
            "GEOSEARCH key [ASC] [FROMMEMBER element] [FROMLONLAT longitude latitude] [BYRADIUS distance unit] [BYBOX distance distance unit] [BYPOLYGON 3 near-longitude near-latitude longitude latitude near-longitude near-latitude] [DESC] [ANY]",
        ),
        (
            2,
            "GEOSEARCHSTORE key key BYPOLYGON integer (longitude latitude)... [WITHDIST] [WITHHASH] [STOREDIST]",
        ),
        (4, "ZRANGE key 0 -1 WITHSCORES"),
        (2, "ZREM key element"),
        (1, "DEL key"),
        (1, "SET key value"),
    ],
};
