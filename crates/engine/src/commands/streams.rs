//! Streams: one file a subject, and what they share.

pub(super) mod acknowledging;
pub(super) mod adding;
pub(super) mod claiming;
pub(super) mod deleting;
pub(super) mod groups;
pub(super) mod info;
pub(super) mod pending;
pub(super) mod ranges;
mod reader;
pub(super) mod reading;
mod references;
pub(super) mod setting;
mod trimming;

use nuthatch_collections::stream::{StreamEntry, StreamId};
use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use crate::commands::elements::reply_element;
use crate::error::CommandError;
use crate::value::stream::parse_id;

const INVALID_ID: CommandError =
    CommandError::fixed("ERR Invalid stream ID specified as stream command argument");

/// Reads an id that stands for one entry; without a second number that is 0.
#[inline]
fn entry_id(text: &[u8]) -> Result<StreamId, CommandError> {
    parse_id(text).map(|id| id.or(0)).ok_or(INVALID_ID)
}

/// Reads an id, or `-` or `+` for the least or the greatest, with this second number if it has none.
fn bound_id(text: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => parse_id(text).map(|id| id.or(missing_seq)).ok_or(INVALID_ID),
    }
}

/// Reads where an interval begins, which may exclude the id that it names.
fn interval_start(text: &[u8]) -> Result<StreamId, CommandError> {
    const NO_START: CommandError = CommandError::fixed("ERR invalid start ID for the interval");
    match text {
        [b'(', id @ ..] => entry_id(id)?.next().ok_or(NO_START),
        text => bound_id(text, 0),
    }
}

/// Reads where an interval ends, which may exclude the id that it names.
fn interval_end(text: &[u8]) -> Result<StreamId, CommandError> {
    const NO_END: CommandError = CommandError::fixed("ERR invalid end ID for the interval");
    match text {
        [b'(', id @ ..] => parse_id(id).ok_or(INVALID_ID)?.or(u64::MAX).previous().ok_or(NO_END),
        text => bound_id(text, u64::MAX),
    }
}

#[inline]
fn parse_integer(argument: &[u8]) -> Result<i64, CommandError> {
    parse_i64(argument).ok_or(CommandError::NOT_AN_INTEGER)
}

#[inline]
fn reply_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text().bytes());
}

#[inline]
fn reply_entry(reply: &mut Reply, entry: &StreamEntry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply.array(2 * entry.len());
    entry.elements().for_each(|element| reply_element(reply, element));
}

/// Replies entries as an array. Returns how many there were.
#[inline]
fn reply_entries<'a>(reply: &mut Reply, entries: impl Iterator<Item = StreamEntry<'a>>) -> usize {
    let header = reply.array_later();
    let mut count = 0;
    for entry in entries {
        reply_entry(reply, &entry);
        count += 1;
    }
    reply.set_array_len(header, count);
    count
}

/// The error for a group, or its key, that does not exist, as most commands word it.
fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::new(
        [b"NOGROUP No such key '", printed(key), b"' or consumer group '", printed(group), b"'"].concat(),
    )
}

/// The error for a group that a stream does not have, as XGROUP and XINFO word it.
fn no_such_group(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::new(
        [b"NOGROUP No such consumer group '", printed(group), b"' for key name '", printed(key), b"'"]
            .concat(),
    )
}

/// The error for a subcommand with arguments that it does not have.
fn unknown_form(container: &str, subcommand: &[u8]) -> CommandError {
    CommandError::repeating(
        "ERR unknown subcommand or wrong number of arguments for '",
        subcommand,
        &format!("'. Try {container} HELP."),
    )
}

use super::container::printed;

/// The words of a request that is to be run again.
fn words<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    words.into_iter().map(<[u8]>::to_vec).collect()
}
