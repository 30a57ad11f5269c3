//! LCS: the longest common subsequence of two strings.

use std::sync::atomic::Ordering;

use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, FindKeys, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::string::StringRef;

mod matrix;

use matrix::Matrix;

const READ_TWO: &[KeySpec] = &[KeySpec {
    index: 1,
    find: FindKeys::Range { last: 1, step: 1 },
    flags: KeyFlags::RO.union(KeyFlags::ACCESS),
}];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::read("LCS", -3, READ_TWO, lcs).docs(
    Group::String,
    "7.0.0",
    "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    "Finds the longest common subsequence of two strings.",
)];

const INSUFFICIENT_MEMORY: CommandError =
    CommandError::fixed("ERR Insufficient memory, failed allocating transient memory for LCS");

#[derive(Default)]
struct Options {
    length: bool,
    indexes: bool,
    match_length: bool,
    match_length_min: usize,
}

impl Options {
    fn parse<'a>(mut rest: impl Iterator<Item = &'a [u8]>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        while let Some(word) = rest.next() {
            if is_word(word, "LEN") {
                options.length = true;
            } else if is_word(word, "IDX") {
                options.indexes = true;
            } else if is_word(word, "WITHMATCHLEN") {
                options.match_length = true;
            } else if is_word(word, "MINMATCHLEN") {
                let minimum = rest.next().ok_or(CommandError::SYNTAX)?;
                let minimum = parse_i64(minimum).ok_or(CommandError::NOT_AN_INTEGER)?;
                options.match_length_min = usize::try_from(minimum).unwrap_or(0);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        if options.length && options.indexes {
            return Err(CommandError::fixed(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

fn lcs(call: &mut Call<'_, '_>) -> Outcome {
    // Both are looked for before either is refused: listeners are told of the one that is missing.
    let (first, second) = (text(call, 1), text(call, 2));
    let (first, second) = (first?, second?);
    let options = Options::parse(call.arguments.from(3))?;
    check_size(call, first.len(), second.len())?;
    if options.length {
        let length = matrix::length(&first, &second).ok_or(INSUFFICIENT_MEMORY)?;
        call.reply.integer(length as i64);
        return Ok(());
    }
    let matrix = Matrix::new(&first, &second).ok_or(INSUFFICIENT_MEMORY)?;
    if !options.indexes {
        let mut common: Vec<u8> = matrix.common_backwards().map(|(row, _)| first[row]).collect();
        common.reverse();
        call.reply.bulk(&common);
        return Ok(());
    }
    call.reply.map(2);
    call.reply.bulk(b"matches");
    let header = call.reply.array_later();
    let mut matches = 0;
    let mut length = 0;
    for run in matrix.runs_backwards() {
        length += run.length;
        if run.length < options.match_length_min {
            continue;
        }
        matches += 1;
        call.reply.array(2 + usize::from(options.match_length));
        for start in [run.row, run.column] {
            call.reply.array(2);
            call.reply.integer(start as i64);
            call.reply.integer((start + run.length - 1) as i64);
        }
        if options.match_length {
            call.reply.integer(run.length as i64);
        }
    }
    call.reply.set_array_len(header, matches);
    call.reply.bulk(b"len");
    call.reply.integer(length as i64);
    Ok(())
}

/// A copy of the string of the key at `index`, since two keys cannot be borrowed at once.
fn text(call: &mut Call<'_, '_>, index: usize) -> Result<Vec<u8>, CommandError> {
    let key = call.key(index);
    match call.keys.read_string(&key) {
        Ok(text) => Ok(text.map(StringRef::bytes).unwrap_or_default().into_owned()),
        Err(_) => Err(CommandError::fixed("ERR The specified keys must contain string values")),
    }
}

/// Bounds the work and the memory as the stock server does, which needs four bytes for each pair of positions.
fn check_size(call: &Call<'_, '_>, first: usize, second: usize) -> Outcome {
    const BYTES_A_PAIR: u64 = 4;
    let bytes_max = call.engine.settings.string_bytes_max.load(Ordering::Relaxed);
    let fits = (first as u64 + 1)
        .checked_mul(second as u64 + 1)
        .and_then(|pairs| pairs.checked_mul(BYTES_A_PAIR))
        .is_some_and(|bytes| bytes <= bytes_max);
    if !fits {
        return Err(CommandError::fixed(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}
