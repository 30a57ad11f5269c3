//! Values of Lua as MessagePack.

use mlua::{Table, Value};

use super::super::walk::{Walk, index, short_sequence, walk};
use crate::library::Failure;

/// The MessagePack of values, one behind the other.
pub(super) fn encode(values: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut encoder = Encoder { out: Vec::with_capacity(256), depth: 0 };
    for value in values {
        encoder.value(value)?;
    }
    Ok(encoder.out)
}

/// Tables that stand in so many others become nil.
const DEEPEST: usize = 16;

/// Nothing becomes longer: tables that are reached on several ways could multiply.
const LONGEST: usize = 512 * 1024 * 1024;

struct Encoder {
    out: Vec<u8>,
    /// How many tables the current value stands in.
    depth: usize,
}

/// What a table is encoded as, and how many members it has.
enum Shape {
    /// An array that is walked through in its order.
    Sequence(usize),
    Array(usize),
    Map(usize),
}

impl Encoder {
    fn value(&mut self, value: &Value) -> Result<(), Failure> {
        match value {
            Value::Boolean(boolean) => self.append(&[NIL + 2 + u8::from(*boolean)]),
            Value::Integer(integer) => self.integer(*integer),
            Value::Number(number) => self.number(*number),
            Value::String(text) => self.text(&text.as_bytes()),
            Value::Table(table) if self.depth < DEEPEST => {
                self.depth += 1;
                self.table(table)?;
                self.depth -= 1;
                Ok(())
            }
            _ => self.append(&[NIL]),
        }
    }

    fn integer(&mut self, integer: i64) -> Result<(), Failure> {
        match integer {
            -32..=127 => self.append(&[integer as u8]),
            0..=0xff => self.append(&[0xcc, integer as u8]),
            0..=0xffff => self.tagged(0xcd, (integer as u16).to_be_bytes()),
            0..=0xffff_ffff => self.tagged(0xce, (integer as u32).to_be_bytes()),
            0.. => self.tagged(0xcf, integer.to_be_bytes()),
            -0x80.. => self.append(&[0xd0, integer as u8]),
            -0x8000.. => self.tagged(0xd1, (integer as i16).to_be_bytes()),
            -0x8000_0000.. => self.tagged(0xd2, (integer as i32).to_be_bytes()),
            _ => self.tagged(0xd3, integer.to_be_bytes()),
        }
    }

    /// A number that is no integer of 64 bits: minus zero, too great, or with a fraction.
    fn number(&mut self, number: f64) -> Result<(), Failure> {
        if number == 0.0 {
            self.integer(0)
        } else if f64::from(number as f32) == number {
            self.tagged(0xca, (number as f32).to_be_bytes())
        } else {
            self.tagged(0xcb, number.to_be_bytes())
        }
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Failure> {
        match text.len() {
            length @ ..=31 => self.append(&[0xa0 | length as u8])?,
            length @ ..=0xff => self.append(&[0xd9, length as u8])?,
            length @ ..=0xffff => self.tagged(0xda, (length as u16).to_be_bytes())?,
            length => self.tagged(0xdb, (length as u32).to_be_bytes())?,
        }
        self.append(text)
    }

    fn table(&mut self, table: &Table) -> Result<(), Failure> {
        if table.raw_len() == 0 {
            return self.without_sequence(table);
        }
        if let Some(elements) = short_sequence(table, self.depth)? {
            self.append(header(ARRAY, elements.len()).as_bytes())?;
            return elements.iter().try_for_each(|element| self.value(element));
        }
        match shape(table, self.depth)? {
            Shape::Sequence(length) => {
                self.append(header(ARRAY, length).as_bytes())?;
                walk(table, self.depth, |_: bool, value: Value| {
                    self.value(&value)?;
                    Ok(Walk::On)
                })?;
            }
            Shape::Array(length) => {
                self.append(header(ARRAY, length).as_bytes())?;
                for index in 1..=length {
                    self.value(&table.raw_get(index)?)?;
                }
            }
            Shape::Map(count) => {
                self.append(header(MAP, count).as_bytes())?;
                self.members(table)?;
            }
        }
        Ok(())
    }

    /// Appends a table that has no first element: a map, unless it is empty. Its header is written when its members have been
    /// counted.
    fn without_sequence(&mut self, table: &Table) -> Result<(), Failure> {
        let begin = self.out.len();
        self.out.push(NIL);
        let count = self.members(table)?;
        let header = header(if count == 0 { ARRAY } else { MAP }, count);
        self.out.splice(begin..=begin, header.as_bytes().iter().copied());
        Ok(())
    }

    /// Appends keys and values, and counts them.
    fn members(&mut self, table: &Table) -> Result<usize, Failure> {
        let mut count = 0;
        walk(table, self.depth, |key: Value, value: Value| {
            count += 1;
            self.value(&key)?;
            self.value(&value)?;
            Ok(Walk::On)
        })?;
        Ok(count)
    }

    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) -> Result<(), Failure> {
        self.out.push(tag);
        self.append(&bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.out.len().saturating_add(bytes.len()) > LONGEST {
            return Err(Failure::new("not enough memory"));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

const NIL: u8 = 0xc0;

/// A table is an array if its keys are the integers from 1 to their number.
fn shape(table: &Table, depth: usize) -> Result<Shape, Failure> {
    let mut count = 0;
    let mut length = 0;
    let mut are_indices = true;
    let mut in_order = true;
    walk(table, depth, |key: Value, _: bool| {
        count += 1;
        let index = index(&key);
        length = length.max(index.unwrap_or(0));
        are_indices &= index.is_some();
        in_order &= index == Some(count);
        Ok(Walk::On)
    })?;
    Ok(match are_indices && length == count {
        true if in_order => Shape::Sequence(count),
        true => Shape::Array(count),
        false => Shape::Map(count),
    })
}

/// How the headers of arrays or maps begin: with few members, with 16 and with 32 bits for their number.
struct Tags {
    few: u8,
    many: u8,
    very_many: u8,
}

const ARRAY: Tags = Tags { few: 0x90, many: 0xdc, very_many: 0xdd };
const MAP: Tags = Tags { few: 0x80, many: 0xde, very_many: 0xdf };

/// What an array or a map begins with.
struct Header {
    bytes: [u8; 5],
    length: usize,
}

impl Header {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn header(tags: Tags, count: usize) -> Header {
    let [.., third, second, first, last] = count.to_be_bytes();
    match count {
        ..=15 => Header { bytes: [tags.few | last, 0, 0, 0, 0], length: 1 },
        ..=0xffff => Header { bytes: [tags.many, first, last, 0, 0], length: 3 },
        _ => Header { bytes: [tags.very_many, third, second, first, last], length: 5 },
    }
}
