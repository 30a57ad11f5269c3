//! Databases as a whole: selected, counted, emptied and exchanged.

use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Flags, Group};
use crate::error::{CommandError, Outcome};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("DBSIZE", 1, &[], size)
        .visits_shards()
        .also_in(Categories::KEYSPACE)
        .fast()
        .docs(Group::Server, "1.0.0", "O(1)", "", "Counts the keys of the database.")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Command::write("FLUSHALL", -1, &[], flush_all)
        .also_in(DANGEROUS)
        .with(Flags::ALL_KEYS)
        .docs(
            Group::Server,
            "1.0.0",
            "O(N) where N is the total number of keys in all databases",
            "[ASYNC | SYNC]",
            "Removes all keys of all databases.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::write("FLUSHDB", -1, &[], flush_database)
        .also_in(DANGEROUS)
        .with(Flags::ALL_KEYS)
        .docs(
            Group::Server,
            "1.0.0",
            "O(N) where N is the number of keys in the selected database",
            "[ASYNC | SYNC]",
            "Removes all keys of the database.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::other("SELECT", 2, select).fast().docs(
        Group::Connection,
        "1.0.0",
        "O(1)",
        "index",
        "Selects the database that the connection works on.",
    ),
    Command::write("SWAPDB", 3, &[], swap).also_in(DANGEROUS).fast().with(Flags::ALL_KEYS).docs(
        Group::Server,
        "4.0.0",
        "O(N) where N is the count of clients watching or blocking on keys from both databases.",
        "index1 index2",
        "Exchanges the contents of two databases.",
    ),
];

/// The ACL categories of commands that empty or exchange databases.
const DANGEROUS: Categories = Categories::KEYSPACE.union(Categories::DANGEROUS);

/// Reads an argument as the number of a database.
///
/// # Errors
/// It is not a number, or there is no such database.
pub(super) fn parse_database(call: &Call<'_, '_>, argument: &[u8]) -> Result<u32, CommandError> {
    /// What stock servers answer to a number of 64 bits that does not fit 32.
    const NOT_32_BITS: CommandError =
        CommandError::fixed("ERR value is out of range, value must between -2147483648 and 2147483647");
    let number = parse_i64(argument).ok_or(CommandError::NOT_AN_INTEGER)?;
    let number = i32::try_from(number).map_err(|_| NOT_32_BITS)?;
    in_range(call, number)
}

fn in_range(call: &Call<'_, '_>, number: i32) -> Result<u32, CommandError> {
    u32::try_from(number)
        .ok()
        .filter(|number| *number < call.engine.keyspace.databases())
        .ok_or(CommandError::DB_OUT_OF_RANGE)
}

fn select(call: &mut Call<'_, '_>) -> Outcome {
    let database = parse_database(call, call.arguments.at(1))?;
    call.session.select(database);
    call.reply.ok();
    Ok(())
}

fn size(call: &mut Call<'_, '_>) -> Outcome {
    let keys = call.keys.len(call.session.database);
    call.reply.integer(i64::try_from(keys).unwrap_or(i64::MAX));
    Ok(())
}

fn swap(call: &mut Call<'_, '_>) -> Outcome {
    const FIRST: CommandError = CommandError::fixed("ERR invalid first DB index");
    const SECOND: CommandError = CommandError::fixed("ERR invalid second DB index");
    let number = |index, error| {
        parse_i64(call.arguments.at(index)).and_then(|number| i32::try_from(number).ok()).ok_or(error)
    };
    let (first, second) = (number(1, FIRST)?, number(2, SECOND)?);
    let (first, second) = (in_range(call, first)?, in_range(call, second)?);
    if first != second {
        call.keys.swap_databases(first, second);
    }
    call.reply.ok();
    Ok(())
}

fn flush_database(call: &mut Call<'_, '_>) -> Outcome {
    let wait = waits(call)?;
    call.keys.flush(call.session.database, wait);
    call.keys.tell_followers_of_flush();
    call.reply.ok();
    Ok(())
}

fn flush_all(call: &mut Call<'_, '_>) -> Outcome {
    let wait = waits(call)?;
    for database in 0..call.engine.keyspace.databases() {
        call.keys.flush(database, wait);
    }
    call.keys.tell_followers_of_flush();
    super::persistence::save_flushed(call);
    call.reply.ok();
    Ok(())
}

/// Whether a flush frees the memory before it answers.
fn waits(call: &Call<'_, '_>) -> Result<bool, CommandError> {
    match (call.arguments.get(1), call.arguments.get(2)) {
        (None, _) => Ok(false),
        (Some(mode), None) if is_word(mode, "ASYNC") => Ok(false),
        (Some(mode), None) if is_word(mode, "SYNC") => Ok(true),
        _ => Err(CommandError::SYNTAX),
    }
}
