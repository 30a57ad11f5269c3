use super::*;
use proptest::{collection::vec, prelude::*};

fn written(reply: &Reply) -> Vec<u8> {
    let mut reply_bytes = Vec::new();
    let mut copy = Reply { output: reply.output.clone(), resp3: reply.resp3 };
    while !copy.is_empty() {
        let sent: Vec<u8> = copy.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        assert!(!sent.is_empty(), "bytes that are never offered");
        copy.advance(sent.len());
        reply_bytes.extend(sent);
    }
    assert_eq!(reply_bytes.len(), reply.len());
    reply_bytes
}

fn shown(resp3: bool, write: impl Fn(&mut Reply)) -> String {
    let mut reply = Reply::new();
    reply.set_resp3(resp3);
    write(&mut reply);
    written(&reply).escape_ascii().to_string()
}

#[test]
fn replies_look_as_both_protocols_define_them() {
    type Case = (fn(&mut Reply), &'static str, &'static str);
    let cases: [Case; 30] = [
        (|reply| reply.ok(), "+OK", "+OK"),
        (|reply| reply.pong(), "+PONG", "+PONG"),
        (|reply| reply.simple("QUEUED"), "+QUEUED", "+QUEUED"),
        (|reply| reply.simple("a\r\nb"), "+a  b", "+a  b"),
        (|reply| reply.error("ERR syntax error"), "-ERR syntax error", "-ERR syntax error"),
        (|reply| reply.error(b"ERR a\r\n:1\n\xff"), "-ERR a  :1 \\xff", "-ERR a  :1 \\xff"),
        (|reply| reply.integer(0), ":0", ":0"),
        (|reply| reply.integer(42), ":42", ":42"),
        (|reply| reply.integer(999), ":999", ":999"),
        (|reply| reply.integer(1000), ":1000", ":1000"),
        (|reply| reply.integer(-7), ":-7", ":-7"),
        (|reply| reply.integer(i64::MIN), ":-9223372036854775808", ":-9223372036854775808"),
        (|reply| reply.bulk(b""), "$0\\r\\n", "$0\\r\\n"),
        (|reply| reply.bulk(b"a\r\nb"), "$4\\r\\na\\r\\nb", "$4\\r\\na\\r\\nb"),
        (|reply| reply.bulk_integer(-120), "$4\\r\\n-120", "$4\\r\\n-120"),
        (|reply| reply.bulk_f64(0.5), "$3\\r\\n0.5", "$3\\r\\n0.5"),
        (|reply| reply.null(), "$-1", "_"),
        (|reply| reply.null_array(), "*-1", "_"),
        (|reply| reply.array(3), "*3", "*3"),
        (|reply| reply.map(3), "*6", "%3"),
        (|reply| reply.set(12), "*12", "~12"),
        (|reply| reply.push(2), "*2", ">2"),
        (|reply| reply.boolean(true), ":1", "#t"),
        (|reply| reply.boolean(false), ":0", "#f"),
        (|reply| reply.double(1e20), "$5\\r\\n1e+20", ",1e+20"),
        (|reply| reply.double(f64::NEG_INFINITY), "$4\\r\\n-inf", ",-inf"),
        (|reply| reply.big_number("-123"), "$4\\r\\n-123", "(-123"),
        (|reply| reply.verbatim("txt", b"ab"), "$2\\r\\nab", "=6\\r\\ntxt:ab"),
        (|reply| reply.bulk_shared(Arc::new(b"ab".to_vec())), "$2\\r\\nab", "$2\\r\\nab"),
        (|reply| reply.raw(b":1\r\n"), ":1", ":1"),
    ];
    for (write, resp2, resp3) in cases {
        assert_eq!(shown(false, write), format!("{resp2}\\r\\n"));
        assert_eq!(shown(true, write), format!("{resp3}\\r\\n"));
    }
}

/// A part of a reply, to be written and to be expected.
#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Shared(usize),
    TakenBack(Box<Part>),
    Counted(Vec<Part>),
    Sent(usize),
    /// What was written is set aside if it is of so many bytes.
    SetAside(usize),
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![
        vec(any::<u8>(), 0..200).prop_map(Part::Bytes),
        Just(Part::Bytes(vec![b'x'; 9_000])),
        (SHARED_BYTES_MIN..SHARED_BYTES_MIN + 9).prop_map(Part::Shared),
        (0..50_000usize).prop_map(Part::Sent),
        (0..20_000usize).prop_map(Part::SetAside),
    ];
    leaf.prop_recursive(3, 24, 6, |part| {
        prop_oneof![
            part.clone().prop_map(|part| Part::TakenBack(Box::new(part))),
            vec(part, 0..12).prop_map(Part::Counted),
        ]
    })
}

