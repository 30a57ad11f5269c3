//! Where two servers may rightly answer differently, and how far.
//!
//! Replies are compared byte by byte. Only for the commands below a difference is looked at again,
//! with a rule that forgives no more than its reason says.

use crate::reply::Reply;
use crate::request::Request;

/// What may differ between two replies to the same command.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Numbers that are not negative, by at most so much. Negative ones have a meaning of their own.
    Number(i64),
    /// The order of elements, at any depth.
    Order,
    /// As `Order` when both have scanned everything from the beginning; else all elements.
    Scan,
    /// As `Number`, for each of an array.
    Numbers(i64),
    /// The content of strings and numbers, but not whether there is one.
    Content,
    /// Times in what is told of streams: how long ago, or when, an entry was delivered or a consumer seen; and how the
    /// blocks are found.
    Streams,
    /// The values of these fields of a map, or of these `name=value` or `name:value` words of a text.
    Fields(&'static [&'static str]),
}

/// The commands with a rule: their first words, the rule, and its reason.
const RULES: &[(&[&str], Rule, &str)] = &[
    (&["TTL"], Rule::Number(1), "the clock moves between the two servers' executions"),
    (&["PTTL"], Rule::Number(2000), "the clock moves between the two servers' executions"),
    (&["EXPIRETIME"], Rule::Number(2), "relative deadlines start at slightly different moments"),
    (&["PEXPIRETIME"], Rule::Number(2000), "relative deadlines start at slightly different moments"),
    (&["OBJECT", "IDLETIME"], Rule::Number(10), "counted by a coarse clock"),
    (&["KEYS"], Rule::Order, "the order of a hash table is no promise"),
    (&["HGETALL"], Rule::Order, "the order of a hash table is no promise"),
    (&["HKEYS"], Rule::Order, "the order of a hash table is no promise"),
    (&["HVALS"], Rule::Order, "the order of a hash table is no promise"),
    (&["HRANDFIELD"], Rule::Content, "random"),
    (&["HTTL"], Rule::Numbers(2), "the clock moves between the two servers' executions"),
    (&["HPTTL"], Rule::Numbers(2000), "the clock moves between the two servers' executions"),
    (&["HEXPIRETIME"], Rule::Numbers(2), "relative deadlines start at slightly different moments"),
    (&["HPEXPIRETIME"], Rule::Numbers(2000), "relative deadlines start at slightly different moments"),
    (&["HSCAN"], Rule::Scan, "neither cursors nor the order of a hash table are promises"),
    (&["SCAN"], Rule::Scan, "neither cursors nor the order of a hash table are promises"),
    (&["SMEMBERS"], Rule::Order, "the order of members is no promise"),
    (&["SINTER"], Rule::Order, "the order of members is no promise"),
    (&["SUNION"], Rule::Order, "the order of members is no promise"),
    (&["SDIFF"], Rule::Order, "the order of members is no promise"),
    (&["SPOP"], Rule::Order, "the order of members is no promise"),
    (&["SRANDMEMBER"], Rule::Content, "random"),
    (&["SSCAN"], Rule::Scan, "neither cursors nor the order of members are promises"),
    (&["CONFIG", "GET"], Rule::Order, "the order of a hash table is no promise"),
    (&["PUBSUB", "CHANNELS"], Rule::Order, "the order of a hash table is no promise"),
    (&["PUBSUB", "SHARDCHANNELS"], Rule::Order, "the order of a hash table is no promise"),
    (&["COMMAND", "INFO"], Rule::Order, "flags and categories are sets"),
    (&["COMMAND", "GETKEYSANDFLAGS"], Rule::Order, "flags are a set"),
    (&["ZSCAN"], Rule::Scan, "neither cursors nor the order of a hash table are promises"),
    (&["RANDOMKEY"], Rule::Content, "random"),
    (&["ZRANDMEMBER"], Rule::Content, "random"),
    (&["DUMP"], Rule::Content, "the payload carries the version of the format"),
    (&["XPENDING"], Rule::Streams, "the clock moves between the two servers' executions"),
    (&["XINFO"], Rule::Streams, "the clock moves, and blocks are found otherwise"),
    (&["TIME"], Rule::Content, "the clock"),
    (&["LASTSAVE"], Rule::Content, "the clock"),
    (&["MEMORY", "USAGE"], Rule::Content, "another memory layout, on purpose"),
    (
        &["DEBUG", "OBJECT"],
        Rule::Fields(&["at", "lru", "lru_seconds_idle"]),
        "an address, and a coarse clock",
    ),
    (&["DEBUG", "HTSTATS-KEY"], Rule::Content, "another table, on purpose"),
    (&["COMMAND", "COUNT"], Rule::Content, "each server has commands of its own"),
    (&["LOLWUT"], Rule::Content, "each server has art of its own"),
    (&["CLIENT", "ID"], Rule::Content, "counts connections"),
    (&["HELLO"], Rule::Fields(&["server", "version", "id", "modules"]), "names the server"),
    (
        &["CLIENT", "INFO"],
        Rule::Fields(&[
            "id",
            "addr",
            "laddr",
            "fd",
            "age",
            "idle",
            "qbuf",
            "qbuf-free",
            "argv-mem",
            "multi-mem",
            "rbs",
            "rbp",
            "obl",
            "oll",
            "omem",
            "tot-mem",
            "events",
            "tot-net-in",
            "tot-net-out",
            "tot-cmds",
            "io-thread",
        ]),
        "addresses, memory and time",
    ),
];

