//! What values consist of: DEBUG LISTPACK, QUICKLIST, QUICKLIST-PACKED-THRESHOLD and HTSTATS-KEY.
//!
//! Stock servers print lists of elements on their standard output. Here it is figures in the log.

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Payload, RecordRef};
use nuthatch_protocol::number::parse_size;

use crate::call::Call;
use crate::commands::container::printed;
use crate::error::{CommandError, Outcome};
use crate::value::Kind;
use crate::value::hash::HashRef;
use crate::value::list::ListRef;
use crate::value::set::SetRef;
use crate::value::sorted_set::SortedSetRef;

pub(super) fn listpack(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_PACKED: CommandError = CommandError::fixed("ERR Not a listpack encoded object.");
    let key = call.key(2);
    let record = call.keys.peek(&key).ok_or(CommandError::NO_SUCH_KEY)?;
    let entries = packed_entries(record).ok_or(NOT_PACKED)?;
    let type_name = Kind::of(record.kind()).value_type().name();
    let report = format!("a {type_name} of {entries} entries in {} bytes", record.inline_len());
    call.engine.host.log_warning(&format!("DEBUG LISTPACK: {report}"));
    call.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

/// How many entries a packed value has.
fn packed_entries(record: RecordRef<'_>) -> Option<usize> {
    let entries = match Kind::of(record.kind()) {
        Kind::ListPacked => ListRef::of(record).len(),
        Kind::SetPacked => SetRef::of(record).len(),
        Kind::SortedSetPacked => SortedSetRef::of(record).map_or(0, SortedSetRef::len),
        Kind::HashPacked | Kind::HashPackedDeadlines => HashRef::of(record).len(),
        _ => return None,
    };
    Some(entries)
}

pub(super) fn quicklist(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_NODES: CommandError = CommandError::fixed("ERR Not a quicklist encoded object.");
    let key = call.key(2);
    let record = call.keys.peek(&key).ok_or(CommandError::NO_SUCH_KEY)?;
    let Payload::Collection(Collection::List(list)) = record.payload() else { return Err(NOT_NODES) };
    let report =
        format!("{} elements in {} nodes of {} bytes", list.len(), list.nodes(), list.memory_bytes());
    call.engine.host.log_warning(&format!("DEBUG QUICKLIST: {report}"));
    call.reply.simple("Quicklist structure printed on stdout");
    Ok(())
}

/// Checks the size and does nothing: an element gets a node of its own here when it is bigger than any node may become,
/// which tests can also reach with `list-max-listpack-size`.
pub(super) fn packed_threshold(call: &mut Call<'_, '_>) -> Outcome {
    /// What stock servers take at most, a little less than they say.
    const BYTES_MAX: u64 = (1 << 32) - (1 << 20);
    const OUT_OF_RANGE: CommandError =
        CommandError::fixed("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    parse_size(printed(call.arguments.at(2))).filter(|bytes| *bytes <= BYTES_MAX).ok_or(OUT_OF_RANGE)?;
    call.reply.ok();
    Ok(())
}

pub(super) fn table_of_key(call: &mut Call<'_, '_>) -> Outcome {
    const NO_TABLE: CommandError = CommandError::fixed(
        "ERR The value stored at the specified key is not represented using an hash table",
    );
    let key = call.key(2);
    let record = call.keys.peek(&key).ok_or(CommandError::NO_SUCH_KEY)?;
    let Payload::Collection(collection) = record.payload() else { return Err(NO_TABLE) };
    let table = collection.table().ok_or(NO_TABLE)?;
    let report = format!(
        "Hash table 0 stats (main hash table):\n pages: {}\n number of elements: {}\n bytes: {}\n",
        table.pages(),
        table.len(),
        table.memory_bytes()
    );
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}
