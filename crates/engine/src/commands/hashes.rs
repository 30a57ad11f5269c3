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

use super::elements::reply_element;
use crate::call::Call;
use crate::keyspace::Key;
use crate::keyspace::hashes::{Before, HashSlot};
use crate::value::hash::{Field, HashLimits};

/// The limits on small hashes that are in force.
#[inline]
fn limits(call: &Call<'_, '_>) -> HashLimits {
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

/// What became of a hash from which fields were removed.
#[derive(Debug, Clone, Copy, Default)]
struct Removal {
    /// How many fields were removed that anybody could see.
    live: usize,
    /// How many were removed whose deadlines had passed.
    expired: usize,
    /// Whether none is left.
    is_emptied: bool,
}

impl Removal {
    /// Removes a field, if there is one of this name.
    fn remove(&mut self, hash: &mut HashSlot<'_>, name: &[u8]) {
        match hash.remove(name) {
            Before::Missing => {}
            Before::Live => self.live += 1,
            Before::Expired => self.expired += 1,
        }
        self.is_emptied = hash.is_empty();
    }
}

/// Notes that fields were removed, if any were, and removes the key if none is left.
fn note_removal(call: &mut Call<'_, '_>, key: &Key<'_>, Removal { live, expired, is_emptied }: Removal) {
    if expired > 0 {
        call.keys.note_expired_fields(key, expired);
    }
    if live > 0 {
        call.keys.note_parts(key, "hdel", live);
    }
    if is_emptied && live + expired > 0 {
        call.keys.take_away(key, "del");
    }
}

/// A request in the words that a log keeps.
fn owned(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}
