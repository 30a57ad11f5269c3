//! The options that say how much of a stream is kept, for XADD and XTRIM.

use nuthatch_collections::Stream;
use nuthatch_collections::stream::{Bound, IdText, References, Trim};

use super::references::{parse_references, references_name};
use super::{entry_id, parse_integer, words};
use crate::arguments::{Arguments, is_word};
use crate::error::CommandError;
use crate::value::limits::{EncodingLimits, limit};

/// What has been read of the options.
#[derive(Default)]
pub(super) struct Trimming {
    bound: Option<Bound>,
    approximate: bool,
    limit: Option<u64>,
    references: References,
}

impl Trimming {
    /// Reads the option at `place`, if it is one of these. Returns the place behind it.
    pub(super) fn accept(
        &mut self,
        arguments: &Arguments<'_>,
        place: usize,
    ) -> Result<Option<usize>, CommandError> {
        const TWO_BOUNDS: CommandError = CommandError::fixed(
            "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
        );
        const NEGATIVE_LENGTH: CommandError = CommandError::fixed("ERR The MAXLEN argument must be >= 0.");
        const NEGATIVE_LIMIT: CommandError = CommandError::fixed("ERR The LIMIT argument must be >= 0.");
        let word = arguments.at(place);
        if let Some(references) = parse_references(word) {
            self.references = references;
            return Ok(Some(place + 1));
        }
        let Some(next) = arguments.get(place + 1) else { return Ok(None) };
        if is_word(word, "LIMIT") {
            let limit = parse_integer(next)?;
            self.limit = Some(u64::try_from(limit).map_err(|_| NEGATIVE_LIMIT)?);
            return Ok(Some(place + 2));
        }
        let (is_length, is_id) = (is_word(word, "MAXLEN"), is_word(word, "MINID"));
        if !is_length && !is_id {
            return Ok(None);
        }
        if self.bound.is_some() {
            return Err(TWO_BOUNDS);
        }
        let (mut value, mut behind) = (next, place + 2);
        if let (b"~" | b"=", Some(other)) = (next, arguments.get(behind)) {
            self.approximate = next == b"~";
            value = other;
            behind += 1;
        }
        self.bound = Some(if is_length {
            Bound::Len(u64::try_from(parse_integer(value)?).map_err(|_| NEGATIVE_LENGTH)?)
        } else {
            Bound::From(entry_id(value)?)
        });
        Ok(Some(behind))
    }

    /// Whether anything says how much is kept.
    pub(super) fn is_given(&self) -> bool {
        self.bound.is_some()
    }

    /// What is to be trimmed, once all options are read. What stock servers append to their files names a limit although
    /// nothing is approximate, and means all (`is_replayed`).
    pub(super) fn finish(
        self,
        limits: &EncodingLimits,
        is_replayed: bool,
    ) -> Result<Option<Trim>, CommandError> {
        /// Without a limit, approximate trimming removes so many blocks at a time.
        const BLOCKS: usize = 100;
        const REMOVED_MAX: usize = 1_000_000;
        const NO_BOUND: CommandError = CommandError::fixed(
            "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        );
        const NOT_APPROXIMATE: CommandError =
            CommandError::fixed("ERR syntax error, LIMIT cannot be used without the special ~ option");
        let Self { bound, approximate, limit: given, references } = self;
        let Some(bound) = bound else { return if given.is_some() { Err(NO_BOUND) } else { Ok(None) } };
        let limit = match given {
            _ if is_replayed => 0,
            Some(_) if !approximate => return Err(NOT_APPROXIMATE),
            Some(limit) => limit,
            None if !approximate => 0,
            None => match limit(&limits.stream_block_entries_max) {
                0 => 10_000,
                entries => entries.saturating_mul(BLOCKS).min(REMOVED_MAX) as u64,
            },
        };
        Ok(Some(Trim { bound, approximate, limit, references }))
    }
}

/// What a trim has done, and how the same is done again.
pub(super) struct Trimmed {
    /// How many entries are gone.
    pub(super) count: usize,
    /// The request that removes the same.
    pub(super) replay: Option<Vec<Vec<u8>>>,
}

/// Trims a stream of this key.
pub(super) fn trim(stream: &mut Stream, trim: Trim, key: &[u8], is_logged: bool) -> Trimmed {
    let (count, gone) = match trim.references {
        References::Acknowledged => {
            let gone = stream.trim_acknowledged(trim);
            (gone.len(), gone)
        }
        _ => (stream.trim(trim), Vec::new()),
    };
    let replay = (is_logged && count > 0).then(|| match trim.references {
        References::Acknowledged => {
            let ids: Vec<IdText> = gone.iter().map(|id| id.text()).collect();
            words([&b"XDEL"[..], key].into_iter().chain(ids.iter().map(IdText::bytes)))
        }
        references => {
            let kept = stream.len().to_string();
            let trim = [b"XTRIM", key, b"MAXLEN", b"=", kept.as_bytes()];
            // Servers that do not know the word do what it says.
            let others = (references != References::Keep).then(|| references_name(references));
            words(trim.into_iter().chain(others))
        }
    });
    Trimmed { count, replay }
}
