//! JSON, MessagePack and values of Lua for scripts, and what only looks like them.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

mod scripts;

pub(crate) use scripts::{json_script, lua_value_script, message_pack_script};

/// How deep what is generated nests, but for what is meant to nest too deep.
const DEPTH_MAX: u32 = 5;

fn pick<T: Copy>(random: &mut Pcg64, choices: &[T]) -> T {
    *choices.choose(random).expect("there are choices")
}

/// A text of JSON; every third is none, or one that only some parsers take.
pub(crate) fn json(random: &mut Pcg64) -> Vec<u8> {
    let mut text = Vec::new();
    if random.random_ratio(1, 50) {
        let levels = pick(random, &[2, 5, 999, 1000, 1001, 3000]);
        let (opening, closing) = pick(random, &[("[", "]"), ("{\"a\":", "}"), ("[1,{\"\":", "}]")]);
        text.extend(opening.repeat(levels).bytes());
        text.extend(pick(random, &["", "1", "x", "[]"]).bytes());
        text.extend(closing.repeat(levels).bytes());
    } else {
        push_json(&mut text, random, 0);
    }
    if random.random_ratio(1, 3) {
        change(&mut text, random, JSON_PARTS);
    }
    text
}

/// What JSON consists of, and what is taken for it.
const JSON_PARTS: &[&[u8]] = &[
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\"",
    b"\\",
    b" ",
    b"\n",
    b"\0",
    b"null",
    b"true",
    b"nul",
    b"-",
    b"+",
    b".",
    b"e",
    b"0x",
    b"0",
    b"1",
    b"nan",
    b"inf",
    b"Infinity",
    b"\\u",
    b"\\ud83d",
    b"\\udc00",
    b"\xff",
    b"\xe2\x82\xac",
    b"/",
    b"//",
    b"'",
    b"\x0b",
    b"1e999",
    b"NaN(x)",
    b"[]",
    b"{}",
    b"\"a\":",
];

fn push_json(text: &mut Vec<u8>, random: &mut Pcg64, depth: u32) {
    push_space(text, random);
    let kinds = if depth < DEPTH_MAX { 10 } else { 6 };
    match random.random_range(0..kinds) {
        0 => text.extend(pick(random, &[&b"null"[..], b"true", b"false"])),
        1 | 2 => push_json_number(text, random),
        3..6 => push_json_text(text, random),
        6 | 7 => {
            text.push(b'[');
            for place in 0..members(random) {
                if place > 0 {
                    text.push(b',');
                }
                push_json(text, random, depth + 1);
            }
            push_space(text, random);
            text.push(b']');
        }
        _ => {
            text.push(b'{');
            for place in 0..members(random) {
                if place > 0 {
                    text.push(b',');
                }
                push_space(text, random);
                push_json_text(text, random);
                push_space(text, random);
                text.push(b':');
                push_json(text, random, depth + 1);
            }
            push_space(text, random);
            text.push(b'}');
        }
    }
    push_space(text, random);
}

/// How many members an array or an object has.
fn members(random: &mut Pcg64) -> usize {
    let most = pick(random, &[0, 1, 3, 3, 3, 12, 40]);
    random.random_range(0..=most)
}

fn push_space(text: &mut Vec<u8>, random: &mut Pcg64) {
    if random.random_ratio(1, 10) {
        text.push(pick(random, b" \t\r\n"));
    }
}

fn push_json_number(text: &mut Vec<u8>, random: &mut Pcg64) {
    let number = match random.random_range(0..8) {
        0 => random.random_range(-20..=20).to_string(),
        1 => random.random::<i64>().to_string(),
        2 => format!("{:e}", f64::from_bits(random.random())),
        3 => format!("{}", f64::from(random.random_range(-100_000..=100_000)) / 64.0),
        4 => format!("{:.3}", random.random::<f64>() * 1000.0),
        5 => {
            let digits = random.random_range(1..=40);
            (0..digits).map(|_| char::from(random.random_range(b'0'..=b'9'))).collect()
        }
        6 => format!(
            "0x{:x}.{:x}p{}",
            random.random::<u32>(),
            random.random::<u8>(),
            random.random_range(-9..=9)
        ),
        _ => pick(
            random,
            &[
                "-0",
                "0",
                "1e5",
                "1E+5",
                "1e-7",
                "0.1",
                "1e400",
                "-1e400",
                "4.9e-324",
                "1e-400",
                "01",
                "-01",
                "+1",
                "nan",
                "-nan",
                "inf",
                "-Infinity",
                "0x10",
                "1.",
                "-.5",
                "9007199254740993",
                "1e15",
                "123456789012345",
                "1e14",
                "99999999999999",
                "2.5",
                "0.30000000000000004",
            ],
        )
        .to_owned(),
    };
    text.extend(number.bytes());
}

