//! What arguments are drawn from.

pub(crate) const KEYS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"f",
    b"g",
    b"key:1",
    b"key:2",
    b"key:10",
    b"user:{1}:name",
    b"user:{1}:age",
    b"",
    b"\x00\xff\r\n bin",
    b"1",
    b"Key:1",
    b"[x]",
    b"a*",
];

pub(crate) const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "7",
    "10",
    "99",
    "100",
    "-5",
    "9999",
    "10000",
    "12345",
    "2147483647",
    "2147483648",
    "4294967295",
    "-2147483649",
    "9223372036854775806",
    "9223372036854775807",
    "-9223372036854775808",
];

/// What a careless parser of numbers takes for one, or mistakes the size of.
pub(crate) const HOSTILE_NUMBERS: &[&str] = &[
    "",
    " ",
    "-",
    "+",
    "-0",
    "+1",
    " 1",
    "1 ",
    "01",
    "-01",
    "1.0",
    "1.5",
    "1e3",
    "0x10",
    "1_000",
    "abc",
    "1a",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "4294967296",
    "-1",
    "0",
    "nan",
    "inf",
    "-inf",
    "1\0",
    "\u{661}",
    "--1",
    "9223372036854775",
    "9223372036854776",
    "-9223372036854776",
];

pub(crate) const FLOATS: &[&str] = &[
    "0",
    "1",
    "1.5",
    "-1.5",
    "0.1",
    "-0.1",
    "0.30000000000000004",
    "3.14159265358979",
    "1e2",
    "5.0e3",
    "-1e-5",
    "1e17",
    "123456789012345678",
    "1E3",
    ".5",
    "5.",
    "-.5e1",
    "10.10",
    "1e-10",
    "200000000000000000000",
];

pub(crate) const HOSTILE_FLOATS: &[&str] = &[
    "",
    " ",
    "nan",
    "NaN",
    "-nan",
    "inf",
    "+inf",
    "-inf",
    "Infinity",
    "1e400",
    "-1e400",
    "1e5000",
    "0x1p3",
    "0x10",
    "+1.5",
    " 1.5",
    "1.5 ",
    "1.5abc",
    "1..5",
    "1e",
    "1e+",
    "e5",
    ".",
    "-",
    "1,5",
    "1.5\0",
    "1e-5000",
    "99999999999999999999999999999999999999999999999999",
];

pub(crate) const WORDS: &[&str] =
    &["default", "nobody", "name", "x", "web-1", "secret", "on", "off", "yes", "no"];

pub(crate) const PATTERNS: &[&str] = &[
    "*",
    "a",
    "key:*",
    "*:1*",
    "?",
    "[a-c]",
    "[^a-c]",
    "user:{1}:*",
    "\\*",
    "*\\*",
    "[x",
    "[",
    "a[",
    "**",
    "",
    "k??:*",
    "[\\]]",
    "[]a]",
    "*[0-9]",
    "[z-a]",
    "\\",
    "*a*b*c*d*",
    "[^]",
    "key:[0-9]",
    "K*",
    "a\\",
    "[a-]",
];

/// Those that lead to a key and those that do not; elements are small numbers, for the most part.
pub(crate) const SORT_PATTERNS: &[&str] = &[
    "*", "key:*", "key:*", "key:*->1", "key:*->2", "key:*->", "Key:*", "*->1", "#", "nosort", "key:1", "->*",
    "key:**",
];

pub(crate) const TYPES: &[&str] =
    &["string", "list", "set", "zset", "hash", "stream", "String", "nosuchtype", ""];

pub(crate) const COMMANDS: &[&str] = &[
    "GET",
    "set",
    "mget",
    "MSET",
    "del",
    "Rename",
    "bitop",
    "object",
    "config",
    "copy",
    "lcs",
    "bitfield",
    "client",
    "ping",
    "expire",
    "getex",
    "scan",
    "swapdb",
    "nosuchcommand",
    "",
];

/// Where an encoding, an allocation or a code path changes.
pub(crate) const LENGTHS: &[usize] = &[
    1, 2, 3, 7, 8, 15, 16, 19, 20, 21, 31, 32, 43, 44, 45, 63, 64, 65, 127, 128, 255, 256, 1023, 4096,
    16_384, 20_000,
];

/// Few, so that members tie.
pub(crate) const SCORES: &[&str] = &[
    "0",
    "0",
    "1",
    "2",
    "3",
    "5",
    "-1",
    "10",
    "1.5",
    "0.1",
    "-2.5",
    "100",
    "inf",
    "-inf",
    "1e17",
    "3.3333333333333335",
    "1000000",
];

pub(crate) const MEMBERS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "ab",
    "abc",
    "1",
    "2",
    "10",
    "-5",
    "12345",
    "",
    "0",
    "member:1",
    "member:2",
    "9223372036854775807",
    "a member so long that it does not fit the packed encoding of a small one, by some bytes",
];

pub(crate) const CHANNELS: &[&str] = &["news", "news.tech", "news.art", "{1}a", "a", "b", "", "with blank"];

pub(crate) const CHANNEL_PATTERNS: &[&str] =
    &["*", "news*", "news.*", "n?ws", "[ab]", "[^a]*", "a", "nosuch*", "\\*", "", "*.*", "{1}*"];

pub(crate) const EVENT_CHANNELS: &[&str] = &[
    "__key*__:*",
    "__keyspace@*__:*",
    "__keyevent@*__:*",
    "__keyspace@0__:*",
    "__keyevent@1__:*",
    "__keyspace@?__:key:*",
    "__keyspace@0__:a",
    "__keyevent@0__:del",
    "__keyevent@*__:expire*",
];

pub(crate) const EVENT_CLASSES: &[&str] = &[
    "KEA",
    "KEA",
    "KEA",
    "KA",
    "EA",
    "K$",
    "E$",
    "KEg",
    "Egx",
    "KEl",
    "KEs",
    "KEh",
    "KEz",
    "KEx",
    "KEn",
    "KEAn",
    "KEt",
    "KEd",
    "A",
    "g$",
    "K",
    "",
    "KEe",
    "KEg$lshzxetd",
];

pub(crate) const PREFIXES: &[&str] = &["a", "b", "key:", "key:1", "user:", "nosuch"];

/// None of which begins like one of [`PREFIXES`].
pub(crate) const OTHER_PREFIXES: &[&str] = &["c", "d", "Key:"];

pub(crate) const MISS_CLASSES: &[&str] = &["KEm", "KEm", "KEAmn", "Em", "Kmn$"];
