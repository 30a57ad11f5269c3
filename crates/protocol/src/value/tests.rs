use super::*;
use crate::Reply;
use proptest::{collection::vec, prelude::*};

fn value() -> impl Strategy<Value = Value> {
    let text = || vec(any::<u8>(), 0..20);
    let line = || "[ -~]{0,20}".prop_map(String::into_bytes);
    let leaf = prop_oneof![
        line().prop_map(Value::Simple),
        line().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        text().prop_map(Value::Bulk),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        prop::num::f64::NORMAL.prop_map(Value::Double),
        "-?[0-9]{1,30}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
        text().prop_map(|text| Value::Verbatim(*b"txt", text)),
    ];
    leaf.prop_recursive(4, 40, 6, |value| {
        let pairs = vec((value.clone(), value.clone()), 0..4);
        prop_oneof![
            vec(value.clone(), 0..6).prop_map(Value::Array),
            vec(value.clone(), 0..6).prop_map(Value::Set),
            vec(value, 0..6).prop_map(Value::Push),
            pairs.prop_map(Value::Map),
        ]
    })
}

fn encode(value: &Value, reply: &mut Reply) {
    match value {
        Value::Simple(text) => reply.simple(text),
        Value::Error(text) => reply.error(text),
        Value::Integer(number) => reply.integer(*number),
        Value::Bulk(text) => reply.bulk(text),
        Value::Null => reply.null(),
        Value::Boolean(value) => reply.boolean(*value),
        Value::Double(number) => reply.double(*number),
        Value::BigNumber(digits) => reply.big_number(digits),
        Value::Verbatim(_, text) => reply.verbatim("txt", text),
        Value::Array(elements) => {
            reply.array(elements.len());
            elements.iter().for_each(|element| encode(element, reply));
        }
        Value::Set(elements) => {
            reply.set(elements.len());
            elements.iter().for_each(|element| encode(element, reply));
        }
        Value::Push(elements) => {
            reply.push(elements.len());
            elements.iter().for_each(|element| encode(element, reply));
        }
        Value::Map(pairs) | Value::Attribute(pairs) => {
            reply.map(pairs.len());
            pairs.iter().flat_map(|(key, value)| [key, value]).for_each(|value| encode(value, reply));
        }
    }
}

fn bytes(values: &[Value]) -> Vec<u8> {
    let mut reply = Reply::new();
    reply.set_resp3(true);
    values.iter().for_each(|value| encode(value, &mut reply));
    reply.slices().iter().flat_map(|slice| slice.to_vec()).collect()
}

/// Decodes input that arrives in pieces of `piece` bytes.
fn decode(input: &[u8], piece: usize) -> Result<Vec<Value>, DecodeError> {
    let mut decoder = Decoder::new();
    let mut waiting = Vec::new();
    let mut values = Vec::new();
    for bytes in input.chunks(piece) {
        waiting.extend_from_slice(bytes);
        loop {
            let (consumed, value) = decoder.decode(&waiting)?;
            waiting.drain(..consumed);
            match value {
                Some(value) => values.push(value),
                None => break,
            }
        }
    }
    Ok(values)
}

proptest! {
    #[test]
    fn replies_come_back_as_they_were_written(values in vec(value(), 0..5), piece in 1..40usize) {
        let input = bytes(&values);
        prop_assert_eq!(decode(&input, piece), Ok(values.clone()));
        prop_assert_eq!(decode(&input, input.len().max(1)), Ok(values));
    }

    #[test]
    fn broken_replies_are_errors(input in "([*$:+_#,(=!%~>|-][-0-9tf]{0,3}\r?\n|[a-z]{0,4}(\r\n)?){0,9}", piece in 1..9usize) {
        let _ = decode(input.as_bytes(), piece);
    }
}

#[test]
fn every_kind_of_reply_is_known() {
    let attribute = Value::Attribute(vec![(Value::Simple(b"ttl".to_vec()), Value::Integer(3))]);
    let cases: [(&[u8], Value); 8] = [
        (b"$-1\r\n", Value::Null),
        (b"*-1\r\n", Value::Null),
        (b"!5\r\nERR a\r\n", Value::Error(b"ERR a".to_vec())),
        (b",inf\r\n", Value::Double(f64::INFINITY)),
        (b",-1.5e3\r\n", Value::Double(-1500.0)),
        (b"=5\r\nmkd:x\r\n", Value::Verbatim(*b"mkd", b"x".to_vec())),
        (b"|1\r\n+ttl\r\n:3\r\n", attribute),
        (b"*2\r\n*0\r\n$0\r\n\r\n", Value::Array(vec![Value::Array(vec![]), Value::Bulk(vec![])])),
    ];
    for (input, value) in cases {
        assert_eq!(decode(input, input.len()), Ok(vec![value]));
    }
}

#[test]
fn depth_and_length_are_bounded() {
    assert_eq!(decode(&b"*1\r\n".repeat(129), 64), Err(DecodeError::TooBig));
    assert_eq!(decode(&b"*1\r\n".repeat(128), 64), Ok(vec![]));
    assert_eq!(decode(b"$1073741825\r\n", 64), Err(DecodeError::TooBig));
    assert_eq!(decode(b"%18446744073709551615\r\n", 64), Err(DecodeError::TooBig));
    assert_eq!(decode(b"*18446744073709551615\r\n", 64), Ok(vec![]));
    assert_eq!(decode(&[b'+'; 70_000], 70_000), Err(DecodeError::TooBig));
}

#[test]
fn what_is_no_reply_is_refused() {
    let cases: [(&[u8], DecodeError); 8] = [
        (b"PONG\r\n", DecodeError::UnknownKind(b'P')),
        (b":\r\n", DecodeError::InvalidLine),
        (b":1\n", DecodeError::InvalidLine),
        (b"$-2\r\n", DecodeError::InvalidLine),
        (b"#x\r\n", DecodeError::InvalidLine),
        (b"_x\r\n", DecodeError::InvalidLine),
        (b"=2\r\nab\r\n", DecodeError::InvalidLine),
        (b"$1\r\nabc", DecodeError::MissingLineEnd),
    ];
    for (input, error) in cases {
        assert_eq!(decode(input, input.len()), Err(error), "{}", input.escape_ascii());
    }
}
