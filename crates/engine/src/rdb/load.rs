//! Reading values.

use nuthatch_collections::integer_set;
use nuthatch_collections::packed::{self, Element, encode, listpack};
use nuthatch_protocol::number::parse_f64;

use super::reader::Reader;
use super::value::check_distinct;
use super::{
    HashFields, ListNode, Malformed, Members, SortedMembers, Value, encoding, stream, ziplist, zipmap,
};

/// Deadlines of fields are not beyond this, in milliseconds since 1970, as in the stock servers.
const FIELD_DEADLINE_MAX: u64 = (1 << 48) - 2;

/// The value that the bytes begin with; what follows it is ignored, as the stock servers do. No string in it is longer
/// than `string_bytes_max`.
///
/// # Errors
/// There is none, or it is of a type that this server does not have.
pub fn load(bytes: &[u8], string_bytes_max: usize) -> Result<Value<'_>, Malformed> {
    let mut reader = Reader::new(bytes, string_bytes_max);
    let encoding = reader.byte()?;
    load_from(&mut reader, encoding)
}

/// The value in this encoding that comes next.
pub(super) fn load_from<'a>(reader: &mut Reader<'a>, encoding: u8) -> Result<Value<'a>, Malformed> {
    match encoding {
        encoding::STRING => reader.string().map(Value::String),
        encoding::LIST => list([strings(reader, 1)?]),
        encoding::SET => set(strings(reader, 1)?, false),
        encoding::HASH => hash(strings(reader, 2)?),
        encoding::SORTED_SET_TEXTS => scored(reader, Reader::score_text),
        encoding::SORTED_SET => scored(reader, Reader::score),
        encoding::HASH_ZIPMAP => {
            let mut pairs = Vec::new();
            zipmap::read(&reader.string()?, &mut pairs)?;
            hash(pairs)
        }
        encoding::LIST_ZIPLIST => list([from_ziplist(reader)?]),
        encoding::LIST_ZIPLISTS => list_of_ziplists(reader),
        encoding::LIST_NODES => list_of_nodes(reader),
        encoding::SET_INTSET => set(from_intset(&reader.string()?)?, false),
        encoding::SET_LISTPACK => set(from_listpack(reader)?, true),
        encoding::SORTED_SET_ZIPLIST => with_scores(&from_ziplist(reader)?),
        encoding::SORTED_SET_LISTPACK => with_scores(&from_listpack(reader)?),
        encoding::HASH_ZIPLIST => hash(from_ziplist(reader)?),
        encoding::HASH_LISTPACK => hash(from_listpack(reader)?),
        encoding::HASH_EXPIRATIONS => hash_with_expirations(reader),
        encoding::HASH_DEADLINES => hash_with_deadlines(reader),
        version @ (encoding::STREAM | encoding::STREAM_PAST | encoding::STREAM_ACTIVE_TIMES) => {
            stream::load(reader, version).map(|stream| Value::Stream(Box::new(stream)))
        }
        encoding::HASH_LISTPACK_DEADLINES => {
            reader.milliseconds()?;
            hash_of_triples(&from_listpack(reader)?)
        }
        _ => Err(Malformed),
    }
}

/// Packed elements, of which there must be some.
fn filled(packed: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    if packed.is_empty() { Err(Malformed) } else { Ok(packed) }
}

/// Packed elements, of which there must be some, each `stride`-th unlike the others.
fn distinct(packed: Vec<u8>, stride: usize) -> Result<Vec<u8>, Malformed> {
    check_distinct(&packed, stride)?;
    filled(packed)
}

/// A count of groups of strings, and these.
fn strings(reader: &mut Reader<'_>, each: u64) -> Result<Vec<u8>, Malformed> {
    let mut packed = Vec::new();
    let count = reader.count()?.checked_mul(each).ok_or(Malformed)?;
    for _ in 0..count {
        encode(Element::of(&reader.string()?), &mut packed);
    }
    Ok(packed)
}

fn from_listpack(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    listpack::from_listpack(&reader.string()?).map_err(|_| Malformed)
}

fn from_intset(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut packed = Vec::new();
    integer_set::validate(bytes).ok_or(Malformed)?;
    integer_set::iter(bytes).for_each(|number| encode(Element::Integer(number), &mut packed));
    Ok(packed)
}

fn set<'a>(packed: Vec<u8>, is_listpack: bool) -> Result<Value<'a>, Malformed> {
    Ok(Value::Set(Members { packed: distinct(packed, 1)?, is_listpack }))
}

fn from_ziplist(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let mut packed = Vec::new();
    ziplist::read(&reader.string()?, &mut packed)?;
    Ok(packed)
}

/// A list of nodes of packed elements; some may be empty, but not all.
fn list<'a>(nodes: impl IntoIterator<Item = Vec<u8>>) -> Result<Value<'a>, Malformed> {
    list_of(nodes.into_iter().map(|packed| ListNode::of_packed(&packed)))
}

fn list_of<'a>(nodes: impl IntoIterator<Item = ListNode>) -> Result<Value<'a>, Malformed> {
    let nodes: Vec<ListNode> = nodes.into_iter().filter(|node| node.count > 0).collect();
    if nodes.is_empty() { Err(Malformed) } else { Ok(Value::List(nodes)) }
}

