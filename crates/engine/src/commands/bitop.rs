//! BITOP: strings combined bit by bit.

use std::ops::Deref;
use std::sync::Arc;

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

fn bitop(call: &mut Call<'_, '_>) -> Outcome {
    const SOURCES: usize = 3;
    let operation = Operation::parse(call.arguments.at(1))?;
    operation.check_sources(call.arguments.len() - SOURCES)?;
    let mut sources = Vec::with_capacity(call.arguments.len() - SOURCES);
    for index in SOURCES..call.arguments.len() {
        let key = call.key(index);
        sources.push(Source::of(call.keys.read_string(&key)?));
    }
    let result = combine(operation, &sources);
    // A source that is the destination too is released with its old value, off the data path if it is big.
    drop(sources);
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

/// A source, owned because several keys cannot be borrowed at once. Long ones are not copied.
enum Source {
    Copied(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Source {
    fn of(value: Option<StringRef<'_>>) -> Self {
        match value {
            Some(StringRef::Shared(text)) => Self::Shared(Arc::clone(text)),
            Some(text) => Self::Copied(text.bytes().into_owned()),
            None => Self::Copied(Vec::new()),
        }
    }
}

impl Deref for Source {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Copied(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// Combines texts. All count as long as the longest, with zeros at the end.
fn combine(operation: Operation, sources: &[impl Deref<Target = [u8]>]) -> Vec<u8> {
    let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = Vec::with_capacity(length);
    while result.len() < length {
        let start = result.len();
        let size = BLOCK.min(length - start);
        let parts = sources.iter().map(|source| {
            let part = source.get(start..).unwrap_or_default();
            &part[..part.len().min(size)]
        });
        result.extend_from_slice(&Block::combined(operation, parts)[..size]);
    }
    result
}

/// Bytes that are combined at a time: they stay in the processor's first cache.
const BLOCK: usize = 4096;

/// The same part of the sources so far.
///
/// The loops go over pairs of slices without indexes, which the compiler turns into vector instructions.
struct Block {
    /// The first source; for the symmetric operations the result.
    first: [u8; BLOCK],
    /// For those that set the first apart, the bits set in any other; for ONE the bits set in several.
    others: [u8; BLOCK],
}

impl Block {
    fn combined<'s>(operation: Operation, mut parts: impl Iterator<Item = &'s [u8]>) -> [u8; BLOCK] {
        let mut block = Self { first: [0; BLOCK], others: [0; BLOCK] };
        let first = parts.next().unwrap_or_default();
        block.first[..first.len()].copy_from_slice(first);
        for part in parts {
            block.add(operation, part);
        }
        block.finish(operation)
    }

    fn add(&mut self, operation: Operation, part: &[u8]) {
        match operation {
            Operation::And => {
                self.first[part.len()..].fill(0);
                apply(&mut self.first, part, |first, part| first & part);
            }
            Operation::Or | Operation::Not => apply(&mut self.first, part, |first, part| first | part),
            Operation::Xor => apply(&mut self.first, part, |first, part| first ^ part),
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                apply(&mut self.others, part, |others, part| others | part);
            }
            Operation::One => {
                for ((several, any), part) in self.others.iter_mut().zip(&mut self.first).zip(part) {
                    *several |= *any & part;
                    *any |= part;
                }
            }
        }
    }

    fn finish(mut self, operation: Operation) -> [u8; BLOCK] {
        match operation {
            Operation::And | Operation::Or | Operation::Xor => {}
            Operation::Not => self.first.iter_mut().for_each(|byte| *byte = !*byte),
            Operation::Diff | Operation::One => {
                apply(&mut self.first, &self.others, |first, others| first & !others);
            }
            Operation::Diff1 => apply(&mut self.first, &self.others, |first, others| !first & others),
            Operation::AndOr => apply(&mut self.first, &self.others, |first, others| first & others),
        }
        self.first
    }
}

fn apply(bytes: &mut [u8], others: &[u8], operation: impl Fn(u8, u8) -> u8) {
    for (byte, other) in bytes.iter_mut().zip(others) {
        *byte = operation(*byte, *other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_other_lengths_end_in_zeros() {
        let texts: &[&[u8]] = &[&[0b1100_0000, 0xff], &[0b1010_0000], &[0b1001_0000, 0, 0x0f]];
        assert_eq!(combine(Operation::And, texts), [0b1000_0000, 0, 0]);
        assert_eq!(combine(Operation::Or, texts), [0b1111_0000, 0xff, 0x0f]);
        assert_eq!(combine(Operation::Xor, texts), [0b1111_0000, 0xff, 0x0f]);
        assert_eq!(combine(Operation::Diff, texts), [0b0100_0000, 0xff, 0]);
        assert_eq!(combine(Operation::Diff1, texts), [0b0011_0000, 0, 0x0f]);
        assert_eq!(combine(Operation::AndOr, texts), [0b1000_0000, 0, 0]);
        assert_eq!(combine(Operation::One, texts), [0b0111_0000, 0xff, 0x0f]);
        assert_eq!(combine(Operation::Not, &texts[..1]), [0b0011_1111, 0]);
    }

    #[test]
    fn blocks_join_without_a_seam() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20 {
            let mut text = || -> Vec<u8> { (0..random.usize(..3 * BLOCK)).map(|_| random.u8(..)).collect() };
            let texts = [text(), text(), text()];
            let byte = |text: &Vec<u8>, index| text.get(index).copied().unwrap_or(0);
            let expected: Vec<u8> = (0..texts.iter().map(Vec::len).max().unwrap_or(0))
                .map(|index| byte(&texts[0], index) & byte(&texts[1], index) & byte(&texts[2], index))
                .collect();
            assert_eq!(combine(Operation::And, &texts), expected);
        }
    }
}
