//! Reading fields and whole hashes.

use nuthatch_protocol::reply::{Later, Reply};

use super::reply_value;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::Outcome;
use crate::value::hash::{Field, HashRef};

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const ASKED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO)];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("HEXISTS", 3, ASKED, hexists).looks_for(2).fast().docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "key field",
        "Tells whether a hash has a field.",
    ),
    Command::read("HGET", 3, READ, hget).looks_for(2).fast().docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "key field",
        "Returns the value of a field of a hash.",
    ),
    Command::read("HGETALL", 2, READ, hgetall)
        .docs(
            Group::Hash,
            "2.0.0",
            "O(N) where N is the size of the hash.",
            "key",
            "Returns all fields of a hash with their values.",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::read("HKEYS", 2, READ, hkeys)
        .docs(
            Group::Hash,
            "2.0.0",
            "O(N) where N is the size of the hash.",
            "key",
            "Returns the names of all fields of a hash.",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::read("HLEN", 2, ASKED, hlen).fast().docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "key",
        "Returns the number of fields of a hash.",
    ),
    Command::read("HMGET", -3, READ, hmget).looks_for(2).fast().docs(
        Group::Hash,
        "2.0.0",
        "O(N) where N is the number of fields being requested.",
        "key field [field ...]",
        "Returns the values of several fields of a hash.",
    ),
    Command::read("HSTRLEN", 3, ASKED, hstrlen).looks_for(2).fast().docs(
        Group::Hash,
        "3.2.0",
        "O(1)",
        "key field",
        "Returns the length of the value of a field.",
    ),
    Command::read("HVALS", 2, READ, hvals)
        .docs(
            Group::Hash,
            "2.0.0",
            "O(N) where N is the size of the hash.",
            "key",
            "Returns the values of all fields of a hash.",
        )
        .tips(&["nondeterministic_output_order"]),
];

fn hget(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    let name = call.arguments.at(2);
    let field = call.keys.read_hash(&key)?.and_then(|hash| hash.get(name, now_ms));
    reply_value(call.reply, field);
    Ok(())
}

fn hmget(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    let names = call.arguments.from(2);
    let hash = call.keys.read_hash(&key)?;
    call.reply.array(names.len());
    for name in names {
        reply_value(call.reply, hash.and_then(|hash| hash.get(name, now_ms)));
    }
    Ok(())
}

fn hgetall(call: &mut Call<'_, '_>) -> Outcome {
    reply_fields(call, Reply::map, Reply::set_map_len, |reply, field| {
        reply_element(reply, field.name);
        reply_element(reply, field.value);
    })
}

fn hkeys(call: &mut Call<'_, '_>) -> Outcome {
    reply_fields(call, Reply::array, Reply::set_array_len, |reply, field| reply_element(reply, field.name))
}

fn hvals(call: &mut Call<'_, '_>) -> Outcome {
    reply_fields(call, Reply::array, Reply::set_array_len, |reply, field| reply_element(reply, field.value))
}

/// Replies something of each field. If their number is not known before, the header is written afterwards.
fn reply_fields(
    call: &mut Call<'_, '_>,
    header: fn(&mut Reply, usize),
    set_header: fn(&mut Reply, Later, usize),
    show: impl Fn(&mut Reply, Field<'_>),
) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    let hash = call.keys.read_hash(&key)?.unwrap_or(HashRef::EMPTY);
    let len = hash.known_live_len(now_ms);
    let later = match len {
        Some(len) => {
            header(call.reply, len);
            None
        }
        None => Some(call.reply.array_later()),
    };
    let mut shown = 0;
    hash.fields(now_ms).for_each(|field| {
        show(call.reply, field);
        shown += 1;
    });
    if let Some(later) = later {
        set_header(call.reply, later, shown);
    }
    Ok(())
}

/// Fields count until they are removed, which is soon after their deadlines.
fn hlen(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let len = call.keys.read_hash(&key)?.map_or(0, |hash| hash.len());
    call.reply.integer(len as i64);
    Ok(())
}

fn hstrlen(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    let name = call.arguments.at(2);
    let field = call.keys.read_hash(&key)?.and_then(|hash| hash.get(name, now_ms));
    call.reply.integer(field.map_or(0, |field| field.value.len()) as i64);
    Ok(())
}

fn hexists(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    let name = call.arguments.at(2);
    let field = call.keys.read_hash(&key)?.and_then(|hash| hash.get(name, now_ms));
    call.reply.integer(i64::from(field.is_some()));
    Ok(())
}
