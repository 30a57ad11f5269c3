//! What keys hold, however it is encoded.

use std::collections::{BTreeMap, BTreeSet};

use nuthatch_collections::chunked::End;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::Element;
use nuthatch_engine::value::hash::HashRef;
use nuthatch_engine::value::list::ListRef;
use nuthatch_engine::value::set::SetRef;
use nuthatch_engine::value::sorted_set::SortedSetRef;
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
    }
}