fn push_json_text(text: &mut Vec<u8>, random: &mut Pcg64) {
    text.push(b'"');
    let most = pick(random, &[0, 1, 3, 3, 8, 60]);
    for _ in 0..random.random_range(0..=most) {
        match random.random_range(0..24) {
            0 => {
                text.extend(pick(random, &[b"\\\"", b"\\\\", b"\\/", b"\\b", b"\\f", b"\\n", b"\\r", b"\\t"]))
            }
            1 => text.extend(format!("\\u{:04x}", random.random::<u16>()).bytes()),
            2 => {
                let (high, low) = (random.random_range(0xd800..0xdc00), random.random_range(0xdc00..0xe000));
                text.extend(format!("\\u{high:04x}\\u{low:04X}").bytes());
            }
            3 => text.extend(pick(random, &["é", "€", "😀", "\u{7f}"]).bytes()),
            4 => text.push(random.random_range(0x80..=0xff)),
            5 => text.push(random.random_range(1..0x20)),
            // Few, so that keys occur twice.
            6..14 => text.push(pick(random, b"abc")),
            _ => {
                let letter = random.random_range(b' '..=b'~');
                text.push(if matches!(letter, b'"' | b'\\') { b'_' } else { letter });
            }
        }
    }
    text.push(b'"');
}

/// Values in MessagePack; every third text is none.
pub(crate) fn message_pack(random: &mut Pcg64) -> Vec<u8> {
    let mut text = Vec::new();
    if random.random_ratio(1, 50) {
        let levels = pick(random, &[2, 16, 17, 1000, 3000]);
        let opening = pick(random, &[&b"\x91"[..], b"\x81\xa1a", b"\x81", b"\x92\x01"]);
        text.extend(opening.repeat(levels));
        text.push(1);
    } else {
        for _ in 0..random.random_range(0..=3) {
            push_packed(&mut text, random, 0);
        }
    }
    if random.random_ratio(1, 3) {
        change(&mut text, random, PACKED_PARTS);
    }
    text
}

/// Tags, most of which miss what belongs to them.
const PACKED_PARTS: &[&[u8]] = &[
    b"\xc0",
    b"\xc1",
    b"\xc4",
    b"\xc7",
    b"\xca",
    b"\xcb",
    b"\xcc",
    b"\xcf",
    b"\xd0",
    b"\xd3",
    b"\xd4",
    b"\xd8",
    b"\xd9",
    b"\xda",
    b"\xdb",
    b"\xdc",
    b"\xdd",
    b"\xde",
    b"\xdf",
    b"\x80",
    b"\x81",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"\x9f",
    b"\xa0",
    b"\xbf",
    b"\xff",
    b"\x00",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\x81\xc0\x01",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
];

fn push_packed(text: &mut Vec<u8>, random: &mut Pcg64, depth: u32) {
    let kinds = if depth < DEPTH_MAX { 10 } else { 7 };
    match random.random_range(0..kinds) {
        0 => text.push(pick(random, &[0xc0, 0xc2, 0xc3])),
        1 => text.push(pick(random, &[0x00, 0x01, 0x7f, 0xe0, 0xff])),
        2 | 3 => {
            let tag = random.random_range(0xca..=0xd3_u8);
            text.push(tag);
            let bytes = match tag {
                0xcc | 0xd0 => 1,
                0xcd | 0xd1 => 2,
                0xca | 0xce | 0xd2 => 4,
                _ => 8,
            };
            let edge = random.random_ratio(1, 3).then(|| pick(random, &[0, 0x7f, 0x80, 0xff]));
            text.extend((0..bytes).map(|_| edge.unwrap_or_else(|| random.random())));
        }
        4..7 => {
            let most = pick(random, &[1, 3, 8, 60, 300]);
            let length = random.random_range(0..most);
            push_header(text, random, length, 0xa0, 31, 0xd9);
            text.extend((0..length).map(|_| random.random_range(b'a'..=b'e')));
        }
        7 | 8 => {
            let length = members(random);
            push_header(text, random, length, 0x90, 15, 0xdb);
            for _ in 0..length {
                push_packed(text, random, depth + 1);
            }
        }
        _ => {
            let length = members(random);
            push_header(text, random, length, 0x80, 15, 0xdd);
            for _ in 0..length {
                // Keys that no table takes are rare.
                if random.random_ratio(1, 12) {
                    push_packed(text, random, depth + 1);
                } else if random.random_bool(0.5) {
                    text.push(random.random_range(0..0x80));
                } else {
                    text.extend([0xa1, random.random_range(b'a'..=b'z')]);
                }
                push_packed(text, random, depth + 1);
            }
        }
    }
}

/// The header of a text, an array or a map: `few` with the length, up to `few_max`; or the tag behind `wide` by as many as
/// the length's bytes have bits. Also such as are longer than they need be.
fn push_header(text: &mut Vec<u8>, random: &mut Pcg64, length: usize, few: u8, few_max: usize, wide: u8) {
    let wider = random.random_ratio(1, 8);
    let has_bytes = few == 0xa0;
    if length <= few_max && !wider {
        text.push(few | length as u8);
    } else if has_bytes && length < 0x100 {
        text.extend([wide, length as u8]);
    } else if random.random_bool(0.5) {
        text.push(wide + 1);
        text.extend((length as u16).to_be_bytes());
    } else {
        text.push(wide + 2);
        text.extend((length as u32).to_be_bytes());
    }
}

