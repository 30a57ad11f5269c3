//! Setting and removing fields.

use super::{Removal, limits, note_removal, owned};
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::hashes::Before;
use crate::keyspace::strings::NewDeadline;

const UPDATE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const INSERT: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))];
const REMOVE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("HDEL", -3, REMOVE, hdel).looks_for(2).fast().docs(
        Group::Hash,
        "2.0.0",
        "O(N) where N is the number of fields to be removed.",
        "key field [field ...]",
        "Removes fields from a hash, and the hash with the last of them.",
    ),
    Command::write("HMSET", -4, UPDATE, hmset).looks_for(2)
        .fast()
        .deny_oom()
        .docs(
            Group::Hash,
            "2.0.0",
            "O(N) where N is the number of fields being set.",
            "key field value [field value ...]",
            "Sets several fields of a hash.",
        )
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs"),
    Command::write("HSET", -4, UPDATE, hset).looks_for(2).fast().deny_oom().docs(
        Group::Hash,
        "2.0.0",
        "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with \
         multiple field/value pairs.",
        "key field value [field value ...]",
        "Sets fields of a hash and returns how many are new.",
    ),
    Command::write("HSETNX", 4, INSERT, hsetnx).looks_for(2).fast().deny_oom().docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "key field value",
        "Sets a field of a hash if there is no such field.",
    ),
];

/// Names and values that follow one another.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    arguments: Arguments<'a>,
    next: usize,
}

impl<'a> Pairs<'a> {
    /// Those that the arguments from `first` on are.
    pub(super) fn new(arguments: Arguments<'a>, first: usize) -> Self {
        Self { arguments, next: first }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let pair = (self.arguments.get(self.next)?, self.arguments.get(self.next + 1)?);
        self.next += 2;
        Some(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.arguments.len().saturating_sub(self.next) / 2;
        (len, Some(len))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

/// Sets the fields that the request names. Returns how many are new.
fn set_all(call: &mut Call<'_, '_>) -> Result<i64, CommandError> {
    if !call.arguments.len().is_multiple_of(2) {
        return Err(CommandError::wrong_arity(&call.command.full_name));
    }
    let (key, limits) = (call.key(1), limits(call));
    let mut new = 0;
    let pairs = Pairs::new(call.arguments, 2);
    call.keys.set_fields(&key, pairs, NewDeadline::Clear, limits, &mut |_, before| {
        new += i64::from(before.is_new());
    })?;
    call.keys.note_parts(&key, "hset", (call.arguments.len() - 2) / 2);
    Ok(new)
}

fn hset(call: &mut Call<'_, '_>) -> Outcome {
    let new = set_all(call)?;
    call.reply.integer(new);
    Ok(())
}

fn hmset(call: &mut Call<'_, '_>) -> Outcome {
    set_all(call)?;
    call.reply.ok();
    Ok(())
}

fn hsetnx(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms, limits) = (call.key(1), call.now_ms(), limits(call));
    let (name, value) = (call.arguments.at(2), call.arguments.at(3));
    let exists = call.keys.peek_hash(&key)?.is_some_and(|hash| hash.get(name, now_ms).is_some());
    if !exists {
        let pairs = [(name, value)].into_iter();
        let mut before = Before::Missing;
        call.keys.set_fields(&key, pairs, NewDeadline::Clear, limits, &mut |_, was| before = was)?;
        if before == Before::Expired {
            call.keys.note_expired_fields(&key, 1);
            call.keys.replay_as(|| owned(&[b"HSET", key.bytes, name, value]));
        }
        call.keys.note(&key, "hset");
    }
    call.reply.integer(i64::from(!exists));
    Ok(())
}

fn hdel(call: &mut Call<'_, '_>) -> Outcome {
    let (key, limits) = (call.key(1), limits(call));
    let names = call.arguments.from(2);
    let mut removal = Removal::default();
    call.keys.change_hash(&key, limits, |hash| names.for_each(|name| removal.remove(hash, name)))?;
    note_removal(call, &key, removal);
    call.reply.integer(removal.live as i64);
    Ok(())
}
