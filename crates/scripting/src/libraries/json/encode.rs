//! Values of Lua as JSON.

use std::mem::replace;

use mlua::{Table, Value};
use nuthatch_protocol::number::format_f64_significant;

use super::super::arguments::type_name;
use super::super::walk::{Walk, short_sequence, walk};
use super::{InvalidNumbers, Settings};
use crate::library::Failure;

/// The JSON of a value.
pub(super) fn encode(value: &Value, settings: Settings) -> Result<Vec<u8>, Failure> {
    let mut encoder = Encoder { settings, out: Vec::with_capacity(256), depth: 0 };
    encoder.value(value)?;
    Ok(encoder.out)
}

/// So many tables may stand in one another whatever the settings say: each takes its part of the thread's stack.
const DEEPEST: usize = 1000;

/// No text becomes longer: tables that are reached on several ways could multiply without end.
const LONGEST: usize = 512 * 1024 * 1024;

struct Encoder {
    settings: Settings,
    out: Vec<u8>,
    /// How many tables the current value stands in.
    depth: usize,
}

/// As what a table is encoded.
enum Shape {
    /// An array none of whose elements is missing, and that is walked in their order.
    Sequence,
    /// An array of so many elements, some of which may be missing.
    Array(usize),
    Object,
}

impl Encoder {
    fn value(&mut self, value: &Value) -> Result<(), Failure> {
        match value {
            Value::Nil => self.append(b"null"),
            Value::Boolean(true) => self.append(b"true"),
            Value::Boolean(false) => self.append(b"false"),
            Value::Integer(integer) => self.number(*integer as f64),
            Value::Number(number) => self.number(*number),
            Value::String(text) => self.text(&text.as_bytes()),
            Value::Table(table) => self.table(table),
            Value::LightUserData(pointer) if pointer.0.is_null() => self.append(b"null"),
            other => Err(refusal(type_name(other), "type not supported")),
        }
    }

    // What nests nothing keeps out of the frames of what does.
    #[inline(never)]
    fn number(&mut self, number: f64) -> Result<(), Failure> {
        if !number.is_finite() {
            match self.settings.encode_invalid_numbers {
                InvalidNumbers::Refuse => return Err(refusal("number", "must not be NaN or Inf")),
                InvalidNumbers::Null => return self.append(b"null"),
                InvalidNumbers::Encode => {}
            }
        }
        let precision = u8::try_from(self.settings.encode_number_precision).unwrap_or(u8::MAX);
        format_f64_significant(number, precision, &mut self.out);
        self.check_length(0)
    }

