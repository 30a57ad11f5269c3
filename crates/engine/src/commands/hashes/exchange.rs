//! Reading fields while removing them or setting their deadlines, and setting fields with deadlines.

use nuthatch_protocol::number::parse_i64;

use super::super::conditions::Condition;
use super::super::container::printed;
use super::fields::{COUNT_NOT_POSITIVE, Form, parse_fields, request};
use super::writes::Pairs;
use super::{Removal, limits, note_removal, owned, reply_value};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::hashes::Before;
use crate::keyspace::strings::NewDeadline;

const UPDATE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const READ_AND_UPDATE: &[KeySpec] =
    &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];
const READ_AND_REMOVE: &[KeySpec] =
    &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("HGETDEL", -5, READ_AND_REMOVE, hgetdel).fast().docs(
        Group::Hash,
        "8.0.0",
        "O(N) where N is the number of specified fields",
        "key FIELDS numfields field [field ...]",
        "Returns the values of fields and removes these.",
    ),
    Command::write("HGETEX", -5, READ_AND_UPDATE, hgetex).fast().docs(
        Group::Hash,
        "8.0.0",
        "O(N) where N is the number of specified fields",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
         FIELDS numfields field [field ...]",
        "Returns the values of fields and sets or clears their deadlines.",
    ),
    Command::write("HSETEX", -6, UPDATE, hsetex).fast().deny_oom().docs(
        Group::Hash,
        "8.0.0",
        "O(N) where N is the number of fields being set.",
        "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
         PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
        "Sets fields of a hash with a deadline, or only if the hash or all of them exist, or none does.",
    ),
];

fn hgetdel(call: &mut Call<'_, '_>) -> Outcome {
    let (key, limits) = (call.key(1), limits(call));
    call.keys.peek_hash(&key)?;
    let names = parse_fields(&call.arguments, 2, COUNT_NOT_POSITIVE)?;
    let (reply, keys) = (&mut call.reply, &mut call.keys);
    reply.array(names.len());
    let removal = keys.change_hash(&key, limits, |hash| {
        let mut removal = Removal::default();
        for name in &names {
            reply_value(reply, hash.get(name));
            removal.remove(hash, name);
        }
        removal
    })?;
    match removal {
        Some(removal) => note_removal(call, &key, removal),
        None => names.iter().for_each(|_| call.reply.null()),
    }
    Ok(())
}

/// What HGETEX does to the fields' deadlines.
#[derive(Clone, Copy)]
enum Change {
    Nothing,
    Persist,
    Set(u64),
}

fn hgetex(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms, limits) = (call.key(1), call.now_ms(), limits(call));
    call.keys.peek_hash(&key)?;
    let word = call.arguments.at(2);
    let (change, index) = if let Some(form) = Form::of(word) {
        let deadline = form.deadline(call.arguments.at(3), now_ms, &call.command.full_name)?;
        (Change::Set(deadline), 4)
    } else if is_word(word, "PERSIST") {
        (Change::Persist, 3)
    } else {
        (Change::Nothing, 2)
    };
    if index + 1 == call.arguments.len() && is_word(call.arguments.at(index), "FIELDS") {
        return Err(CommandError::wrong_arity(&call.command.full_name));
    }
    let names = parse_fields(&call.arguments, index, COUNT_NOT_POSITIVE)?;
    let (reply, keys) = (&mut call.reply, &mut call.keys);
    reply.array(names.len());
    if let Change::Nothing = change {
        let hash = keys.read_hash(&key)?;
        names.iter().for_each(|name| reply_value(reply, hash.and_then(|hash| hash.get(name, now_ms))));
        return Ok(());
    }
    let (mut changed, mut removal) = (Vec::new(), Removal::default());
    let is_there = keys.change_hash(&key, limits, |hash| {
        hash.make_room_for_deadlines();
        for name in &names {
            let field = hash.get(name);
            reply_value(reply, field);
            let Some(field) = field else { continue };
            match change {
                Change::Set(deadline) if deadline > now_ms => hash.set_deadline(name, Some(deadline)),
                Change::Set(_) => removal.remove(hash, name),
                Change::Persist if field.deadline.is_some() => hash.set_deadline(name, None),
                Change::Persist | Change::Nothing => continue,
            }
            changed.push(*name);
        }
    })?;
    if is_there.is_none() {
        names.iter().for_each(|_| call.reply.null());
    }
    if changed.is_empty() {
        return Ok(());
    }
    match change {
        Change::Nothing => {}
        Change::Persist => {
            call.keys.note(&key, "hpersist");
            call.keys.replay_as(|| request(&[b"HPERSIST", key.bytes], &changed));
        }
        Change::Set(deadline) if deadline > now_ms => {
            let time = deadline.to_string();
            call.keys.note(&key, "hexpire");
            call.keys.replay_as(|| request(&[b"HPEXPIREAT", key.bytes, time.as_bytes()], &changed));
        }
        Change::Set(_) => {
            call.keys.replay_as(|| owned(&[&[&b"HDEL"[..], key.bytes], &changed[..]].concat()));
            note_removal(call, &key, removal);
        }
    }
    Ok(())
}

