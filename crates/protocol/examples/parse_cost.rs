//! What parsing requests and writing replies costs, in nanoseconds of one processor.
//!
//! `cargo run --release -p nuthatch-protocol --example parse_cost`

use nuthatch_protocol::{Limits, Reply, RequestParser, Span};
use std::{hint::black_box, time::Instant};

const ROUNDS: usize = 25;
const REQUESTS: usize = 100;
const REPETITIONS: usize = 400;

fn main() {
    let key = b"key:000000000042".as_slice();
    let value = vec![b'x'; 64];
    let long_value = vec![b'x'; 2000];
    println!("parse");
    parse("PING", &[b"PING"]);
    parse("GET", &[b"GET", key]);
    parse("SET, 64 bytes", &[b"SET", key, &value]);
    parse("SET, 2,000 bytes", &[b"SET", key, &long_value]);
    parse("SET … EX", &[b"SET", key, &value, b"EX", b"3600"]);
    parse("MGET of 8", &[b"MGET", key, key, key, key, key, key, key, key]);
    parse("MSET of 16", &{
        let mut arguments = vec![b"MSET".as_slice()];
        (0..16).for_each(|_| arguments.extend([key, &value]));
        arguments
    });
    println!("reply");
    reply("ok", Reply::ok);
    reply("null", Reply::null);
    reply("integer 7", |reply| reply.integer(black_box(7)));
    reply("integer 1,234,567", |reply| reply.integer(black_box(1_234_567)));
    reply("bulk, 3 bytes", |reply| reply.bulk(black_box(b"abc")));
    reply("bulk, 64 bytes", |reply| reply.bulk(black_box(&value)));
    reply("bulk, 2,000 bytes", |reply| reply.bulk(black_box(&long_value)));
    reply("array", |reply| reply.array(black_box(10)));
    reply("double", |reply| reply.double(black_box(3.25)));
}

fn parse(name: &str, arguments: &[&[u8]]) {
    let mut request = Reply::new();
    request.array(arguments.len());
    arguments.iter().for_each(|argument| request.bulk(argument));
    let request: Vec<u8> = request.slices().iter().flat_map(|slice| slice.to_vec()).collect();
    let mut input = request.repeat(REQUESTS);
    let mut spans: Vec<Span> = Vec::with_capacity(REQUESTS * arguments.len());
    let mut parser = RequestParser::new();
    let limits = Limits::default();
    measure(name, || {
        spans.clear();
        let mut position = 0;
        while let Ok(Some(consumed)) = parser.parse(&mut input[position..], &mut spans, &limits) {
            position += consumed;
        }
        assert_eq!(spans.len(), REQUESTS * arguments.len());
        black_box(&spans);
    });
}

fn reply(name: &str, write: impl Fn(&mut Reply)) {
    let mut reply = Reply::new();
    measure(name, || {
        (0..REQUESTS).for_each(|_| write(&mut reply));
        let bytes = black_box(reply.slices()).iter().map(|slice| slice.len()).sum();
        reply.advance(bytes);
    });
}

/// Prints what one of the `REQUESTS` requests of a `batch` costs in the fastest round.
fn measure(name: &str, mut batch: impl FnMut()) {
    let fastest = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        (0..REPETITIONS).for_each(|_| batch());
        start.elapsed().as_secs_f64()
    });
    let fastest = fastest.fold(f64::INFINITY, f64::min);
    println!("  {name:20} {:7.2} ns", fastest * 1e9 / (REPETITIONS * REQUESTS) as f64);
}
