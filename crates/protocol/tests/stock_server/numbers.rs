//! ZADD and ZSCORE show how floating-point numbers are read and shown, INCRBYFLOAT how long ones are.

use crate::{command, run, samples};
use nuthatch_protocol::{
    LongDouble, Value,
    number::{format_f64, parse_f64, parse_i64},
};
use proptest::{prelude::*, strategy::Union};

/// Numbers of every magnitude, as people, programs and attackers write them.
fn number_text() -> impl Strategy<Value = String> {
    Union::new_weighted(vec![
        (4, any::<u64>().prop_map(|bits| format!("{:e}", f64::from_bits(bits))).boxed()),
        (4, (-1e9..1e9, 0..12usize).prop_map(|(number, digits)| format!("{number:.digits$}")).boxed()),
        (4, "[+-]?[0-9]{1,25}(\\.[0-9]{0,25})?".boxed()),
        (2, "[+-]?[0-9]{0,5}\\.?[0-9]{0,5}[eE][+-]?[0-9]{1,5}".boxed()),
        (1, "[+-]?0[xX][0-9a-fA-F]{0,20}\\.?[0-9a-f]{0,5}([pP][+-]?[0-9]{1,5})?".boxed()),
        (1, "[+-]?(inf|Infinity|nan|INF|infinit)?".boxed()),
        (1, "[-+.0-9eExXpPa ]{0,8}".boxed()),
        (1, any::<i64>().prop_map(|number| number.to_string()).boxed()),
        (1, "0{0,2000}\\.?[0-9]{1,3000}".boxed()),
    ])
}

fn bulk(value: &Value) -> Option<String> {
    match value {
        Value::Bulk(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

#[test]
#[ignore = "needs a stock server"]
fn floating_point_numbers_are_read_and_shown_alike() {
    let texts = samples(number_text(), 100_000);
    for texts in texts.chunks(1000) {
        let commands = texts.iter().flat_map(|text| {
            let add = command(&[b"ZADD", b"scores", text.as_bytes(), b"member"]);
            [command(&[b"DEL", b"scores"]), add, command(&[b"ZSCORE", b"scores", b"member"])]
        });
        let replies = run(&commands.collect::<Vec<_>>());
        for (text, replies) in texts.iter().zip(replies.chunks(3)) {
            let ours = parse_f64(text.as_bytes()).map(|number| {
                let mut shown = Vec::new();
                // The score of a small sorted set has no minus zero.
                format_f64(number + 0.0, &mut shown);
                String::from_utf8(shown).expect("numbers are ASCII")
            });
            assert_eq!(ours, bulk(&replies[2]), "the number {text:?}");
        }
    }
}

#[test]
#[ignore = "needs a stock server"]
fn long_floating_point_numbers_are_read_added_and_shown_alike() {
    let sums = samples((number_text(), number_text()), 50_000);
    for sums in sums.chunks(500) {
        let commands = sums.iter().flat_map(|(number, increment)| {
            let set = command(&[b"SET", b"number", number.as_bytes()]);
            [set, command(&[b"INCRBYFLOAT", b"number", increment.as_bytes()])]
        });
        let replies = run(&commands.collect::<Vec<_>>());
        for ((number, increment), replies) in sums.iter().zip(replies.chunks(2)) {
            let ours = || {
                let number = LongDouble::parse(number.as_bytes())?;
                let sum = number.checked_add(LongDouble::parse(increment.as_bytes())?)?;
                let mut shown = Vec::new();
                sum.format(&mut shown);
                String::from_utf8(shown).ok()
            };
            assert_eq!(ours(), bulk(&replies[1]), "the sum of {number:?} and {increment:?}");
        }
    }
}

#[test]
#[ignore = "needs a stock server"]
fn integers_are_read_alike() {
    let near_the_limits = "-?(922337203685477580[0-9]|1844674407370955161[0-9]|[0-9]{17,21})";
    let text = prop_oneof![
        "[-+ ]?[0-9]{0,3}[ a]?",
        near_the_limits,
        any::<i64>().prop_map(|number| number.to_string())
    ];
    let texts = samples(text, 100_000);
    for texts in texts.chunks(1000) {
        let commands = texts.iter().flat_map(|text| {
            let increment = command(&[b"INCRBY", b"integer", text.as_bytes()]);
            [command(&[b"SET", b"integer", b"0"]), increment]
        });
        let replies = run(&commands.collect::<Vec<_>>());
        for (text, replies) in texts.iter().zip(replies.chunks(2)) {
            let theirs = match replies[1] {
                Value::Integer(number) => Some(number),
                _ => None,
            };
            assert_eq!(parse_i64(text.as_bytes()), theirs, "the integer {text:?}");
        }
    }
}
