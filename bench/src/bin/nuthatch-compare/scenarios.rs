//! What the comparison of collections measures: operations with the data that they work on, and contents.
//!
//! Templates are those of `nuthatch_bench::Request`; a fill runs its template once for each of so many numbers.

/// One command on prepared data.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What is there before.
    pub(crate) content: &'static [(&'static str, u64)],
    /// What is added before each round.
    pub(crate) refill: &'static [(&'static str, u64)],
    /// The command.
    pub(crate) request: &'static str,
    /// Numbers are drawn from so many.
    pub(crate) keys: u64,
    /// Requests in a round; a tenth of it goes before unmeasured.
    pub(crate) requests: u64,
}

/// Data whose memory is measured.
pub(crate) struct Content {
    pub(crate) name: &'static str,
    pub(crate) fill: &'static [(&'static str, u64)],
    pub(crate) elements: u64,
}

const HASHES_OF_10: &str = "HSET user:__key__ name 'Alan Turing' age 41 city Wilmslow role admin visits 1024 \
                            score 87.5 active 1 team blue lang en level 12";
const HASHES_OF_20: &str = "HSET object:__key__ field:01 value-01 field:02 value-02 field:03 value-03 field:04 value-04 \
                            field:05 value-05 field:06 value-06 field:07 value-07 field:08 value-08 field:09 value-09 \
                            field:10 value-10 field:11 value-11 field:12 value-12 field:13 value-13 field:14 value-14 \
                            field:15 value-15 field:16 value-16 field:17 value-17 field:18 value-18 field:19 value-19 \
                            field:20 value-20";
const SETS_OF_50: &str = "SADD tags:__key__ red green blue cyan magenta yellow black white orange purple pink brown grey \
                          olive navy teal maroon silver gold lime aqua fuchsia coral salmon khaki plum orchid violet indigo \
                          beige ivory azure lavender crimson tomato sienna tan wheat linen mint jade ruby amber onyx pearl \
                          rose sand sky moss rust";

/// Entries of a stream in the order of their ids, which take eight digits.
const ENTRY: &str = "XADD events 1__key__-1 sensor __key__ temperature 21.5 state ok";

