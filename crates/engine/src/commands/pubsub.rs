//! Messages: channels that clients subscribe to and publish on.

use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::command::{Command, Flags, Group, Handler, KeyFlags, KeySpec};
use crate::delivery::Message;
use crate::error::{CommandError, Outcome};
use crate::pubsub::Namespace;
use crate::session::ReplyMode;

use super::container::{Explained, reply_help, subcommand_required, wrong_form};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    subscription("PSUBSCRIBE", -2, |call| subscribe(call, &PATTERNS)).docs(
        Group::PubSub,
        "2.0.0",
        "O(N) where N is the number of patterns to subscribe to.",
        "pattern [pattern ...]",
        "Subscribes to the channels whose names match patterns.",
    ),
    Command::other("PUBLISH", 3, publish).with(Flags::PUBSUB.union(Flags::MAY_REPLICATE)).fast().docs(
        Group::PubSub,
        "2.0.0",
        "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of \
         subscribed patterns (by any client).",
        "channel message",
        "Sends a message to a channel.",
    ),
    Command::other("PUBSUB", -2, subcommand_required)
        .without(Flags::LOADING.union(Flags::STALE))
        .subcommands(SUBCOMMANDS)
        .docs(Group::PubSub, "2.8.0", "Depends on subcommand.", "", "Tells about channels."),
    subscription("PUNSUBSCRIBE", -1, |call| unsubscribe(call, &PATTERNS)).docs(
        Group::PubSub,
        "2.0.0",
        "O(N) where N is the number of patterns to unsubscribe.",
        "[pattern [pattern ...]]",
        "Ends subscriptions by patterns.",
    ),
    Command::other("SPUBLISH", 3, publish_to_shard)
        .keys(&[KeySpec::one(1, KeyFlags::NOT_KEY)])
        .with(Flags::PUBSUB.union(Flags::MAY_REPLICATE))
        .fast()
        .docs(
            Group::PubSub,
            "7.0.0",
            "O(N) where N is the number of clients subscribed to the receiving shard channel.",
            "shardchannel message",
            "Sends a message to a channel of a shard.",
        ),
    subscription("SSUBSCRIBE", -2, |call| subscribe(call, &SHARD_CHANNELS))
        .keys(&[KeySpec::rest(1, 1, KeyFlags::NOT_KEY)])
        .docs(
            Group::PubSub,
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to.",
            "shardchannel [shardchannel ...]",
            "Subscribes to channels of shards.",
        ),
    subscription("SUBSCRIBE", -2, |call| subscribe(call, &CHANNELS)).docs(
        Group::PubSub,
        "2.0.0",
        "O(N) where N is the number of channels to subscribe to.",
        "channel [channel ...]",
        "Subscribes to channels.",
    ),
    subscription("SUNSUBSCRIBE", -1, |call| unsubscribe(call, &SHARD_CHANNELS))
        .keys(&[KeySpec::rest(1, 1, KeyFlags::NOT_KEY)])
        .docs(
            Group::PubSub,
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe.",
            "[shardchannel [shardchannel ...]]",
            "Ends subscriptions to channels of shards.",
        ),
    subscription("UNSUBSCRIBE", -1, |call| unsubscribe(call, &CHANNELS)).docs(
        Group::PubSub,
        "2.0.0",
        "O(N) where N is the number of channels to unsubscribe.",
        "[channel [channel ...]]",
        "Ends subscriptions to channels.",
    ),
];

const SUBCOMMANDS: &[Command] = &[
    about_channels("CHANNELS", -2, |call| list(call, Namespace::Channels)).docs(
        Group::PubSub,
        "2.8.0",
        "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively \
         short channels and patterns)",
        "[pattern]",
        "Lists the channels that have subscribers.",
    ),
    Command::other("HELP", 2, help).docs(Group::PubSub, "6.2.0", "O(1)", "", "Explains the subcommands."),
    about_channels("NUMPAT", 2, count_patterns).docs(
        Group::PubSub,
        "2.8.0",
        "O(1)",
        "",
        "Counts the patterns that have subscribers.",
    ),
    about_channels("NUMSUB", -2, |call| count(call, Namespace::Channels)).docs(
        Group::PubSub,
        "2.8.0",
        "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        "[channel [channel ...]]",
        "Counts the subscribers of channels.",
    ),
    about_channels("SHARDCHANNELS", -2, |call| list(call, Namespace::ShardChannels)).docs(
        Group::PubSub,
        "7.0.0",
        "O(N) where N is the number of active shard channels, and assuming constant time pattern matching \
         (relatively short shard channels).",
        "[pattern]",
        "Lists the channels of shards that have subscribers.",
    ),
    about_channels("SHARDNUMSUB", -2, |call| count(call, Namespace::ShardChannels)).docs(
        Group::PubSub,
        "7.0.0",
        "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        "[shardchannel [shardchannel ...]]",
        "Counts the subscribers of channels of shards.",
    ),
];

