//! XCLAIM and XAUTOCLAIM: entries change hands.

use nuthatch_collections::stream::{ConsumerId, Pending, StreamId};
use nuthatch_protocol::number::parse_i64;

use super::reader::{Member, claim_again, entries_read_text, see_consumer};
use super::{entry_id, interval_start, no_group, parse_integer, reply_entry, reply_id, words};
use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::value::stream::parse_id;

const CHANGED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const SHRUNK: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("XAUTOCLAIM", -6, SHRUNK, xautoclaim)
        .fast()
        .docs(
            Group::Stream,
            "6.2.0",
            "O(1) if COUNT is small.",
            "key group consumer min-idle-time start [COUNT count] [JUSTID]",
            "Gives a consumer entries that others have not acknowledged for some time, one after another.",
        )
        .tips(&["nondeterministic_output"]),
    Command::write("XCLAIM", -6, CHANGED, xclaim)
        .fast()
        .docs(
            Group::Stream,
            "5.0.0",
            "O(log N) with N being the number of messages in the PEL of the consumer group.",
            "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
            "Gives a consumer entries that others have not acknowledged for some time.",
        )
        .tips(&["nondeterministic_output"]),
];

/// The options of XCLAIM.
#[derive(Default)]
struct Options {
    delivered_ms: Option<u64>,
    count: Option<u64>,
    last_id: Option<StreamId>,
    forces: bool,
    just_ids: bool,
}

impl Options {
    /// Reads the options from `place` on.
    fn parse(arguments: &Arguments<'_>, mut place: usize, now_ms: u64) -> Result<Self, CommandError> {
        let number = |value: &[u8], option: &str| {
            let error = || CommandError::new(format!("ERR Invalid {option} option argument for XCLAIM"));
            parse_i64(value).ok_or_else(error)
        };
        let mut options = Self::default();
        // A time that is not in the past is the present. For a command that is run again `now_ms` is the true time, too.
        let past = |time: i64| u64::try_from(time).ok().filter(|time| *time <= now_ms).unwrap_or(now_ms);
        while let Some(word) = arguments.get(place) {
            place += 1;
            let value = arguments.get(place);
            match value {
                _ if is_word(word, "FORCE") => options.forces = true,
                _ if is_word(word, "JUSTID") => options.just_ids = true,
                Some(value) if is_word(word, "IDLE") => {
                    let time = (now_ms as i64).saturating_sub(number(value, "IDLE")?);
                    options.delivered_ms = Some(past(time));
                    place += 1;
                }
                Some(value) if is_word(word, "TIME") => {
                    options.delivered_ms = Some(past(number(value, "TIME")?));
                    place += 1;
                }
                Some(value) if is_word(word, "RETRYCOUNT") => {
                    options.count = u64::try_from(number(value, "RETRYCOUNT")?).ok();
                    place += 1;
                }
                Some(value) if is_word(word, "LASTID") => {
                    options.last_id = Some(entry_id(value)?);
                    place += 1;
                }
                _ => return Err(CommandError::repeating("ERR Unrecognized XCLAIM option '", word, "'")),
            }
        }
        Ok(options)
    }
}

fn member_of(call: &Call<'_, '_>) -> Member {
    Member { group: call.arguments.at(2).into(), consumer: call.arguments.at(3).into(), acknowledges: false }
}

/// Reads how long an entry must have been with another consumer.
fn idle_time(argument: &[u8], command: &str) -> Result<u64, CommandError> {
    let error = || CommandError::new(format!("ERR Invalid min-idle-time argument for {command}"));
    Ok(u64::try_from(parse_i64(argument).ok_or_else(error)?).unwrap_or(0))
}

/// What claiming has done.
#[derive(Default)]
struct Claimed {
    /// The entries, and how often each has been delivered.
    entries: Vec<(StreamId, u64)>,
    /// Entries that the group forgot because they are deleted.
    forgotten: Vec<StreamId>,
}

fn xclaim(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(1), call.clock_ms());
    let name = call.arguments.at(2);
    let stream = call.keys.seek_stream(&key)?;
    if !stream.is_some_and(|stream| stream.groups.contains_key(name)) {
        return Err(no_group(key.bytes, name));
    }
    let idle_min_ms = idle_time(call.arguments.at(4), "XCLAIM")?;
    let ids: Vec<StreamId> =
        call.arguments.from(5).map_while(|text| parse_id(text).map(|id| id.or(0))).collect();
    let options = Options::parse(&call.arguments, 5 + ids.len(), now_ms)?;
    let delivered_ms = options.delivered_ms.unwrap_or(now_ms);
    let member = member_of(call);
    let mut moved_on = None;
    if let Some(last_id) = options.last_id
        && let Some(stream) = call.keys.change_stream(&key)?
        && let Some(group) = stream.groups.get_mut(name)
        && last_id > group.last_id
    {
        group.last_id = last_id;
        moved_on = Some((last_id, group.entries_read));
    }
    if let Some((last_id, entries_read)) = moved_on {
        call.keys.note_aside(&key, "");
        call.keys.replay_as(|| {
            let read = entries_read_text(entries_read);
            let parts = [name, last_id.text().bytes(), b"ENTRIESREAD", read.as_bytes()].map(<[u8]>::to_vec);
            words([&b"XGROUP"[..], b"SETID", key.bytes]).into_iter().chain(parts).collect()
        });
    }
    let Some(consumer) = see_consumer(call.keys, &key, &member)? else { return Ok(()) };
    let Some(stream) = call.keys.change_stream(&key)? else { return Ok(()) };
    let header = call.reply.array_later();
    let mut claimed = Claimed::default();
    for id in ids {
        let entry = stream.get(id);
        let Some(group) = stream.groups.get(name) else { continue };
        let pending = group.pending_entry(id);
        let is_due = pending
            .map_or(options.forces, |pending| now_ms.saturating_sub(pending.delivered_ms) >= idle_min_ms);
        match entry {
            Some(entry) if is_due => {
                if options.just_ids {
                    reply_id(call.reply, id);
                } else {
                    reply_entry(call.reply, &entry);
                }
                let before = pending.map_or(1, |pending| pending.count);
                let counted = before.wrapping_add(u64::from(!options.just_ids));
                let count = options.count.unwrap_or(counted);
                claimed.entries.push((id, count));
                if let Some(group) = stream.groups.get_mut(name) {
                    group.deliver(id, Pending { consumer, delivered_ms, count });
                }
            }
            None if pending.is_some() => {
                claimed.forgotten.push(id);
                if let Some(group) = stream.groups.get_mut(name) {
                    group.acknowledge(id);
                }
            }
            _ => {}
        }
    }
    call.reply.set_array_len(header, claimed.entries.len());
    finish(call, &key, &member, consumer, claimed, delivered_ms)
}