/// Whether the two replies to `request` agree as far as they must.
pub fn agree(request: &Request, candidate: &[u8], reference: &[u8]) -> bool {
    if candidate == reference {
        return true;
    }
    let rule =
        RULES.iter().find(|(words, ..)| (0..words.len()).all(|index| request.upper(index) == words[index]));
    let Some((_, rule, _)) = rule else { return false };
    let (Ok(candidate), Ok(reference)) = (Reply::decode(candidate), Reply::decode(reference)) else {
        return false;
    };
    rule.forgives(request, candidate, reference)
}

impl Rule {
    fn forgives(self, request: &Request, candidate: Reply, reference: Reply) -> bool {
        match self {
            Self::Numbers(tolerance) => match (candidate, reference) {
                (Reply::Array(candidate), Reply::Array(reference)) if candidate.len() == reference.len() => {
                    let rule = Self::Number(tolerance);
                    let mut pairs = candidate.into_iter().zip(reference);
                    pairs.all(|(candidate, reference)| {
                        candidate == reference || rule.forgives(request, candidate, reference)
                    })
                }
                _ => false,
            },
            Self::Number(tolerance) => match (candidate, reference) {
                (Reply::Integer(candidate), Reply::Integer(reference)) => {
                    candidate >= 0
                        && reference >= 0
                        && candidate.abs_diff(reference) <= tolerance.unsigned_abs()
                }
                _ => false,
            },
            Self::Order => sorted(candidate) == sorted(reference),
            Self::Scan => {
                // The name of the collection comes before the cursor.
                let cursor = if request.upper(0) == "SCAN" { 1 } else { 2 };
                let from_start = request.upper(cursor) == "0";
                let [candidate, reference] = [candidate, reference].map(Reply::into_elements);
                match (&candidate[..], &reference[..]) {
                    ([end, keys], [other_end, other_keys])
                        if from_start && end.text() == "0" && other_end.text() == "0" =>
                    {
                        sorted(keys.clone()) == sorted(other_keys.clone())
                    }
                    ([_, Reply::Array(_)], [_, Reply::Array(_)]) => true,
                    _ => false,
                }
            }
            Self::Content => same_shape(&candidate, &reference),
            Self::Streams => same_streams(&candidate, &reference),
            Self::Fields(names) => match (candidate, reference) {
                (Reply::Map(candidate), Reply::Map(reference)) => same_fields(&candidate, &reference, names),
                (Reply::Array(candidate), Reply::Array(reference)) => {
                    same_fields(&pairs(&candidate), &pairs(&reference), names)
                }
                (candidate, reference) if candidate.bytes().is_some() && !candidate.is_error() => {
                    without_fields(&candidate.text(), names) == without_fields(&reference.text(), names)
                }
                _ => false,
            },
        }
    }
}

fn sorted(reply: Reply) -> Reply {
    let sort = |elements: Vec<Reply>| {
        let mut elements: Vec<Reply> = elements.into_iter().map(sorted).collect();
        elements.sort();
        elements
    };
    match reply {
        Reply::Array(elements) => Reply::Array(sort(elements)),
        Reply::Set(elements) => Reply::Set(sort(elements)),
        Reply::Map(mut pairs) => {
            pairs.sort();
            Reply::Map(pairs)
        }
        other => other,
    }
}

fn same_shape(candidate: &Reply, reference: &Reply) -> bool {
    match (candidate, reference) {
        (Reply::Array(candidate), Reply::Array(reference)) => {
            candidate.len() == reference.len()
                && candidate
                    .iter()
                    .zip(reference)
                    .all(|(candidate, reference)| same_shape(candidate, reference))
        }
        // What an error says is never left open.
        (Reply::Error(candidate), Reply::Error(reference)) => candidate == reference,
        _ => std::mem::discriminant(candidate) == std::mem::discriminant(reference),
    }
}

/// How far times of streams may differ, in milliseconds.
const STREAM_TIME_TOLERANCE: u64 = 20_000;

