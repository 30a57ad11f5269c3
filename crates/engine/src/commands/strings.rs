//! Reading and setting strings as a whole.

use std::sync::Arc;

use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::Outcome;
use crate::value::string::StringRef;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::read("GET", 2, READ, get).fast().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key",
        "Returns the string value of a key.",
    ),
];

fn get(call: &mut Call<'_>) -> Outcome {
    let key = call.key(1);
    match call.keys.read_string(&key)? {
        Some(value) => reply_string(call.reply, value),
        None => call.reply.null(),
    }
    Ok(())
}

/// Replies a string's text; big ones by reference.
pub(super) fn reply_string(reply: &mut nuthatch_protocol::Reply, value: StringRef<'_>) {
    match value {
        StringRef::Integer(number) => reply.bulk_integer(number),
        StringRef::Bytes(bytes) => reply.bulk(bytes),
        StringRef::Shared(bytes) => reply.bulk_shared(Arc::clone(bytes)),
    }
}