/// The options of HSETEX.
struct SetOptions<'a> {
    /// NX or XX: whether there must be a hash.
    condition: Condition<'a>,
    /// FXX: all fields must exist; FNX: none may.
    must_exist: Option<bool>,
    deadline: NewDeadline,
    pairs: Pairs<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(call: &Call<'a, '_>) -> Result<Self, CommandError> {
        const BOTH_CONDITIONS: CommandError =
            CommandError::fixed("ERR Only one of FXX or FNX arguments can be specified");
        const TWO_DEADLINES: CommandError =
            CommandError::fixed("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        const INVALID_COUNT: CommandError = CommandError::fixed("ERR invalid number of fields");
        let (arguments, name) = (call.arguments, &call.command.full_name);
        let (mut condition, mut must_exist, mut deadline) = (Condition::Always, None, None);
        let mut index = 2;
        while let Some(word) = arguments.get(index) {
            index += 1;
            if is_word(word, "FIELDS") {
                const COUNT_AND_PAIR: usize = 3;
                if arguments.len() < index + COUNT_AND_PAIR {
                    return Err(CommandError::wrong_arity(name));
                }
                let count = parse_i64(arguments.at(index)).and_then(|count| u32::try_from(count).ok());
                let count =
                    count.filter(|count| (1..=i32::MAX as u32).contains(count)).ok_or(INVALID_COUNT)?;
                if arguments.len() - (index + 1) != 2 * count as usize {
                    return Err(CommandError::wrong_arity(name));
                }
                let pairs = Pairs::new(arguments, index + 1);
                let deadline = deadline.unwrap_or(NewDeadline::Clear);
                return Ok(Self { condition, must_exist, deadline, pairs });
            }
            if is_word(word, "FNX") || is_word(word, "FXX") {
                if must_exist.replace(is_word(word, "FXX")).is_some() {
                    return Err(BOTH_CONDITIONS);
                }
            } else if is_word(word, "KEEPTTL") {
                if deadline.replace(NewDeadline::Keep).is_some() {
                    return Err(TWO_DEADLINES);
                }
            } else if let Some(form) = Form::of(word) {
                if deadline.is_some() {
                    return Err(TWO_DEADLINES);
                }
                let amount = arguments.get(index).ok_or_else(|| CommandError::wrong_arity(name))?;
                index += 1;
                deadline = Some(NewDeadline::At(form.deadline(amount, call.now_ms(), name)?));
            } else if !condition.accept_existence(word)? {
                return Err(unknown_argument(word));
            }
        }
        Err(CommandError::wrong_arity(name))
    }
}

fn unknown_argument(word: &[u8]) -> CommandError {
    let word = printed(word);
    let end = word.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
    CommandError::repeating("ERR unknown argument: ", &word[..end], "")
}

fn hsetex(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms, limits) = (call.key(1), call.now_ms(), limits(call));
    let SetOptions { condition, must_exist, deadline, pairs } = SetOptions::parse(call)?;
    let hash = call.keys.peek_hash(&key)?;
    let exists = |name: &[u8]| hash.is_some_and(|hash| hash.get(name, now_ms).is_some());
    let holds = condition.holds_by_existence(hash.is_some())
        && must_exist.is_none_or(|must_exist| pairs.clone().all(|(name, _)| exists(name) == must_exist));
    call.reply.integer(i64::from(holds));
    if !holds {
        return Ok(());
    }
    let mut expired = Vec::new();
    call.keys.set_fields(&key, pairs.clone(), deadline, limits, &mut |name, before| {
        if before == Before::Expired {
            expired.push(name);
        }
    })?;
    // A condition has looked at them, and what has expired is removed where it is looked at.
    if must_exist.is_some() && !expired.is_empty() {
        call.keys.note_expired_fields(&key, expired.len());
    }
    call.keys.note(&key, "hset");
    match deadline {
        NewDeadline::At(deadline) if deadline <= now_ms => {
            let names: Vec<&[u8]> = pairs.map(|(name, _)| name).collect();
            let is_emptied = call.keys.change_hash(&key, limits, |hash| {
                names.iter().for_each(|name| {
                    hash.remove(name);
                });
                hash.is_empty()
            })?;
            call.keys.replay_as(|| owned(&[&[&b"HDEL"[..], key.bytes], &names[..]].concat()));
            // They count as fields that lived until now.
            let removal = Removal { live: names.len(), expired: 0, is_emptied: is_emptied == Some(true) };
            note_removal(call, &key, removal);
        }
        NewDeadline::At(deadline) => {
            call.keys.note(&key, "hexpire");
            let time = deadline.to_string();
            replay_set(call, &key, &[b"PXAT", time.as_bytes()], pairs);
        }
        NewDeadline::Keep => {
            if !expired.is_empty() {
                // What they keep is no deadline. They are not deleted first: the key could lose its own.
                call.keys.replay_as(|| {
                    let count = expired.len().to_string();
                    let head = [&b"HSETEX"[..], key.bytes, b"FIELDS", count.as_bytes()];
                    let pairs = expired.iter().flat_map(|name| [name, &b""[..]]);
                    owned(&head.into_iter().chain(pairs).collect::<Vec<_>>())
                });
            }
            replay_set(call, &key, &[b"KEEPTTL"], pairs);
        }
        NewDeadline::Clear => replay_set(call, &key, &[], pairs),
    }
    Ok(())
}

/// Tells the log of fields that were set, without the conditions, which have been met.
fn replay_set(call: &mut Call<'_, '_>, key: &Key<'_>, options: &[&[u8]], pairs: Pairs<'_>) {
    call.keys.replay_as(|| {
        let count = pairs.len().to_string();
        let head = [&[&b"HSETEX"[..], key.bytes], options, &[b"FIELDS", count.as_bytes()]].concat();
        owned(&pairs.fold(head, |mut words, (name, value)| {
            words.extend([name, value]);
            words
        }))
    });
}