/// Writes `part` to both; what is sent is checked and taken from both. Inside an array whose length is still to
/// come nothing is sent.
fn write(part: &Part, reply: &mut Reply, expected: &mut Vec<u8>, sending: bool) {
    match part {
        Part::Bytes(bytes) => {
            reply.raw(bytes);
            expected.extend(bytes);
        }
        Part::Shared(length) => {
            let value = vec![*length as u8; *length];
            expected.extend(format!("${length}\r\n").as_bytes());
            expected.extend(&value);
            expected.extend(b"\r\n");
            reply.bulk_shared(Arc::new(value));
        }
        Part::TakenBack(part) => {
            let mark = reply.mark();
            write(part, reply, &mut Vec::new(), false);
            reply.truncate(mark);
        }
        Part::Counted(parts) => {
            let at = reply.array_later();
            let mut elements = Vec::new();
            parts.iter().for_each(|part| write(part, reply, &mut elements, false));
            reply.set_array_len(at, parts.len());
            expected.extend(format!("*{}\r\n", parts.len()).as_bytes());
            expected.extend(elements);
        }
        Part::Sent(bytes) if sending => {
            let offered: Vec<u8> = reply.slices().iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(offered, expected[..offered.len()]);
            assert_eq!(offered.is_empty(), expected.is_empty(), "bytes that are never offered");
            let sent = *bytes.min(&offered.len());
            reply.advance(sent);
            expected.drain(..sent);
        }
        Part::SetAside(bytes_min) if sending => reply.output.set_aside(*bytes_min),
        Part::Sent(_) | Part::SetAside(_) => {}
    }
    assert!(!sending || reply.len() == expected.len());
}

proptest! {
    #[test]
    fn every_byte_is_sent_once_and_in_order(parts in vec(part(), 0..20), shrink: bool) {
        let mut reply = Reply::new();
        let mut expected = Vec::new();
        for part in &parts {
            write(part, &mut reply, &mut expected, true);
        }
        if shrink {
            reply.shrink();
        }
        prop_assert_eq!(written(&reply), expected);
    }
}

#[test]
fn a_buffer_that_is_never_empty_does_not_grow() {
    let mut reply = Reply::new();
    reply.raw(&[b'x'; 1000]);
    for _ in 0..100_000 {
        reply.raw(&[b'x'; 100]);
        reply.advance(100);
    }
    assert_eq!(reply.len(), 1000);
    assert!(reply.memory() < 100_000, "{} bytes", reply.memory());
}

#[test]
fn a_buffer_that_was_sent_keeps_its_memory_until_it_is_shrunk() {
    let mut reply = Reply::new();
    reply.raw(&[b'x'; 100_000]);
    reply.advance(100_000);
    assert!(reply.is_empty() && reply.memory() >= 100_000);
    reply.shrink();
    assert_eq!(reply.memory(), 0);
}

#[test]
fn replies_that_are_not_read_take_hardly_more_than_their_bytes() {
    let mut reply = Reply::new();
    for _ in 0..10_000 {
        reply.raw(&[b'x'; 1000]);
        reply.set_aside();
        assert!(reply.memory() <= reply.len() + 2 * ASIDE_BYTES_MIN);
    }
    let (memory, first) = (reply.memory(), reply.slices()[0].len());
    reply.advance(first - 1);
    assert_eq!(reply.memory(), memory, "it is all there until it is sent");
    reply.advance(1);
    assert_eq!(reply.memory(), memory - first, "what is sent is given back");
}

#[test]
fn what_is_set_aside_is_no_share_of_others() {
    const VALUES: usize = 40;
    const BYTES: usize = 1_000_000;
    let value = Arc::new(vec![b'x'; BYTES]);
    let mut reply = Reply::new();
    let own = |reply: &Reply| reply.memory() - reply.share_of_others();
    for (before, behind) in [(VALUES, 0), (0, VALUES)] {
        (0..before).for_each(|_| reply.bulk_shared(Arc::clone(&value)));
        for _ in 0..VALUES {
            reply.raw(&[b'o'; BYTES]);
            reply.set_aside();
        }
        (0..behind).for_each(|_| reply.bulk_shared(Arc::clone(&value)));
        // Of the value its share, which is that of one among the owners each time that it is there.
        let expected = VALUES * BYTES + BYTES;
        assert!(own(&reply).abs_diff(expected) < expected / 20, "{} bytes", own(&reply));
        reply.advance(reply.len());
    }
    assert_eq!(reply.share_of_others(), 0);
}

#[test]
fn long_values_are_not_copied() {
    let value = Arc::new(vec![b'x'; 1_000_000]);
    let mut reply = Reply::new();
    reply.bulk_shared(Arc::clone(&value));
    assert!(reply.slices().iter().any(|slice| slice.as_ptr() == value.as_ptr()));
    reply.advance(reply.len());
    assert_eq!(Arc::strong_count(&value), 1, "a value that has been sent is let go");
}

#[test]
fn hundreds_of_long_values_are_sent_in_several_calls() {
    let value = Arc::new(vec![b'x'; SHARED_BYTES_MIN]);
    let mut reply = Reply::new();
    (0..300).for_each(|_| reply.bulk_shared(Arc::clone(&value)));
    assert!(reply.slices().len() <= 16);
    assert_eq!(written(&reply).len(), 300 * (SHARED_BYTES_MIN + "$16384\r\n\r\n".len()));
}

#[test]
fn all_bytes_are_there_however_many_values_are_shared() {
    let value = Arc::new(vec![b'x'; SHARED_BYTES_MIN]);
    let mut reply = Reply::new();
    let mut expected = Vec::new();
    for _ in 0..100 {
        reply.bulk_shared(value.clone());
        expected.extend_from_slice(format!("${SHARED_BYTES_MIN}\r\n").as_bytes());
        expected.extend_from_slice(&value);
        expected.extend_from_slice(b"\r\n");
    }
    assert!(reply.into_bytes() == expected);
}
