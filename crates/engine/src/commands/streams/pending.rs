//! XPENDING.

use nuthatch_collections::stream::{Group as ConsumerGroup, StreamId};
use nuthatch_protocol::Reply;

use super::{interval_end, interval_start, no_group, parse_integer, reply_id};
use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::read("XPENDING", -3, READ, xpending)
    .docs(
        Group::Stream,
        "5.0.0",
        "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call \
         is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the \
         command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an \
         additional O(N) time for iterating every consumer.",
        "key group [[IDLE min-idle-time] start end count [consumer]]",
        "Tells which entries the consumers of a group have got and not acknowledged.",
    )
    .tips(&["nondeterministic_output"])];

/// What is listed.
struct Listing<'a> {
    idle_min_ms: i64,
    first: StreamId,
    last: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Listing<'a> {
    /// Reads the arguments; nothing if only a summary is wanted.
    fn parse(arguments: &Arguments<'a>) -> Result<Option<Self>, CommandError> {
        const WITH_RANGE_MIN: usize = 6;
        const ARGUMENTS_MAX: usize = 9;
        if arguments.len() == 3 {
            return Ok(None);
        }
        if !(WITH_RANGE_MIN..=ARGUMENTS_MAX).contains(&arguments.len()) {
            return Err(CommandError::SYNTAX);
        }
        let (mut idle_min_ms, mut start) = (0, 3);
        if is_word(arguments.at(3), "IDLE") {
            idle_min_ms = parse_integer(arguments.at(4))?;
            start = 5;
        }
        let (Some(first), Some(last), Some(count)) =
            (arguments.get(start), arguments.get(start + 1), arguments.get(start + 2))
        else {
            return Err(CommandError::SYNTAX);
        };
        let count = usize::try_from(parse_integer(count)?).unwrap_or(0);
        Ok(Some(Self {
            idle_min_ms,
            first: interval_start(first)?,
            last: interval_end(last)?,
            count,
            consumer: arguments.get(start + 3),
        }))
    }
}

fn xpending(call: &mut Call<'_, '_>) -> Outcome {
    let listing = Listing::parse(&call.arguments)?;
    let (key, name, now_ms) = (call.key(1), call.arguments.at(2), call.clock_ms());
    let stream = call.keys.read_stream(&key)?;
    let group = stream.and_then(|stream| stream.groups.get(name));
    let group = group.ok_or_else(|| no_group(key.bytes, name))?;
    match listing {
        None => summarize(group, call.reply),
        Some(listing) => list(group, &listing, now_ms, call.reply),
    }
    Ok(())
}

fn summarize(group: &ConsumerGroup, reply: &mut Reply) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let mut pending = group.pending(StreamId::MIN);
    let Some((first, _)) = pending.next() else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    let last = pending.next_back().map_or(first, |(last, _)| last);
    reply_id(reply, first);
    reply_id(reply, last);
    let header = reply.array_later();
    let mut count = 0;
    for (_, consumer) in group.consumers().filter(|(_, consumer)| consumer.pending_len() > 0) {
        count += 1;
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_integer(consumer.pending_len() as i64);
    }
    reply.set_array_len(header, count);
}

fn list(group: &ConsumerGroup, listing: &Listing<'_>, now_ms: u64, reply: &mut Reply) {
    let idle_ms = |delivered_ms: u64| now_ms.saturating_sub(delivered_ms) as i64;
    let header = reply.array_later();
    let mut count = 0;
    let mut show = |id: StreamId| {
        let Some(pending) = group.pending_entry(id) else { return };
        if count < listing.count && idle_ms(pending.delivered_ms) >= listing.idle_min_ms {
            count += 1;
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(&group.consumer(pending.consumer).name);
            reply.integer(idle_ms(pending.delivered_ms));
            reply.integer(pending.count as i64);
        }
    };
    // Without a filter only as many as are shown are looked at.
    let most = if listing.idle_min_ms > 0 { usize::MAX } else { listing.count };
    let within = |id: &StreamId| *id <= listing.last;
    match listing.consumer {
        None => {
            let ids = group.pending(listing.first).map(|(id, _)| id);
            ids.take_while(within).take(most).for_each(&mut show);
        }
        Some(consumer) => {
            let consumer = group.find(consumer).map(|consumer| group.consumer(consumer));
            let ids = consumer.into_iter().flat_map(|consumer| consumer.pending(listing.first));
            ids.take_while(within).take(most).for_each(&mut show);
        }
    }
    reply.set_array_len(header, count);
}
