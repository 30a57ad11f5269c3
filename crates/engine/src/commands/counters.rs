//! Strings that are numbers: INCR and its kin.

use nuthatch_protocol::LongDouble;
use nuthatch_protocol::number::parse_i64;

use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::strings::NewDeadline;

const COUNT: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("DECR", 2, COUNT, decr).fast().deny_oom().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key",
        "Decrements the integer value of a key, 0 if it does not exist, by one.",
    ),
    Command::write("DECRBY", 3, COUNT, decrby).fast().deny_oom().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key decrement",
        "Subtracts a number from the integer value of a key, 0 if it does not exist.",
    ),
    Command::write("INCR", 2, COUNT, incr).fast().deny_oom().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key",
        "Increments the integer value of a key, 0 if it does not exist, by one.",
    ),
    Command::write("INCRBY", 3, COUNT, incrby).fast().deny_oom().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key increment",
        "Adds a number to the integer value of a key, 0 if it does not exist.",
    ),
    Command::write("INCRBYFLOAT", 3, COUNT, incrbyfloat).fast().deny_oom().docs(
        Group::String,
        "2.6.0",
        "O(1)",
        "key increment",
        "Adds a floating-point number to the value of a key, 0 if it does not exist.",
    ),
];

fn incr(call: &mut Call<'_, '_>) -> Outcome {
    add(call, 1)
}

fn decr(call: &mut Call<'_, '_>) -> Outcome {
    add(call, -1)
}

fn incrby(call: &mut Call<'_, '_>) -> Outcome {
    let increment = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    add(call, increment)
}

fn decrby(call: &mut Call<'_, '_>) -> Outcome {
    let decrement = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    add(call, decrement.checked_neg().ok_or(CommandError::fixed("ERR decrement would overflow"))?)
}

fn add(call: &mut Call<'_, '_>, increment: i64) -> Outcome {
    let key = call.key(1);
    let current = match call.keys.peek_string(&key)? {
        Some(value) => Some(value.integer().ok_or(CommandError::NOT_AN_INTEGER)?),
        None => None,
    };
    let sum = current
        .unwrap_or(0)
        .checked_add(increment)
        .ok_or(CommandError::fixed("ERR increment or decrement would overflow"))?;
    match current {
        Some(_) => call.keys.update_integer(&key, sum, "incrby"),
        None => call.keys.set_integer(&key, sum, NewDeadline::Clear, "incrby"),
    }
    call.reply.integer(sum);
    Ok(())
}

fn incrbyfloat(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let current = match call.keys.peek_string(&key)? {
        Some(value) => LongDouble::parse(&value.bytes()),
        None => LongDouble::parse(b"0"),
    };
    let (Some(current), Some(increment)) = (current, LongDouble::parse(call.arguments.at(2))) else {
        return Err(CommandError::NOT_A_FLOAT);
    };
    let sum = current
        .checked_add(increment)
        .ok_or(CommandError::fixed("ERR increment would produce NaN or Infinity"))?;
    let mut text = Vec::new();
    sum.format(&mut text);
    call.keys.set_text(&key, &text, NewDeadline::Keep, "incrbyfloat");
    call.reply.bulk(&text);
    Ok(())
}
