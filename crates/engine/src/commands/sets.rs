//! Sets.

pub(super) mod algebra;
pub(super) mod members;
pub(super) mod random;
pub(super) mod scan;

use nuthatch_collections::packed::Element;
use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::command::{KeyFlags, KeySpec};
use crate::value::set::SetLimits;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The limits of the encodings, as they are now.
fn limits(call: &Call<'_>) -> SetLimits {
    SetLimits::now(&call.engine.settings.encodings)
}

/// Replies with a member.
#[inline]
fn reply_member(reply: &mut Reply, member: Element<'_>) {
    match member {
        Element::Bytes(text) => reply.bulk(text),
        Element::Integer(number) => reply.bulk_integer(number),
    }
}
