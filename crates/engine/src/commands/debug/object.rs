//! DEBUG OBJECT: how a value is kept.

use std::fmt::Write as _;

use nuthatch_collections::chunked::{ChunkedList, strip};
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Payload, RecordRef};

use crate::access::AccessPolicy;
use crate::call::Call;
use crate::commands::object::references;
use crate::error::{CommandError, Outcome};
use crate::rdb;
use crate::value::Kind;

pub(super) fn object(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(2), call.now_ms());
    let policy = call.engine.settings.access_policy(now_ms);
    let record = call.keys.peek(&key).ok_or(CommandError::NO_SUCH_KEY)?;
    let line = describe(record, policy, now_ms);
    call.reply.simple(&line);
    Ok(())
}

/// The line that tests of clients and servers take apart. It has an address for their sake only.
fn describe(record: RecordRef<'_>, policy: AccessPolicy, now_ms: u64) -> String {
    // Without the byte that says how it is serialized.
    let serialized_len = rdb::save(record, now_ms).map_or(0, |bytes| bytes.len() - 1);
    let mut line = format!(
        "Value at:0x0 refcount:{} encoding:{} serializedlength:{serialized_len} lru:{} lru_seconds_idle:{}",
        references(record),
        Kind::of(record.kind()).encoding_name(),
        record.access(),
        policy.idle_seconds(record.access()),
    );
    if let Payload::Collection(Collection::List(list)) = record.payload() {
        describe_nodes(list, &mut line);
    }
    line
}

/// What stock servers tell besides of a list in nodes. `ql_compressed` is what `list-compress-depth` asks for, which it
/// does not here: that nodes are folded is no business of clients.
fn describe_nodes(list: &ChunkedList, line: &mut String) {
    /// What a listpack has around its elements.
    const FRAME_BYTES: usize = 7;
    let bytes: usize = list
        .strips()
        .map(|node| match strip::first(node.elements) {
            Some((element, _)) if node.is_isolated => element.len(),
            _ => FRAME_BYTES + node.elements.len(),
        })
        .sum();
    let (nodes, mean) = (list.nodes(), list.len() as f64 / list.nodes() as f64);
    let _ = write!(
        line,
        " ql_nodes:{nodes} ql_avg_node:{mean:.2} ql_listpack_max:{} ql_compressed:0 ql_uncompressed_size:{bytes}",
        list.limit().setting()
    );
}
