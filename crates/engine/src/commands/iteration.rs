//! Finding keys: by a pattern, step by step, and by chance.

use nuthatch_protocol::glob;
use nuthatch_protocol::number::parse_i64;

use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Group};
use crate::error::{CommandError, Outcome};
use crate::value::Kind;

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("KEYS", 2, &[], keys)
        .also_in(Categories::DANGEROUS)
        .docs(
            Group::Generic,
            "1.0.0",
            "O(N) with N being the number of keys in the database, under the assumption that the key \
             names in the database and the given pattern have limited length.",
            "pattern",
            "Lists the keys that match a pattern.",
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    Command::read("RANDOMKEY", 1, &[], random_key)
        .docs(Group::Generic, "1.0.0", "O(1)", "", "Returns a random key of the database.")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    Command::read("SCAN", -2, &[], scan)
        .docs(
            Group::Generic,
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
             cursor to return back to 0. N is the number of elements inside the collection.",
            "cursor [MATCH pattern] [COUNT count] [TYPE type]",
            "Iterates over the keys of the database.",
        )
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"]),
];

fn keys(call: &mut Call<'_>) -> Outcome {
    let pattern = call.arguments.at(1);
    let everything = pattern == b"*";
    let header = call.reply.array_later();
    let mut found = 0;
    call.engine.keyspace.for_each(call.session.database, call.keys.now_ms, &mut |record| {
        if everything || glob::matches(pattern, record.key()) {
            call.reply.bulk(record.key());
            found += 1;
        }
    });
    call.reply.set_array_len(header, found);
    Ok(())
}

fn random_key(call: &mut Call<'_>) -> Outcome {
    match call.engine.keyspace.random_key(call.session.database, call.keys.now_ms) {
        Some(key) => call.reply.bulk(&key),
        None => call.reply.null(),
    }
    Ok(())
}

fn scan(call: &mut Call<'_>) -> Outcome {
    const INVALID_CURSOR: CommandError = CommandError::fixed("ERR invalid cursor");
    let cursor = parse_cursor(call.arguments.at(1)).ok_or(INVALID_CURSOR)?;
    let options = ScanOptions::parse(&call.arguments)?;
    let mut found: Vec<Box<[u8]>> = Vec::new();
    let next = call.engine.keyspace.scan(
        call.session.database,
        cursor,
        options.count,
        call.keys.now_ms,
        &mut |record| {
            if options.accepts(record.key(), Kind::of(record.kind())) {
                found.push(record.key().into());
            }
        },
    );
    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    call.reply.array(found.len());
    for key in &found {
        call.reply.bulk(key);
    }
    Ok(())
}

/// Which of the visited keys SCAN returns, and how many it visits.
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
    count: usize,
}

impl<'a> ScanOptions<'a> {
    fn parse(arguments: &Arguments<'a>) -> Result<Self, CommandError> {
        const COUNT_DEFAULT: usize = 10;
        const NO_VALUES: CommandError = CommandError::fixed("ERR NOVALUES option can only be used in HSCAN");
        let mut parsed = Self { pattern: None, type_name: None, count: COUNT_DEFAULT };
        let mut options = arguments.from(2);
        while let Some(option) = options.next() {
            if is_word(option, "NOVALUES") {
                return Err(NO_VALUES);
            }
            let value = options.next().ok_or(CommandError::SYNTAX)?;
            if is_word(option, "COUNT") {
                let count = parse_i64(value).ok_or(CommandError::NOT_AN_INTEGER)?;
                parsed.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CommandError::SYNTAX)?;
            } else if is_word(option, "MATCH") {
                parsed.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if is_word(option, "TYPE") {
                parsed.type_name = Some(value);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(parsed)
    }

    fn accepts(&self, key: &[u8], kind: Kind) -> bool {
        self.type_name.is_none_or(|name| name.eq_ignore_ascii_case(kind.value_type().name().as_bytes()))
            && self.pattern.is_none_or(|pattern| glob::matches(pattern, key))
    }
}

/// Reads a cursor as stock servers do: with `strtoull`, so white space and a sign may come first, a minus
/// sign wraps around (but makes a 64-bit signed integer invalid), and a NUL ends the number.
fn parse_cursor(text: &[u8]) -> Option<u64> {
    if parse_i64(text).is_some_and(|number| number < 0) {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next()?;
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let start = text.iter().position(|byte| !is_space(byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_by_strtoull() {
        let accepted: &[(&[u8], u64)] = &[
            (b"0", 0),
            (b" \t\n\x0b\x0c\r0", 0),
            (b"+7", 7),
            (b"-0", 0),
            (b" -1", u64::MAX),
            (b"-18446744073709551615", 1),
            (b"-9223372036854775809", u64::MAX / 2),
            (b"007\x00x", 7),
            (b"0000000000000000000000018446744073709551615", u64::MAX),
        ];
        for (text, cursor) in accepted {
            assert_eq!(parse_cursor(text), Some(*cursor), "{}", text.escape_ascii());
        }
        let refused: &[&[u8]] = &[
            b"",
            b" ",
            b"+",
            b"-",
            b"--0",
            b"+-0",
            b"-1",
            b"-9223372036854775808",
            b"0 ",
            b"0x0",
            b"\x000",
            b"18446744073709551616",
            b"-18446744073709551616",
        ];
        for text in refused {
            assert_eq!(parse_cursor(text), None, "{}", text.escape_ascii());
        }
    }
}
