//! KEYS shows which keys match a pattern.

use crate::{command, run, samples};
use nuthatch_protocol::{
    Value,
    glob::{matches, matches_ignoring_case},
};
use std::collections::BTreeSet;

const PATTERN: &str = "(\\*|\\?|a|b|c|A|B|-|\\[|\\]|\\^|\\\\|\\[[abc^-]{0,4}\\]|\\[a-c\\]|\\[c-a\\]){0,7}";
const TEXT: &str = "[abcAB^\\[\\]\\\\*?-]{1,6}";

#[test]
#[ignore = "needs a stock server"]
fn patterns_match_the_same_keys() {
    let keys: BTreeSet<Vec<u8>> = samples(TEXT, 400).into_iter().map(String::into_bytes).collect();
    let mut commands = vec![command(&[b"FLUSHALL"])];
    commands.extend(keys.iter().map(|key| command(&[b"SET", key, b""])));
    run(&commands);

    for patterns in samples(PATTERN, 20_000).chunks(200) {
        let commands: Vec<_> =
            patterns.iter().map(|pattern| command(&[b"KEYS", pattern.as_bytes()])).collect();
        for (pattern, reply) in patterns.iter().zip(run(&commands)) {
            let Value::Array(found) = reply else { panic!("KEYS {pattern} replied {reply:?}") };
            let theirs: BTreeSet<Vec<u8>> = found.into_iter().filter_map(bulk).collect();
            let ours = keys.iter().filter(|key| matches(pattern.as_bytes(), key)).cloned().collect();
            assert_eq!(theirs, ours, "the keys that match {pattern:?}");
        }
    }
}

/// CONFIG GET ignores the case of its pattern.
#[test]
#[ignore = "needs a stock server"]
fn patterns_match_the_same_options() {
    let all = options(&run(&[command(&[b"CONFIG", b"GET", b"*"])])[0]);
    let pattern = "(\\*|\\?|m|M|a|A|x|-|\\[a-M\\]|\\[M-a\\]|\\[\\^a-m\\]|\\[N-z\\]){1,5}\\*?";
    for patterns in samples(pattern, 5_000).chunks(200) {
        let commands = patterns.iter().map(|pattern| command(&[b"CONFIG", b"GET", pattern.as_bytes()]));
        for (pattern, reply) in patterns.iter().zip(run(&commands.collect::<Vec<_>>())) {
            // Without a wildcard the server looks the option up instead of matching.
            if pattern.contains(['*', '?', '[']) {
                let matching = |option: &&Vec<u8>| matches_ignoring_case(pattern.as_bytes(), option);
                let ours: BTreeSet<Vec<u8>> = all.iter().filter(matching).cloned().collect();
                assert_eq!(options(&reply), ours, "the options that match {pattern:?}");
            }
        }
    }
}

fn options(reply: &Value) -> BTreeSet<Vec<u8>> {
    let Value::Array(pairs) = reply else { panic!("CONFIG GET replied {reply:?}") };
    pairs.iter().step_by(2).cloned().filter_map(bulk).collect()
}

fn bulk(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Bulk(text) => Some(text),
        _ => None,
    }
}
