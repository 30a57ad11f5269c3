//! Members chosen at random.

use nuthatch_collections::packed::Element;
use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use super::{READ, limits};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::{CommandError, Outcome};
use crate::value::Type;
use crate::value::set::{SetRef, choice};

const POP: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("SPOP", -2, POP, pop)
        .fast()
        .docs(
            Group::Set,
            "1.0.0",
            "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
            "key [count]",
            "Removes random members from a set and returns them.",
        )
        .tips(&["nondeterministic_output"]),
    Command::read("SRANDMEMBER", -2, READ, random_member)
        .docs(
            Group::Set,
            "1.0.0",
            "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed \
             count.",
            "key [count]",
            "Returns random members of a set.",
        )
        .tips(&["nondeterministic_output"]),
];

fn pop(call: &mut Call<'_, '_>) -> Outcome {
    match call.arguments.len() {
        2 => pop_one(call),
        3 => pop_several(call),
        _ => Err(CommandError::SYNTAX),
    }
}

fn pop_one(call: &mut Call<'_, '_>) -> Outcome {
    let (key, is_logged) = (call.key(1), call.keys.is_logged());
    let reply = &mut *call.reply;
    let popped = call.keys.pop_member(&key, |member| {
        reply_element(reply, member);
        is_logged.then(|| member.to_cow().into_owned())
    })?;
    match popped {
        Some(Some(member)) => call.keys.replay_as(|| vec![b"SREM".to_vec(), key.bytes.to_vec(), member]),
        Some(None) => {}
        None => call.reply.null(),
    }
    Ok(())
}

fn pop_several(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_POSITIVE: CommandError = CommandError::fixed("ERR value is out of range, must be positive");
    let count = parse_i64(call.arguments.at(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(NOT_POSITIVE)?;
    let key = call.key(1);
    let set = call.keys.peek_as(&key, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of);
    let len = set.len();
    call.reply.set(count.min(len));
    if count >= len {
        set.members().for_each(|member| reply_element(call.reply, member));
        if len > 0 {
            call.keys.note_parts(&key, "spop", len);
            call.keys.take_away(&key, "del");
            call.keys.replay_as(|| vec![b"DEL".to_vec(), key.bytes.to_vec()]);
        }
    } else if count > 0 {
        let (limits, is_logged) = (limits(call), call.keys.is_logged());
        let mut request = vec![b"SREM".to_vec(), key.bytes.to_vec()];
        let reply = &mut *call.reply;
        call.keys.pop_members(&key, count, limits, &mut |member| {
            reply_element(reply, member);
            if is_logged {
                request.push(member.to_cow().into_owned());
            }
        })?;
        call.keys.replay_as(|| request);
    }
    Ok(())
}

fn random_member(call: &mut Call<'_, '_>) -> Outcome {
    const OUT_OF_RANGE: CommandError = CommandError::fixed(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    let count = match call.arguments.len() {
        2 => None,
        3 => Some(parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?),
        _ => return Err(CommandError::SYNTAX),
    };
    if count == Some(i64::MIN) {
        return Err(OUT_OF_RANGE);
    }
    let key = call.key(1);
    let set = call.keys.read_as(&key, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of);
    let Some(count) = count else {
        match choice::one(set) {
            Some(member) => reply_element(call.reply, member),
            None => call.reply.null(),
        }
        return Ok(());
    };
    match usize::try_from(count) {
        Ok(count) => {
            call.reply.array(count.min(set.len()));
            choice::several(set, count, &mut |member| reply_element(call.reply, member));
            Ok(())
        }
        Err(_) => repeat(call.reply, set, count.unsigned_abs()),
    }
}

/// Replies with so many random members, the same ones again and again if need be.
fn repeat(reply: &mut Reply, set: SetRef<'_>, count: u64) -> Outcome {
    /// No reply grows beyond this. Stock servers have no such limit and run out of memory.
    const REPLY_BYTES_MAX: usize = 512 * 1024 * 1024;
    const TOO_LONG: CommandError =
        CommandError::fixed("ERR value is out of range, the reply would be too long");
    /// What the shortest member takes in a reply.
    const MEMBER_BYTES_MIN: usize = 6;
    if set.is_empty() {
        reply.array(0);
        return Ok(());
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= REPLY_BYTES_MAX / MEMBER_BYTES_MIN);
    let count = count.ok_or(TOO_LONG)?;
    let bytes_max = reply.len().saturating_add(REPLY_BYTES_MAX);
    reply.array(count);
    let mut left = count;
    choice::repeatedly(set, &mut |member: Element<'_>| {
        reply_element(reply, member);
        left -= 1;
        left > 0 && reply.len() <= bytes_max
    });
    if left > 0 { Err(TOO_LONG) } else { Ok(()) }
}
