//! How values that were read are kept.

use nuthatch_collections::chunked::{ChunkedList, End, Strip, strip};
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;
use nuthatch_collections::field_map::FieldMap;
use nuthatch_collections::packed::Element;

use super::{HashFields, ListNode, Members, SortedMembers, Value};
use crate::value::hash::{self, Field, HashLimits};
use crate::value::limits::EncodingLimits;
use crate::value::set::SetLimits;
use crate::value::set::new::NewSet;
use crate::value::sorted_set::{NewSortedSet, PackedLimits};
use crate::value::{Kind, list, string};

/// Gives `store` the kind and the payload of a record that holds the value: in the encoding that the limits ask for,
/// as if it had been made by commands.
pub fn build<R>(
    value: Value<'_>,
    limits: &EncodingLimits,
    store: impl FnOnce(Kind, NewPayload<'_>) -> R,
) -> R {
    match value {
        Value::String(text) => {
            let (kind, payload) = string::encode(&text);
            store(kind, payload)
        }
        Value::List(nodes) => store_list(&nodes, limits, store),
        Value::SortedSet(members) => store_sorted_set(&members, limits, store),
        Value::Set(members) => new_set(&members, SetLimits::now(limits)).give(store),
        Value::Stream(stream) => {
            let stream = Collection::Stream(stream);
            store(Kind::Stream, NewPayload::Collection(Box::new(stream)))
        }
        Value::Hash(fields) => store_hash(&fields, HashLimits::of(limits), store),
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
    let mut list = ChunkedList::new(limit);
    for ListNode { elements, count, is_isolated } in nodes {
        if *is_isolated || limit.allows(elements.len(), *count) {
            list.push_strip(Strip { elements, count: *count, is_isolated: *is_isolated });
        } else {
            strip::iter(elements).for_each(|element| list.push(End::Back, element));
        }
    }
    store(Kind::ListChunked, NewPayload::Collection(Box::new(Collection::List(list))))
}

fn new_set(members: &Members, limits: SetLimits) -> NewSet {
    let count = members.iter().count();
    let mut set = match members.iter().next() {
        Some(first) if !members.is_listpack => NewSet::for_members(first, count, limits),
        _ => NewSet::packed_up_to(count, limits),
    };
    for member in members.iter() {
        set.add(member, limits);
    }
    set
}

fn store_hash<R>(
    fields: &HashFields,
    limits: HashLimits,
    store: impl FnOnce(Kind, NewPayload<'_>) -> R,
) -> R {
    let is_small = |text: Element<'_>| text.len() <= limits.text_bytes;
    let mut all = fields.iter();
    if fields.len() > limits.entries || !all.all(|(name, value, _)| is_small(name) && is_small(value)) {
        let mut map = FieldMap::default();
        for (name, value, deadline) in fields.iter() {
            name.with_text(|name| map.set(name, value, deadline));
        }
        return store(Kind::HashTable, hash::table(map));
    }
    let has_deadlines = fields.have_deadlines();
    let kind = if has_deadlines { Kind::HashPackedDeadlines } else { Kind::HashPacked };
    let mut bytes = Vec::new();
    for (name, value, deadline) in fields.iter() {
        hash::push(Field { name, value, deadline }, has_deadlines, &mut bytes);
    }
    store(kind, NewPayload::Inline(&bytes))
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
