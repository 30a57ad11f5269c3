//! Values of every type and encoding, made by commands, and what servers say of them, to see whether they have come to
//! another server as they were.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

use crate::client::Client;
use crate::reply::Reply;

fn text(random: &mut Pcg64) -> Vec<u8> {
    let mut bytes = |max: usize, letters: std::ops::RangeInclusive<u8>| -> Vec<u8> {
        let length = random.random_range(0..max);
        (0..length).map(|_| random.random_range(letters.clone())).collect()
    };
    let (noise, words, long) = (bytes(30, 0..=255), bytes(400, b'a'..=b'e'), bytes(3000, 0..=255));
    match random.random_range(0..8) {
        0 => random.random_range(-300..300).to_string().into_bytes(),
        1 => random.random_range(-1_i64 << 40..1 << 40).to_string().into_bytes(),
        2 => noise,
        3 => words,
        4 => format!("abc{}", random.random_range(0..50)).repeat(random.random_range(1..20)).into_bytes(),
        5 if random.random_ratio(1, 5) => long,
        6 => [&b""[..], b"9223372036854775807", b"-9223372036854775808", b"01", b"1.5"]
            .choose(random)
            .map_or_else(Vec::new, |text| text.to_vec()),
        _ => short_text(random),
    }
}

fn short_text(random: &mut Pcg64) -> Vec<u8> {
    let number = random.random_range(0..1_000_000);
    if random.random_bool(0.5) { format!("m{number}").into_bytes() } else { number.to_string().into_bytes() }
}

fn score(random: &mut Pcg64) -> Vec<u8> {
    match random.random_range(0..5) {
        0 => random.random_range(-50..50).to_string().into_bytes(),
        1 => [&b"inf"[..], b"-inf", b"1e300", b"3.0e-5", b"1e17"]
            .choose(random)
            .map_or_else(Vec::new, |it| it.to_vec()),
        _ => random.random_range(-100.0..100.0_f64).to_string().into_bytes(),
    }
}

/// Commands that make a value of any type and size at `key`.
pub fn commands(random: &mut Pcg64, key: &str) -> Vec<Vec<Vec<u8>>> {
    let count = *[1, 2, 5, 20, 100, 200, 600, 2000].choose(random).unwrap_or(&1);
    let make = if random.random_bool(0.4) { text } else { short_text };
    let command = |name: &str, rest: Vec<Vec<u8>>| {
        [name.as_bytes().to_vec(), key.as_bytes().to_vec()].into_iter().chain(rest).collect::<Vec<_>>()
    };
    let mut texts = |count: usize| (0..count).map(|_| make(random)).collect::<Vec<_>>();
    let (left, right) = (texts(count), texts(count / 2 + 1));
    match random.random_range(0..7) {
        0 => vec![command("SET", left[..1].to_vec())],
        1 => {
            let big = random.random_ratio(1, 5).then(|| vec![b'z'; 9000]);
            vec![command("RPUSH", left.into_iter().chain(big).collect()), command("LPUSH", right)]
        }
        2 => vec![command("SADD", left)],
        3 => {
            let digits = random.random_range(1..12);
            let number = |_| random.random_range(-(10_i64.pow(digits))..1_000_000).to_string().into_bytes();
            vec![command("SADD", (0..count).map(number).collect())]
        }
        4 => {
            let pairs = left.into_iter().flat_map(|member| [score(random), member]).collect();
            vec![command("ZADD", pairs)]
        }
        5 => stream(random, key, &left),
        _ => vec![command("HSET", left.into_iter().flat_map(|field| [field.clone(), field]).collect())],
    }
}

