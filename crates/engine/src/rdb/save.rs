//! Writing values.

use nuthatch_collections::chunked::strip;
use nuthatch_collections::entry::RecordRef;

use super::encoding;
use super::writer::Writer;
use crate::value::list::ListRef;
use crate::value::sorted_set::SortedSetRef;
use crate::value::string::StringRef;
use crate::value::{Kind, Type};

/// The value that a record holds.
pub fn save(record: RecordRef<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    match Kind::of(record.kind()).value_type() {
        Type::String => save_string(record, &mut writer),
        Type::List => save_list(ListRef::of(record), &mut writer),
        Type::SortedSet => save_sorted_set(record, &mut writer),
        Type::Set | Type::Hash => {}
    }
    writer.finish()
}

fn save_string(record: RecordRef<'_>, writer: &mut Writer) {
    writer.byte(encoding::STRING);
    match StringRef::of(record) {
        Some(StringRef::Integer(number)) => writer.element(number.into()),
        Some(text) => writer.string(&text.bytes()),
        None => {}
    }
}

fn save_list(list: ListRef<'_>, writer: &mut Writer) {
    writer.byte(encoding::LIST_NODES);
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

/// A big sorted set is written from the greatest score to the least, so that whoever reads it adds each member at the
/// front.
fn save_sorted_set(record: RecordRef<'_>, writer: &mut Writer) {
    match SortedSetRef::of(record) {
        Some(SortedSetRef::Packed(bytes)) => {
            writer.byte(encoding::SORTED_SET_LISTPACK);
            writer.listpack(bytes);
        }
        Some(SortedSetRef::Big(set)) => {
            writer.byte(encoding::SORTED_SET);
            writer.length(set.len() as u64);
            for (score, member) in set.iter_back_from(set.len().saturating_sub(1)) {
                writer.string(member);
                writer.score(score);
            }
        }
        None => {}
    }
}
