//! Fields as numbers.

use nuthatch_protocol::long_double::LongDouble;
use nuthatch_protocol::number::{format_i64, parse_i64};

use super::{limits, owned};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::hashes::Before;
use crate::keyspace::strings::NewDeadline;

const UPDATE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("HINCRBY", 4, UPDATE, hincrby).looks_for(2).fast().deny_oom().docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "key field increment",
        "Adds to the integer in a field; a missing one counts as 0.",
    ),
    Command::write("HINCRBYFLOAT", 4, UPDATE, hincrbyfloat).looks_for(2).fast().deny_oom().docs(
        Group::Hash,
        "2.6.0",
        "O(1)",
        "key field increment",
        "Adds to the number in a field; a missing one counts as 0.",
    ),
];

fn hincrby(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_AN_INTEGER: CommandError = CommandError::fixed("ERR hash value is not an integer");
    const OVERFLOW: CommandError = CommandError::fixed("ERR increment or decrement would overflow");
    let increment = parse_i64(call.arguments.at(3)).ok_or(CommandError::NOT_AN_INTEGER)?;
    let (key, now_ms) = (call.key(1), call.now_ms());
    let field = call.keys.peek_hash(&key)?.and_then(|hash| hash.get(call.arguments.at(2), now_ms));
    let has_deadline = field.is_some_and(|field| field.deadline.is_some());
    let current = match field {
        Some(field) => field.value.with_text(parse_i64).ok_or(NOT_AN_INTEGER)?,
        None => 0,
    };
    let sum = current.checked_add(increment).ok_or(OVERFLOW)?;
    let mut text = Vec::new();
    format_i64(sum, &mut text);
    store(call, &text, has_deadline, "hincrby")?;
    call.reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_A_FLOAT: CommandError = CommandError::fixed("ERR hash value is not a float");
    const NOT_FINITE: CommandError = CommandError::fixed("ERR value is NaN or Infinity");
    const OVERFLOW: CommandError = CommandError::fixed("ERR increment would produce NaN or Infinity");
    let increment = LongDouble::parse(call.arguments.at(3)).ok_or(CommandError::NOT_A_FLOAT)?;
    if !increment.is_finite() {
        return Err(NOT_FINITE);
    }
    let (key, now_ms) = (call.key(1), call.now_ms());
    let field = call.keys.peek_hash(&key)?.and_then(|hash| hash.get(call.arguments.at(2), now_ms));
    let has_deadline = field.is_some_and(|field| field.deadline.is_some());
    let current = match field {
        Some(field) => field.value.with_text(LongDouble::parse),
        None => LongDouble::parse(b"0"),
    };
    let sum = current.ok_or(NOT_A_FLOAT)?.checked_add(increment).ok_or(OVERFLOW)?;
    let mut text = Vec::new();
    sum.format(&mut text);
    store(call, &text, has_deadline, "hincrbyfloat")?;
    call.reply.bulk(&text);
    Ok(())
}

/// Sets the field of the request to a sum. If it lives and has a deadline, that stays.
fn store(call: &mut Call<'_, '_>, sum: &[u8], has_deadline: bool, event: &'static str) -> Outcome {
    let (key, limits, name) = (call.key(1), limits(call), call.arguments.at(2));
    let mut before = Before::Missing;
    let pairs = [(name, sum)].into_iter();
    call.keys.set_fields(&key, pairs, NewDeadline::Keep, limits, &mut |_, was| before = was)?;
    if before == Before::Expired {
        call.keys.note_expired_fields(&key, 1);
    }
    call.keys.note(&key, event);
    call.keys.replay_as(|| {
        // Servers that know no deadlines of fields know no HSETEX either.
        if has_deadline {
            owned(&[b"HSETEX", key.bytes, b"KEEPTTL", b"FIELDS", b"1", name, sum])
        } else {
            owned(&[b"HSET", key.bytes, name, sum])
        }
    });
    Ok(())
}