const MILLION_SCORES: &[(&str, u64)] = &[("ZADD board __scrambled__ user:__key__", 1_000_000)];
const THOUSAND_SCORES: &[(&str, u64)] = &[("ZADD board __scrambled__ user:__key__", 1_000)];

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "HSET, hashes of 10 fields",
        content: &[(HASHES_OF_10, 100_000)],
        refill: &[],
        request: "HSET user:__key__ visits __key__",
        keys: 100_000,
        requests: 1_000_000,
    },
    Operation {
        name: "HGET, hashes of 10 fields",
        content: &[(HASHES_OF_10, 100_000)],
        refill: &[],
        request: "HGET user:__key__ level",
        keys: 100_000,
        requests: 1_000_000,
    },
    Operation {
        name: "HGETALL of 20 fields",
        content: &[(HASHES_OF_20, 10_000)],
        refill: &[],
        request: "HGETALL object:__key__",
        keys: 10_000,
        requests: 500_000,
    },
    Operation {
        name: "SADD, a set of a million",
        content: &[("SADD members __key__-member", 1_000_000)],
        refill: &[],
        request: "SADD members __key__-member",
        keys: 2_000_000,
        requests: 1_000_000,
    },
    Operation {
        name: "SPOP",
        content: &[],
        refill: &[("SADD members __key__-member", 1_200_000)],
        request: "SPOP members",
        keys: 1,
        requests: 1_000_000,
    },
    Operation {
        name: "SINTER of 2 x 1000",
        content: &[
            ("SADD one member:__key__", 1000),
            ("SADD other member:__key__", 500),
            ("SADD other another:__key__", 500),
        ],
        refill: &[],
        request: "SINTER one other",
        keys: 1,
        requests: 10_000,
    },
    Operation {
        name: "LPUSH",
        content: &[],
        refill: &[("DEL queue", 1)],
        request: "LPUSH queue message:__key__",
        keys: 1_000_000,
        requests: 1_000_000,
    },
    Operation {
        name: "RPOP",
        content: &[],
        refill: &[("LPUSH queue message:__key__", 1_200_000)],
        request: "RPOP queue",
        keys: 1,
        requests: 1_000_000,
    },
    Operation {
        name: "LRANGE 0 99",
        content: &[("RPUSH timeline message:__key__", 10_000)],
        refill: &[],
        request: "LRANGE timeline 0 99",
        keys: 1,
        requests: 200_000,
    },
    Operation {
        name: "ZADD, a million",
        content: MILLION_SCORES,
        refill: &[],
        request: "ZADD board __key__ user:__key__",
        keys: 1_000_000,
        requests: 500_000,
    },
    Operation {
        name: "ZADD, a thousand",
        content: THOUSAND_SCORES,
        refill: &[],
        request: "ZADD board __key__ user:__key__",
        keys: 1_000,
        requests: 500_000,
    },
    Operation {
        name: "ZREVRANGE 0 9 WITHSCORES, a million",
        content: MILLION_SCORES,
        refill: &[],
        request: "ZREVRANGE board 0 9 WITHSCORES",
        keys: 1,
        requests: 500_000,
    },
    Operation {
        name: "ZREVRANGE 0 9 WITHSCORES, a thousand",
        content: THOUSAND_SCORES,
        refill: &[],
        request: "ZREVRANGE board 0 9 WITHSCORES",
        keys: 1,
        requests: 500_000,
    },
    Operation {
        name: "ZREVRANK, a million",
        content: MILLION_SCORES,
        refill: &[],
        request: "ZREVRANK board user:__key__",
        keys: 1_000_000,
        requests: 500_000,
    },
    Operation {
        name: "ZREVRANK, a thousand",
        content: THOUSAND_SCORES,
        refill: &[],
        request: "ZREVRANK board user:__key__",
        keys: 1_000,
        requests: 500_000,
    },
    Operation {
        name: "XADD",
        content: &[],
        refill: &[("DEL events", 1)],
        request: "XADD events * sensor __key__ temperature 21.5 state ok",
        keys: 1_000_000,
        requests: 1_000_000,
    },
    Operation {
        name: "XADD MAXLEN ~ 10000",
        content: &[],
        refill: &[("DEL events", 1)],
        request: "XADD events MAXLEN ~ 10000 * sensor __key__ temperature 21.5 state ok",
        keys: 1_000_000,
        requests: 1_000_000,
    },
    Operation {
        name: "XRANGE of 100",
        content: &[(ENTRY, 100_000)],
        refill: &[],
        request: "XRANGE events 10050000 + COUNT 100",
        keys: 1,
        requests: 50_000,
    },
    Operation {
        name: "XREADGROUP COUNT 1",
        content: &[],
        refill: &[("DEL events", 1), ("XGROUP CREATE events group 0 MKSTREAM", 1), (ENTRY, 600_000)],
        request: "XREADGROUP GROUP group consumer COUNT 1 STREAMS events >",
        keys: 1,
        requests: 500_000,
    },
    Operation {
        name: "XACK",
        content: &[],
        refill: &[
            ("DEL events", 1),
            ("XGROUP CREATE events group 0 MKSTREAM", 1),
            (ENTRY, 600_000),
            ("XREADGROUP GROUP group consumer COUNT 1000 STREAMS events >", 600),
        ],
        request: "XACK events group 1__key__-1",
        keys: 600_000,
        requests: 500_000,
    },
];

pub(crate) const CONTENTS: &[Content] = &[
    Content { name: "100,000 hashes of 10 fields", fill: &[(HASHES_OF_10, 100_000)], elements: 100_000 },
    Content { name: "100,000 sets of 50 members", fill: &[(SETS_OF_50, 100_000)], elements: 100_000 },
    Content {
        name: "a sorted set of a million",
        fill: &[("ZADD board __scrambled__ user:__key__", 1_000_000)],
        elements: 1_000_000,
    },
    Content {
        name: "a list of a million",
        fill: &[("RPUSH queue message:__key__", 1_000_000)],
        elements: 1_000_000,
    },
    Content { name: "a million stream entries", fill: &[(ENTRY, 1_000_000)], elements: 1_000_000 },
    Content {
        name: "100,000 streams of 10 entries",
        fill: &[("XADD events:__key__ * sensor 17 temperature 21.5 state ok", 100_000); 10],
        elements: 1_000_000,
    },
    Content {
        name: "a hash of a million",
        fill: &[("HSET index field:__key__ value:__key__", 1_000_000)],
        elements: 1_000_000,
    },
];
