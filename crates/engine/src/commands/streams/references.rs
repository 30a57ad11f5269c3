//! What becomes of references that groups have to entries: KEEPREF, DELREF, ACKED; and lists of ids behind IDS.

use nuthatch_collections::stream::{References, StreamId};
use nuthatch_protocol::number::parse_i64;

use super::entry_id;
use crate::arguments::{Arguments, is_word};
use crate::error::CommandError;

/// The option, if the word is one.
pub(super) fn parse_references(word: &[u8]) -> Option<References> {
    if is_word(word, "KEEPREF") {
        Some(References::Keep)
    } else if is_word(word, "DELREF") {
        Some(References::Delete)
    } else if is_word(word, "ACKED") {
        Some(References::Acknowledged)
    } else {
        None
    }
}

/// The word for the option.
pub(super) fn references_name(references: References) -> &'static [u8] {
    match references {
        References::Keep => b"KEEPREF",
        References::Delete => b"DELREF",
        References::Acknowledged => b"ACKED",
    }
}

/// Reads `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]` from the argument at `first` on.
pub(super) fn parse_ids(
    arguments: &Arguments<'_>,
    first: usize,
) -> Result<(References, Vec<StreamId>), CommandError> {
    const NOT_POSITIVE: CommandError = CommandError::fixed("ERR Number of IDs must be a positive integer");
    const WRONG_COUNT: CommandError =
        CommandError::fixed("ERR The `numids` parameter must match the number of arguments");
    let mut references = References::default();
    let mut place = first;
    while let Some(word) = arguments.get(place) {
        if let Some(option) = parse_references(word) {
            references = option;
            place += 1;
            continue;
        }
        if !is_word(word, "IDS") {
            break;
        }
        let count = arguments.get(place + 1).ok_or(CommandError::SYNTAX)?;
        let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count > 0).ok_or(NOT_POSITIVE)?;
        let ids = arguments.from(place + 2);
        if ids.len() != count {
            return Err(WRONG_COUNT);
        }
        return Ok((references, ids.map(entry_id).collect::<Result<_, _>>()?));
    }
    Err(CommandError::SYNTAX)
}