/// An expression of Lua. It has at most one kind of what JSON does not have: which of several is found first depends on the
/// order in which a server walks through tables.
pub(crate) fn lua_value(random: &mut Pcg64) -> Vec<u8> {
    let mut text = String::new();
    let usual = Oddities { value: "cjson.null", key: "[0.75]" };
    let odd = match random.random_range(0..9) {
        0 => Oddities { value: pick(random, &["redis.call", "function() end"]), ..usual },
        1 => Oddities { value: pick(random, &["0/0", "-(0/0)", "1/0", "-1/0"]), ..usual },
        2 => Oddities { value: "nil", ..usual },
        3 => Oddities { key: pick(random, &["[true]", "[{}]", "[cjson.null]", "[-1/0]"]), ..usual },
        4 => Oddities { key: pick(random, &["[11]", "[20]", "[100]", "[2^31-1]"]), ..usual },
        _ => usual,
    };
    if random.random_ratio(1, 50) {
        let levels = pick(random, &[2, 15, 16, 17, 40, 150]);
        let opening = pick(random, &["{", "{a=", "{1,", "{[{}]=", "{[2]="]);
        text += &format!("{}1{}", opening.repeat(levels), "}".repeat(levels));
    } else {
        push_lua(&mut text, random, 0, odd);
    }
    text.into_bytes()
}

/// What is odd about an expression.
#[derive(Clone, Copy)]
struct Oddities {
    value: &'static str,
    key: &'static str,
}

fn push_lua(text: &mut String, random: &mut Pcg64, depth: u32, odd: Oddities) {
    let kinds = if depth < DEPTH_MAX { 10 } else { 6 };
    match random.random_range(0..kinds) {
        0 => {
            *text += if random.random_ratio(1, 4) { odd.value } else { pick(random, &["true", "false"]) };
        }
        1 | 2 => push_lua_number(text, random),
        3..6 => push_lua_text(text, random),
        _ => {
            let style = random.random_range(0..6);
            text.push('{');
            for place in 0..members(random) {
                match if style == 5 { random.random_range(0..5) } else { style } {
                    0 | 1 => {}
                    2 => {
                        text.push('[');
                        push_lua_text(text, random);
                        *text += "]=";
                    }
                    // Indices with gaps between them.
                    3 => *text += &format!("[{}]=", place + 1 + place / 8),
                    _ => {
                        let keys = [
                            "[0]", "[-1]", "[0.25]", "[2^53]", "a", "b", "[\"x\"]", "[1]", "[2]", "[3]",
                            odd.key,
                        ];
                        *text += &format!("{}=", pick(random, &keys));
                    }
                }
                push_lua(text, random, depth + 1, odd);
                text.push(',');
            }
            text.push('}');
        }
    }
}

fn push_lua_number(text: &mut String, random: &mut Pcg64) {
    let edge = [
        "0", "-0", "127", "128", "255", "256", "65535", "65536", "-32", "-33", "-128", "-129", "-32768",
        "-32769",
    ];
    *text += &match random.random_range(0..7) {
        0 => pick(random, &edge).to_owned(),
        1 => format!("2^{}{}", random.random_range(0..70), pick(random, &["", "-1", "+1"])),
        2 => format!("-2^{}{}", random.random_range(0..70), pick(random, &["", "-1", "+1"])),
        3 => format!("{:e}", f64::from_bits(random.random::<u64>() & !(1 << 62))),
        4 => format!("{}", f64::from(random.random_range(-100_000..=100_000)) / 64.0),
        5 => format!("{:.3}", random.random::<f64>() * 1000.0),
        _ => random.random_range(-1000..=100_000).to_string(),
    };
}

fn push_lua_text(text: &mut String, random: &mut Pcg64) {
    text.push('"');
    let most = pick(random, &[0, 1, 3, 3, 8, 40, 300]);
    for _ in 0..random.random_range(0..=most) {
        if random.random_bool(0.5) {
            text.push(char::from(pick(random, b"abc")));
        } else {
            // No digits: a text must not look like a number that is another key of the table.
            let byte = random.random::<u8>();
            *text += &format!("\\{:03}", if byte.is_ascii_digit() { b'd' } else { byte });
        }
    }
    text.push('"');
}

/// Changes a text in a few places: to other bytes, to parts of such texts, or to nothing.
fn change(text: &mut Vec<u8>, random: &mut Pcg64, parts: &[&[u8]]) {
    for _ in 0..random.random_range(1..=3) {
        let place = random.random_range(0..=text.len());
        let end = (place + random.random_range(0..3)).min(text.len());
        match random.random_range(0..8) {
            0 => text.truncate(place),
            1 => drop(text.drain(place..end)),
            2 => text.extend(pick(random, parts)),
            3 if place < text.len() => text[place] = random.random(),
            _ => drop(text.splice(place..end, pick(random, parts).iter().copied())),
        }
    }
}
