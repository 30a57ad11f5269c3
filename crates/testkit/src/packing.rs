//! Calls of the libraries that scripts compute with: `struct`, `bit`, and the chance of `math`.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// What shows all results of a call, numbers to their last bit.
const SHOW: &str = r##"
local function show(value)
    if type(value) == "number" then return string.format("%.17g", value) end
    if type(value) == "string" then return "<" .. value .. ">" end
    return type(value)
end
local function all(...)
    local shown = {}
    for place = 1, select("#", ...) do shown[place] = show((select(place, ...))) end
    return table.concat(shown, " ")
end
"##;

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "255",
    "-129",
    "65535",
    "2^31",
    "-2^31",
    "2^31-1",
    "2^32",
    "2^33+3",
    "2^51",
    "2^52+1",
    "2^53-1",
    "-2^53",
    "2^63",
    "-2^63",
    "2^64-4096",
    "2^64",
    "1e300",
    "-1e300",
    "1e-310",
    "0.5",
    "1.5",
    "-2.5",
    "1/0",
    "-1/0",
    "0/0",
    "-0",
    "3.1415926",
];

const OTHERS: &[&str] = &["'12'", "' 0x7 '", "'a'", "'hello'", "''", "nil", "true", "{}", "cjson.null"];

const FUNCTIONS: &[&str] = &[
    "bit.tobit",
    "bit.bnot",
    "bit.bswap",
    "bit.band",
    "bit.bor",
    "bit.bxor",
    "bit.lshift",
    "bit.rshift",
    "bit.arshift",
    "bit.rol",
    "bit.ror",
    "bit.tohex",
    "math.random",
    "math.randomseed",
    "struct.pack",
    "struct.unpack",
    "struct.size",
];

fn pick(random: &mut impl Rng, choices: &[&'static str]) -> &'static str {
    choices.choose(random).copied().unwrap_or_default()
}

/// An argument, mostly a number.
fn value(random: &mut impl Rng) -> String {
    match random.random_range(0..10) {
        0..6 => pick(random, NUMBERS).into(),
        6..9 => random.random_range(-1_i64 << 34..1 << 34).to_string(),
        _ => pick(random, OTHERS).into(),
    }
}

/// So many of them at most, each behind a comma.
fn values(random: &mut impl Rng, most: usize) -> String {
    (0..random.random_range(0..=most)).map(|_| format!(", {}", value(random))).collect()
}

/// A format of `struct`.
fn format(random: &mut impl Rng) -> String {
    const LETTERS: &[&str] = &[
        "b", "B", "h", "H", "l", "L", "T", "f", "d", "x", "s", "i", "I", "c", "i", "c0", "Bc0", "!", ">",
        "<", " ",
    ];
    const SIZES: &[&str] =
        &["", "", "0", "1", "2", "3", "4", "5", "7", "8", "12", "16", "31", "32", "33", "2147483647"];
    const ALIGNMENTS: &[&str] = &["", "1", "2", "3", "4", "8", "16", "64", "99999999999"];
    let letter = |random: &mut _| match pick(random, LETTERS) {
        "i" => format!("i{}", pick(random, SIZES)),
        "c" => format!("c{}", pick(random, SIZES)),
        "!" => format!("!{}", pick(random, ALIGNMENTS)),
        letter => letter.to_owned(),
    };
    let mut format: String = (0..random.random_range(0..6)).map(|_| letter(random)).collect();
    if random.random_ratio(1, 30) {
        format += pick(random, &["z", "=", "5", ",", "\\0", "\\t", "\\200"]);
    }
    format
}

/// Bytes as a text of Lua.
fn bytes(random: &mut impl Rng) -> String {
    let length = random.random_range(0..40);
    let byte = |random: &mut _| match Rng::next_u32(random) % 8 {
        0..3 => 0,
        3 => 255,
        4 => 128,
        5 => 2,
        other => other * 37 % 256,
    };
    (0..length).map(|_| format!("\\{:03}", byte(random))).collect()
}

fn call(random: &mut impl Rng) -> String {
    match random.random_range(0..10) {
        0..2 => format!("struct.pack('{}'{})", format(random), values(random, 6)),
        2..4 => {
            let offset = if random.random_bool(0.3) { format!(", {}", value(random)) } else { String::new() };
            format!("struct.unpack('{}', '{}'{offset})", format(random), bytes(random))
        }
        4..6 => {
            let format = format(random);
            format!("struct.unpack('{format}', struct.pack('{format}'{}))", values(random, 6))
        }
        6 => format!("struct.size('{}')", format(random)),
        7 => {
            let (seed, interval) = (value(random), values(random, 2));
            let interval = interval.trim_start_matches(", ");
            format!("math.randomseed({seed}), math.random(1000), math.random({interval})")
        }
        _ => {
            let arguments = values(random, 3);
            format!("{}({})", pick(random, FUNCTIONS), arguments.trim_start_matches(", "))
        }
    }
}

/// A script of one call, which returns what that returns or raises.
pub(crate) fn script(random: &mut impl Rng) -> Vec<u8> {
    // Chance goes on where the last script has left it, which was perhaps never seen by the other server.
    format!("math.randomseed(1) {SHOW} return all(pcall(function() return {} end))", call(random))
        .into_bytes()
}
