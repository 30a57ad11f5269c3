//! Glob patterns, as KEYS, SCAN, PSUBSCRIBE and CONFIG GET take them.
//!
//! `*` stands for any bytes, `?` for one byte, `[abc]` and `[a-z]` for one of a set, `[^abc]` for one outside
//! it, and a backslash takes the next byte literally, inside a set too. Patterns and texts are bytes, not
//! characters. A set that is not closed ends with the pattern. An empty text matches the empty pattern only, not
//! even `*`: as in stock servers, whose commands make exceptions for `*`.
//!
//! Only the last `*` is ever tried again: whatever an earlier one could have taken besides, the last one can
//! take as well. So a match costs at most the product of the two lengths, and no stack.

/// Whether `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_folded(pattern, text, |byte| byte)
}

/// Whether `text` matches `pattern` when the case of ASCII letters is ignored.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_folded(pattern, text, |byte| byte.to_ascii_lowercase())
}

#[inline]
fn matches_folded(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8 + Copy) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut pattern, mut text) = (pattern, text);
    // The pattern after the last `*`, and the text that this `*` has not taken yet.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            if rest.is_empty() {
                return true;
            }
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        let Some((&byte, text_rest)) = text.split_first() else { return pattern.is_empty() };
        if let Some(pattern_rest) = match_one(pattern, byte, fold) {
            (pattern, text) = (pattern_rest, text_rest);
            continue;
        }
        let Some((after_star, [_, untaken @ ..])) = retry else { return false };
        retry = Some((after_star, untaken));
        (pattern, text) = (after_star, untaken);
    }
}

/// What remains of `pattern` if its first element, which is not `*`, matches `byte`.
#[inline]
fn match_one(pattern: &[u8], byte: u8, fold: impl Fn(u8) -> u8 + Copy) -> Option<&[u8]> {
    let (literal, rest) = match pattern {
        [] => return None,
        [b'?', rest @ ..] => return Some(rest),
        [b'[', b'^', set @ ..] => {
            return match_set(set, byte, fold).and_then(|(found, rest)| (!found).then_some(rest));
        }
        [b'[', set @ ..] => {
            return match_set(set, byte, fold).and_then(|(found, rest)| found.then_some(rest));
        }
        [b'\\', literal, rest @ ..] => (*literal, rest),
        [literal, rest @ ..] => (*literal, rest),
    };
    (fold(literal) == fold(byte)).then_some(rest)
}

/// Whether `byte` is in the set that `set` begins with, and the pattern after the set.
fn match_set(set: &[u8], byte: u8, fold: impl Fn(u8) -> u8) -> Option<(bool, &[u8])> {
    let byte = fold(byte);
    let mut set = set;
    let mut found = false;
    loop {
        set = match set {
            [] => return Some((found, set)),
            [b']', rest @ ..] => return Some((found, rest)),
            [b'\\', literal, rest @ ..] => {
                found |= fold(*literal) == byte;
                rest
            }
            [first, b'-', last, rest @ ..] => {
                // Ordered before their case is folded: `[M-a]`, in order as it is, folds to an empty range.
                let (lowest, highest) = (first.min(last), first.max(last));
                found |= (fold(*lowest)..=fold(*highest)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= fold(*literal) == byte;
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests;
