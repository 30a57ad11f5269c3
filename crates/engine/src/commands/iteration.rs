//! Finding keys: by a pattern, step by step, and by chance.

use nuthatch_protocol::glob;

use super::scanning::{self, ScanOptions, Scanned};
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Group};
use crate::error::Outcome;
use crate::value::Kind;

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("KEYS", 2, &[], keys)
        .visits_shards()
        .also_in(Categories::DANGEROUS)
        .docs(
            Group::Generic,
            "1.0.0",
            "O(N) with N being the number of keys in the database, under the assumption that the key \
             names in the database and the given pattern have limited length.",
            "pattern",
            "Lists the keys that match a pattern.",
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    Command::read("RANDOMKEY", 1, &[], random_key)
        .visits_shards()
        .docs(Group::Generic, "1.0.0", "O(1)", "", "Returns a random key of the database.")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    Command::read("SCAN", -2, &[], scan)
        .visits_shards()
        .docs(
            Group::Generic,
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
             cursor to return back to 0. N is the number of elements inside the collection.",
            "cursor [MATCH pattern] [COUNT count] [TYPE type]",
            "Iterates over the keys of the database.",
        )
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"]),
];

fn keys(call: &mut Call<'_, '_>) -> Outcome {
    let pattern = call.arguments.at(1);
    let everything = pattern == b"*";
    let header = call.reply.array_later();
    let mut found = 0;
    call.keys.for_each(call.session.database, &mut |record| {
        if everything || glob::matches(pattern, record.key()) {
            call.reply.bulk(record.key());
            found += 1;
        }
    });
    call.reply.set_array_len(header, found);
    Ok(())
}

fn random_key(call: &mut Call<'_, '_>) -> Outcome {
    match call.keys.random_key(call.session.database) {
        Some(key) => call.reply.bulk(&key),
        None => call.reply.null(),
    }
    Ok(())
}

fn scan(call: &mut Call<'_, '_>) -> Outcome {
    let cursor = scanning::cursor(call.arguments.at(1))?;
    let options = ScanOptions::parse(call.arguments.from(2), Scanned::Keys)?;
    let mut found: Vec<Box<[u8]>> = Vec::new();
    let next = call.keys.scan(call.session.database, cursor, options.count, &mut |record| {
        if options.accepts_type(Kind::of(record.kind()).value_type()) && options.accepts(record.key()) {
            found.push(record.key().into());
        }
    });
    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    call.reply.array(found.len());
    for key in &found {
        call.reply.bulk(key);
    }
    Ok(())
}
