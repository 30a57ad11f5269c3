//! Random commands, from templates.

use std::ops::Range;

use fastrand::Rng;

use crate::support::{DATABASES, colliding_keys};

/// Commands with words to be filled in, by what they are about. A letter is a key that mostly holds that type: `<x>` a
/// string, `<p>` a HyperLogLog, `<h>` a hash, `<l>` a list, `<s>` a set, `<z>` a sorted set, `<g>` places, `<t>` a stream,
/// and `<key>` any.
/// A command behind `&` is one of a client of its own, which may wait for its keys.
pub(crate) const TEMPLATES: &[&[&str]] =
    &[STRINGS, HYPERLOGLOGS, KEYS, HASHES, LISTS, SETS, SORTED_SETS, PLACES, ORDERS, STREAMS];

const STRINGS: &[&str] = &[
    "SET <x> text",
    "SET <x> 12345",
    "SET <key> text PX <ms>",
    "SET <x> a-text-that-is-too-long-to-be-embedded-in-the-value KEEPTTL",
    "SETNX <key> first",
    "GETEX <x> PX <ms>",
    "GETEX <x> PERSIST",
    "GETDEL <x>",
    "MSET <x> one <x> two",
    "MSETNX <x> one <x> two",
    "APPEND <x> tail",
    "SETRANGE <x> 10 middle",
    "SETRANGE <x> 20000 far",
    "INCRBY <x> 7",
    "INCRBYFLOAT <x> 1.5",
    "SETBIT <x> 100 1",
    "BITFIELD <x> SET u8 16 200 INCRBY i5 3 1",
    "BITOP NOT <x> <x>",
    "GET <x>",
];

const HYPERLOGLOGS: &[&str] = &[
    "PFADD <p> one two three",
    "PFADD <p> four <ms>",
    "PFCOUNT <p>",
    "PFCOUNT <p> <p>",
    "PFMERGE <p> <p>",
    "PFDEBUG TODENSE <p>",
    "PEXPIRE <p> <ms>",
    "PEXPIRE <p> <ms>",
];

const KEYS: &[&str] = &[
    "DEL <key> <key>",
    "UNLINK <key>",
    "RENAME <key> <key>",
    "RENAMENX <key> <key>",
    "COPY <key> <key> DB <db>",
    "COPY <key> <key> REPLACE",
    "MOVE <key> <db>",
    "SWAPDB <db> <db>",
    "SELECT <db>",
    "SELECT 0",
    "SELECT 0",
    "FLUSHDB",
    "PEXPIRE <key> <ms>",
    "PEXPIRE <key> <ms>",
    "PEXPIRE <key> <ms> GT",
    "PEXPIRE <key> 0",
    "PERSIST <key>",
    "DUMP <key>",
    "RESTORE <key> <ms> <dump> REPLACE",
    "RESTORE <key> <at> <dump> REPLACE ABSTTL",
    "RESTORE <key> 0 <dump>",
    "RESTORE <key> 0 <dump> REPLACE IDLETIME 7",
];

const HASHES: &[&str] = &[
    "HSET <h> <name> <value>",
    "HSET <h> <name> <value> <name> <value> <name> <value>",
    "HMSET <h> <name> <value> <name> <value>",
    "HSETNX <h> <name> <value>",
    "HINCRBY <h> <name> 3",
    "HINCRBYFLOAT <h> <name> 0.1",
    "HDEL <h> <name>",
    "HDEL <h> <name> <name>",
    "HEXPIRE <h> 1 FIELDS 2 <name> <name>",
    "HPEXPIRE <h> <ms> FIELDS 2 <name> <name>",
    "HPEXPIRE <h> <ms> FIELDS 3 <name> <name> <name>",
    "HPEXPIRE <h> <ms> NX FIELDS 1 <name>",
    "HPEXPIRE <h> <ms> XX FIELDS 1 <name>",
    "HPEXPIRE <h> <ms> GT FIELDS 2 <name> <name>",
    "HPEXPIRE <h> <ms> LT FIELDS 2 <name> <name>",
    "HPEXPIRE <h> 0 FIELDS 2 <name> <name>",
    "HPEXPIREAT <h> <at> FIELDS 1 <name>",
    "HPERSIST <h> FIELDS 2 <name> <name>",
    "HGETEX <h> PX <ms> FIELDS 2 <name> <name>",
    "HGETEX <h> PXAT <at> FIELDS 2 <name> <name>",
    "HGETEX <h> PERSIST FIELDS 1 <name>",
    "HGETDEL <h> FIELDS 2 <name> <name>",
    "HSETEX <h> FIELDS 2 <name> <value> <name> <value>",
    "HSETEX <h> PX <ms> FIELDS 2 <name> <value> <name> <value>",
    "HSETEX <h> FNX PX <ms> FIELDS 1 <name> <value>",
    "HSETEX <h> FXX KEEPTTL FIELDS 1 <name> <value>",
    "HSETEX <h> KEEPTTL FIELDS 2 <name> <value> <name> <value>",
    "HSETEX <h> PXAT <at> FIELDS 1 <name> <value>",
    "HGETALL <h>",
    "PEXPIRE <h> <ms>",
    "PEXPIRE <h> <ms>",
];