/// Commands that make a stream with groups, whose ids do not depend on the clock. Trimming is exact, because servers divide
/// streams into nodes differently.
fn stream(random: &mut Pcg64, key: &str, texts: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let command = |line: &str| -> Vec<Vec<u8>> { line.split(' ').map(|word| word.into()).collect() };
    let (mut commands, mut ids) = (Vec::new(), Vec::new());
    let mut ms = 0;
    for text in texts {
        let magnitude = random.random_range(1..20);
        ms += random.random_range(1..3_u64.pow(magnitude));
        ids.push(format!("{ms}-{}", random.random_range(0..3)));
        let mut add = command(&format!("XADD {key} {}", ids[ids.len() - 1]));
        add.extend([b"name".to_vec(), text.clone()]);
        if random.random_ratio(1, 4) {
            add.extend([text.clone(), b"other".to_vec()]);
        }
        commands.push(add);
    }
    commands.push(command(&format!("XGROUP CREATE {key} group 0 ENTRIESREAD 0")));
    commands.push(command(&format!("XGROUP CREATE {key} idle $")));
    commands.push(command(&format!("XGROUP CREATECONSUMER {key} group idle")));
    if random.random_bool(0.5) {
        commands.push(command(&format!("XREADGROUP GROUP group one COUNT 3 STREAMS {key} >")));
        commands.push(command(&format!("XREADGROUP GROUP group two COUNT 2 STREAMS {key} >")));
        // The clocks of servers differ.
        for (place, id) in ids.iter().take(5).enumerate() {
            let consumer = if place < 3 { "one" } else { "two" };
            let (time, count) =
                (1_600_000_000_000 + random.random_range(0..3_u64), random.random_range(1..3));
            commands.push(command(&format!(
                "XCLAIM {key} group {consumer} 0 {id} TIME {time} RETRYCOUNT {count} JUSTID"
            )));
        }
        commands.push(command(&format!("XACK {key} group {ms}-0 1-0 1-1")));
    }
    if random.random_bool(0.5) {
        // Of some of them it is still expected that they are acknowledged.
        let deleted = ids.iter().filter(|_| random.random_ratio(1, 3)).take(20);
        commands.extend(deleted.map(|id| command(&format!("XDEL {key} {id}"))));
    }
    if random.random_bool(0.3) {
        commands.push(command(&format!("XTRIM {key} MAXLEN {}", random.random_range(0..50))));
        commands.push(command(&format!("XSETID {key} {}-5", u64::MAX)));
    }
    commands
}

/// What is said of a stream and its groups, without what depends on the server or the moment.
fn lasting(reply: Reply) -> Reply {
    /// The entries are compared apart. Only recent servers tell how far groups are behind when entries are gone.
    const LEFT_OUT: &[&[u8]] =
        &[b"entries", b"radix-tree-keys", b"radix-tree-nodes", b"lag", b"seen-time", b"active-time"];
    let Reply::Array(elements) = reply else { return reply };
    let (mut kept, mut elements) = (Vec::new(), elements.into_iter());
    while let Some(element) = elements.next() {
        if element.bytes().is_some_and(|name| LEFT_OUT.contains(&name)) {
            elements.next();
        } else {
            kept.push(lasting(element));
        }
    }
    Reply::Array(kept)
}

/// What a key holds: its type, its elements in an order of their own, and its deadline.
///
/// # Panics
///
/// When the server answers something else than a value.
pub fn content(client: &mut Client, key: &str) -> (String, Vec<Reply>, Reply) {
    let kind = client.call(["TYPE", key]).text();
    let (words, is_ordered): (&[&str], bool) = match kind.as_str() {
        "string" => (&["GET", key], true),
        "list" => (&["LRANGE", key, "0", "-1"], true),
        "set" => (&["SMEMBERS", key], false),
        "zset" => (&["ZRANGE", key, "0", "-1", "WITHSCORES"], true),
        "stream" => (&["XRANGE", key, "-", "+"], true),
        _ => (&["HGETALL", key], false),
    };
    let reply = client.call(words);
    let mut elements = if kind == "string" { vec![reply] } else { reply.into_elements() };
    if kind == "hash" {
        elements = elements.chunks(2).map(|pair| Reply::Array(pair.to_vec())).collect();
    }
    if kind == "zset" {
        // Redis 7.0 shows 17 digits where others show as many as are needed.
        elements.iter_mut().skip(1).step_by(2).for_each(|score| {
            let number: f64 = score.text().parse().expect("a score is a number");
            *score = Reply::Bulk(number.to_string().into_bytes());
        });
    }
    if kind == "stream" {
        elements.push(lasting(client.call(["XINFO", "STREAM", key, "FULL", "COUNT", "0"])));
    }
    if !is_ordered {
        elements.sort();
    }
    (kind, elements, client.call(["PEXPIRETIME", key]))
}
