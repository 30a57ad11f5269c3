//! Several strings at once.

use nuthatch_collections::table::pin;
use nuthatch_protocol::number::parse_i64;

use super::conditions::Condition;
use super::expiration::Lifetime;
use super::strings::reply_optional_string;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::strings::NewDeadline;

const READ_ALL: &[KeySpec] = &[KeySpec::rest(1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const SET_ALL: &[KeySpec] = &[KeySpec::rest(1, 2, KeyFlags::OW.union(KeyFlags::UPDATE))];
const INSERT_ALL: &[KeySpec] = &[KeySpec::rest(1, 2, KeyFlags::OW.union(KeyFlags::INSERT))];
const SET_COUNTED: &[KeySpec] = &[KeySpec::counted(1, 2, KeyFlags::OW.union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("MGET", -2, READ_ALL, mget)
        .fast()
        .docs(
            Group::String,
            "1.0.0",
            "O(N) where N is the number of keys to retrieve.",
            "key [key ...]",
            "Returns the string values of several keys, all as of the same moment.",
        )
        .tips(&["request_policy:multi_shard"]),
    Command::write("MSET", -3, SET_ALL, mset)
        .deny_oom()
        .docs(
            Group::String,
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "key value [key value ...]",
            "Sets several keys to strings at once.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    Command::write("MSETEX", -4, SET_COUNTED, msetex)
        .deny_oom()
        .with(Flags::MOVABLE_KEYS)
        .docs(
            Group::String,
            "8.4.0",
            "O(N) where N is the number of keys to set.",
            "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | \
         EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
            "Sets several keys to strings at once, with one deadline for all.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    Command::write("MSETNX", -3, INSERT_ALL, msetnx).deny_oom().docs(
        Group::String,
        "1.0.1",
        "O(N) where N is the number of keys to set.",
        "key value [key value ...]",
        "Sets several keys to strings at once if none of them exists.",
    ),
];

fn mget(call: &mut Call<'_, '_>) -> Outcome {
    let end = call.arguments.len();
    call.reply.array(end - 1);
    for index in 1..end {
        prefetch_group(call, index, 1, 1, end);
        let key = call.key(index);
        // Values of other types count as missing.
        reply_optional_string(call.reply, call.keys.read_string(&key).ok().flatten());
    }
    Ok(())
}

fn mset(call: &mut Call<'_, '_>) -> Outcome {
    require_pairs(call)?;
    set_pairs(call, 1, call.arguments.len(), NewDeadline::Clear);
    call.reply.ok();
    Ok(())
}

fn msetnx(call: &mut Call<'_, '_>) -> Outcome {
    require_pairs(call)?;
    let end = call.arguments.len();
    let holds = condition_holds(call, Condition::Missing, 1, end);
    if holds {
        set_pairs(call, 1, end, NewDeadline::Clear);
    }
    call.reply.integer(i64::from(holds));
    Ok(())
}

fn msetex(call: &mut Call<'_, '_>) -> Outcome {
    let end = parse_i64(call.arguments.at(1))
        .and_then(|keys| i32::try_from(keys).ok())
        .and_then(|keys| usize::try_from(keys).ok())
        .filter(|keys| *keys > 0)
        .map(|keys| 2 + 2 * keys)
        .ok_or(CommandError::fixed("ERR invalid numkeys value or out of range"))?;
    if end > call.arguments.len() {
        return Err(CommandError::SYNTAX);
    }
    let mut condition = Condition::Always;
    let mut lifetime = Lifetime::Unsaid;
    let mut rest = call.arguments.from(end);
    while let Some(word) = rest.next() {
        if is_word(word, "KEEPTTL") {
            lifetime.choose(Lifetime::Keep)?;
        } else if !lifetime.accept(word, &mut rest)? && !condition.accept_existence(word)? {
            return Err(CommandError::SYNTAX);
        }
    }
    let deadline = lifetime.of_new_value(call.now_ms(), "msetex")?;
    let holds = condition_holds(call, condition, 2, end);
    if holds {
        set_pairs(call, 2, end, deadline);
    }
    call.reply.integer(i64::from(holds));
    Ok(())
}

/// The keys and values behind the command's name must come in pairs.
fn require_pairs(call: &Call<'_, '_>) -> Outcome {
    if call.arguments.len() % 2 == 1 {
        Ok(())
    } else {
        Err(CommandError::wrong_arity(&call.command.full_name))
    }
}

/// Whether the condition holds for each of the keys, which are followed by their values.
fn condition_holds(call: &mut Call<'_, '_>, condition: Condition<'_>, start: usize, end: usize) -> bool {
    condition == Condition::Always
        || (start..end).step_by(2).all(|index| {
            let key = call.key(index);
            condition.holds_by_existence(call.keys.contains(&key))
        })
}

fn set_pairs(call: &mut Call<'_, '_>, start: usize, end: usize, deadline: NewDeadline) {
    for index in (start..end).step_by(2) {
        prefetch_group(call, index, start, 2, end);
        let key = call.key(index);
        call.keys.set_string(&key, call.arguments.at(index + 1), deadline, "set");
    }
}

/// At the first key of each group of keys, which stand every `step` arguments from `start` up to `end`, starts
/// to load the memory that looking the group up takes, so that it arrives side by side.
#[inline]
fn prefetch_group(call: &Call<'_, '_>, index: usize, start: usize, step: usize, end: usize) {
    /// About as many loads as a core keeps under way.
    const GROUP: usize = 16;
    if !(index - start).is_multiple_of(GROUP * step) || index + step >= end {
        return;
    }
    let (keyspace, pin) = (&call.engine.keyspace, pin());
    let group = (index..end.min(index + GROUP * step)).step_by(step);
    for key in group.clone().map(|index| call.key(index)) {
        keyspace.prefetch_bucket(&pin, key.database, key.hash);
    }
    let mut are_displaced = [false; GROUP];
    for (is_displaced, key) in are_displaced.iter_mut().zip(group.clone().map(|index| call.key(index))) {
        *is_displaced = keyspace.prefetch_record(&pin, key.database, key.hash);
    }
    let displaced = are_displaced.iter().zip(group).filter(|(is_displaced, _)| **is_displaced);
    for key in displaced.map(|(_, index)| call.key(index)) {
        keyspace.prefetch_displaced(&pin, key.database, key.hash);
    }
}
