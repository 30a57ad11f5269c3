//! Elements of collections in replies.

use nuthatch_collections::packed::Element;
use nuthatch_protocol::reply::Reply;

/// Replies an element as text.
#[inline]
pub(super) fn reply_element(reply: &mut Reply, element: Element<'_>) {
    match element {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Integer(number) => reply.bulk_integer(number),
    }
}
