//! Keys of any type: whether they exist, what type they hold, their names and places.

use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::Kind;

use super::databases::parse_database;
use crate::arguments::is_word;

const REMOVED: &[KeySpec] = &[KeySpec::rest(1, 1, KeyFlags::RM.union(KeyFlags::DELETE))];
const INSPECTED: &[KeySpec] = &[KeySpec::rest(1, 1, KeyFlags::RO)];
const RENAMED: KeySpec = KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE));
const OVERWRITTEN: KeySpec = KeySpec::one(2, KeyFlags::OW.union(KeyFlags::UPDATE));

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("COPY", -3, &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)), OVERWRITTEN], copy)
        .deny_oom()
        .docs(
            Group::Generic,
            "6.2.0",
            "O(N) worst case for collections, where N is the number of nested items. O(1) for string \
             values.",
            "source destination [DB destination-db] [REPLACE]",
            "Copies the value of a key to another key.",
        ),
    Command::write("DEL", -2, REMOVED, remove)
        .docs(
            Group::Generic,
            "1.0.0",
            "O(N) where N is the number of keys that will be removed. When a key to remove holds a value \
             other than a string, the individual complexity for this key is O(M) where M is the number of \
             elements in the list, set, sorted set or hash. Removing a single key that holds a string \
             value is O(1).",
            "key [key ...]",
            "Removes keys.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    Command::read("EXISTS", -2, INSPECTED, exists)
        .fast()
        .docs(
            Group::Generic,
            "1.0.0",
            "O(N) where N is the number of keys to check.",
            "key [key ...]",
            "Counts how many of the keys exist.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    Command::write(
        "MOVE",
        3,
        &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        move_key,
    )
    .fast()
    .docs(Group::Generic, "1.0.0", "O(1)", "key db", "Moves a key to another database."),
    Command::write("RENAME", 3, &[RENAMED, OVERWRITTEN], rename).docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "key newkey",
        "Renames a key, overwriting the key that has the new name.",
    ),
    Command::write(
        "RENAMENX",
        3,
        &[RENAMED, KeySpec::one(2, KeyFlags::OW.union(KeyFlags::INSERT))],
        rename_to_absent,
    )
    .fast()
    .docs(Group::Generic, "1.0.0", "O(1)", "key newkey", "Renames a key unless the new name is taken."),
    Command::read("TOUCH", -2, INSPECTED, touch)
        .fast()
        .docs(
            Group::Generic,
            "3.2.1",
            "O(N) where N is the number of keys that will be touched.",
            "key [key ...]",
            "Notes an access to each of the keys and counts those that exist.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    Command::read("TYPE", 2, &[KeySpec::one(1, KeyFlags::RO)], type_name).fast().docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "key",
        "Tells the type of the value of a key.",
    ),
    Command::write("UNLINK", -2, REMOVED, remove)
        .fast()
        .docs(
            Group::Generic,
            "4.0.0",
            "O(1) for each key removed regardless of its size. Then the command does O(N) work in a \
             different thread in order to reclaim memory, where N is the number of allocations the \
             deleted objects where composed of.",
            "key [key ...]",
            "Removes keys and frees their memory in the background.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
];

/// DEL and UNLINK: big values are freed in the background by both.
fn remove(call: &mut Call<'_, '_>) -> Outcome {
    let mut removed = 0;
    for index in 1..call.arguments.len() {
        let key = call.key(index);
        removed += i64::from(call.keys.remove(&key, "del"));
    }
    call.reply.integer(removed);
    Ok(())
}

fn exists(call: &mut Call<'_, '_>) -> Outcome {
    let mut found = 0;
    for index in 1..call.arguments.len() {
        let key = call.key(index);
        found += i64::from(call.keys.inspect(&key, |_| ()).is_some());
    }
    call.reply.integer(found);
    Ok(())
}

fn touch(call: &mut Call<'_, '_>) -> Outcome {
    let mut found = 0;
    for index in 1..call.arguments.len() {
        let key = call.key(index);
        found += i64::from(call.keys.touch(&key));
    }
    call.reply.integer(found);
    Ok(())
}

fn type_name(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let name = call.keys.inspect(&key, |record| Kind::of(record.kind()).value_type().name());
    call.reply.simple(name.unwrap_or("none"));
    Ok(())
}

/// The events of the old name and of the new.
const RENAME_EVENTS: [&str; 2] = ["rename_from", "rename_to"];

fn rename(call: &mut Call<'_, '_>) -> Outcome {
    let (from, to) = (call.key(1), call.key(2));
    call.remove_expired_keys();
    if !call.keys.contains(&from) {
        return Err(CommandError::NO_SUCH_KEY);
    }
    if from.bytes != to.bytes {
        call.keys.rename(&from, &to, RENAME_EVENTS);
    }
    call.reply.ok();
    Ok(())
}

fn rename_to_absent(call: &mut Call<'_, '_>) -> Outcome {
    let (from, to) = (call.key(1), call.key(2));
    call.remove_expired_keys();
    if !call.keys.contains(&from) {
        return Err(CommandError::NO_SUCH_KEY);
    }
    let renamed = !call.keys.contains(&to) && call.keys.rename(&from, &to, RENAME_EVENTS);
    call.reply.integer(i64::from(renamed));
    Ok(())
}

fn move_key(call: &mut Call<'_, '_>) -> Outcome {
    let from = call.key(1);
    let to = from.in_database(parse_database(call, call.arguments.at(2))?);
    if to.database == from.database {
        return Err(CommandError::SAME_OBJECT);
    }
    let moved = !call.keys.contains(&to) && call.keys.rename(&from, &to, ["move_from", "move_to"]);
    call.reply.integer(i64::from(moved));
    Ok(())
}

fn copy(call: &mut Call<'_, '_>) -> Outcome {
    let (from, mut to) = (call.key(1), call.key(2));
    let mut replace = false;
    let mut options = call.arguments.from(3);
    while let Some(option) = options.next() {
        if is_word(option, "REPLACE") {
            replace = true;
        } else if is_word(option, "DB")
            && let Some(number) = options.next()
        {
            to = to.in_database(parse_database(call, number)?);
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    if from.database == to.database && from.bytes == to.bytes {
        return Err(CommandError::SAME_OBJECT);
    }
    call.remove_expired_keys();
    let copied =
        call.keys.touch(&from) && (replace || !call.keys.contains(&to)) && call.keys.copy(&from, &to);
    call.reply.integer(i64::from(copied));
    Ok(())
}
