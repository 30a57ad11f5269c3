//! Deadlines of fields: set, asked for, and taken away.

use super::fields::{COUNT_NOT_POSITIVE, Form, parse_fields, request};
use super::{Removal, limits, note_removal, owned};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const UPDATE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const ASKED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

const PER_FIELD: &str = "O(N) where N is the number of specified fields";
const FIELDS: &str = "key FIELDS numfields field [field ...]";

/// There is no such field.
const NO_FIELD: i64 = -2;
/// The field has no deadline.
const NO_DEADLINE: i64 = -1;

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("HEXPIRE", -6, UPDATE, |call| set(call, Form { relative: true, unit_ms: 1000 }))
        .fast()
        .docs(
            Group::Hash,
            "7.4.0",
            PER_FIELD,
            "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
            "Lets fields of a hash expire after some seconds.",
        ),
    Command::write("HEXPIREAT", -6, UPDATE, |call| set(call, Form { relative: false, unit_ms: 1000 }))
        .fast()
        .docs(
            Group::Hash,
            "7.4.0",
            PER_FIELD,
            "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
            "Lets fields of a hash expire at a Unix time.",
        ),
    Command::read("HEXPIRETIME", -5, ASKED, |call| ask(call, |deadline, _| deadline.div_ceil(1000)))
        .fast()
        .docs(
            Group::Hash,
            "7.4.0",
            PER_FIELD,
            FIELDS,
            "Tells the Unix times at which fields of a hash expire.",
        ),
    Command::write("HPERSIST", -5, UPDATE, persist).fast().docs(
        Group::Hash,
        "7.4.0",
        PER_FIELD,
        FIELDS,
        "Lets fields of a hash live on without deadlines.",
    ),
    Command::write("HPEXPIRE", -6, UPDATE, |call| set(call, Form { relative: true, unit_ms: 1 }))
        .fast()
        .docs(
            Group::Hash,
            "7.4.0",
            PER_FIELD,
            "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
            "Lets fields of a hash expire after some milliseconds.",
        ),
    Command::write("HPEXPIREAT", -6, UPDATE, |call| set(call, Form { relative: false, unit_ms: 1 }))
        .fast()
        .docs(
            Group::Hash,
            "7.4.0",
            PER_FIELD,
            "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
            "Lets fields of a hash expire at a Unix time in milliseconds.",
        ),
    Command::read("HPEXPIRETIME", -5, ASKED, |call| ask(call, |deadline, _| deadline)).fast().docs(
        Group::Hash,
        "7.4.0",
        PER_FIELD,
        FIELDS,
        "Tells the Unix times in milliseconds at which fields of a hash expire.",
    ),
    Command::read("HPTTL", -5, ASKED, |call| ask(call, |deadline, now_ms| deadline - now_ms))
        .fast()
        .docs(
            Group::Hash,
            "7.4.0",
            PER_FIELD,
            FIELDS,
            "Tells in how many milliseconds fields of a hash expire.",
        )
        .tips(&["nondeterministic_output"]),
    Command::read("HTTL", -5, ASKED, |call| ask(call, |deadline, now_ms| (deadline - now_ms).div_ceil(1000)))
        .fast()
        .docs(Group::Hash, "7.4.0", PER_FIELD, FIELDS, "Tells in how many seconds fields of a hash expire.")
        .tips(&["nondeterministic_output"]),
];

/// When a deadline is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Always.
    Always,
    /// NX: the field has none.
    Missing,
    /// XX: the field has one.
    Exists,
    /// GT: the new one is later; none is later than any.
    Later,
    /// LT: the new one is earlier.
    Earlier,
}

impl Condition {
    fn of(word: &[u8]) -> Option<Self> {
        let words = [("NX", Self::Missing), ("XX", Self::Exists), ("GT", Self::Later), ("LT", Self::Earlier)];
        words.into_iter().find(|(name, _)| is_word(word, name)).map(|(_, condition)| condition)
    }

    fn holds(self, before: Option<u64>, after: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Missing => before.is_none(),
            Self::Exists => before.is_some(),
            Self::Later => before.is_some_and(|before| after > before),
            Self::Earlier => before.is_none_or(|before| after < before),
        }
    }
}