const LISTS: &[&str] = &[
    "LPUSH <l> <value> <value>",
    "RPUSH <l> <value> <value> <value>",
    "LPUSHX <l> <value>",
    "RPUSHX <l> <value>",
    "LPOP <l>",
    "RPOP <l> 2",
    "LSET <l> <count> <value>",
    "LINSERT <l> BEFORE <value> <value>",
    "LINSERT <l> AFTER <value> <value>",
    "LREM <l> <count> <value>",
    "LREM <l> -1 <value>",
    "LTRIM <l> <count> -2",
    "LMOVE <l> <l> LEFT RIGHT",
    "LMOVE <l> <l> RIGHT RIGHT",
    "RPOPLPUSH <l> <l>",
    "LMPOP 2 <l> <l> LEFT COUNT 2",
    "LMPOP 1 <l> RIGHT",
    "& BLPOP <l> <l> 0",
    "& BRPOP <l> 0",
    "& BLMOVE <l> <l> LEFT RIGHT 0",
    "& BRPOPLPUSH <l> <l> 0",
    "& BLMPOP 0 2 <l> <l> RIGHT COUNT 2",
    "PEXPIRE <l> <ms>",
    "PEXPIRE <l> <ms>",
];

const SETS: &[&str] = &[
    "SADD <s> <value>",
    "SADD <s> <value> <value> <value> <value>",
    "SADD <s> 1 2 3",
    "SREM <s> <value> <value>",
    "SMOVE <s> <s> <value>",
    "SPOP <s>",
    "SPOP <s>",
    "SPOP <s> <count>",
    "SINTERSTORE <s> <s> <s>",
    "SUNIONSTORE <s> <s> <s>",
    "SDIFFSTORE <s> <s> <s>",
    "SUNIONSTORE <key> <s>",
    "PEXPIRE <s> <ms>",
    "PEXPIRE <s> <ms>",
];

const SORTED_SETS: &[&str] = &[
    "ZADD <z> <score> <value>",
    "ZADD <z> <score> <value> <score> <value> <score> <value>",
    "ZADD <z> NX <score> <value>",
    "ZADD <z> XX GT <score> <value> <score> <value>",
    "ZADD <z> LT CH <score> <value>",
    "ZADD <z> INCR <score> <value>",
    "ZADD <z> GT INCR <score> <value>",
    "ZADD <z> +inf <value>",
    "ZADD <z> INCR -inf <value>",
    "ZINCRBY <z> 0.1 <value>",
    "ZREM <z> <value> <value>",
    "ZREMRANGEBYRANK <z> 0 <count>",
    "ZREMRANGEBYSCORE <z> <score> +inf",
    "ZREMRANGEBYLEX <z> - [c",
    "ZPOPMIN <z>",
    "ZPOPMAX <z> 2",
    "ZMPOP 2 <z> <z> MIN COUNT 2",
    "ZUNIONSTORE <z> 2 <z> <z> WEIGHTS 2 0.5",
    "ZUNIONSTORE <z> 2 <z> <s>",
    "ZINTERSTORE <z> 2 <z> <z> AGGREGATE MIN",
    "ZDIFFSTORE <z> 2 <z> <z>",
    "ZRANGESTORE <z> <z> 0 <count>",
    "ZRANGESTORE <key> <z> -inf <score> BYSCORE",
    "ZRANGESTORE <z> <z> -inf +inf BYSCORE LIMIT -1 2",
    "ZRANGESTORE <z> <z> + - BYLEX REV LIMIT -2 <count>",
    "& BZPOPMIN <z> <z> 0",
    "& BZPOPMAX <z> 0",
    "& BZMPOP 0 2 <z> <z> MAX COUNT 2",
    "PEXPIRE <z> <ms>",
    "PEXPIRE <z> <ms>",
];

