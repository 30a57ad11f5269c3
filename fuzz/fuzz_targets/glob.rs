//! Patterns match what their definition, tried without regard to time, matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_protocol::glob::{matches, matches_ignoring_case};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (pattern, text) = input;
    let matched = matches(pattern, text);
    let ignoring_case = matches_ignoring_case(pattern, text);
    if !pattern.iter().any(|byte| b"[\\".contains(byte)) {
        assert_eq!(matched, matches_by_table(pattern, text));
        let folded = matches_by_table(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase());
        assert_eq!(ignoring_case, folded);
    }
});

/// Which prefixes of `text` match the pattern so far, one element of the pattern after the other.
fn matches_by_table(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        // As in stock servers: not even `*` matches it.
        return pattern.is_empty();
    }
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    for element in pattern {
        if *element == b'*' {
            let first = matched.iter().position(|matched| *matched).unwrap_or(matched.len());
            matched[first..].fill(true);
        } else {
            for end in (1..=text.len()).rev() {
                matched[end] = matched[end - 1] && (*element == b'?' || *element == text[end - 1]);
            }
            matched[0] = false;
        }
    }
    matched[text.len()]
}
