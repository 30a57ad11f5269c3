//! Reading what is behind some ids, of several streams: at once, or when somebody has added to one.

use nuthatch_collections::stream::{Pending, StreamId};
use nuthatch_protocol::Reply;

use super::{printed, reply_entries, reply_entry, reply_id, words};
use crate::blocking::Take;
use crate::error::CommandError;
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::stream::stream_of;
use crate::value::{Kind, Type};

/// What is read of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The entries behind this id.
    Behind(StreamId),
    /// The last entry.
    Last,
    /// Those that were delivered to no consumer of the group.
    New,
    /// Those behind this id that were delivered to the consumer before.
    History(StreamId),
}

/// Who reads as a member of a group.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) group: Box<[u8]>,
    pub(super) consumer: Box<[u8]>,
    /// Whether what is read counts as acknowledged.
    pub(super) acknowledges: bool,
}

/// What is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// The streams in the order of the request.
    pub(super) streams: Vec<(Box<[u8]>, From)>,
    /// How many entries are read of each.
    pub(super) count: usize,
    /// The group, unless it is read without one.
    pub(super) member: Option<Member>,
}

/// The error for a group that is not there to be read.
pub(super) fn no_group_to_read(key: &[u8], group: &[u8]) -> CommandError {
    let parts = [
        b"NOGROUP No such key '",
        printed(key),
        b"' or consumer group '",
        printed(group),
        b"' in XREADGROUP with GROUP option",
    ];
    CommandError::new(parts.concat())
}

impl Reader {
    /// Checks that a key can be read: it holds no other type, and has the group.
    fn check(&self, keys: &Keys<'_>, key: &Key<'_>) -> Result<(), CommandError> {
        let stream = keys.peek_stream(key)?;
        match &self.member {
            Some(member) if !stream.is_some_and(|stream| stream.groups.contains_key(&member.group)) => {
                Err(no_group_to_read(key.bytes, &member.group))
            }
            _ => Ok(()),
        }
    }

    /// Reads one stream and writes its name and its entries. Says whether there were any.
    fn read(
        &self,
        keys: &mut Keys<'_>,
        key: &Key<'_>,
        from: From,
        reply: &mut Reply,
    ) -> Result<bool, CommandError> {
        let mark = reply.mark();
        if !reply.resp3() {
            reply.array(2);
        }
        reply.bulk(key.bytes);
        let found = match (from, &self.member) {
            (From::Behind(id), _) => self.read_behind(keys, key, id, reply)?,
            (From::Last, _) => match keys.read_stream(key)?.and_then(|stream| stream.last()) {
                Some(last) => reply_entries(reply, [last].into_iter()) > 0,
                None => false,
            },
            (From::New, Some(member)) => self.read_new(keys, key, member, reply)?,
            (From::History(id), Some(member)) => self.read_history(keys, key, member, id, reply)?,
            (From::New | From::History(_), None) => false,
        };
        if !found {
            reply.truncate(mark);
        }
        Ok(found)
    }

    fn read_behind(
        &self,
        keys: &mut Keys<'_>,
        key: &Key<'_>,
        id: StreamId,
        reply: &mut Reply,
    ) -> Result<bool, CommandError> {
        let (Some(stream), Some(first)) = (keys.read_stream(key)?, id.next()) else { return Ok(false) };
        if stream.last_id < first {
            return Ok(false);
        }
        Ok(reply_entries(reply, stream.range(first, StreamId::MAX).take(self.count)) > 0)
    }

    fn read_new(
        &self,
        keys: &mut Keys<'_>,
        key: &Key<'_>,
        member: &Member,
        reply: &mut Reply,
    ) -> Result<bool, CommandError> {
        let (now_ms, consumer) = (keys.now_ms, see_consumer(keys, key, member)?);
        let Some(stream) = keys.change_stream(key)? else { return Ok(false) };
        let Some(group) = stream.groups.get(&member.group) else { return Ok(false) };
        let (mut last_id, mut entries_read) = (group.last_id, group.entries_read);
        let Some(first) = last_id.next().filter(|first| *first <= stream.last_id) else { return Ok(false) };
        let mut ids = Vec::new();
        let entries = stream.range(first, StreamId::MAX).take(self.count);
        let is_any = reply_entries(reply, entries.inspect(|entry| ids.push(entry.id))) > 0;
        for id in &ids {
            entries_read = stream.entries_read_after(last_id, entries_read, *id);
            last_id = *id;
        }
        let Some(group) = stream.groups.get_mut(&member.group).filter(|_| is_any) else { return Ok(false) };
        (group.last_id, group.entries_read) = (last_id, entries_read);
        let Some(consumer) = consumer else { return Ok(false) };
        if !member.acknowledges {
            group.consumer_mut(consumer).active_ms = Some(now_ms);
            for id in &ids {
                group.deliver(*id, Pending { consumer, delivered_ms: now_ms, count: 1 });
            }
        }
        keys.note_aside(key, "");
        if !member.acknowledges {
            keys.replay_as(|| claim_again(key.bytes, member, &ids, now_ms, 1));
        }
        keys.replay_as(|| {
            let read = entries_read_text(entries_read);
            let (last_id, group) = (last_id.text(), &*member.group);
            let position = [last_id.bytes(), b"ENTRIESREAD", read.as_bytes()];
            words([&b"XGROUP"[..], b"SETID", key.bytes, group].into_iter().chain(position))
        });
        Ok(true)
    }