const PLACES: &[&str] = &[
    "GEOADD <g> 13.36 38.11 Palermo 15.08 37.50 Catania",
    "GEOADD <g> NX 2.35 48.85 <value> 2.3 48.8 <value>",
    "GEORADIUS <g> 15 37 200 km STORE <z>",
    "GEORADIUS <g> 2 48 200 km STOREDIST <z>",
    "GEORADIUSBYMEMBER <g> Palermo 200 km STORE <g>",
    "GEOSEARCHSTORE <g> <g> FROMLONLAT 15 37 BYRADIUS 400 km ASC COUNT 1",
    "GEOSEARCHSTORE <z> <g> FROMLONLAT 2 48 BYBOX 300 300 km STOREDIST",
    "PEXPIRE <g> <ms>",
    "PEXPIRE <g> <ms>",
];

const ORDERS: &[&str] = &[
    "SORT <l> ALPHA STORE <l>",
    "SORT <s> BY nosort STORE <l>",
    "SORT <z> BY nosort LIMIT 0 2 STORE <key>",
    "SORT <s> BY weight-* STORE <l>",
    "SORT <l> BY fields-*->a GET # GET weight-* STORE <l>",
    "SORT <s> ALPHA GET fields-*->b STORE <l>",
    "RPUSH <l> a b 1",
    "SADD <s> a b c 1 2",
    "SET weight-<few> <count> PX <ms>",
    "SET weight-<few> <count>",
    "HSET fields-<few> a <count> b <count>",
    "HPEXPIRE fields-<few> <ms> FIELDS 2 a b",
    "PEXPIRE fields-<few> <ms>",
];

const STREAMS: &[&str] = &[
    "XADD <t> * a <value>",
    "XADD <t> * a <value> b <value>",
    "XADD <t> * a <value>",
    "XADD <t> <count>-* a <value>",
    "XADD <t> <id> c <value>",
    "XADD <t> NOMKSTREAM MAXLEN ~ <count> * a <value>",
    "XADD <t> MAXLEN <count> * a <value>",
    "XADD <t> MINID <id> * a <value>",
    "XADD <t> DELREF MAXLEN 3 * a <value>",
    "XADD <t> ACKED MAXLEN 2 * a <value>",
    "XTRIM <t> MAXLEN <count>",
    "XTRIM <t> MAXLEN ~ <count> LIMIT 3",
    "XTRIM <t> MINID ~ <id> DELREF",
    "XTRIM <t> MAXLEN 1 ACKED",
    "XDEL <t> <id> <id>",
    "XDELEX <t> ACKED IDS 2 <id> <id>",
    "XDELEX <t> DELREF IDS 1 <id>",
    "XSETID <t> 99999999999999-0",
    "XSETID <t> <id> ENTRIESADDED 20 MAXDELETEDID <id>",
    "XGROUP CREATE <t> <group> 0 MKSTREAM",
    "XGROUP CREATE <t> <group> $",
    "XGROUP CREATE <t> <group> <id> ENTRIESREAD 2",
    "XGROUP SETID <t> <group> <id>",
    "XGROUP SETID <t> <group> 0 ENTRIESREAD 0",
    "XGROUP CREATECONSUMER <t> <group> <few>",
    "XGROUP DELCONSUMER <t> <group> <few>",
    "XGROUP DESTROY <t> <group>",
    "XREADGROUP GROUP <group> <few> STREAMS <t> >",
    "XREADGROUP GROUP <group> <few> COUNT 2 STREAMS <t> >",
    "XREADGROUP GROUP <group> <few> NOACK STREAMS <t> >",
    "XREADGROUP GROUP <group> <few> STREAMS <t> <t> > 0",
    "XREADGROUP GROUP <group> <few> STREAMS <t> 0",
    "XACK <t> <group> <id> <id>",
    "XACKDEL <t> <group> DELREF IDS 2 <id> <id>",
    "XCLAIM <t> <group> <few> 0 <id> <id> FORCE",
    "XCLAIM <t> <group> <few> 100 <id> IDLE 50 LASTID <id>",
    "XCLAIM <t> <group> <few> 0 <id> JUSTID RETRYCOUNT 5",
    "XAUTOCLAIM <t> <group> <few> 0 0 COUNT 2",
    "XAUTOCLAIM <t> <group> <few> 100 - JUSTID",
    "& XREAD BLOCK 0 STREAMS <t> <t> $ $",
    "& XREADGROUP GROUP <group> <few> BLOCK 0 STREAMS <t> >",
    "& XREADGROUP GROUP <group> <few> COUNT 1 BLOCK 0 STREAMS <t> >",
    "PEXPIRE <t> <ms>",
];

