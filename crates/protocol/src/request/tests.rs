use super::*;
use proptest::{collection::vec, prelude::*, sample::Index, strategy::Union};

type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// The requests at the start of `input`, and the error that ends them if one does.
fn parse_whole(input: &[u8], limits: &Limits) -> Outcome {
    parse_pieces(input, std::iter::once(input.len()), limits)
}

/// The same when `input` grows to each of `lengths` in turn and each time all that can be is parsed.
fn parse_pieces(input: &[u8], lengths: impl Iterator<Item = usize>, limits: &Limits) -> Outcome {
    let mut parser = RequestParser::new();
    let mut input = input.to_vec();
    let mut requests = Vec::new();
    let mut position = 0;
    for length in lengths {
        while position <= length {
            let waiting = input[position..length].to_vec();
            let mut spans = Vec::new();
            match parser.parse(&mut input[position..length], &mut spans, limits) {
                Ok(None) => {
                    assert_eq!(waiting, &input[position..length], "an incomplete request was changed");
                    assert!(spans.is_empty(), "arguments of an incomplete request");
                    break;
                }
                Ok(Some(consumed)) => {
                    assert!(consumed > 0, "a request without bytes");
                    assert_eq!(
                        waiting[consumed..],
                        input[position + consumed..length],
                        "the next request changed"
                    );
                    requests.push(spans.iter().map(|span| span.of(&input[position..]).to_vec()).collect());
                    position += consumed;
                }
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

fn encode(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    vec(vec(any::<u8>(), 0..120), 1..45).prop_map(|arguments| encode(&arguments))
}

/// Requests of every kind, some broken.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let request = Union::new_weighted(vec![
        (4, well_formed().boxed()),
        (
            2,
            "[a-z]{1,4}( (\"[a-c \\\\nx4]{0,5}\"|'[a-c \\\\]{0,4}'|[a-c]{1,3})){0,4}\r?\n"
                .prop_map(String::into_bytes)
                .boxed(),
        ),
        (1, "[*$]?[-0-9*$ \"'\\\\]{0,6}\r?\n?".prop_map(String::into_bytes).boxed()),
        (1, vec(any::<u8>(), 0..10).boxed()),
    ]);
    let change = proptest::option::of((any::<Index>(), any::<u8>()));
    (vec(request, 1..4), change).prop_map(|(requests, change)| {
        let mut bytes = requests.concat();
        if let (Some((at, byte)), false) = (change, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn input_in_pieces_means_the_same_as_input_at_once(input in conversation(), authenticated: bool) {
        let limits = Limits { authenticated, ..Limits::default() };
        let whole = parse_whole(&input, &limits);
        prop_assert_eq!(&whole, &parse_pieces(&input, 0..=input.len(), &limits));
    }

    #[test]
    fn arguments_come_back_as_they_were_sent(arguments in vec(vec(any::<u8>(), 0..12_000), 1..12)) {
        prop_assert_eq!(parse_whole(&encode(&arguments), &Limits::default()), (vec![arguments], None));
    }

    #[test]
    fn the_fast_path_agrees_with_the_general_one(input in well_formed(), at: Index, byte: u8, length: Index) {
        let mut input = input;
        let at = at.index(input.len());
        input[at] = byte;
        input.truncate(length.index(input.len()) + 1);
        let (mut fast, mut general) = (Vec::new(), Vec::new());
        if let Some(consumed) = complete::parse(&input, &mut fast) {
            let parsed = RequestParser::new().parse_any(&mut input, &mut general, &Limits::default());
            prop_assert_eq!(Ok(Some(consumed)), parsed);
        }
        prop_assert_eq!(fast, general);
    }
}

#[test]
fn the_fast_path_takes_ordinary_requests() {
    for arguments in [vec![3], vec![3, 16], vec![3, 16, 64], vec![4, 1, 9_999], vec![1; 9]] {
        let arguments: Vec<Vec<u8>> = arguments.into_iter().map(|length| vec![b'x'; length]).collect();
        let input = encode(&arguments);
        let mut spans = Vec::new();
        assert_eq!(complete::parse(&input, &mut spans), Some(input.len()));
        assert_eq!(spans.iter().map(|span| span.of(&input)).collect::<Vec<_>>(), arguments);
    }
}

/// What was parsed is overwritten after each piece: a parser that reads it again finds garbage.
#[test]
fn a_request_of_many_arguments_is_not_parsed_again_with_each_piece() {
    let arguments: Vec<Vec<u8>> = (0..100_000).map(|number: u32| number.to_string().into_bytes()).collect();
    let bytes = encode(&arguments);
    let mut parser = RequestParser::new();
    let mut input = Vec::new();
    let mut spans = Vec::new();
    let mut consumed = None;
    for piece in bytes.chunks(16 * 1024) {
        input.extend_from_slice(piece);
        consumed =
            parser.parse(&mut input, &mut spans, &Limits::default()).expect("the request is well formed");
        if consumed.is_none() {
            // The first byte tells that the request is an array; an argument may be cut by the piece's end.
            let parsed = input.len() - 16;
            input[1..parsed].fill(b'!');
            assert!((1..10 * input.len()).contains(&parser.memory()), "{} bytes", parser.memory());
        }
    }
    assert_eq!(consumed, Some(bytes.len()));
    assert!(spans.iter().map(|span| span.of(&bytes)).eq(&arguments));
    assert_eq!(parser.memory(), 0, "an idle connection keeps nothing");
}

#[test]
fn an_idle_parser_is_small() {
    assert!(size_of::<RequestParser>() <= 16);
}

#[test]
fn an_announced_length_is_not_trusted() {
    let mut parser = RequestParser::new();
    let mut input = b"*2\r\n$4\r\nECHO\r\n$500000000\r\n".to_vec();
    assert_eq!(parser.parse(&mut input, &mut Vec::new(), &Limits::default()), Ok(None));
    assert_eq!(parser.missing(), 16 * 1024);
    input.resize(100_000, b'x');
    assert_eq!(parser.parse(&mut input, &mut Vec::new(), &Limits::default()), Ok(None));
    assert_eq!(parser.missing(), 100_000);
    let mut input = b"*2\r\n$4\r\nECHO\r\n$20\r\nabc".to_vec();
    assert_eq!(parser.parse(&mut input, &mut Vec::new(), &Limits::default()), Ok(None));
    assert_eq!(parser.missing(), 19);
}

#[test]
fn memory_for_arguments_follows_what_arrived() {
    let mut spans = Vec::new();
    let mut input = b"*2147483647\r\n$1\r\na\r\n".to_vec();
    assert_eq!(RequestParser::new().parse(&mut input, &mut spans, &Limits::default()), Ok(None));
    assert!(spans.capacity() < 100);
}

/// Recorded from Redis 8.0.6.
#[test]
fn broken_requests_are_refused_with_the_stock_text() {
    let cases: [(&[u8], &str); 24] = [
        (b"*\r\n", "invalid multibulk length"),
        (b"*a\r\n", "invalid multibulk length"),
        (b"* 1\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*1\nPING\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*1\r$4\r\n", "expected '$', got '4'"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n\r\n", "expected '$', got ' '"),
        (b"*1\r\n$\r\n", "invalid bulk length"),
        (b"*1\r\n$04\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$a\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
        (b"ECHO \"abc\r\n", "unbalanced quotes in request"),
        (b"ECHO \"abc\"d\r\n", "unbalanced quotes in request"),
        (b"ECHO a'b'c\r\n", "unbalanced quotes in request"),
        (b"ECHO \"\\\"\r\n", "unbalanced quotes in request"),
        (b"ECHO 'a\r\n", "unbalanced quotes in request"),
        (&[b'A'; 65_537], "too big inline request"),
        (&[b'*'; 65_537], "too big mbulk count string"),
        (
            &{
                let mut bytes = [b'$'; 65_541];
                bytes[..4].copy_from_slice(b"*1\r\n");
                bytes
            },
            "too big bulk count string",
        ),
    ];
    for (input, text) in cases {
        let (requests, error) = parse_whole(input, &Limits::default());
        let shown = error.map(|error| error.to_string());
        assert_eq!(shown, Some(format!("Protocol error: {text}")), "{}", input.escape_ascii());
        assert!(requests.is_empty());
        let shorter = parse_whole(&input[..input.len() - 1], &Limits::default());
        assert_eq!(shorter, (vec![], None), "{} without its last byte", input.escape_ascii());
    }
    let (_, error) = parse_whole(b"*1\r\n\xff\r\n", &Limits::default());
    assert_eq!(
        error.map(|error| error.message()),
        Some(b"Protocol error: expected '$', got '\xff'".to_vec())
    );
}

#[test]
fn clients_that_have_not_authenticated_are_held_to_small_requests() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    let refused = |input: &[u8]| parse_whole(input, &limits).1;
    assert_eq!(refused(b"*11\r\n"), Some(ProtocolError::UnauthenticatedMultibulkLength));
    assert_eq!(refused(b"*10\r\n"), None);
    assert_eq!(refused(b"*1\r\n$16385\r\n"), Some(ProtocolError::UnauthenticatedBulkLength));
    assert_eq!(refused(b"*1\r\n$16384\r\n"), None);
}

#[test]
fn the_longest_argument_is_the_configured_one() {
    let limits = Limits { bulk_bytes_max: 20_000, ..Limits::default() };
    assert_eq!(parse_whole(b"*1\r\n$20001\r\n", &limits).1, Some(ProtocolError::InvalidBulkLength));
    assert_eq!(parse_whole(b"*1\r\n$20000\r\n", &limits).1, None);
}

/// Recorded from Redis 8.0.6.
#[test]
fn odd_requests_are_understood_as_the_stock_server_does() {
    type Case = (&'static [u8], &'static [&'static [&'static [u8]]]);
    let cases: [Case; 23] = [
        (b"*0\r\nPING\r\n", &[&[], &[b"PING"]]),
        (b"*-1\r\nPING\r\n", &[&[], &[b"PING"]]),
        (b"*-5\r\nPING\r\n", &[&[], &[b"PING"]]),
        (b"\r\nPING\r\n", &[&[], &[b"PING"]]),
        (b" \t\x0b\x0c\r\nPING\r\n", &[&[], &[b"PING"]]),
        (b"\nPING\n", &[&[], &[b"PING"]]),
        (b"PING\r\r\n", &[&[b"PING"]]),
        (b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", &[&[b"PING"], &[b"PING"]]),
        (b"*1\rx$4\rxPINGxx", &[&[b"PING"]]),
        (b"*1\r\n$0\r\n\r\n", &[&[b""]]),
        (b"*1\r\n\x00a\r\n", &[]),
        (b"ECHO a\x00b\r\n", &[]),
        (b"ECHO \"a\\x41\\n\\t\\r\\b\\a\\q\\xzz\\\"z\"\r\n", &[&[b"ECHO", b"aA\n\t\r\x08\x07qxzz\"z"]]),
        (b"ECHO 'a\\'b\\n'\r\n", &[&[b"ECHO", b"a'b\\n"]]),
        (b"ECHO a\"b\"\r\n", &[&[b"ECHO", b"ab"]]),
        (b"ECHO \"\" ''\r\n", &[&[b"ECHO", b"", b""]]),
        (b"ECHO a\tb\r\n", &[&[b"ECHO", b"a", b"b"]]),
        (b"ECHO a\rb\r\n", &[&[b"ECHO", b"a", b"b"]]),
        (b"ECHO\x0ba\r\n", &[&[b"ECHO\x0ba"]]),
        (b"\x0bECHO \"a\"\x0cb\r\n", &[&[b"ECHO", b"a", b"b"]]),
        (b"ECHO a\\x41\r\n", &[&[b"ECHO", b"a\\x41"]]),
        (b"ECHO \"\\x4\"\r\n", &[&[b"ECHO", b"x4"]]),
        (b"ECHO \"a\\x00b\"\r\n", &[&[b"ECHO", b"a\x00b"]]),
    ];
    for (input, expected) in cases {
        let expected: Vec<Vec<Vec<u8>>> = expected
            .iter()
            .map(|request| request.iter().map(|argument| argument.to_vec()).collect())
            .collect();
        assert_eq!(parse_whole(input, &Limits::default()), (expected, None), "{}", input.escape_ascii());
    }
}
