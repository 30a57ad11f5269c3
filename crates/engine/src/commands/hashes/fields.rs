//! The lists of fields and the times that commands with deadlines take.

use nuthatch_protocol::number::parse_i64;

use super::owned;
use crate::arguments::{Arguments, is_word};
use crate::error::CommandError;

/// The latest deadline that a field may have, in milliseconds since 1970: what stock servers can hold.
const DEADLINE_MAX: u64 = (1 << 46) - 1;

/// How a time is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// From now, not from 1970.
    pub(super) relative: bool,
    /// The unit in milliseconds.
    pub(super) unit_ms: u64,
}

impl Form {
    /// The form that `EX`, `PX`, `EXAT` or `PXAT` announces.
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        const FORMS: [(&str, Form); 4] = [
            ("EX", Form { relative: true, unit_ms: 1000 }),
            ("PX", Form { relative: true, unit_ms: 1 }),
            ("EXAT", Form { relative: false, unit_ms: 1000 }),
            ("PXAT", Form { relative: false, unit_ms: 1 }),
        ];
        FORMS.iter().find(|(name, _)| is_word(word, name)).map(|(_, form)| *form)
    }

    /// The deadline that an amount means, in milliseconds since 1970.
    ///
    /// # Errors
    /// It is no integer, negative or too large.
    pub(super) fn deadline(self, amount: &[u8], now_ms: u64, command: &str) -> Result<u64, CommandError> {
        const NEGATIVE: CommandError = CommandError::fixed("ERR invalid expire time, must be >= 0");
        let amount = parse_i64(amount).ok_or(CommandError::NOT_AN_INTEGER)?;
        let amount = u64::try_from(amount).map_err(|_| NEGATIVE)?;
        let origin = if self.relative { now_ms } else { 0 };
        amount
            .checked_mul(self.unit_ms)
            .and_then(|time| time.checked_add(origin))
            .filter(|deadline| *deadline <= DEADLINE_MAX)
            .ok_or_else(|| CommandError::invalid_expire_time(command))
    }
}

/// Reads `FIELDS count name ...`, which ends a request, from the argument at `index` on.
///
/// # Errors
/// The word is another one, the count is not positive (`count_error`), or not that of the names.
pub(super) fn parse_fields<'a>(
    arguments: &Arguments<'a>,
    index: usize,
    count_error: CommandError,
) -> Result<Vec<&'a [u8]>, CommandError> {
    const MISPLACED: CommandError =
        CommandError::fixed("ERR Mandatory argument FIELDS is missing or not at the right position");
    const MISMATCH: CommandError =
        CommandError::fixed("ERR The `numfields` parameter must match the number of arguments");
    if !arguments.get(index).is_some_and(|word| is_word(word, "FIELDS")) {
        return Err(MISPLACED);
    }
    let count = arguments.get(index + 1).and_then(parse_i64).filter(|count| *count > 0).ok_or(count_error)?;
    let names = arguments.from(index + 2);
    if usize::try_from(count) != Ok(names.len()) {
        return Err(MISMATCH);
    }
    Ok(names.collect())
}

/// The error of most commands about a count of fields that is not positive.
pub(super) const COUNT_NOT_POSITIVE: CommandError =
    CommandError::fixed("ERR Number of fields must be a positive integer");

/// A request about fields, in the words that a log keeps: the words, then `FIELDS`, the count and the names.
pub(super) fn request(words: &[&[u8]], names: &[&[u8]]) -> Vec<Vec<u8>> {
    let count = names.len().to_string();
    owned(&[words, &[b"FIELDS", count.as_bytes()], names].concat())
}
