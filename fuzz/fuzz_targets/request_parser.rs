//! Requests in pieces mean the same as at once, whatever the bytes are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_protocol::{Limits, ProtocolError, RequestParser};

fuzz_target!(|input: (&[u8], u8, bool)| {
    let (input, piece, authenticated) = input;
    let limits = Limits { authenticated, ..Limits::default() };
    let whole = parse(input, input.len(), &limits);
    let pieces = parse(input, usize::from(piece), &limits);
    assert_eq!(whole, pieces);
});

/// The requests and the error in `input` when it arrives in pieces of `piece` bytes.
fn parse(input: &[u8], piece: usize, limits: &Limits) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let mut parser = RequestParser::new();
    let mut requests = Vec::new();
    let mut buffer = Vec::new();
    for piece in input.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            let mut spans = Vec::new();
            match parser.parse(&mut buffer, &mut spans, limits) {
                Ok(None) => break,
                Ok(Some(consumed)) => {
                    requests.push(spans.iter().map(|span| span.of(&buffer).to_vec()).collect());
                    buffer.drain(..consumed);
                }
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}
