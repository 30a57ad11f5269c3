//! DEBUG PROTOCOL: a reply of each type, to test clients.

use nuthatch_protocol::Reply;

use crate::arguments::is_word;
use crate::call::Call;
use crate::error::{CommandError, Outcome};

/// A type by name, and what writes a reply of it.
type Sample = (&'static str, fn(&mut Reply));

/// What stock servers answer; not meant to be π.
#[expect(clippy::approx_constant, reason = "the number is given")]
const DOUBLE: f64 = 3.141;

const SAMPLES: &[Sample] = &[
    ("STRING", |reply| reply.bulk(b"Hello World")),
    ("INTEGER", |reply| reply.integer(12345)),
    ("DOUBLE", |reply| reply.double(DOUBLE)),
    ("NULL", |reply| reply.null()),
    ("ARRAY", |reply| {
        reply.array(3);
        (0..3).for_each(|number| reply.integer(number));
    }),
    ("SET", |reply| {
        reply.set(3);
        (0..3).for_each(|number| reply.integer(number));
    }),
    ("MAP", |reply| {
        reply.map(3);
        for number in 0..3 {
            reply.integer(number);
            reply.boolean(number == 1);
        }
    }),
    ("ATTRIB", |reply| {
        if reply.resp3() {
            reply.raw(b"|1\r\n");
            reply.bulk(b"key-popularity");
            reply.array(2);
            reply.bulk(b"key:123");
            reply.integer(90);
        }
        reply.bulk(b"Some real reply following the attribute");
    }),
    ("PUSH", |reply| {
        reply.bulk(b"Some real reply following the push reply");
        reply.push(2);
        reply.bulk(b"server-cpu-usage");
        reply.integer(42);
    }),
    ("VERBATIM", |reply| reply.verbatim("txt", b"This is a verbatim\nstring")),
    ("TRUE", |reply| reply.boolean(true)),
    ("FALSE", |reply| reply.boolean(false)),
    ("BIGNUM", |reply| reply.big_number("1234567999999999999999999999999999999")),
];

pub(super) fn protocol(call: &mut Call<'_, '_>) -> Outcome {
    const UNKNOWN: CommandError = CommandError::fixed(
        "ERR Wrong protocol type name. Please use one of the following: \
         string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
    );
    const RESP2: CommandError = CommandError::fixed("ERR RESP2 is not supported by this command");
    let name = call.arguments.at(2);
    let (known, write) = SAMPLES.iter().find(|(known, _)| is_word(name, known)).ok_or(UNKNOWN)?;
    if *known == "PUSH" && !call.reply.resp3() {
        return Err(RESP2);
    }
    write(call.reply);
    Ok(())
}
