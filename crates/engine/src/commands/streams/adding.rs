//! XADD and XTRIM.

use nuthatch_collections::Stream;
use nuthatch_collections::stream::StreamId;

use super::trimming::{Trimming, trim};
use super::{INVALID_ID, reply_id, words};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::stream::{PartialId, block_limits, parse_id, parse_number};

const CHANGED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const SHRUNK: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("XADD", -5, CHANGED, xadd)
        .fast()
        .deny_oom()
        .docs(
            Group::Stream,
            "5.0.0",
            "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
            "key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] \
             <* | id> field value [field value ...]",
            "Adds an entry to a stream, and makes the stream if there is none.",
        )
        .tips(&["nondeterministic_output"]),
    Command::write("XTRIM", -4, SHRUNK, xtrim)
        .docs(
            Group::Stream,
            "5.0.0",
            "O(N), with N being the number of evicted entries. Constant times are very small however, since \
             entries are organized in macro nodes containing multiple entries that can be released with a single \
             deallocation.",
            "key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]",
            "Removes entries from the beginning of a stream.",
        )
        .tips(&["nondeterministic_output"]),
];

/// Which id a new entry gets.
#[derive(Clone, Copy)]
enum NewId {
    /// One of the present time.
    Now,
    /// The next one of this time.
    NextOf(u64),
    /// This one.
    Given(StreamId),
}

impl NewId {
    fn parse(text: &[u8]) -> Result<Self, CommandError> {
        if text == b"*" {
            return Ok(Self::Now);
        }
        if let Some(ms) = text.strip_suffix(b"-*") {
            return parse_number(ms).map(Self::NextOf).ok_or(INVALID_ID);
        }
        let PartialId { ms, seq } = parse_id(text).ok_or(INVALID_ID)?;
        Ok(Self::Given(StreamId::new(ms, seq.unwrap_or(0))))
    }

    /// The id behind `last`, which must be greater.
    fn after(self, last: StreamId, now_ms: u64) -> Option<StreamId> {
        let id = match self {
            Self::Now if now_ms > last.ms => StreamId::new(now_ms, 0),
            Self::Now => last.next()?,
            Self::NextOf(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1)?),
            Self::NextOf(ms) => StreamId::new(ms, 0),
            Self::Given(id) => id,
        };
        Some(id).filter(|id| *id > last)
    }
}

fn xadd(call: &mut Call<'_, '_>) -> Outcome {
    const ZERO: CommandError = CommandError::fixed("ERR The ID specified in XADD must be greater than 0-0");
    const EXHAUSTED: CommandError =
        CommandError::fixed("ERR The stream has exhausted the last possible ID, unable to add more items");
    const TOO_SMALL: CommandError = CommandError::fixed(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    let (mut place, mut makes_stream, mut trimming) = (2, true, Trimming::default());
    let mut id = None;
    while let Some(word) = call.arguments.get(place) {
        if word == b"*" {
            id = Some(NewId::Now);
        } else if let Some(behind) = trimming.accept(&call.arguments, place)? {
            place = behind;
            continue;
        } else if is_word(word, "NOMKSTREAM") {
            makes_stream = false;
            place += 1;
            continue;
        } else {
            id = Some(NewId::parse(word)?);
        }
        place += 1;
        break;
    }
    let encodings = &call.engine.settings.encodings;
    let trimming = trimming.finish(encodings, call.session.is_replayed)?;
    let fields = call.arguments.from(place);
    let Some(id) = id.filter(|_| fields.len() >= 2 && fields.len().is_multiple_of(2)) else {
        return Err(CommandError::wrong_arity("xadd"));
    };
    if matches!(id, NewId::Given(StreamId::MIN)) {
        return Err(ZERO);
    }
    let key = call.key(1);
    let (now_ms, limits, is_logged) = (call.now_ms(), block_limits(encodings), call.keys.is_logged());
    let add = |stream: &mut Stream| -> Result<_, CommandError> {
        if stream.last_id == StreamId::MAX {
            return Err(EXHAUSTED);
        }
        let id = id.after(stream.last_id, now_ms).ok_or(TOO_SMALL)?;
        stream.append(id, fields.clone(), limits);
        Ok((id, trimming.map(|trimming| trim(stream, trimming, key.bytes, is_logged))))
    };
    let (id, trimmed) = match call.keys.change_stream(&key)? {
        Some(stream) => add(stream)?,
        None if !makes_stream => {
            call.reply.null();
            return Ok(());
        }
        None => {
            let mut stream = Stream::new();
            let added = add(&mut stream)?;
            call.keys.put_stream(&key, stream);
            added
        }
    };
    call.keys.note(&key, "xadd");
    if trimmed.as_ref().is_some_and(|trimmed| trimmed.count > 0) {
        call.keys.note(&key, "xtrim");
    }
    if is_logged {
        let id = id.text();
        call.keys.replay_as(|| words([&b"XADD"[..], key.bytes, id.bytes()].into_iter().chain(fields)));
        let replay = trimmed.and_then(|trimmed| trimmed.replay);
        replay.into_iter().for_each(|request| call.keys.replay_as(|| request));
    }
    reply_id(call.reply, id);
    Ok(())
}

fn xtrim(call: &mut Call<'_, '_>) -> Outcome {
    let (mut place, mut trimming) = (2, Trimming::default());
    while place < call.arguments.len() {
        place = trimming.accept(&call.arguments, place)?.ok_or(CommandError::SYNTAX)?;
    }
    if !trimming.is_given() {
        trimming.finish(&call.engine.settings.encodings, call.session.is_replayed)?;
        return Err(CommandError::SYNTAX);
    }
    let trimming = trimming.finish(&call.engine.settings.encodings, call.session.is_replayed)?;
    let key = call.key(1);
    let is_logged = call.keys.is_logged();
    let stream = call.keys.change_stream(&key)?;
    let trimmed = stream.zip(trimming).map(|(stream, trimming)| trim(stream, trimming, key.bytes, is_logged));
    let count = trimmed.as_ref().map_or(0, |trimmed| trimmed.count);
    if count > 0 {
        call.keys.note(&key, "xtrim");
        let replay = trimmed.and_then(|trimmed| trimmed.replay);
        replay.into_iter().for_each(|request| call.keys.replay_as(|| request));
    }
    call.reply.integer(count as i64);
    Ok(())
}
