//! Conditions on a key's present value, for SET, MSETEX and the deletions DELEX and DELIFEQ; and DIGEST, by
//! which a client names a value without sending it.

use xxhash_rust::xxh3::xxh3_64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::string::StringRef;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const REMOVE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RM.union(KeyFlags::DELETE))];
const REMOVE_OR_COMPARE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("DELEX", -2, REMOVE_OR_COMPARE, delex).fast().docs(
        Group::String,
        "8.4.0",
        "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
        "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]",
        "Removes a key if its value, or the digest of its value, compares as asked.",
    ),
    Command::write("DELIFEQ", 3, REMOVE, delifeq).fast().docs(
        Group::String,
        "9.0.0",
        "O(1)",
        "key value",
        "Removes a key if it holds this string.",
    ),
    Command::read("DIGEST", 2, READ, digest).fast().docs(
        Group::String,
        "8.4.0",
        "O(N) where N is the length of the string value.",
        "key",
        "Returns the digest of a string value as 16 hexadecimal digits.",
    ),
];

/// What a key's present value must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    /// Like anything.
    Always,
    /// NX: there is none.
    Missing,
    /// XX: there is one.
    Exists,
    /// IFEQ: it is this text.
    Equal(&'a [u8]),
    /// IFNE: it is another text, or there is none.
    NotEqual(&'a [u8]),
    /// IFDEQ: it has this digest.
    DigestEqual(u64),
    /// IFDNE: it has another digest, or there is none.
    DigestNotEqual(u64),
}

impl<'a> Condition<'a> {
    /// Takes `word` if it is NX or XX. Says whether it is.
    ///
    /// # Errors
    /// There is another condition already.
    pub(super) fn accept_existence(&mut self, word: &[u8]) -> Result<bool, CommandError> {
        let condition = if is_word(word, "NX") {
            Self::Missing
        } else if is_word(word, "XX") {
            Self::Exists
        } else {
            return Ok(false);
        };
        if *self != Self::Always && *self != condition {
            return Err(CommandError::SYNTAX);
        }
        *self = condition;
        Ok(true)
    }

    /// Takes `word` and the value behind it if `word` is IFEQ, IFNE, IFDEQ or IFDNE. Says whether it is.
    ///
    /// # Errors
    /// There is another condition already, or the value is missing or no digest.
    pub(super) fn accept_comparison(
        &mut self,
        word: &[u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<bool, CommandError> {
        let compare: fn(&'a [u8]) -> Result<Self, CommandError> = if is_word(word, "IFEQ") {
            |value| Ok(Self::Equal(value))
        } else if is_word(word, "IFNE") {
            |value| Ok(Self::NotEqual(value))
        } else if is_word(word, "IFDEQ") {
            |digest| Ok(Self::DigestEqual(parse_digest(digest)?))
        } else if is_word(word, "IFDNE") {
            |digest| Ok(Self::DigestNotEqual(parse_digest(digest)?))
        } else {
            return Ok(false);
        };
        if *self != Self::Always {
            return Err(CommandError::SYNTAX);
        }
        *self = compare(rest.next().ok_or(CommandError::SYNTAX)?)?;
        Ok(true)
    }

    /// Whether the condition looks at the value rather than at most at its existence.
    pub(super) fn compares(self) -> bool {
        !matches!(self, Self::Always | Self::Missing | Self::Exists)
    }

    /// Whether the condition holds for a key that does or does not exist; comparisons hold for neither.
    pub(super) fn holds_by_existence(self, exists: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Missing => !exists,
            Self::Exists => exists,
            _ => false,
        }
    }

    /// Whether the condition holds for a string, or for no value.
    pub(super) fn holds(self, current: Option<StringRef<'_>>) -> bool {
        match (self, current) {
            (Self::Equal(text), Some(current)) => *text == *current.bytes(),
            (Self::NotEqual(text), Some(current)) => *text != *current.bytes(),
            (Self::DigestEqual(digest), Some(current)) => digest == xxh3_64(&current.bytes()),
            (Self::DigestNotEqual(digest), Some(current)) => digest != xxh3_64(&current.bytes()),
            (Self::Equal(_) | Self::DigestEqual(_), None) => false,
            (Self::NotEqual(_) | Self::DigestNotEqual(_), None) => true,
            (condition, current) => condition.holds_by_existence(current.is_some()),
        }
    }
}

/// Reads a digest as DIGEST writes it, in either case.
fn parse_digest(text: &[u8]) -> Result<u64, CommandError> {
    const DIGITS: usize = 16;
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(CommandError::fixed("ERR digest must be exactly 16 hexadecimal characters"))
}

fn digest(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    match call.keys.read_string(&key)? {
        Some(value) => call.reply.bulk(format!("{:016x}", xxh3_64(&value.bytes())).as_bytes()),
        None => call.reply.null(),
    }
    Ok(())
}

fn delex(call: &mut Call<'_, '_>) -> Outcome {
    let mut condition = Condition::Always;
    match call.arguments.len() {
        2 => {}
        4 => {
            let mut rest = call.arguments.from(3);
            if !condition.accept_comparison(call.arguments.at(2), &mut rest)? {
                return Err(CommandError::SYNTAX);
            }
        }
        _ => return Err(CommandError::wrong_arity(&call.command.full_name)),
    }
    remove_if(call, condition)
}

fn delifeq(call: &mut Call<'_, '_>) -> Outcome {
    let condition = Condition::Equal(call.arguments.at(2));
    remove_if(call, condition)
}

fn remove_if(call: &mut Call<'_, '_>, condition: Condition<'_>) -> Outcome {
    let key = call.key(1);
    let holds = !condition.compares() || condition.holds(call.keys.peek_string(&key)?);
    let removed = holds && call.keys.remove(&key, "del");
    call.reply.integer(i64::from(removed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_satisfy_inequalities_only() {
        assert!(!Condition::Equal(b"").holds(None));
        assert!(Condition::NotEqual(b"").holds(None));
        assert!(!Condition::DigestEqual(0).holds(None));
        assert!(Condition::DigestNotEqual(0).holds(None));
    }

    #[test]
    fn numbers_compare_by_their_text() {
        assert!(Condition::Equal(b"12").holds(Some(StringRef::Integer(12))));
        assert!(!Condition::Equal(b"012").holds(Some(StringRef::Integer(12))));
        assert!(Condition::DigestEqual(xxh3_64(b"12")).holds(Some(StringRef::Integer(12))));
    }

    #[test]
    fn digests_are_read_as_they_are_documented_and_nothing_else() {
        // The example of DIGEST's documentation.
        assert_eq!(parse_digest(b"b6acb9d84a38ff74"), Ok(xxh3_64(b"Hello world")));
        assert_eq!(parse_digest(b"B6ACB9D84A38FF74"), Ok(xxh3_64(b"Hello world")));
        for text in [&b"b6acb9d84a38ff7"[..], b"0b6acb9d84a38ff74", b"+6acb9d84a38ff74", b""] {
            assert!(parse_digest(text).is_err());
        }
    }
}
