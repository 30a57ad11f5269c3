//! Writing values.

use nuthatch_collections::chunked::strip;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::{Element, encode};
use nuthatch_protocol::number::format_f64;

use super::writer::Writer;
use super::{encoding, stream};
use crate::value::hash::{self, Field, HashRef};
use crate::value::list::ListRef;
use crate::value::set::SetRef;
use crate::value::sorted_set::{SortedSetRef, packed as packed_set};
use crate::value::stream::stream_of;
use crate::value::string::StringRef;
use crate::value::{Kind, Type};

/// The value that a record holds at this time; nothing if it is a hash of which every field has ended.
pub fn save(record: RecordRef<'_>, now_ms: u64) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    if is_over(record, now_ms) {
        return None;
    }
    save_value(record, now_ms, None, &mut writer);
    Some(writer.finish())
}

/// Whether the record holds a hash of which every field has ended.
pub(super) fn is_over(record: RecordRef<'_>, now_ms: u64) -> bool {
    Kind::of(record.kind()).value_type() == Type::Hash && HashRef::of(record).live_len(now_ms) == 0
}

/// Writes the value of a record that is not over, in a file the key behind the encoding's name.
pub(super) fn save_value(record: RecordRef<'_>, now_ms: u64, key: Option<&[u8]>, writer: &mut Writer) {
    match Kind::of(record.kind()).value_type() {
        Type::String => save_string(record, key, writer),
        Type::List => save_list(ListRef::of(record), key, writer),
        Type::SortedSet => save_sorted_set(record, key, writer),
        Type::Set => save_set(SetRef::of(record), key, writer),
        Type::Hash => save_hash(HashRef::of(record), now_ms, key, writer),
        Type::Stream => stream_of(record).into_iter().for_each(|held| stream::save(held, key, writer)),
    }
}

fn save_string(record: RecordRef<'_>, key: Option<&[u8]>, writer: &mut Writer) {
    writer.begin(encoding::STRING, key);
    match StringRef::of(record) {
        Some(StringRef::Integer(number)) => writer.element(number.into()),
        Some(text) => writer.string(&text.bytes()),
        None => {}
    }
}

fn save_list(list: ListRef<'_>, key: Option<&[u8]>, writer: &mut Writer) {
    writer.begin(encoding::LIST_NODES, key);
    match list {
        ListRef::Packed(list) => {
            writer.length(1);
            writer.length(encoding::NODE_PACKED);
            writer.strip(list.elements(), list.count());
        }
        ListRef::Chunked(list) => {
            let nodes = list.strips();
            writer.length(nodes.len() as u64);
            for node in nodes {
                match strip::first(node.elements) {
                    Some((element, _)) if node.is_isolated => {
                        writer.length(encoding::NODE_PLAIN);
                        writer.element(element);
                    }
                    _ => {
                        writer.length(encoding::NODE_PACKED);
                        writer.strip(node.elements, node.count);
                    }
                }
            }
        }
    }
}

fn save_set(set: SetRef<'_>, key: Option<&[u8]>, writer: &mut Writer) {
    match set {
        SetRef::Integers(bytes) => {
            writer.begin(encoding::SET_INTSET, key);
            writer.text(bytes);
        }
        SetRef::Packed(bytes) => {
            writer.begin(encoding::SET_LISTPACK, key);
            writer.listpack(bytes);
        }
        SetRef::Table(_) => {
            writer.begin(encoding::SET, key);
            writer.length(set.len() as u64);
            set.members().for_each(|member| writer.element(member));
        }
    }
}

fn save_hash(hash: HashRef<'_>, now_ms: u64, key: Option<&[u8]>, writer: &mut Writer) {
    let earliest = hash.fields(now_ms).filter_map(|field| field.deadline).min();
    match (hash, earliest) {
        (HashRef::Packed(hash), None) if hash.stride() == 2 => {
            writer.begin(encoding::HASH_LISTPACK, key);
            writer.listpack(hash.bytes());
        }
        (HashRef::Packed(_), _) => {
            // The fields whose deadlines are nearest come first, those without one at last.
            let mut fields: Vec<Field<'_>> = hash.fields(now_ms).collect();
            fields.sort_by_key(|field| field.deadline.unwrap_or(u64::MAX));
            let mut bytes = Vec::new();
            fields.iter().for_each(|field| hash::push(*field, true, &mut bytes));
            writer.begin(encoding::HASH_LISTPACK_DEADLINES, key);
            writer.milliseconds(earliest.unwrap_or(0));
            writer.listpack(&bytes);
        }
        (HashRef::Table(_), None) => {
            writer.begin(encoding::HASH, key);
            writer.length(hash.live_len(now_ms) as u64);
            for field in hash.fields(now_ms) {
                writer.element(field.name);
                writer.element(field.value);
            }
        }
        (HashRef::Table(_), Some(earliest)) => {
            writer.begin(encoding::HASH_DEADLINES, key);
            writer.milliseconds(earliest);
            writer.length(hash.live_len(now_ms) as u64);
            for field in hash.fields(now_ms) {
                // One more than the distance, as 0 means that there is no deadline.
                writer.length(field.deadline.map_or(0, |deadline| deadline - earliest + 1));
                writer.element(field.name);
                writer.element(field.value);
            }
        }
    }
}

/// A big sorted set is written from the greatest score to the least, so that whoever reads it adds each member at the
/// front.
fn save_sorted_set(record: RecordRef<'_>, key: Option<&[u8]>, writer: &mut Writer) {
    match SortedSetRef::of(record) {
        Some(SortedSetRef::Packed(bytes)) => {
            let (mut elements, mut score) = (Vec::with_capacity(bytes.len()), Vec::new());
            for entry in packed_set::iter(bytes) {
                encode(entry.member, &mut elements);
                score.clear();
                format_f64(entry.score, &mut score);
                encode(Element::of(&score), &mut elements);
            }
            writer.begin(encoding::SORTED_SET_LISTPACK, key);
            writer.listpack(&elements);
        }
        Some(SortedSetRef::Big(set)) => {
            writer.begin(encoding::SORTED_SET, key);
            writer.length(set.len() as u64);
            for (score, member) in set.iter_back_from(set.len().saturating_sub(1)) {
                writer.string(member);
                writer.score(score);
            }
        }
        None => {}
    }
}
