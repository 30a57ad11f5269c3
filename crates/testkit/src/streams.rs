//! Ids of streams' entries.

use rand::RngExt;
use rand_pcg::Pcg64;

/// Ids that were given lately are up to so many before the present one.
const RECENT: u64 = 40;

/// The id of a new entry, mostly greater than all before.
pub(crate) fn new_id(random: &mut Pcg64, entries: &mut u64) -> Vec<u8> {
    if random.random_ratio(1, 15) {
        return id(random, *entries);
    }
    *entries += random.random_range(0..3);
    let form = match random.random_range(0..5) {
        0 => format!("{entries}"),
        1 => format!("{entries}-{}", random.random_range(0..3)),
        _ => format!("{entries}-*"),
    };
    form.into_bytes()
}

/// The id of an entry that may be there.
pub(crate) fn id(random: &mut Pcg64, entries: u64) -> Vec<u8> {
    let ms = entries.saturating_sub(random.random_range(0..RECENT)) + random.random_range(0..2);
    let form = match random.random_range(0..8) {
        0 => "0".to_owned(),
        1 | 2 => format!("{ms}"),
        _ => format!("{ms}-{}", random.random_range(0..3)),
    };
    form.into_bytes()
}

/// The bound of a range of ids.
pub(crate) fn bound(random: &mut Pcg64, entries: u64) -> Vec<u8> {
    match random.random_range(0..6) {
        0 | 1 => b"-".to_vec(),
        2 | 3 => b"+".to_vec(),
        4 => [b"(", &id(random, entries)[..]].concat(),
        _ => id(random, entries),
    }
}

/// What is no id, or one at the edge.
pub(crate) fn hostile(random: &mut Pcg64) -> Vec<u8> {
    const HOSTILE: &[&str] = &[
        "",
        "-",
        "+",
        "(",
        "((1",
        "(-",
        "(+",
        "$",
        ">",
        "1-",
        "-1",
        "1-2-3",
        "a",
        "1-a",
        "01-002",
        "+7-+1",
        "0-0",
        "(0-0",
        "1.5",
        "18446744073709551615",
        "18446744073709551615-18446744073709551615",
        "(18446744073709551615-18446744073709551615",
        "18446744073709551616",
        "5-18446744073709551616",
        "9223372036854775808-0",
        "*-1",
        "-*",
    ];
    HOSTILE[random.random_range(0..HOSTILE.len())].into()
}
