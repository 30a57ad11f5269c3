use std::convert::Infallible;

use nuthatch_collections::Stream;
use nuthatch_collections::stream::{BlockLimits, Bound, Group, Pending, References, StreamId, Trim};

use super::value;
use crate::rdb::{Value, load};

/// The commands that make a value at `k`, each a line. Long words are shown as their lengths.
fn commands(made: &Value<'_>, deadline: Option<u64>) -> Vec<String> {
    taken(made, deadline).iter().map(|command| shown(command)).collect()
}

/// What is taken behind each command.
fn taken(made: &Value<'_>, deadline: Option<u64>) -> Vec<Vec<u8>> {
    let (mut out, mut taken) = (Vec::new(), Vec::new());
    let mut take = |out: &mut Vec<u8>| -> Result<(), Infallible> {
        taken.push(std::mem::take(out));
        Ok(())
    };
    let Ok(()) = value(b"k", made, deadline, &mut out, &mut take);
    assert_eq!(out, b"");
    taken
}

/// The words of one command.
fn shown(command: &[u8]) -> String {
    const SHOWN_MAX: usize = 100;
    let line = |bytes: &[u8], at: usize| {
        let length = bytes[at..].iter().position(|byte| *byte == b'\r').expect("a line ends");
        let number = std::str::from_utf8(&bytes[at + 1..at + length]).expect("a number");
        (number.parse::<usize>().expect("a number"), at + length + 2)
    };
    let (count, mut at) = line(command, 0);
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, start) = line(command, at);
        let word = &command[start..start + length];
        words.push(if length > SHOWN_MAX { length.to_string() } else { word.escape_ascii().to_string() });
        at = start + length + 2;
    }
    assert_eq!(at, command.len(), "it is one command");
    words.join(" ")
}

fn loaded(bytes: &[u8]) -> Value<'_> {
    load(bytes, 1 << 30).expect("a value")
}

#[test]
fn every_type_is_made_by_commands_of_its_own() {
    let made = |bytes: &[u8]| commands(&loaded(bytes), None);
    assert_eq!(made(b"\x00\x03a b"), ["SET k a b"]);
    assert_eq!(made(b"\x01\x03\x01a\x00\xc0\x07"), ["RPUSH k a  7"]);
    assert_eq!(made(b"\x02\x02\x01a\xc0\x07"), ["SADD k a 7"]);
    assert_eq!(
        made(b"\x03\x04\x01a\x041e22\x01b\xfe\x01c\xff\x01d\x030.1"),
        ["ZADD k -inf c 0.1 d 1e+22 a inf b"]
    );
    assert_eq!(made(b"\x04\x01\x01f\x01v"), ["HMSET k f v"]);
}

#[test]
fn deadlines_follow_what_has_them() {
    let hash = b"\x18\xe8\x03\0\0\0\0\0\0\x03\x01\x01a\x011\x00\x01b\x012\x03\x01c\x013";
    assert_eq!(
        commands(&loaded(hash), Some(5000)),
        [
            "HMSET k a 1 b 2 c 3",
            "HPEXPIREAT k 1000 FIELDS 1 a",
            "HPEXPIREAT k 1002 FIELDS 1 c",
            "PEXPIREAT k 5000"
        ]
    );
    assert_eq!(commands(&loaded(b"\x00\x01v"), Some(5000)), ["SET k v", "PEXPIREAT k 5000"]);
}

/// A list of texts of these lengths.
fn list(lengths: &[usize]) -> Value<'static> {
    let length = |length: usize| [&[0x80], &(length as u32).to_be_bytes()[..]].concat();
    let mut bytes = [vec![1], length(lengths.len())].concat();
    for text in lengths {
        bytes.extend(length(*text));
        bytes.resize(bytes.len() + text, b'x');
    }
    match loaded(&bytes) {
        Value::List(nodes) => Value::List(nodes),
        other => panic!("{other:?} is no list"),
    }
}

#[test]
fn big_values_take_many_commands() {
    let words = |lengths: &[usize]| -> Vec<usize> {
        let commands = commands(&list(lengths), None);
        commands.iter().map(|command| command.split(' ').count() - 2).collect()
    };
    assert_eq!(words(&[1; 63]), [63]);
    assert_eq!(words(&[1; 64]), [64]);
    assert_eq!(words(&[1; 63 + 64 + 1]), [64, 64]);
    let half = 600_000;
    assert_eq!(words(&[half, half, half, 1, 1]), [2, 3]);
    assert_eq!(words(&[1, 3 * half, 1]), [2, 1]);

    // Nothing but one command is ever kept.
    let lengths = [500_000; 40];
    let longest = taken(&list(&lengths), None).iter().map(Vec::len).max();
    assert!(longest.is_some_and(|longest| (1_000_000..1_600_000).contains(&longest)), "{longest:?}");
}

#[test]
fn the_first_error_ends_it() {
    let mut calls = 0;
    let mut take = |_: &mut Vec<u8>| {
        calls += 1;
        if calls == 2 { Err("full") } else { Ok(()) }
    };
    assert_eq!(value(b"k", &list(&[1; 200]), None, &mut Vec::new(), &mut take), Err("full"));
    assert_eq!(calls, 2);
}

fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

/// A stream with entries of these times.
fn stream(times: &[u64]) -> Stream {
    let mut stream = Stream::new();
    for ms in times {
        let fields = [b"f".as_slice(), b"v"];
        stream.append(id(*ms), fields.into_iter(), BlockLimits { entries_max: 2, bytes_max: 0 });
    }
    stream
}

fn made(stream: Stream) -> Vec<String> {
    commands(&Value::Stream(Box::new(stream)), None)
}

#[test]
fn streams_are_made_with_their_past() {
    assert_eq!(
        made(stream(&[1, 2])),
        ["XADD k 1-0 f v", "XADD k 2-0 f v", "XSETID k 2-0 ENTRIESADDED 2 MAXDELETEDID 0-0"]
    );
    let mut gone = stream(&[1, 2, 3]);
    gone.delete(id(2));
    gone.last_id = id(9);
    gone.entries_added = u64::MAX;
    assert_eq!(
        made(gone),
        [
            "XADD k 1-0 f v",
            "XADD k 3-0 f v",
            "XSETID k 9-0 ENTRIESADDED 9223372036854775807 MAXDELETEDID 2-0"
        ]
    );
    assert_eq!(
        made(Stream::new()),
        ["XADD k MAXLEN 0 0-1 x y", "XSETID k 0-0 ENTRIESADDED 0 MAXDELETEDID 0-0"]
    );
}

#[test]
fn groups_are_made_with_what_was_delivered() {
    let mut stream = stream(&[1, 2, 3, 4]);
    let mut group = Group::new(id(4), Some(4));
    let one = group.add_consumer(b"one", 0, None);
    let two = group.add_consumer(b"two", 0, None);
    group.add_consumer(b"idle", 0, None);
    let delivered = [(1, one, 100, 1), (2, one, 100, 1), (3, one, 100, 2), (4, two, 200, u64::MAX)];
    for (ms, consumer, delivered_ms, count) in delivered {
        group.deliver(id(ms), Pending { consumer, delivered_ms, count });
    }
    stream.groups.insert((*b"g").into(), group);
    stream.groups.insert((*b"h").into(), Group::new(id(0), None));
    assert_eq!(
        made(stream)[4..],
        [
            "XSETID k 4-0 ENTRIESADDED 4 MAXDELETEDID 0-0",
            "XGROUP CREATE k g 4-0 ENTRIESREAD 4",
            "XGROUP CREATECONSUMER k g idle",
            "XCLAIM k g one 0 1-0 2-0 TIME 100 RETRYCOUNT 1 JUSTID FORCE",
            "XCLAIM k g one 0 3-0 TIME 100 RETRYCOUNT 2 JUSTID FORCE",
            "XCLAIM k g two 0 4-0 TIME 200 RETRYCOUNT 9223372036854775807 JUSTID FORCE",
            "XGROUP CREATE k h 0-0 ENTRIESREAD -1"
        ]
    );
}

/// The same, of which a consumer has entries of these times.
fn with_pending(mut stream: Stream, times: &[u64]) -> Stream {
    let mut group = Group::new(id(9), None);
    let consumer = group.add_consumer(b"c", 0, None);
    for ms in times {
        group.deliver(id(*ms), Pending { consumer, delivered_ms: 100, count: 1 });
    }
    stream.groups.insert((*b"g").into(), group);
    stream
}

#[test]
fn entries_that_are_gone_are_there_while_they_are_delivered() {
    // Trimmed before the first entry, deleted between and behind the others; and one that cannot have been.
    let mut some = stream(&[1, 2, 3, 4, 5, 6]);
    some.trim(Trim {
        bound: Bound::From(id(3)),
        approximate: false,
        limit: 0,
        references: References::default(),
    });
    some.delete(id(4));
    some.delete(id(6));
    assert_eq!(
        made(with_pending(some, &[2, 3, 4, 6, 7])),
        [
            "XADD k 2-0 x y",
            "XADD k 3-0 f v",
            "XADD k 4-0 x y",
            "XADD k 5-0 f v",
            "XADD k 6-0 x y",
            "XGROUP CREATE k g 9-0 ENTRIESREAD -1",
            "XCLAIM k g c 0 2-0 3-0 4-0 6-0 7-0 TIME 100 RETRYCOUNT 1 JUSTID FORCE",
            "XTRIM k MINID 3-0",
            "XDEL k 4-0 6-0",
            "XSETID k 6-0 ENTRIESADDED 6 MAXDELETEDID 6-0"
        ]
    );
    let mut none = stream(&[1, 2]);
    none.delete(id(1));
    none.delete(id(2));
    assert_eq!(
        made(with_pending(none, &[0, 2])),
        [
            "XADD k 2-0 x y",
            "XGROUP CREATE k g 9-0 ENTRIESREAD -1",
            "XCLAIM k g c 0 0-0 2-0 TIME 100 RETRYCOUNT 1 JUSTID FORCE",
            "XTRIM k MAXLEN 0",
            "XSETID k 2-0 ENTRIESADDED 2 MAXDELETEDID 2-0"
        ]
    );
}
