//! Reading strings as a whole, and what ends a read: deleting or expiring the key.

use std::sync::Arc;

use nuthatch_protocol::Reply;

use super::expiration::Lifetime;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::string::StringRef;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const READ_LENGTH: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO)];
const READ_AND_DELETE: &[KeySpec] =
    &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))];
const READ_AND_EXPIRE: &[KeySpec] =
    &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("GET", 2, READ, get).fast().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key",
        "Returns the string value of a key.",
    ),
    Command::write("GETDEL", 2, READ_AND_DELETE, getdel).fast().docs(
        Group::String,
        "6.2.0",
        "O(1)",
        "key",
        "Returns the string value of a key and removes the key.",
    ),
    Command::write("GETEX", -2, READ_AND_EXPIRE, getex).fast().docs(
        Group::String,
        "6.2.0",
        "O(1)",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
        "Returns the string value of a key and sets or clears its deadline.",
    ),
    Command::read("STRLEN", 2, READ_LENGTH, strlen).fast().docs(
        Group::String,
        "2.2.0",
        "O(1)",
        "key",
        "Returns the length of a string value.",
    ),
];

fn get(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    reply_optional_string(call.reply, call.keys.read_string(&key)?);
    Ok(())
}

fn strlen(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let length = call.keys.read_string(&key)?.map_or(0, StringRef::len);
    call.reply.integer(length as i64);
    Ok(())
}

fn getdel(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let current = call.keys.read_string(&key)?;
    reply_optional_string(call.reply, current);
    call.keys.remove(&key, "del");
    Ok(())
}

fn getex(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let now_ms = call.now_ms();
    let mut lifetime = Lifetime::Unsaid;
    let mut rest = call.arguments.from(2);
    while let Some(word) = rest.next() {
        if is_word(word, "PERSIST") {
            lifetime.choose(Lifetime::Persist)?;
        } else if !lifetime.accept(word, &mut rest)? {
            return Err(CommandError::SYNTAX);
        }
    }
    let Some(value) = call.keys.read_string(&key)? else {
        call.reply.null();
        return Ok(());
    };
    reply_string(call.reply, value);
    match lifetime {
        Lifetime::Unsaid | Lifetime::Keep => {}
        Lifetime::Persist => {
            if call.keys.deadline(&key).flatten().is_some() {
                call.keys.set_deadline(&key, None, "persist");
            }
        }
        Lifetime::Ends(expiration) => match expiration.deadline(now_ms, "getex")? {
            deadline if deadline <= now_ms => {
                call.keys.remove(&key, "del");
            }
            deadline => {
                call.keys.set_deadline(&key, Some(deadline), "expire");
            }
        },
    }
    Ok(())
}

/// Replies a string's text; big ones by reference.
#[inline]
pub(super) fn reply_string(reply: &mut Reply, value: StringRef<'_>) {
    match value {
        StringRef::Integer(number) => reply.bulk_integer(number),
        StringRef::Bytes(bytes) => reply.bulk(bytes),
        StringRef::Shared(bytes) => reply.bulk_shared(Arc::clone(bytes)),
    }
}

/// Replies a string's text, or that there is none.
#[inline]
pub(super) fn reply_optional_string(reply: &mut Reply, value: Option<StringRef<'_>>) {
    match value {
        Some(value) => reply_string(reply, value),
        None => reply.null(),
    }
}
