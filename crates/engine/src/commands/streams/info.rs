//! XINFO.

use nuthatch_collections::Stream;
use nuthatch_collections::stream::{ConsumerId, Group as ConsumerGroup, StreamId};
use nuthatch_protocol::Reply;

use super::{no_such_group, parse_integer, reply_entries, reply_entry, reply_id, unknown_form};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::commands::container::{Explained, reply_help, subcommand_required};
use crate::error::{CommandError, Outcome};

const READ: &[KeySpec] = &[KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::other("XINFO", -2, subcommand_required)
    .without(Flags::LOADING.union(Flags::STALE))
    .subcommands(SUBCOMMANDS)
    .docs(
        Group::Stream,
        "5.0.0",
        "Depends on subcommand.",
        "",
        "Tells about streams, groups and consumers.",
    )];

const SUBCOMMANDS: &[Command] = &[
    Command::read("CONSUMERS", 4, READ, consumers)
        .docs(Group::Stream, "5.0.0", "O(1)", "key group", "Lists the consumers of a group.")
        .tips(&["nondeterministic_output"]),
    Command::read("GROUPS", 3, READ, groups).docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key",
        "Lists the groups of a stream.",
    ),
    Command::other("HELP", 2, help).docs(Group::Stream, "5.0.0", "O(1)", "", "Explains the subcommands."),
    Command::read("STREAM", -3, READ, stream).docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key [FULL [COUNT count]]",
        "Tells about a stream, and about its groups and entries if that is wanted.",
    ),
];

const HELP: &[Explained] = &[
    ("CONSUMERS <key> <groupname>", &["List the consumers of a group."]),
    ("GROUPS <key>", &["List the groups of a stream."]),
    ("STREAM <key> [FULL [COUNT <count>]]", &["Tell about a stream."]),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "XINFO", HELP);
    Ok(())
}

fn stream(call: &mut Call<'_, '_>) -> Outcome {
    const COUNT_DEFAULT: usize = 10;
    let (key, arguments) = (call.key(2), call.arguments);
    let stream = call.keys.read_stream(&key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let unknown = || unknown_form("XINFO", arguments.at(1));
    let full = match (arguments.get(3), arguments.get(4), arguments.get(5)) {
        (None, ..) => None,
        (Some(full), None, _) if is_word(full, "FULL") => Some(COUNT_DEFAULT),
        (Some(full), Some(word), Some(count))
            if is_word(full, "FULL") && is_word(word, "COUNT") && arguments.len() == 6 =>
        {
            Some(usize::try_from(parse_integer(count)?).unwrap_or(COUNT_DEFAULT))
        }
        _ => return Err(unknown()),
    };
    let reply = &mut *call.reply;
    reply.map(if full.is_some() { 9 } else { 10 });
    describe(stream, reply);
    match full {
        Some(count) => describe_fully(stream, if count == 0 { usize::MAX } else { count }, reply),
        None => {
            reply.bulk(b"groups");
            reply.integer(stream.groups.len() as i64);
            for (name, entry) in [("first-entry", stream.first()), ("last-entry", stream.last())] {
                reply.bulk(name.as_bytes());
                match entry {
                    Some(entry) => reply_entry(reply, &entry),
                    None => reply.null(),
                }
            }
        }
    }
    Ok(())
}

/// What is told of every stream, in seven pairs. The nodes are those of a tree that the stock servers have: at least the
/// root, and one for each block.
fn describe(stream: &Stream, reply: &mut Reply) {
    reply.bulk(b"length");
    reply.integer(stream.len() as i64);
    reply.bulk(b"radix-tree-keys");
    reply.integer(stream.blocks_len() as i64);
    reply.bulk(b"radix-tree-nodes");
    reply.integer(stream.blocks_len() as i64 + 1);
    reply.bulk(b"last-generated-id");
    reply_id(reply, stream.last_id);
    reply.bulk(b"max-deleted-entry-id");
    reply_id(reply, stream.max_deleted_id);
    reply.bulk(b"entries-added");
    reply.integer(stream.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    reply_id(reply, stream.first_id());
}

fn describe_fully(stream: &Stream, count: usize, reply: &mut Reply) {
    reply.bulk(b"entries");
    reply_entries(reply, stream.range(StreamId::MIN, StreamId::MAX).take(count));
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        describe_progress(stream, group, reply);
        reply.bulk(b"pel-count");
        reply.integer(group.pending_len() as i64);
        reply.bulk(b"pending");
        reply.array(group.pending_len().min(count));
        for (id, pending) in group.pending(StreamId::MIN).take(count) {
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(&group.consumer(pending.consumer).name);
            reply.integer(pending.delivered_ms as i64);
            reply.integer(pending.count as i64);
        }
        reply.bulk(b"consumers");
        let consumers = group.consumers();
        reply.array(consumers.len());
        for (id, _) in consumers {
            describe_consumer(group, id, count, reply);
        }
    }
}

fn describe_consumer(group: &ConsumerGroup, id: ConsumerId, count: usize, reply: &mut Reply) {
    let consumer = group.consumer(id);
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen_ms as i64);
    reply.bulk(b"active-time");
    reply.integer(consumer.active_ms.map_or(-1, |time| time as i64));
    reply.bulk(b"pel-count");
    reply.integer(consumer.pending_len() as i64);
    reply.bulk(b"pending");
    reply.array(consumer.pending_len().min(count));
    for id in consumer.pending(StreamId::MIN).take(count) {
        reply.array(3);
        reply_id(reply, id);
        let pending = group.pending_entry(id);
        reply.integer(pending.map_or(0, |pending| pending.delivered_ms as i64));
        reply.integer(pending.map_or(0, |pending| pending.count as i64));
    }
}

/// How far a group has come, in three pairs.
fn describe_progress(stream: &Stream, group: &ConsumerGroup, reply: &mut Reply) {
    let optional = |reply: &mut Reply, number: Option<i64>| match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    };
    reply.bulk(b"last-delivered-id");
    reply_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    optional(reply, group.entries_read.map(|read| read as i64));
    reply.bulk(b"lag");
    optional(reply, stream.lag(group));
}

fn groups(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(2);
    let stream = call.keys.read_stream(&key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let reply = &mut *call.reply;
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        reply.bulk(b"consumers");
        reply.integer(group.consumers().len() as i64);
        reply.bulk(b"pending");
        reply.integer(group.pending_len() as i64);
        describe_progress(stream, group, reply);
    }
    Ok(())
}

fn consumers(call: &mut Call<'_, '_>) -> Outcome {
    let (key, name, now_ms) = (call.key(2), call.arguments.at(3), call.clock_ms());
    let stream = call.keys.read_stream(&key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let group = stream.groups.get(name).ok_or_else(|| no_such_group(key.bytes, name))?;
    let reply = &mut *call.reply;
    let consumers = group.consumers();
    reply.array(consumers.len());
    for (_, consumer) in consumers {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        reply.bulk(b"pending");
        reply.integer(consumer.pending_len() as i64);
        reply.bulk(b"idle");
        reply.integer(now_ms.saturating_sub(consumer.seen_ms) as i64);
        reply.bulk(b"inactive");
        reply.integer(consumer.active_ms.map_or(-1, |time| now_ms.saturating_sub(time) as i64));
    }
    Ok(())
}