    #[inline(never)]
    fn text(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.check_length(text.len())?;
        self.out.push(b'"');
        let mut rest = text;
        while let Some(place) = rest.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0) {
            let (plain, special) = rest.split_at(place);
            self.out.extend_from_slice(plain);
            let Some((special, behind)) = special.split_first() else { break };
            match ESCAPES[usize::from(*special)] {
                UNICODE => {
                    let digit = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
                    let digits = [digit(special >> 4), digit(*special)];
                    self.out.extend_from_slice(b"\\u00");
                    self.out.extend_from_slice(&digits);
                }
                letter => self.out.extend_from_slice(&[b'\\', letter]),
            }
            rest = behind;
        }
        self.out.extend_from_slice(rest);
        self.append(b"\"")
    }

    fn table(&mut self, table: &Table) -> Result<(), Failure> {
        self.depth += 1;
        let deepest = usize::try_from(self.settings.encode_max_depth).unwrap_or(0);
        if self.depth > deepest.min(DEEPEST) {
            return Err(Failure::new(format!("Cannot serialise, excessive nesting ({})", self.depth)));
        }
        // A table without a first element is an object unless its first key says otherwise.
        if table.raw_len() > 0 || !self.object(table, true)? {
            match short_sequence(table, self.depth)? {
                Some(elements) => self.elements(&elements)?,
                None => self.by_shape(table)?,
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn elements(&mut self, elements: &[Value]) -> Result<(), Failure> {
        let mut before = b'[';
        for element in elements {
            self.out.push(replace(&mut before, b','));
            self.value(element)?;
        }
        self.append(b"]")
    }

    fn by_shape(&mut self, table: &Table) -> Result<(), Failure> {
        match self.shape(table)? {
            Shape::Sequence => self.sequence(table),
            Shape::Array(length) => self.array(table, length),
            Shape::Object => self.object(table, false).map(|_| ()),
        }
    }

    /// A table is an array if all its keys are integers from 1 on.
    #[inline(never)]
    fn shape(&self, table: &Table) -> Result<Shape, Failure> {
        let mut count = 0;
        let mut length = 0;
        let mut in_order = true;
        let all_are_indices = walk(table, self.depth, |key: Value, _: bool| {
            let Some(index) = index(&key) else { return Ok(Walk::Stop) };
            count += 1;
            in_order &= index == f64::from(count);
            if index > f64::from(length) {
                // Too great an index hides those before it, as in the stock server.
                length = if index <= f64::from(i32::MAX) { index as i32 } else { i32::MIN };
            }
            Ok(Walk::On)
        })?;
        let (Ok(length), true) = (usize::try_from(length), all_are_indices) else { return Ok(Shape::Object) };
        if in_order {
            return Ok(Shape::Sequence);
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let sparse = self.settings.sparse_arrays;
        let [ratio, safe] = [sparse.ratio, sparse.safe].map(|setting| usize::try_from(setting).unwrap_or(0));
        if ratio > 0 && length > count.saturating_mul(ratio) && length > safe {
            return match sparse.convert {
                true => Ok(Shape::Object),
                false => Err(refusal("table", "excessively sparse array")),
            };
        }
        // What would be too long is not begun.
        self.check_length(length.saturating_sub(count).saturating_mul(b"null,".len()))?;
        Ok(Shape::Array(length))
    }

    fn sequence(&mut self, table: &Table) -> Result<(), Failure> {
        let mut before = b'[';
        walk(table, self.depth, |_: bool, value: Value| {
            self.out.push(replace(&mut before, b','));
            self.value(&value)?;
            Ok(Walk::On)
        })?;
        self.append(b"]")
    }

    fn array(&mut self, table: &Table, length: usize) -> Result<(), Failure> {
        let mut before = b'[';
        for index in 1..=length {
            self.out.push(replace(&mut before, b','));
            self.value(&table.raw_get(index)?)?;
        }
        self.append(b"]")
    }

    /// Appends a table as an object; nothing, if it may be an array.
    fn object(&mut self, table: &Table, unless_array: bool) -> Result<bool, Failure> {
        let mut before = b'{';
        let is_object = walk(table, self.depth, |key: Value, value: Value| {
            if before == b'{' && unless_array && index(&key).is_some() {
                return Ok(Walk::Stop);
            }
            self.out.push(replace(&mut before, b','));
            self.key(&key)?;
            self.value(&value)?;
            Ok(Walk::On)
        })?;
        if is_object {
            if before == b'{' {
                self.out.push(b'{');
            }
            self.append(b"}")?;
        }
        Ok(is_object)
    }

    #[inline(never)]
    fn key(&mut self, key: &Value) -> Result<(), Failure> {
        match key {
            Value::String(key) => self.text(&key.as_bytes())?,
            Value::Integer(_) | Value::Number(_) => {
                self.out.push(b'"');
                self.value(key)?;
                self.out.push(b'"');
            }
            other => return Err(refusal(type_name(other), "table key must be a number or string")),
        }
        self.out.push(b':');
        Ok(())
    }

    fn append(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.out.extend_from_slice(text);
        self.check_length(0)
    }

    /// Refuses to become too long with so many bytes more.
    fn check_length(&self, more: usize) -> Result<(), Failure> {
        if self.out.len().saturating_add(more) > LONGEST {
            return Err(Failure::new("not enough memory"));
        }
        Ok(())
    }
}

/// The index that a key is, if it is one: it may be infinite.
fn index(key: &Value) -> Option<f64> {
    let number = match key {
        Value::Integer(integer) => *integer as f64,
        Value::Number(number) => *number,
        _ => return None,
    };
    (number >= 1.0 && number.floor() == number).then_some(number)
}

fn refusal(kind: &str, why: &str) -> Failure {
    Failure::new(format!("Cannot serialise {kind}: {why}"))
}

/// What stands behind the backslash in place of a byte; nothing, if the byte stands for itself.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < b' ' {
        escapes[control as usize] = UNICODE;
        control += 1;
    }
    escapes[0x7f] = UNICODE;
    escapes[0x08] = b'b';
    escapes[b'\t' as usize] = b't';
    escapes[b'\n' as usize] = b'n';
    escapes[0x0c] = b'f';
    escapes[b'\r' as usize] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes[b'/' as usize] = b'/';
    escapes
};

/// A byte that is given by its number.
const UNICODE: u8 = b'u';