fn same_streams(candidate: &Reply, reference: &Reply) -> bool {
    let is_near = |candidate: &Reply, reference: &Reply| match (candidate, reference) {
        (Reply::Integer(candidate), Reply::Integer(reference)) => {
            candidate == reference
                || *candidate >= 0
                    && *reference >= 0
                    && candidate.abs_diff(*reference) <= STREAM_TIME_TOLERANCE
        }
        _ => false,
    };
    let same_field = |name: &Reply, candidate: &Reply, reference: &Reply| match name.text().as_str() {
        "idle" | "inactive" | "seen-time" | "active-time" => is_near(candidate, reference),
        "radix-tree-nodes" => true,
        _ => same_streams(candidate, reference),
    };
    match (candidate, reference) {
        (Reply::Map(candidate), Reply::Map(reference)) => {
            candidate.len() == reference.len()
                && candidate.iter().zip(reference).all(|((name, candidate), (expected, reference))| {
                    name == expected && same_field(name, candidate, reference)
                })
        }
        (Reply::Array(candidate), Reply::Array(reference)) if candidate.len() == reference.len() => {
            // An entry that was delivered: its id, perhaps a consumer, a time, and how often.
            if let ([.., time, count], [.., other_time, other_count]) = (&candidate[..], &reference[..])
                && let (Reply::Integer(_), Reply::Integer(_)) = (time, count)
            {
                let names = candidate.len() - 2;
                return candidate[..names] == reference[..names]
                    && is_near(time, other_time)
                    && count == other_count;
            }
            if matches!(candidate.first(), Some(Reply::Bulk(name)) if name == b"name" || name == b"length") {
                return same_map_as_array(candidate, reference, same_field);
            }
            candidate.iter().zip(reference).all(|(candidate, reference)| same_streams(candidate, reference))
        }
        _ => candidate == reference,
    }
}

fn same_map_as_array(
    candidate: &[Reply],
    reference: &[Reply],
    same_field: impl Fn(&Reply, &Reply, &Reply) -> bool,
) -> bool {
    pairs(candidate).iter().zip(&pairs(reference)).all(|((name, candidate), (expected, reference))| {
        name == expected && same_field(name, candidate, reference)
    })
}

fn pairs(elements: &[Reply]) -> Vec<(Reply, Reply)> {
    elements.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

fn same_fields(candidate: &[(Reply, Reply)], reference: &[(Reply, Reply)], open: &[&str]) -> bool {
    candidate.len() == reference.len()
        && candidate.iter().zip(reference).all(|((name, candidate), (expected, reference))| {
            name == expected
                && (candidate == reference
                    || open.contains(&name.text().as_str())
                        && std::mem::discriminant(candidate) == std::mem::discriminant(reference))
        })
}

fn without_fields(text: &str, open: &[&str]) -> Vec<String> {
    text.split_whitespace()
        .map(|word| match word.split_once(['=', ':']) {
            Some((name, _)) if open.contains(&name) => format!("{name}="),
            _ => word.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, candidate: &str, reference: &str) -> bool {
        agree(&Request::from_line(line), candidate.as_bytes(), reference.as_bytes())
    }

    #[test]
    fn rules_forgive_what_their_reason_says() {
        assert!(check("ttl k", ":100\r\n", ":99\r\n"));
        assert!(check("KEYS *", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"));
        assert!(check("scan 5", "*2\r\n$1\r\n0\r\n*0\r\n", "*2\r\n$1\r\n3\r\n*1\r\n$1\r\na\r\n"));
        assert!(check("randomkey", "$1\r\na\r\n", "$1\r\nb\r\n"));
        assert!(check("httl h fields 2 a b", "*2\r\n:100\r\n:-1\r\n", "*2\r\n:99\r\n:-1\r\n"));
        assert!(check("HELLO", "*2\r\n$6\r\nserver\r\n$1\r\na\r\n", "*2\r\n$6\r\nserver\r\n$1\r\nb\r\n"));
        assert!(check("debug object k", "+Value at:0x0 lru:1\r\n", "+Value at:0x9 lru:2\r\n"));
        assert!(check("client info", "$13\r\nid=1 name=bob\r\n", "$13\r\nid=2 name=bob\r\n"));
    }

    #[test]
    fn rules_forgive_nothing_else() {
        assert!(!check("GET k", "$1\r\n1\r\n", ":1\r\n"));
        assert!(!check("ttl k", ":-1\r\n", ":0\r\n"));
        assert!(!check("ttl k", ":100\r\n", ":97\r\n"));
        assert!(!check("httl h fields 2 a b", "*2\r\n:100\r\n:-1\r\n", "*2\r\n:99\r\n:-2\r\n"));
        assert!(!check("hscan h 0", "*2\r\n$1\r\n0\r\n*0\r\n", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"));
        assert!(!check("KEYS *", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nc\r\n$1\r\na\r\n"));
        assert!(!check("scan 0", "*2\r\n$1\r\n0\r\n*0\r\n", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"));
        assert!(!check("randomkey", "$1\r\na\r\n", "$-1\r\n"));
        assert!(!check("randomkey", "-ERR a\r\n", "-ERR b\r\n"));
        assert!(!check("HELLO", "*2\r\n$4\r\nrole\r\n$1\r\na\r\n", "*2\r\n$4\r\nrole\r\n$1\r\nb\r\n"));
        assert!(!check("debug object k", "+Value at:0x0 refcount:1\r\n", "+Value at:0x9 refcount:2\r\n"));
        assert!(!check("client info", "$13\r\nid=1 name=bob\r\n", "$13\r\nid=1 name=eve\r\n"));
    }
}
