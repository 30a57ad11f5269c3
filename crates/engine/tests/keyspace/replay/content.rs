//! What keys hold, however it is encoded.

use std::collections::{BTreeMap, BTreeSet};

use nuthatch_collections::chunked::End;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::Element;
use nuthatch_collections::stream::{self, StreamId};
use nuthatch_engine::value::hash::HashRef;
use nuthatch_engine::value::list::ListRef;
use nuthatch_engine::value::set::SetRef;
use nuthatch_engine::value::sorted_set::SortedSetRef;
use nuthatch_engine::value::stream::stream_of;
use nuthatch_engine::value::{Kind, Type};

use crate::support::{DATABASES, Server, content_of};

/// A value, with whatever is past its deadline but still kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// The scores by their bits, which tell the zeros apart.
    SortedSet(Vec<(u64, Vec<u8>)>),
    /// The fields with their values and deadlines.
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>),
    /// Entries, what is known of the past, and groups.
    Stream(Vec<(StreamId, Vec<Vec<u8>>)>, (StreamId, StreamId, u64), BTreeMap<Vec<u8>, Group>),
}

/// A group of consumers. When entries were delivered depends on the clock, which does not run here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    last_id: StreamId,
    entries_read: Option<u64>,
    consumers: BTreeSet<Vec<u8>>,
    /// The consumer, and how often it was delivered.
    pending: BTreeMap<StreamId, (Vec<u8>, u64)>,
}

/// Values and deadlines by database and key.
pub(crate) type Data = BTreeMap<(u32, Vec<u8>), (Value, Option<u64>)>;

/// All data of a server.
pub(crate) fn data(server: &Server) -> Data {
    let mut data = Data::new();
    for database in 0..DATABASES {
        server.keys().for_each(database, &mut |record| {
            data.insert((database, record.key().to_vec()), (value_of(record), record.stamp()));
        });
    }
    data
}

/// The same without the signs of zeros, which sorted sets lose when they become small: also on stock servers, when they
/// load them.
pub(crate) fn without_signs(mut data: Data) -> Data {
    for (value, _) in data.values_mut() {
        if let Value::SortedSet(members) = value {
            members
                .iter_mut()
                .filter(|(bits, _)| *bits == (-0.0_f64).to_bits())
                .for_each(|(bits, _)| *bits = 0);
            // Members of the same score are ordered by their texts, but zeros of both signs are the same score.
            members.sort();
        }
    }
    data
}

fn value_of(record: RecordRef<'_>) -> Value {
    let text = |element: Element<'_>| element.to_cow().into_owned();
    match Kind::of(record.kind()).value_type() {
        Type::String => Value::String(content_of(record).1),
        Type::List => Value::List(ListRef::of(record).iter(0, End::Back).map(text).collect()),
        Type::Set => Value::Set(SetRef::of(record).members().map(text).collect()),
        Type::SortedSet => {
            let set = SortedSetRef::of(record).expect("a record of this type");
            Value::SortedSet(set.iter_all().map(|(member, score)| (score.to_bits(), text(member))).collect())
        }
        Type::Hash => {
            let fields = HashRef::of(record).fields(0);
            Value::Hash(fields.map(|field| (text(field.name), (text(field.value), field.deadline))).collect())
        }
        Type::Stream => {
            let stream = stream_of(record).expect("a record of this type");
            let entries = stream.range(StreamId::MIN, StreamId::MAX);
            let entries = entries.map(|entry| (entry.id, entry.elements().map(text).collect())).collect();
            let groups = stream.groups.iter().map(|(name, group)| (name.to_vec(), group_of(group))).collect();
            Value::Stream(entries, (stream.last_id, stream.max_deleted_id, stream.entries_added), groups)
        }
    }
}

fn group_of(group: &stream::Group) -> Group {
    let name = |id| group.consumer(id).name.to_vec();
    let pending = group.pending(StreamId::MIN);
    Group {
        last_id: group.last_id,
        entries_read: group.entries_read,
        consumers: group.consumers().map(|(_, consumer)| consumer.name.to_vec()).collect(),
        pending: pending.map(|(id, pending)| (id, (name(pending.consumer), pending.count))).collect(),
    }
}
