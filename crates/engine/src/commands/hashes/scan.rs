//! HSCAN.

use nuthatch_collections::field_map::FieldMap;

use super::super::scanning::{self, ScanOptions, Scanned};
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::Outcome;
use crate::value::Type;
use crate::value::hash::{Field, HashRef};

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// Pages that one call passes for each field that it was asked for.
const PAGES_PER_FIELD: usize = 10;

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::read("HSCAN", -3, READ, hscan)
    .docs(
        Group::Hash,
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
         return back to 0. N is the number of elements inside the collection.",
        "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
        "Iterates over the fields of a hash and their values.",
    )
    .tips(&["nondeterministic_output"])];

/// A small hash is returned at once; of a table, the cursor is a position in the space of its hashes.
fn hscan(call: &mut Call<'_, '_>) -> Outcome {
    let cursor = scanning::cursor(call.arguments.at(2))?;
    let (key, now_ms) = (call.key(1), call.now_ms());
    let Some(hash) = call.keys.read_hash(&key)? else {
        call.reply.array(2);
        call.reply.bulk(b"0");
        call.reply.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(call.arguments.from(3), Scanned::Elements(Type::Hash))?;
    let is_returned =
        |field: &Field<'_>| field.is_live(now_ms) && field.name.with_text(|name| options.accepts(name));
    let mut next = 0;
    let found: Vec<Field<'_>> = match hash {
        HashRef::Packed(_) => hash.fields(now_ms).filter(is_returned).collect(),
        HashRef::Table(map) => {
            let (found, behind) = scan_table(map, scanning::position_of(cursor), options.count);
            next = behind.map_or(0, scanning::cursor_of);
            found.into_iter().filter(is_returned).collect()
        }
    };
    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    call.reply.array(if options.values { 2 * found.len() } else { found.len() });
    for field in found {
        reply_element(call.reply, field.name);
        if options.values {
            reply_element(call.reply, field.value);
        }
    }
    Ok(())
}

/// About `count` fields from a position on, and the position behind them unless it is the end.
fn scan_table(map: &FieldMap, mut position: u64, count: usize) -> (Vec<Field<'_>>, Option<u64>) {
    let mut found = Vec::new();
    for _ in 0..count.saturating_mul(PAGES_PER_FIELD) {
        position = match map.scan(position, &mut |entry| found.push(entry.into())) {
            Some(behind) => behind,
            None => return (found, None),
        };
        if found.len() >= count {
            break;
        }
    }
    (found, Some(position))
}
