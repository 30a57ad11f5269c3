//! Well-formed, odd and broken requests: the same ones are understood, and the same errors reported.
//!
//! Against a server that asks for a password, the limits for clients that have not authenticated are compared.

use crate::{command, exchange, run, samples};
use nuthatch_protocol::{Limits, ProtocolError, RequestParser, Span, Value};
use proptest::{collection::vec, prelude::*, strategy::Union};

/// One request, or something like one.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let literal = |text: &'static [u8]| Just(text.to_vec()).boxed();
    let well_formed = vec(vec(any::<u8>(), 0..20), 1..3).prop_map(|arguments| {
        let mut bytes = format!("*{}\r\n$4\r\nECHO\r\n", arguments.len() + 1).into_bytes();
        for argument in &arguments {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    });
    let inline = "ECHO[ \t]{1,2}(\"([a-c \\\\'nx41]|\\\\\"|\\\\x[0-9a-g]{2})*\"|'([a-c \\\\\"]|\\\\')*'|[a-c\\\\]{1,3}){1,2} {0,2}\r?\n";
    Union::new_weighted(vec![
        (6, well_formed.boxed()),
        (4, inline.prop_map(String::into_bytes).boxed()),
        (2, "ECHO [ \\x0b\\x0c\\x00\\r\\t\"'\\\\xabn0-9]{0,8}\r?\n".prop_map(String::into_bytes).boxed()),
        (1, "\\*[-+ 0-9a]{0,12}\r\n".prop_map(String::into_bytes).boxed()),
        (1, "\\*2\r\n\\$4\r\nECHO\r\n\\$[-+ 0-9a]{0,12}\r\n".prop_map(String::into_bytes).boxed()),
        (1, "\\*2\r\n\\$4\r\nECHO\r\n[#-&a\\r\\n\\xe9]{0,3}1\r\nx\r\n".prop_map(String::into_bytes).boxed()),
        (1, "[ \t\\x0b\\x0c\r]{0,4}\n".prop_map(String::into_bytes).boxed()),
        (1, literal(b"*0\r\n")),
        (1, literal(b"*-1\r\n")),
        (1, literal(b"*2\rx$4\rxECHOxx$1\rxaxx")),
        (1, literal(b"*11\r\n$4\r\nECHO\r\n")),
        (1, literal(b"*2\r\n$4\r\nECHO\r\n$16384\r\n")),
        (1, literal(b"*2\r\n$4\r\nECHO\r\n$16385\r\n")),
        (1, literal(b"*2\r\n$4\r\nECHO\r\n$536870912\r\n")),
        (1, literal(b"*2\r\n$4\r\nECHO\r\n$536870913\r\n")),
        (1, literal(b"*2147483647\r\n")),
        (1, literal(b"*2147483648\r\n")),
        (1, literal(b"*-2147483649\r\n")),
        (1, literal(b"*-9223372036854775809\r\n")),
    ])
}

/// Several requests in a row, one byte of which may be changed, and which may be cut short.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let change =
        proptest::option::weighted(0.3, (any::<prop::sample::Index>(), "[*$\r\n0-9\"'\\\\ \\x00a-c-]"));
    let cut = proptest::option::weighted(0.2, any::<prop::sample::Index>());
    (vec(request(), 1..4), change, cut).prop_map(|(requests, change, cut)| {
        let mut bytes = requests.concat();
        if let Some((at, byte)) = change {
            let at = at.index(bytes.len());
            bytes[at] = byte.as_bytes()[0];
        }
        if let Some(at) = cut {
            bytes.truncate(at.index(bytes.len() + 1));
        }
        bytes
    })
}

/// What a server replies that knows ECHO only; other errors than those of the protocol are one and the same.
fn expected(input: &[u8], limits: &Limits) -> Vec<Value> {
    let mut input = input.to_vec();
    let mut input = input.as_mut_slice();
    let mut parser = RequestParser::new();
    let mut replies = Vec::new();
    loop {
        let mut arguments: Vec<Span> = Vec::new();
        match parser.parse(input, &mut arguments, limits) {
            Ok(None) => return replies,
            Err(error) => {
                replies.push(protocol_error(error));
                return replies;
            }
            Ok(Some(consumed)) => {
                let echoed = match arguments.as_slice() {
                    [] => None,
                    [name, argument]
                        if limits.authenticated && name.of(input).eq_ignore_ascii_case(b"ECHO") =>
                    {
                        Some(Value::Bulk(argument.of(input).to_vec()))
                    }
                    _ => Some(Value::Error(b"other".to_vec())),
                };
                replies.extend(echoed);
                input = &mut input[consumed..];
            }
        }
    }
}

fn protocol_error(error: ProtocolError) -> Value {
    Value::Error([b"ERR ".to_vec(), error.message()].concat())
}

fn replied(input: &[u8]) -> Vec<Value> {
    let one_and_the_same = |reply| match reply {
        Value::Error(text) if !text.starts_with(b"ERR Protocol error") => Value::Error(b"other".to_vec()),
        reply => reply,
    };
    exchange(input).into_iter().map(one_and_the_same).collect()
}

fn limits() -> Limits {
    let authenticated = run(&[command(&[b"PING"])]) == [Value::Simple(b"PONG".to_vec())];
    Limits { authenticated, ..Limits::default() }
}

#[test]
#[ignore = "needs a stock server"]
fn requests_are_understood_alike() {
    let limits = limits();
    for input in samples(conversation(), 20_000) {
        assert_eq!(
            expected(&input, &limits),
            replied(&input),
            "the requests {:?}",
            input.escape_ascii().to_string()
        );
    }
}

#[test]
#[ignore = "needs a stock server"]
fn lines_are_limited_alike() {
    let limits = limits();
    for start in ["", "*", "*1\r\n", "*1\r\n$", "*2\r\n$4\r\nECHO\r\n", "*2\r\n$4\r\nECHO\r\n$"] {
        for length in 65_530..65_545 {
            let input = [start.as_bytes(), &b"1".repeat(length)].concat();
            assert_eq!(expected(&input, &limits), replied(&input), "{length} bytes after {start:?}");
        }
    }
}