/// What the words are filled with besides keys.
pub(crate) struct Context<'a> {
    /// The time in milliseconds since 1970.
    pub(crate) now_ms: u64,
    /// How long what gets a deadline lives, in milliseconds.
    pub(crate) lifetimes_ms: Range<u64>,
    /// What DUMP has answered so far.
    pub(crate) dumps: &'a [Vec<u8>],
}

/// A command that is sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Whether the client may wait.
    pub(crate) waits: bool,
    pub(crate) words: Vec<Vec<u8>>,
}

/// Fills a template in. The same seed gives the same words.
pub(crate) fn fill(template: &str, seed: u64, context: &Context<'_>) -> Sent {
    let mut random = Rng::with_seed(seed);
    let waits = template.starts_with('&');
    let words = template.trim_start_matches('&').split_ascii_whitespace();
    let words = words.map(|word| match word.split_once('<').zip(word.strip_suffix('>')) {
        None => word.as_bytes().to_vec(),
        Some(((prefix, name), _)) => {
            let name = name.trim_end_matches('>');
            [prefix.as_bytes(), &filled(name, &mut random, context)].concat()
        }
    });
    Sent { waits, words: words.collect() }
}

fn filled(name: &str, random: &mut Rng, context: &Context<'_>) -> Vec<u8> {
    const VALUES: [&str; 9] =
        ["a", "b", "c", "1", "2", "3", "-70000", "x2.5", "a-text-that-is-too-long-for-packed"];
    const TYPES: [&str; 8] = ["x", "p", "h", "l", "s", "z", "g", "t"];
    let text = match name {
        "db" => random.u32(..DATABASES).to_string(),
        "ms" => random.u64(context.lifetimes_ms.clone()).to_string(),
        "at" if random.u8(..4) == 0 => (context.now_ms - random.u64(..1_000)).to_string(),
        "at" => (context.now_ms + random.u64(context.lifetimes_ms.clone())).to_string(),
        "count" => random.u8(..4).to_string(),
        "score" => random.choice(["0", "-0", "1", "2.5", "-3", "1e300"]).unwrap_or_default().to_owned(),
        "name" => random.choice(["a", "b", "c", "d", "e"]).unwrap_or_default().to_owned(),
        "value" => random.choice(VALUES).unwrap_or_default().to_owned(),
        // About the present, in which ids are given, or one of the few that clients choose.
        "id" if random.bool() => format!("{}-{}", context.now_ms - random.u64(..500), random.u8(..3)),
        "id" => format!("{}-{}", random.u8(1..12), random.u8(..3)),
        "group" => random.choice(["g", "g", "h"]).unwrap_or_default().to_owned(),
        "few" => random.choice(["a", "b", "1"]).unwrap_or_default().to_owned(),
        "dump" => return random.choice(context.dumps).cloned().unwrap_or_default(),
        "key" => return filled(random.choice(TYPES).unwrap_or_default(), random, context),
        _ if random.u8(..12) == 0 => random.choice(colliding_keys()).cloned().unwrap_or_default(),
        _ if random.u8(..40) == 0 => return filled("key", random, context),
        // Two of each type, one of which shares the items of the index with another.
        _ if random.bool() => format!("{name}{}", random.u8(..2)),
        _ => {
            let number = TYPES.iter().position(|own| *own == name).expect("a word that can be filled in");
            colliding_keys()[number % colliding_keys().len()].clone()
        }
    };
    text.into_bytes()
}