const HELP: &[Explained] = &[
    ("CHANNELS [<pattern>]", &["Return the channels that have subscribers, or those that match <pattern>."]),
    ("NUMPAT", &["Return how many patterns have subscribers."]),
    ("NUMSUB [<channel> ...]", &["Return how many subscribers the channels have, patterns left out."]),
    (
        "SHARDCHANNELS [<pattern>]",
        &["Return the channels of shards that have subscribers, or those that match."],
    ),
    ("SHARDNUMSUB [<shardchannel> ...]", &["Return how many subscribers the channels of shards have."]),
];

const fn subscription(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler).with(Flags::PUBSUB.union(Flags::NO_SCRIPT)).for_subscribers()
}

const fn about_channels(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler).with(Flags::PUBSUB)
}

/// What one can subscribe to, and what the replies are called.
struct Kind {
    namespace: Namespace,
    subscribed: &'static [u8],
    unsubscribed: &'static [u8],
}

const CHANNELS: Kind =
    Kind { namespace: Namespace::Channels, subscribed: b"subscribe", unsubscribed: b"unsubscribe" };
const PATTERNS: Kind =
    Kind { namespace: Namespace::Patterns, subscribed: b"psubscribe", unsubscribed: b"punsubscribe" };
const SHARD_CHANNELS: Kind =
    Kind { namespace: Namespace::ShardChannels, subscribed: b"ssubscribe", unsubscribed: b"sunsubscribe" };

fn subscribe(call: &mut Call<'_, '_>, kind: &Kind) -> Outcome {
    const DENIED: CommandError =
        CommandError::fixed("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    if call.session.is_executing && kind.namespace == Namespace::ShardChannels {
        return Err(DENIED);
    }
    let channels = &call.engine.keyspace.messages.channels;
    for name in call.arguments.from(1) {
        let subscriptions = call.session.subscriptions.get_or_insert_default();
        if subscriptions.add(kind.namespace, name) {
            channels.subscribe(kind.namespace, name, &call.session.record.inbox);
        }
        confirm(call, kind.subscribed, Some(name), kind.namespace);
    }
    call.session.publish_subscriptions();
    Ok(())
}

fn unsubscribe(call: &mut Call<'_, '_>, kind: &Kind) -> Outcome {
    let channels = &call.engine.keyspace.messages.channels;
    let names: Vec<Box<[u8]>> = match &call.session.subscriptions {
        Some(subscriptions) if call.arguments.len() == 1 => {
            subscriptions.of(kind.namespace).iter().cloned().collect()
        }
        _ => call.arguments.from(1).map(Box::from).collect(),
    };
    for name in &names {
        if let Some(subscriptions) = &mut call.session.subscriptions
            && subscriptions.remove(kind.namespace, name)
        {
            channels.unsubscribe(kind.namespace, name, &call.session.record.inbox);
        }
        confirm(call, kind.unsubscribed, Some(name), kind.namespace);
    }
    if names.is_empty() {
        confirm(call, kind.unsubscribed, None, kind.namespace);
    }
    call.session.publish_subscriptions();
    Ok(())
}

fn confirm(call: &mut Call<'_, '_>, what: &[u8], name: Option<&[u8]>, namespace: Namespace) {
    let count = call.session.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.count(namespace));
    let write = |reply: &mut Reply| {
        reply.push(3);
        reply.bulk(what);
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    };
    if call.session.reply_mode == ReplyMode::On {
        return write(call.reply);
    }
    // Confirmations are messages, which clients get that want no replies.
    let mut text = Reply::new();
    text.set_resp3(call.reply.resp3());
    write(&mut text);
    call.session.record.inbox.send(Message::encoded(text));
}

fn publish(call: &mut Call<'_, '_>) -> Outcome {
    let channels = &call.engine.keyspace.messages.channels;
    let count = channels.publish(call.arguments.at(1), call.arguments.at(2));
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn publish_to_shard(call: &mut Call<'_, '_>) -> Outcome {
    let channels = &call.engine.keyspace.messages.channels;
    let count = channels.publish_to_shard(call.arguments.at(1), call.arguments.at(2));
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn list(call: &mut Call<'_, '_>, namespace: Namespace) -> Outcome {
    if call.arguments.len() > 3 {
        return Err(wrong_form(call));
    }
    let names = call.engine.keyspace.messages.channels.names(namespace, call.arguments.get(2));
    call.reply.array(names.len());
    names.iter().for_each(|name| call.reply.bulk(name));
    Ok(())
}

fn count(call: &mut Call<'_, '_>, namespace: Namespace) -> Outcome {
    let channels = &call.engine.keyspace.messages.channels;
    let names = call.arguments.from(2);
    call.reply.array(names.len() * 2);
    for name in names {
        call.reply.bulk(name);
        call.reply.integer(i64::try_from(channels.subscribers(namespace, name)).unwrap_or(i64::MAX));
    }
    Ok(())
}

fn count_patterns(call: &mut Call<'_, '_>) -> Outcome {
    let count = call.engine.keyspace.messages.channels.len(Namespace::Patterns);
    call.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "PUBSUB", HELP);
    Ok(())
}
