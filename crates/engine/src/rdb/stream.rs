//! Streams: nodes of entries, what is known of the past, and the groups.
//!
//! A node is an id, from which those of its entries are told, and a listpack:
//!
//! ```text
//! number of entries, number of deleted ones
//! number of fields of the first entry, their names, 0
//! entries, deleted ones included, each:
//!   flags
//!   time and number, as differences to the node's id
//!   number of fields, unless the names are those of the first entry
//!   values, or names and values in turn
//!   how many elements the entry has up to here
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use nuthatch_collections::Stream;
use nuthatch_collections::packed::{self, Element, encode, listpack};
use nuthatch_collections::stream::{BlockLimits, Group, Pending, Run, StreamId};

use super::reader::Reader;
use super::writer::Writer;
use super::{Malformed, encoding};

/// The entry is deleted.
const DELETED: i64 = 1;
/// The names of the fields are those of the first entry.
const SAME_NAMES: i64 = 2;
/// The elements of an entry besides its fields: flags, time and number.
const HEAD_ELEMENTS: i64 = 3;

pub(super) fn save(stream: &Stream, key: Option<&[u8]>, writer: &mut Writer) {
    writer.begin(encoding::STREAM_ACTIVE_TIMES, key);
    writer.length(stream.blocks_len() as u64);
    for run in stream.runs() {
        writer.text(&id_bytes(run.base));
        writer.listpack(&node_of(&run));
    }
    writer.length(stream.len() as u64);
    for id in [stream.last_id, stream.first_id(), stream.max_deleted_id] {
        save_id(id, writer);
    }
    writer.length(stream.entries_added);
    writer.length(stream.groups.len() as u64);
    for (name, group) in &stream.groups {
        writer.string(name);
        save_group(group, writer);
    }
}

fn id_bytes(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn save_id(id: StreamId, writer: &mut Writer) {
    writer.length(id.ms);
    writer.length(id.seq);
}

/// The elements of a node, without what makes them a listpack.
fn node_of(run: &Run<'_>) -> Vec<u8> {
    let mut node = Vec::new();
    let integer = |number: i64, node: &mut Vec<u8>| encode(Element::Integer(number), node);
    integer(run.len as i64, &mut node);
    integer(0, &mut node);
    integer(run.names_len as i64, &mut node);
    node.extend_from_slice(run.names);
    integer(0, &mut node);
    for entry in run.entries() {
        let shares_names = entry.shares_names();
        integer(if shares_names { SAME_NAMES } else { 0 }, &mut node);
        integer(entry.id.ms.wrapping_sub(run.base.ms) as i64, &mut node);
        integer(entry.id.seq.wrapping_sub(run.base.seq) as i64, &mut node);
        let mut elements = HEAD_ELEMENTS;
        if !shares_names {
            integer(entry.len() as i64, &mut node);
            elements += 1 + entry.len() as i64;
        }
        let skipped = usize::from(shares_names);
        entry.elements().skip(skipped).step_by(1 + skipped).for_each(|element| encode(element, &mut node));
        integer(elements + entry.len() as i64, &mut node);
    }
    node
}

fn save_group(group: &Group, writer: &mut Writer) {
    save_id(group.last_id, writer);
    writer.length(group.entries_read.unwrap_or(u64::MAX));
    writer.length(group.pending_len() as u64);
    for (id, pending) in group.pending(StreamId::MIN) {
        writer.bytes(&id_bytes(id));
        writer.milliseconds(pending.delivered_ms);
        writer.length(pending.count);
    }
    let consumers = group.consumers();
    writer.length(consumers.len() as u64);
    for (_, consumer) in consumers {
        writer.string(&consumer.name);
        writer.milliseconds(consumer.seen_ms);
        writer.milliseconds(consumer.active_ms.unwrap_or(u64::MAX));
        writer.length(consumer.pending_len() as u64);
        consumer.pending(StreamId::MIN).for_each(|id| writer.bytes(&id_bytes(id)));
    }
}

/// Reads a stream in one of its three encodings.
pub(super) fn load(reader: &mut Reader<'_>, version: u8) -> Result<Stream, Malformed> {
    let mut stream = Stream::new();
    let mut last_entry = None;
    for _ in 0..reader.length()? {
        let base = reader.string()?;
        let base = id_of(base.as_ref().try_into().map_err(|_| Malformed)?);
        let node = listpack::from_listpack(&reader.string()?).map_err(|_| Malformed)?;
        load_node(&mut stream, base, &node, &mut last_entry)?;
        // The next node begins with names of its own.
        stream.close_block();
    }
    if reader.length()? != stream.len() as u64 {
        return Err(Malformed);
    }
    stream.last_id = load_id(reader)?;
    if last_entry.is_some_and(|last| last > stream.last_id) {
        return Err(Malformed);
    }
    if version == encoding::STREAM {
        stream.entries_added = stream.len() as u64;
    } else {
        let first = load_id(reader)?;
        stream.max_deleted_id = load_id(reader)?;
        stream.entries_added = reader.length()?;
        if first != stream.first_id() || stream.max_deleted_id > stream.last_id {
            return Err(Malformed);
        }
        if stream.entries_added < stream.len() as u64 {
            return Err(Malformed);
        }
    }
    for _ in 0..reader.length()? {
        let name = reader.string()?;
        let group = load_group(reader, version, &stream)?;
        if stream.groups.insert(name.as_ref().into(), group).is_some() {
            return Err(Malformed);
        }
    }
    Ok(stream)
}

fn id_of(bytes: [u8; 16]) -> StreamId {
    let number = u128::from_be_bytes(bytes);
    StreamId::new((number >> 64) as u64, number as u64)
}

fn load_id(reader: &mut Reader<'_>) -> Result<StreamId, Malformed> {
    Ok(StreamId::new(reader.length()?, reader.length()?))
}

/// The elements of a node, one after another.
struct Node<'a>(packed::Iter<'a>);

