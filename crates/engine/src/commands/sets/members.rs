//! Members added, removed, moved, counted and looked for.

use nuthatch_collections::packed::Element;

use super::{READ, limits};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::Outcome;
use crate::value::Type;
use crate::value::set::{SetRef, Wanted};

const READ_FACT: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO)];
const ADD: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))];
const REMOVE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];
const MOVE: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE)),
    KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("SADD", -3, ADD, add).looks_for(2).fast().deny_oom().docs(
        Group::Set,
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
         arguments.",
        "key member [member ...]",
        "Adds members to a set, which is made if there is none.",
    ),
    Command::read("SCARD", 2, READ_FACT, count).fast().docs(
        Group::Set,
        "1.0.0",
        "O(1)",
        "key",
        "Counts the members of a set.",
    ),
    Command::read("SISMEMBER", 3, READ_FACT, is_member).looks_for(2).fast().docs(
        Group::Set,
        "1.0.0",
        "O(1)",
        "key member",
        "Tells whether a set has a member.",
    ),
    Command::read("SMEMBERS", 2, READ, members)
        .docs(
            Group::Set,
            "1.0.0",
            "O(N) where N is the set cardinality.",
            "key",
            "Returns all members of a set.",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::read("SMISMEMBER", -3, READ, are_members).looks_for(2).fast().docs(
        Group::Set,
        "6.2.0",
        "O(N) where N is the number of elements being checked for membership",
        "key member [member ...]",
        "Tells which of some texts are members of a set.",
    ),
    Command::write("SMOVE", 4, MOVE, move_member).fast().docs(
        Group::Set,
        "1.0.0",
        "O(1)",
        "source destination member",
        "Moves a member from one set to another.",
    ),
    Command::write("SREM", -3, REMOVE, remove).looks_for(2).fast().docs(
        Group::Set,
        "1.0.0",
        "O(N) where N is the number of members to be removed.",
        "key member [member ...]",
        "Removes members from a set, and the key with the last of them.",
    ),
];

fn add(call: &mut Call<'_, '_>) -> Outcome {
    let (key, limits) = (call.key(1), limits(call));
    let added = call.keys.add_members(&key, call.arguments.from(2), limits)?;
    call.reply.integer(added as i64);
    Ok(())
}

fn remove(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let removed = call.keys.remove_members(&key, call.arguments.from(2))?;
    call.reply.integer(removed as i64);
    Ok(())
}

fn move_member(call: &mut Call<'_, '_>) -> Outcome {
    let (source, destination, member) = (call.key(1), call.key(2), call.arguments.at(3));
    call.remove_expired_keys();
    let Some(set) = call.keys.peek_as(&source, Type::Set)? else {
        call.reply.integer(0);
        return Ok(());
    };
    let is_there = SetRef::of(set).contains(&Wanted::new(Element::of(member)));
    call.keys.peek_as(&destination, Type::Set)?;
    if is_there && source.bytes != destination.bytes {
        let limits = limits(call);
        call.keys.remove_members(&source, std::iter::once(member))?;
        call.keys.add_members(&destination, std::iter::once(member), limits)?;
    }
    call.reply.integer(i64::from(is_there));
    Ok(())
}

fn count(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_as(&key, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of);
    call.reply.integer(set.len() as i64);
    Ok(())
}

fn is_member(call: &mut Call<'_, '_>) -> Outcome {
    let (key, member) = (call.key(1), Wanted::new(Element::of(call.arguments.at(2))));
    let set = call.keys.read_as(&key, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of);
    call.reply.integer(i64::from(set.contains(&member)));
    Ok(())
}

fn are_members(call: &mut Call<'_, '_>) -> Outcome {
    const MEMBERS: usize = 2;
    let key = call.key(1);
    let set = call.keys.read_as(&key, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of);
    call.reply.array(call.arguments.len() - MEMBERS);
    for member in call.arguments.from(MEMBERS) {
        call.reply.integer(i64::from(set.contains(&Wanted::new(Element::of(member)))));
    }
    Ok(())
}

fn members(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_as(&key, Type::Set)?.map_or(SetRef::EMPTY, SetRef::of);
    call.reply.set(set.len());
    set.members().for_each(|member| reply_element(call.reply, member));
    Ok(())
}