fn list_of_ziplists<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, Malformed> {
    let mut nodes = Vec::new();
    for _ in 0..reader.count()? {
        nodes.push(from_ziplist(reader)?);
    }
    list(nodes)
}

fn list_of_nodes<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, Malformed> {
    let mut nodes = Vec::new();
    for _ in 0..reader.count()? {
        nodes.push(match reader.length()? {
            encoding::NODE_PLAIN => {
                let text = reader.string()?;
                if text.is_empty() {
                    return Err(Malformed);
                }
                let mut node = ListNode { is_isolated: true, ..ListNode::default() };
                node.push(Element::of(&text));
                node
            }
            encoding::NODE_PACKED => ListNode::of_packed(&from_listpack(reader)?),
            _ => return Err(Malformed),
        });
    }
    list_of(nodes)
}

fn scored<'a>(
    reader: &mut Reader<'a>,
    read_score: fn(&mut Reader<'a>) -> Result<f64, Malformed>,
) -> Result<Value<'a>, Malformed> {
    let mut members = SortedMembers::default();
    for _ in 0..reader.count()? {
        let member = reader.string()?;
        members.push(Element::of(&member), read_score(reader)?);
    }
    members.sorted().map(Value::SortedSet)
}

/// A sorted set of members and scores in turn.
fn with_scores<'a>(packed: &[u8]) -> Result<Value<'a>, Malformed> {
    let mut members = SortedMembers::default();
    let mut elements = packed::iter(packed).map(|(_, element)| element);
    while let Some(member) = elements.next() {
        let score = match elements.next().ok_or(Malformed)? {
            Element::Integer(number) => number as f64,
            Element::Bytes(text) => parse_f64(text).ok_or(Malformed)?,
        };
        members.push(member, score);
    }
    filled(packed.to_vec())?;
    members.sorted().map(Value::SortedSet)
}

/// A hash of fields and values in turn.
fn hash<'a>(pairs: Vec<u8>) -> Result<Value<'a>, Malformed> {
    if !packed::iter(&pairs).count().is_multiple_of(2) {
        return Err(Malformed);
    }
    let pairs = distinct(pairs, 2)?;
    Ok(Value::Hash(HashFields { pairs, deadlines: Vec::new() }))
}

fn checked_deadline(deadline: Option<u64>) -> Result<Option<u64>, Malformed> {
    if deadline.is_none_or(|deadline| deadline <= FIELD_DEADLINE_MAX) { Ok(deadline) } else { Err(Malformed) }
}

/// Valkey's: each field and value followed by a deadline, or −1.
fn hash_with_expirations<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, Malformed> {
    let mut fields = HashFields::default();
    for _ in 0..reader.count()? {
        encode(Element::of(&reader.string()?), &mut fields.pairs);
        encode(Element::of(&reader.string()?), &mut fields.pairs);
        let deadline = match reader.milliseconds()? {
            -1 => None,
            deadline => Some(u64::try_from(deadline).map_err(|_| Malformed)?),
        };
        fields.deadlines.push(checked_deadline(deadline)?);
    }
    if fields.deadlines.iter().all(Option::is_none) {
        fields.deadlines.clear();
    }
    check_distinct(&fields.pairs, 2)?;
    Ok(Value::Hash(fields))
}

/// Redis's: the earliest deadline, then before each field one more than its deadline is behind that, or 0 if it has
/// none.
fn hash_with_deadlines<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, Malformed> {
    let mut fields = HashFields::default();
    let earliest = u64::try_from(reader.milliseconds()?).map_err(|_| Malformed)?;
    for _ in 0..reader.count()? {
        let deadline = match reader.length()? {
            0 => None,
            distance => Some(earliest.checked_add(distance - 1).ok_or(Malformed)?),
        };
        fields.deadlines.push(checked_deadline(deadline)?);
        encode(Element::of(&reader.string()?), &mut fields.pairs);
        encode(Element::of(&reader.string()?), &mut fields.pairs);
    }
    check_distinct(&fields.pairs, 2)?;
    Ok(Value::Hash(fields))
}

/// Field, value and deadline in turn, in ascending order of the deadlines; those without one, which is a 0, at last.
fn hash_of_triples<'a>(packed: &[u8]) -> Result<Value<'a>, Malformed> {
    let mut fields = HashFields::default();
    let mut elements = packed::iter(packed).map(|(_, element)| element);
    while let Some(field) = elements.next() {
        let (value, deadline) = (elements.next().ok_or(Malformed)?, elements.next().ok_or(Malformed)?);
        let Element::Integer(deadline) = deadline else { return Err(Malformed) };
        let deadline = Some(u64::try_from(deadline).map_err(|_| Malformed)?).filter(|deadline| *deadline > 0);
        encode(field, &mut fields.pairs);
        encode(value, &mut fields.pairs);
        fields.deadlines.push(checked_deadline(deadline)?);
    }
    let ascend = fields.deadlines.is_sorted_by_key(|deadline| deadline.unwrap_or(u64::MAX));
    check_distinct(&fields.pairs, 2)?;
    if ascend && !fields.deadlines.is_empty() { Ok(Value::Hash(fields)) } else { Err(Malformed) }
}