    fn read_history(
        &self,
        keys: &mut Keys<'_>,
        key: &Key<'_>,
        member: &Member,
        id: StreamId,
        reply: &mut Reply,
    ) -> Result<bool, CommandError> {
        let (now_ms, consumer) = (keys.now_ms, see_consumer(keys, key, member)?);
        let Some(stream) = keys.change_stream(key)? else { return Ok(false) };
        let (Some(group), Some(consumer)) = (stream.groups.get(&member.group), consumer) else {
            return Ok(false);
        };
        let header = reply.array_later();
        let (mut len, mut delivered) = (0, Vec::new());
        let first = id.next();
        let pending = first.into_iter().flat_map(|first| group.consumer(consumer).pending(first));
        for id in pending.take(self.count) {
            len += 1;
            match stream.get(id) {
                Some(entry) => {
                    reply_entry(reply, &entry);
                    delivered.push(id);
                }
                None => {
                    reply.array(2);
                    reply_id(reply, id);
                    reply.null_array();
                }
            }
        }
        reply.set_array_len(header, len);
        let Some(group) = stream.groups.get_mut(&member.group) else { return Ok(true) };
        let mut changed = Vec::new();
        for id in delivered {
            if let Some(pending) = group.pending_entry(id) {
                let count = pending.count.wrapping_add(1);
                group.deliver(id, Pending { consumer, delivered_ms: now_ms, count });
                changed.push((id, count));
            }
        }
        if len > 0 {
            group.consumer_mut(consumer).active_ms = Some(now_ms);
        }
        if !changed.is_empty() {
            keys.note_aside(key, "");
        }
        for (id, count) in changed {
            keys.replay_as(|| claim_again(key.bytes, member, &[id], now_ms, count));
        }
        Ok(true)
    }
}

/// Notes that a consumer was seen, and makes it if there is none. Nothing if there is no group.
pub(super) fn see_consumer(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    member: &Member,
) -> Result<Option<nuthatch_collections::stream::ConsumerId>, CommandError> {
    // When it was seen is not in the log: when a file is loaded, that is now.
    let now_ms = keys.clock_ms();
    let stream = keys.change_stream(key)?;
    let Some(group) = stream.and_then(|stream| stream.groups.get_mut(&member.group)) else { return Ok(None) };
    if let Some(consumer) = group.find(&member.consumer) {
        group.consumer_mut(consumer).seen_ms = now_ms;
        return Ok(Some(consumer));
    }
    let consumer = group.add_consumer(&member.consumer, now_ms, None);
    keys.note_aside(key, "xgroup-createconsumer");
    keys.replay_as(|| words([&b"XGROUP"[..], b"CREATECONSUMER", key.bytes, &member.group, &member.consumer]));
    Ok(Some(consumer))
}

/// What ENTRIESREAD says of a count.
pub(super) fn entries_read_text(entries_read: Option<u64>) -> String {
    entries_read.map_or("-1".to_owned(), |read| read.min(i64::MAX.unsigned_abs()).to_string())
}

/// The request that delivers entries again as they were delivered.
pub(super) fn claim_again(
    key: &[u8],
    member: &Member,
    ids: &[StreamId],
    delivered_ms: u64,
    count: u64,
) -> Vec<Vec<u8>> {
    let mut request = words([&b"XCLAIM"[..], key, &member.group, &member.consumer, b"0"]);
    request.extend(ids.iter().map(|id| id.text().bytes().to_vec()));
    let (time, count) = (delivered_ms.to_string(), count.to_string());
    request.extend(words([
        &b"TIME"[..],
        time.as_bytes(),
        b"RETRYCOUNT",
        count.as_bytes(),
        b"FORCE",
        b"JUSTID",
    ]));
    request
}

impl Take for Reader {
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool {
        let record = keys.peek(key);
        let Some(stream) = record.and_then(stream_of) else {
            let is_other = record.is_some_and(|record| Kind::of(record.kind()).value_type() != Type::Stream);
            // A group that is gone is an error; entries may still come.
            return self.member.is_some() && (is_other || record.is_none());
        };
        let has_behind = |id: StreamId| {
            id.next().is_some_and(|first| {
                stream.last_id >= first && stream.range(first, StreamId::MAX).next().is_some()
            })
        };
        match &self.member {
            Some(member) => stream.groups.get(&member.group).is_none_or(|group| has_behind(group.last_id)),
            None => {
                self.streams.iter().filter(|(name, _)| **name == *key.bytes).any(|(_, from)| match from {
                    From::Behind(id) => has_behind(*id),
                    _ => !stream.is_empty(),
                })
            }
        }
    }

    fn minds_absence(&self) -> bool {
        self.member.is_some()
    }

    fn take(&self, keys: &mut Keys<'_>, wanted: &[Key<'_>], reply: &mut Reply) -> Result<bool, CommandError> {
        for key in wanted {
            self.check(keys, key)?;
        }
        let header = reply.mark();
        let later = reply.array_later();
        let mut count = 0;
        for (key, (_, from)) in wanted.iter().zip(&self.streams) {
            count += usize::from(self.read(keys, key, *from, reply)?);
        }
        if count == 0 {
            reply.truncate(header);
        } else if reply.resp3() {
            reply.set_map_len(later, count);
        } else {
            reply.set_array_len(later, count);
        }
        Ok(count > 0)
    }
}