impl<'a> Node<'a> {
    fn element(&mut self) -> Result<Element<'a>, Malformed> {
        self.0.next().map(|(_, element)| element).ok_or(Malformed)
    }

    fn integer(&mut self) -> Result<i64, Malformed> {
        match self.element()? {
            Element::Integer(number) => Ok(number),
            Element::Bytes(_) => Err(Malformed),
        }
    }

    fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.integer()?).map_err(|_| Malformed)
    }
}

/// Adds the entries of a node that are not deleted. Ids must ascend beyond `last_entry`.
fn load_node(
    stream: &mut Stream,
    base: StreamId,
    bytes: &[u8],
    last_entry: &mut Option<StreamId>,
) -> Result<(), Malformed> {
    const UNLIMITED: BlockLimits = BlockLimits { entries_max: 0, bytes_max: 0 };
    let mut node = Node(packed::iter(bytes));
    let (live, deleted, names_len) = (node.count()?, node.count()?, node.count()?);
    let mut names = Vec::new();
    for _ in 0..names_len {
        names.push(node.element()?.to_cow());
    }
    if node.integer()? != 0 {
        return Err(Malformed);
    }
    let mut found = 0;
    let mut last_of_all = None;
    for _ in 0..live.checked_add(deleted).ok_or(Malformed)? {
        let flags = node.integer()?;
        let (ms, seq) = (node.integer()?, node.integer()?);
        let id = StreamId::new(base.ms.wrapping_add(ms as u64), base.seq.wrapping_add(seq as u64));
        let shares_names = flags & SAME_NAMES != 0;
        let len = if shares_names { names_len } else { node.count()? };
        let mut fields: Vec<Cow<'_, [u8]>> = Vec::new();
        for place in 0..len {
            let shared = names.get(place).filter(|_| shares_names);
            fields.push(match shared {
                Some(name) => name.clone(),
                None => node.element()?.to_cow(),
            });
            fields.push(node.element()?.to_cow());
        }
        let elements = HEAD_ELEMENTS + if shares_names { len as i64 } else { 1 + 2 * len as i64 };
        let descends = id < base || last_of_all.is_some_and(|last| id <= last);
        if node.integer()? != elements || descends || id == StreamId::MIN {
            return Err(Malformed);
        }
        last_of_all = Some(id);
        if flags & DELETED == 0 {
            if last_entry.is_some_and(|last| id <= last) || len == 0 {
                return Err(Malformed);
            }
            let common_names = names.iter().map(AsRef::as_ref);
            stream.restore(id, common_names, fields.iter().map(AsRef::as_ref), UNLIMITED);
            *last_entry = Some(id);
            found += 1;
        }
    }
    if found != live || node.0.next().is_some() { Err(Malformed) } else { Ok(()) }
}

fn load_group(reader: &mut Reader<'_>, version: u8, stream: &Stream) -> Result<Group, Malformed> {
    let last_id = load_id(reader)?;
    let entries_read = match version {
        encoding::STREAM => stream.entries_up_to(last_id),
        _ => Some(reader.length()?).filter(|read| *read != u64::MAX),
    };
    let mut group = Group::new(last_id, entries_read);
    // When each was delivered and how often; to whom follows.
    let mut delivered = BTreeMap::new();
    for _ in 0..reader.length()? {
        let id = id_of(reader.array()?);
        let time = reader.milliseconds()?;
        let count = reader.length()?;
        if delivered.insert(id, (u64::try_from(time).unwrap_or(0), count)).is_some() {
            return Err(Malformed);
        }
    }
    for _ in 0..reader.length()? {
        let name = reader.string()?;
        if group.find(&name).is_some() {
            return Err(Malformed);
        }
        let seen = u64::try_from(reader.milliseconds()?).unwrap_or(0);
        let active = match version {
            encoding::STREAM_ACTIVE_TIMES => u64::try_from(reader.milliseconds()?).ok(),
            _ => Some(seen),
        };
        let consumer = group.add_consumer(&name, seen, active);
        for _ in 0..reader.length()? {
            let id = id_of(reader.array()?);
            let (delivered_ms, count) = delivered.remove(&id).ok_or(Malformed)?;
            group.deliver(id, Pending { consumer, delivered_ms, count });
        }
    }
    if delivered.is_empty() { Ok(group) } else { Err(Malformed) }
}
