//! Values as the commands that make them, which every stock server runs: RESTORE would need one that knows the encoding.

use nuthatch_collections::chunked::End;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::Element;
use nuthatch_protocol::number::format_f64;

use super::{Decimal, argument, command, header};
use crate::rdb::Value;
use crate::value::hash::HashRef;
use crate::value::list::ListRef;
use crate::value::set::SetRef;
use crate::value::sorted_set::SortedSetRef;
use crate::value::stream::stream_of;
use crate::value::{Kind, Type};

/// Elements of a command at most, as from the stock servers.
const ELEMENTS_MAX: usize = 64;

/// A command with elements of so many bytes gets no further one, so that neither who writes it nor who reads it needs
/// memory for many big ones.
const BYTES_MAX: usize = 1024 * 1024;

/// Writes the commands that make a value at a key that does not exist.
pub(super) struct Maker<'m, E> {
    pub(super) key: &'m [u8],
    pub(super) out: &'m mut Vec<u8>,
    /// Called behind each command: takes what was written, or leaves it for the next time.
    pub(super) take: &'m mut dyn FnMut(&mut Vec<u8>) -> Result<(), E>,
    /// How many commands there were.
    pub(super) commands: usize,
}

/// A field of a hash, its value and its deadline.
type Field<'v> = (Element<'v>, Element<'v>, Option<u64>);

impl<E> Maker<'_, E> {
    /// Makes a value.
    pub(super) fn value(&mut self, value: &Value<'_>) -> Result<(), E> {
        match value {
            Value::String(text) => self.command(&[b"SET", self.key, text]),
            Value::List(nodes) => self.elements(b"RPUSH", nodes.iter().flat_map(|node| node.elements())),
            Value::Set(members) => self.elements(b"SADD", members.iter()),
            Value::SortedSet(members) => self.sorted_set(members.iter()),
            Value::Hash(fields) => self.hash(fields.iter()),
            Value::Stream(stream) => self.stream(stream),
        }
    }

    /// Makes the collection in a record.
    pub(super) fn collection(&mut self, record: RecordRef<'_>) -> Result<(), E> {
        match Kind::of(record.kind()).value_type() {
            Type::String => Ok(()),
            Type::List => self.elements(b"RPUSH", ListRef::of(record).iter(0, End::Back)),
            Type::Set => self.elements(b"SADD", SetRef::of(record).members()),
            Type::SortedSet => match SortedSetRef::of(record) {
                Some(set) => self.sorted_set(set.iter_all()),
                None => Ok(()),
            },
            // At the beginning of time no field has ended.
            Type::Hash => self
                .hash(HashRef::of(record).fields(0).map(|field| (field.name, field.value, field.deadline))),
            Type::Stream => stream_of(record).map_or(Ok(()), |stream| self.stream(stream)),
        }
    }

    /// Gives the key its deadline.
    pub(super) fn deadline(&mut self, deadline: u64) -> Result<(), E> {
        self.command(&[b"PEXPIREAT", self.key, Decimal::of(deadline).text()])
    }

    fn elements<'v>(&mut self, name: &[u8], elements: impl Iterator<Item = Element<'v>>) -> Result<(), E> {
        in_batches(elements, Element::len, |batch| {
            self.begin(&[name, self.key], batch.len());
            batch.iter().for_each(|element| self.element(*element));
            self.end()
        })
    }

    fn sorted_set<'v>(&mut self, members: impl Iterator<Item = (Element<'v>, f64)>) -> Result<(), E> {
        let mut text = Vec::new();
        in_batches(
            members,
            |(member, _)| member.len(),
            |batch| {
                self.begin(&[b"ZADD", self.key], 2 * batch.len());
                for (member, score) in batch {
                    text.clear();
                    format_f64(*score, &mut text);
                    argument(&text, self.out);
                    self.element(*member);
                }
                self.end()
            },
        )
    }

    fn hash<'v>(&mut self, fields: impl Iterator<Item = Field<'v>>) -> Result<(), E> {
        in_batches(
            fields,
            |(name, value, _)| name.len() + value.len(),
            |batch| {
                self.begin(&[b"HMSET", self.key], 2 * batch.len());
                for (name, value, _) in batch {
                    self.element(*name);
                    self.element(*value);
                }
                self.end()?;
                for (name, _, deadline) in batch {
                    if let Some(deadline) = deadline {
                        let deadline = Decimal::of(*deadline);
                        self.begin(&[b"HPEXPIREAT", self.key, deadline.text(), b"FIELDS", b"1"], 1);
                        self.element(*name);
                        self.end()?;
                    }
                }
                Ok(())
            },
        )
    }

    /// Begins a command of these words and `rest` others.
    pub(super) fn begin(&mut self, words: &[&[u8]], rest: usize) {
        header(b'*', words.len() + rest, self.out);
        words.iter().for_each(|word| argument(word, self.out));
    }

    pub(super) fn element(&mut self, element: Element<'_>) {
        element.with_text(|text| argument(text, self.out));
    }

    /// Ends the command that was begun.
    pub(super) fn end(&mut self) -> Result<(), E> {
        self.commands += 1;
        (self.take)(self.out)
    }

    pub(super) fn command(&mut self, words: &[&[u8]]) -> Result<(), E> {
        command(words, self.out);
        self.end()
    }
}

/// Calls `each` for as many items at a time as one command takes.
pub(super) fn in_batches<T, E>(
    items: impl Iterator<Item = T>,
    bytes_of: impl Fn(&T) -> usize,
    mut each: impl FnMut(&[T]) -> Result<(), E>,
) -> Result<(), E> {
    let (mut batch, mut bytes) = (Vec::with_capacity(ELEMENTS_MAX), 0);
    for item in items {
        bytes += bytes_of(&item);
        batch.push(item);
        if batch.len() == ELEMENTS_MAX || bytes >= BYTES_MAX {
            each(&batch)?;
            batch.clear();
            bytes = 0;
        }
    }
    if batch.is_empty() { Ok(()) } else { each(&batch) }
}
