//! Replies in pieces mean the same as at once, whatever the bytes are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_protocol::Decoder;

fuzz_target!(|input: (&[u8], u8)| {
    let (input, piece) = input;
    assert_eq!(decode(input, input.len()), decode(input, usize::from(piece)));
});

/// What `input` says when it arrives in pieces of `piece` bytes, as text: not-a-number is not equal to itself.
fn decode(input: &[u8], piece: usize) -> String {
    let mut decoder = Decoder::new();
    let mut buffer = Vec::new();
    let mut values = Vec::new();
    for piece in input.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&buffer) {
                Ok((consumed, value)) => {
                    buffer.drain(..consumed);
                    match value {
                        Some(value) => values.push(value),
                        None => break,
                    }
                }
                Err(error) => return format!("{values:?} {error}"),
            }
        }
    }
    format!("{values:?}")
}