fn set(call: &mut Call<'_, '_>, form: Form) -> Outcome {
    const COUNT_ERROR: CommandError =
        CommandError::fixed("ERR Parameter `numFields` should be greater than 0");
    const NOT_MET: i64 = 0;
    const DONE: i64 = 1;
    const REMOVED: i64 = 2;
    let (key, now_ms, limits) = (call.key(1), call.now_ms(), limits(call));
    call.keys.peek_hash(&key)?;
    let deadline = form.deadline(call.arguments.at(2), now_ms, &call.command.full_name)?;
    let condition = Condition::of(call.arguments.at(3));
    let index = if condition.is_some() { 4 } else { 3 };
    let condition = condition.unwrap_or(Condition::Always);
    let names = parse_fields(&call.arguments, index, COUNT_ERROR)?;
    let (reply, keys) = (&mut call.reply, &mut call.keys);
    reply.array(names.len());
    let (mut updated, mut removed, mut removal) = (Vec::new(), Vec::new(), Removal::default());
    let changed = keys.change_hash(&key, limits, |hash| {
        hash.make_room_for_deadlines();
        for name in &names {
            reply.integer(match hash.get(name).map(|field| field.deadline) {
                None => NO_FIELD,
                Some(before) if !condition.holds(before, deadline) => NOT_MET,
                Some(_) if deadline <= now_ms => {
                    removal.remove(hash, name);
                    removed.push(*name);
                    REMOVED
                }
                Some(_) => {
                    hash.set_deadline(name, Some(deadline));
                    updated.push(*name);
                    DONE
                }
            });
        }
    })?;
    if changed.is_none() {
        names.iter().for_each(|_| call.reply.integer(NO_FIELD));
    }
    if !updated.is_empty() {
        let time = deadline.to_string();
        call.keys.note(&key, "hexpire");
        call.keys.replay_as(|| request(&[b"HPEXPIREAT", key.bytes, time.as_bytes()], &updated));
    } else if !removed.is_empty() {
        call.keys.replay_as(|| owned(&[&[&b"HDEL"[..], key.bytes], &removed[..]].concat()));
        note_removal(call, &key, removal);
    }
    Ok(())
}

fn persist(call: &mut Call<'_, '_>) -> Outcome {
    const DONE: i64 = 1;
    let (key, limits) = (call.key(1), limits(call));
    call.keys.peek_hash(&key)?;
    let names = parse_fields(&call.arguments, 2, COUNT_NOT_POSITIVE)?;
    let (reply, keys) = (&mut call.reply, &mut call.keys);
    reply.array(names.len());
    let mut updated = Vec::new();
    let changed = keys.change_hash(&key, limits, |hash| {
        for name in &names {
            reply.integer(match hash.get(name).map(|field| field.deadline) {
                None => NO_FIELD,
                Some(None) => NO_DEADLINE,
                Some(Some(_)) => {
                    hash.set_deadline(name, None);
                    updated.push(*name);
                    DONE
                }
            });
        }
    })?;
    if changed.is_none() {
        names.iter().for_each(|_| call.reply.integer(NO_FIELD));
    }
    if !updated.is_empty() {
        call.keys.note(&key, "hpersist");
        call.keys.replay_as(|| request(&[b"HPERSIST", key.bytes], &updated));
    }
    Ok(())
}

/// Answers what `measure` makes of each field's deadline and the time.
fn ask(call: &mut Call<'_, '_>, measure: fn(u64, u64) -> u64) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    let hash = call.keys.read_hash(&key)?;
    let names = parse_fields(&call.arguments, 2, COUNT_NOT_POSITIVE)?;
    call.reply.array(names.len());
    for name in names {
        let field = hash.and_then(|hash| hash.get(name, now_ms));
        call.reply.integer(match field.map(|field| field.deadline) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(deadline)) => i64::try_from(measure(deadline, now_ms)).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_a_deadline_counts_as_living_forever() {
        assert!(!Condition::Later.holds(None, u64::MAX));
        assert!(Condition::Earlier.holds(None, u64::MAX));
        assert!(!Condition::Later.holds(Some(2), 2) && !Condition::Earlier.holds(Some(2), 2));
        assert!(Condition::of(b"gt") == Some(Condition::Later) && Condition::of(b"FIELDS").is_none());
    }
}
