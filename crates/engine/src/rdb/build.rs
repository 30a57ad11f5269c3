//! How values that were read are kept.

use nuthatch_collections::chunked::{ChunkedList, End, Strip, strip};
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;

use super::{ListNode, SortedMembers, Value};
use crate::value::limits::EncodingLimits;
use crate::value::sorted_set::{NewSortedSet, PackedLimits};
use crate::value::{Kind, list, string};

/// Gives `store` the kind and the payload of a record that holds the value: in the encoding that the limits ask for,
/// as if it had been made by commands.
pub fn build<R>(
    value: &Value<'_>,
    limits: &EncodingLimits,
    store: impl FnOnce(Kind, NewPayload<'_>) -> R,
) -> R {
    match value {
        Value::String(text) => {
            let (kind, payload) = string::encode(text);
            store(kind, payload)
        }
        Value::List(nodes) => store_list(nodes, limits, store),
        Value::SortedSet(members) => store_sorted_set(members, limits, store),
        Value::Set(_) | Value::Hash(_) => todo!(),
    }
}

/// Nodes stay as they were divided, unless the limits have become narrower.
fn store_list<R>(
    nodes: &[ListNode],
    limits: &EncodingLimits,
    store: impl FnOnce(Kind, NewPayload<'_>) -> R,
) -> R {
    let limit = list::node_limit(&limits.list_size_max);
    if let [node] = nodes
        && !node.is_isolated
        && limit.allows(node.elements.len(), node.count)
    {
        return store(Kind::ListPacked, NewPayload::Inline(&list::packed(&node.elements, node.count)));
    }
    let mut list = ChunkedList::new();
    for ListNode { elements, count, is_isolated } in nodes {
        if *is_isolated || limit.allows(elements.len(), *count) {
            list.push_strip(Strip { elements, count: *count, is_isolated: *is_isolated });
        } else {
            strip::iter(elements).for_each(|element| list.push(End::Back, element, limit));
        }
    }
    store(Kind::ListChunked, NewPayload::Collection(Box::new(Collection::List(list))))
}

fn store_sorted_set<R>(
    members: &SortedMembers,
    limits: &EncodingLimits,
    store: impl FnOnce(Kind, NewPayload<'_>) -> R,
) -> R {
    let limits = PackedLimits::of(limits);
    let mut set = NewSortedSet::for_members(members.iter().len(), limits);
    for (member, score) in members.iter() {
        member.with_text(|member| set.change(member, limits, |_| Some(score)));
    }
    let (kind, payload) = set.payload();
    store(kind, payload)
}
