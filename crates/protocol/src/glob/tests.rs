use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Recorded from Redis 8.0.6.
#[test]
fn patterns_match_what_the_stock_server_matches() {
    let cases: [(&[u8], &[u8], bool); 46] = [
        (b"", b"", true),
        (b"", b"a", false),
        (b"*", b"", false),
        (b"*", b"anything", true),
        (b"**", b"a", true),
        (b"?", b"a", true),
        (b"?", b"", false),
        (b"?", b"\xff", true),
        (b"a*c", b"abc", true),
        (b"a*c", b"ac", true),
        (b"a*c", b"acb", false),
        (b"*a*b*", b"xaxbx", true),
        (b"*a*b*", b"xbxax", false),
        (b"*aab", b"aaaab", true),
        (b"a?c", b"ac", false),
        (b"h[ae]llo", b"hello", true),
        (b"h[ae]llo", b"hillo", false),
        (b"h[^e]llo", b"hallo", true),
        (b"h[^e]llo", b"hello", false),
        (b"h[a-b]llo", b"hbllo", true),
        (b"h[b-a]llo", b"hallo", true),
        (b"h[a-b]llo", b"hcllo", false),
        (b"[a-]", b"-", false),
        (b"[a-]", b"a", true),
        (b"[-a]", b"-", true),
        (b"[]", b"]", false),
        (b"[]a]", b"a]", false),
        (b"[^]", b"a", true),
        (b"[^]a", b"ba", true),
        (b"[a^]", b"^", true),
        (b"[\\]]", b"]", true),
        (b"[\\a-c]", b"b", false),
        (b"[\\a-c]", b"-", true),
        (b"[abc", b"b", true),
        (b"[abc", b"d", false),
        (b"[a-", b"-", true),
        (b"[", b"[", false),
        (b"[^", b"a", true),
        (b"\\*", b"*", true),
        (b"\\*", b"a", false),
        (b"\\a", b"a", true),
        (b"\\", b"\\", true),
        (b"a\\", b"a\\", true),
        (b"[\\", b"\\", true),
        (b"A", b"a", false),
        (b"[A-Z]", b"a", false),
    ];
    for (pattern, text, expected) in cases {
        let shown = (pattern.escape_ascii().to_string(), text.escape_ascii().to_string());
        assert_eq!(matches(pattern, text), expected, "{shown:?}");
    }
}

/// Recorded from Redis 8.0.6.
#[test]
fn case_can_be_ignored() {
    let cases: [(&[u8], &[u8], bool); 7] = [
        (b"MAXMEM*", b"maxmemory", true),
        (b"maxmem*", b"MAXMEMORY", true),
        (b"[M]*", b"maxmemory", true),
        (b"[L-N]axmemory", b"maxmemory", true),
        (b"[^m]*", b"MAXMEMORY", false),
        (b"[M-a]*", b"maxmemory", false),
        (b"\\M*", b"maxmemory", true),
    ];
    for (pattern, text, expected) in cases {
        let shown = (pattern.escape_ascii().to_string(), text.escape_ascii().to_string());
        assert_eq!(matches_ignoring_case(pattern, text), expected, "{shown:?}");
    }
}

/// A matcher that tries every `*` with every length takes 2^30 steps and more here.
#[test]
fn hostile_patterns_do_not_take_exponential_time() {
    let started = Instant::now();
    assert!(!matches(&[b"a*".repeat(30), b"b".to_vec()].concat(), &[b'a'; 100_000]));
    assert!(!matches(&[b"*a".repeat(50_000), b"b".to_vec()].concat(), &[b'a'; 50_000]));
    assert!(!matches(&[b"*".repeat(100_000), b"b".to_vec()].concat(), &[b'a'; 100_000]));
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// The definition, without regard to time.
fn matches_by_definition(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|taken| matches_by_definition(rest, &text[taken..])),
        (_, []) => false,
        ([b'?', rest @ ..], [_, text @ ..]) => matches_by_definition(rest, text),
        ([literal, rest @ ..], [byte, text @ ..]) => literal == byte && matches_by_definition(rest, text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn stars_match_as_defined(pattern in "[ab?*]{0,8}", text in "[ab]{0,10}") {
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        let expected = matches_by_definition(pattern, text) && (pattern.is_empty() || !text.is_empty());
        prop_assert_eq!(matches(pattern, text), expected);
    }

    #[test]
    fn no_pattern_panics(pattern in "[\\[\\]^\\\\*?a-]{0,12}", text in "[\\[\\]^\\\\a-]{0,8}") {
        matches(pattern.as_bytes(), text.as_bytes());
        matches_ignoring_case(pattern.as_bytes(), text.as_bytes());
    }
}