/// Notes what was claimed, and how it is claimed again.
fn finish(
    call: &mut Call<'_, '_>,
    key: &Key<'_>,
    member: &Member,
    consumer: ConsumerId,
    claimed: Claimed,
    delivered_ms: u64,
) -> Outcome {
    let now_ms = call.clock_ms();
    if claimed.entries.is_empty() && claimed.forgotten.is_empty() {
        return Ok(());
    }
    if !claimed.entries.is_empty()
        && let Some(stream) = call.keys.change_stream(key)?
        && let Some(group) = stream.groups.get_mut(&member.group)
    {
        group.consumer_mut(consumer).active_ms = Some(now_ms);
    }
    call.keys.note_aside(key, "");
    for (id, count) in claimed.entries {
        call.keys.replay_as(|| claim_again(key.bytes, member, &[id], delivered_ms, count));
    }
    if !claimed.forgotten.is_empty() {
        call.keys.replay_as(|| {
            let ids = claimed.forgotten.iter().map(|id| id.text().bytes().to_vec());
            words([&b"XACK"[..], key.bytes, &member.group]).into_iter().chain(ids).collect()
        });
    }
    Ok(())
}

fn xautoclaim(call: &mut Call<'_, '_>) -> Outcome {
    const NO_COUNT: CommandError = CommandError::fixed("ERR COUNT must be > 0");
    const COUNT_DEFAULT: usize = 100;
    /// The greatest that the stock servers take.
    const COUNT_MAX: i64 = i64::MAX / 16;
    /// For each entry that may be claimed, so many are looked at.
    const ATTEMPTS: usize = 10;
    let (key, now_ms) = (call.key(1), call.clock_ms());
    let name = call.arguments.at(2);
    let idle_min_ms = idle_time(call.arguments.at(4), "XAUTOCLAIM")?;
    let start = interval_start(call.arguments.at(5))?;
    let (mut count, mut just_ids) = (COUNT_DEFAULT, false);
    let mut rest = call.arguments.from(6);
    while let Some(word) = rest.next() {
        if is_word(word, "JUSTID") {
            just_ids = true;
        } else if let Some(value) = rest.next().filter(|_| is_word(word, "COUNT")) {
            let number = parse_integer(value).map_err(|_| NO_COUNT)?;
            let number = if number <= COUNT_MAX { usize::try_from(number).unwrap_or(0) } else { 0 };
            count = Some(number).filter(|number| *number > 0).ok_or(NO_COUNT)?;
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    let stream = call.keys.seek_stream(&key)?;
    if !stream.is_some_and(|stream| stream.groups.contains_key(name)) {
        return Err(no_group(key.bytes, name));
    }
    let member = member_of(call);
    let Some(consumer) = see_consumer(call.keys, &key, &member)? else { return Ok(()) };
    let Some(stream) = call.keys.change_stream(&key)? else { return Ok(()) };
    let Some(group) = stream.groups.get(name) else { return Ok(()) };

    let mut claimed = Claimed::default();
    let mut next = None;
    let mut attempts = count.saturating_mul(ATTEMPTS);
    for (id, pending) in group.pending(start) {
        if attempts == 0 || claimed.entries.len() + claimed.forgotten.len() == count {
            next = Some(id);
            break;
        }
        attempts -= 1;
        if stream.get(id).is_none() {
            claimed.forgotten.push(id);
        } else if now_ms.saturating_sub(pending.delivered_ms) >= idle_min_ms {
            claimed.entries.push((id, pending.count.wrapping_add(u64::from(!just_ids))));
        }
    }
    call.reply.array(3);
    reply_id(call.reply, next.unwrap_or_default());
    call.reply.array(claimed.entries.len());
    for (id, _) in &claimed.entries {
        match stream.get(*id) {
            Some(entry) if !just_ids => reply_entry(call.reply, &entry),
            _ => reply_id(call.reply, *id),
        }
    }
    call.reply.array(claimed.forgotten.len());
    claimed.forgotten.iter().for_each(|id| reply_id(call.reply, *id));
    if let Some(group) = stream.groups.get_mut(name) {
        for (id, count) in &claimed.entries {
            group.deliver(*id, Pending { consumer, delivered_ms: now_ms, count: *count });
        }
        for id in &claimed.forgotten {
            group.acknowledge(*id);
        }
    }
    finish(call, &key, &member, consumer, claimed, now_ms)
}
