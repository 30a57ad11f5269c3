//! BITOP: strings combined bit by bit.

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::strings::NewDeadline;
use crate::value::string::StringRef;

const KEYS: &[KeySpec] = &[
    KeySpec::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
    KeySpec::rest(3, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::write("BITOP", -4, KEYS, bitop).deny_oom().docs(
    Group::Bitmap,
    "2.6.0",
    "O(N)",
    "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
    "Combines strings bit by bit and stores the result.",
)];

/// Which bits are set in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// Those set in all strings.
    And,
    /// Those set in any.
    Or,
    /// Those set in an odd number of strings.
    Xor,
    /// Those clear in the only string.
    Not,
    /// Those set in the first and in no other.
    Diff,
    /// Those clear in the first and set in any other.
    Diff1,
    /// Those set in the first and in any other.
    AndOr,
    /// Those set in exactly one.
    One,
}

impl Operation {
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        const NAMES: [(&str, Operation); 8] = [
            ("AND", Operation::And),
            ("OR", Operation::Or),
            ("XOR", Operation::Xor),
            ("NOT", Operation::Not),
            ("DIFF", Operation::Diff),
            ("DIFF1", Operation::Diff1),
            ("ANDOR", Operation::AndOr),
            ("ONE", Operation::One),
        ];
        let named = NAMES.iter().find(|(name, _)| is_word(word, name));
        named.map(|(_, operation)| *operation).ok_or(CommandError::SYNTAX)
    }

    fn check_sources(self, sources: usize) -> Outcome {
        let error = match self {
            Self::Not if sources != 1 => "ERR BITOP NOT must be called with a single source key.",
            Self::Diff if sources < 2 => "ERR BITOP DIFF must be called with at least two source keys.",
            Self::Diff1 if sources < 2 => "ERR BITOP DIFF1 must be called with at least two source keys.",
            Self::AndOr if sources < 2 => "ERR BITOP ANDOR must be called with at least two source keys.",
            _ => return Ok(()),
        };
        Err(CommandError::fixed(error))
    }
}

fn bitop(call: &mut Call<'_>) -> Outcome {
    const SOURCES: usize = 3;
    let operation = Operation::parse(call.arguments.at(1))?;
    operation.check_sources(call.arguments.len() - SOURCES)?;
    let first = call.key(SOURCES);
    let mut combination = Combination::of(operation, &text(call.keys.read_string(&first)?));
    for index in SOURCES + 1..call.arguments.len() {
        let source = call.key(index);
        combination.add(&text(call.keys.read_string(&source)?));
    }
    let result = combination.finish();
    let destination = call.key(2);
    let length = result.len();
    if result.is_empty() {
        call.keys.remove(&destination, "del");
    } else {
        call.keys.set_raw_string(&destination, result, NewDeadline::Clear, "set");
    }
    call.reply.integer(length as i64);
    Ok(())
}

fn text(value: Option<StringRef<'_>>) -> std::borrow::Cow<'_, [u8]> {
    value.map(StringRef::bytes).unwrap_or_default()
}

/// The strings so far. All are as long as the longest, with zeros at the end.
///
/// The loops go over pairs of slices without indexes, which the compiler turns into vector instructions.
struct Combination {
    operation: Operation,
    /// The first string; for the symmetric operations the result.
    first: Vec<u8>,
    /// For those that set the first apart, the bits set in any other; for ONE the bits set in several.
    others: Vec<u8>,
}

impl Combination {
    fn of(operation: Operation, first: &[u8]) -> Self {
        Self { operation, first: first.to_vec(), others: Vec::new() }
    }

    fn add(&mut self, text: &[u8]) {
        if self.first.len() < text.len() {
            self.first.resize(text.len(), 0);
        }
        match self.operation {
            Operation::And => {
                let beyond = self.first.split_at_mut(text.len()).1;
                beyond.fill(0);
                combine(&mut self.first, text, |first, text| first & text);
            }
            Operation::Or | Operation::Not => combine(&mut self.first, text, |first, text| first | text),
            Operation::Xor => combine(&mut self.first, text, |first, text| first ^ text),
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                self.others.resize(self.first.len(), 0);
                combine(&mut self.others, text, |others, text| others | text);
            }
            Operation::One => {
                self.others.resize(self.first.len(), 0);
                for ((several, any), text) in self.others.iter_mut().zip(&mut self.first).zip(text) {
                    *several |= *any & text;
                    *any |= text;
                }
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        match self.operation {
            Operation::And | Operation::Or | Operation::Xor => {}
            Operation::Not => self.first.iter_mut().for_each(|byte| *byte = !*byte),
            Operation::Diff | Operation::One => {
                combine(&mut self.first, &self.others, |first, others| first & !others);
            }
            Operation::Diff1 => combine(&mut self.first, &self.others, |first, others| !first & others),
            Operation::AndOr => combine(&mut self.first, &self.others, |first, others| first & others),
        }
        self.first
    }
}

fn combine(bytes: &mut [u8], others: &[u8], operation: impl Fn(u8, u8) -> u8) {
    for (byte, other) in bytes.iter_mut().zip(others) {
        *byte = operation(*byte, *other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_other_lengths_end_in_zeros() {
        let combined = |operation, texts: &[&[u8]]| {
            let mut combination = Combination::of(operation, texts[0]);
            texts[1..].iter().for_each(|text| combination.add(text));
            combination.finish()
        };
        let texts: &[&[u8]] = &[&[0b1100_0000, 0xff], &[0b1010_0000], &[0b1001_0000, 0, 0x0f]];
        assert_eq!(combined(Operation::And, texts), [0b1000_0000, 0, 0]);
        assert_eq!(combined(Operation::Or, texts), [0b1111_0000, 0xff, 0x0f]);
        assert_eq!(combined(Operation::Xor, texts), [0b1111_0000, 0xff, 0x0f]);
        assert_eq!(combined(Operation::Diff, texts), [0b0100_0000, 0xff, 0]);
        assert_eq!(combined(Operation::Diff1, texts), [0b0011_0000, 0, 0x0f]);
        assert_eq!(combined(Operation::AndOr, texts), [0b1000_0000, 0, 0]);
        assert_eq!(combined(Operation::One, texts), [0b0111_0000, 0xff, 0x0f]);
        assert_eq!(combined(Operation::Not, &texts[..1]), [0b0011_1111, 0]);
    }
}
