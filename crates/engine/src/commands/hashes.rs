//! Hashes: one file a subject, and what they share.

pub(super) mod deadlines;
pub(super) mod exchange;
mod fields;
pub(super) mod numbers;
pub(super) mod random;
pub(super) mod reads;
pub(super) mod scan;
pub(super) mod writes;

use nuthatch_protocol::Reply;

use super::lists::reply_element;
use crate::call::Call;
use crate::keyspace::Key;
use crate::keyspace::hashes::HashSlot;
use crate::value::hash::{Field, HashLimits};

/// The limits on small hashes that are in force.
#[inline]
fn limits(call: &Call<'_>) -> HashLimits {
    HashLimits::of(&call.engine.settings.encodings)
}

/// Replies a field's value as text, null if there is no such field.
#[inline]
fn reply_value(reply: &mut Reply, field: Option<Field<'_>>) {
    match field {
        Some(field) => reply_element(reply, field.value),
        None => reply.null(),
    }
}

/// Notes that fields were removed, and removes the key if none is left.
fn note_removal(call: &mut Call<'_>, key: &Key<'_>, is_emptied: bool) {
    call.keys.note(key, "hdel");
    if is_emptied {
        call.keys.take_away(key, "del");
    }
}

/// A request in the words that a log keeps.
fn owned(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}

/// Removes fields, and says whether none is left.
fn remove_all(hash: &mut HashSlot<'_>, names: &[&[u8]]) -> bool {
    for name in names {
        hash.remove(name);
    }
    hash.is_empty()
}
