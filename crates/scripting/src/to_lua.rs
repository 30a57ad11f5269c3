//! From the reply to a command to the values that a script sees.

use mlua::{Lua, Table, Value};
use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use crate::memory::Unlimited;

/// A reply that is not what the protocol prescribes: a defect of the server.
const MALFORMED: &str = "malformed reply";

/// A byte of a reply gives rise to at most so many bytes of values, such as a status to a table with one field.
const BYTES_PER_BYTE: usize = 128;

/// The value of one complete reply.
pub(crate) fn value_of(lua: &Lua, reply: &mut Reply) -> mlua::Result<Value> {
    let length = reply.len();
    let read = |bytes: &[u8]| {
        // An integer takes nothing.
        let takes_memory = bytes.first() != Some(&b':');
        let _unlimited =
            takes_memory.then(|| Unlimited::for_at_most(lua, length.saturating_mul(BYTES_PER_BYTE)));
        Reader { lua, rest: bytes }.value()
    };
    match reply.contiguous() {
        Some(bytes) => read(bytes),
        None => read(&std::mem::take(reply).into_bytes()),
    }
}

/// A table with one field.
pub(crate) fn single(lua: &Lua, name: &str, value: impl mlua::IntoLua) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(name, value)?;
    Ok(Value::Table(table))
}

struct Reader<'r> {
    lua: &'r Lua,
    rest: &'r [u8],
}

impl<'r> Reader<'r> {
    fn value(&mut self) -> mlua::Result<Value> {
        let (kind, line) = self.line()?;
        match kind {
            b'$' | b'*' if line == b"-1" => Ok(Value::Boolean(false)),
            b':' => Ok(Value::Number(integer(line)? as f64)),
            b'$' => {
                let text = self.text(line)?;
                Ok(Value::String(self.lua.create_string(text)?))
            }
            b'+' => single(self.lua, "ok", self.lua.create_string(line)?),
            b'-' => single(self.lua, "err", self.lua.create_string(line)?),
            b'*' => {
                let length = length(line)?;
                // A reply has at least three bytes for each of its elements.
                let table = self.lua.create_table_with_capacity(length.min(self.rest.len() / 3), 0)?;
                for place in 1..=length {
                    table.raw_set(place, self.value()?)?;
                }
                Ok(Value::Table(table))
            }
            b'%' => {
                let table = self.lua.create_table()?;
                for _ in 0..length(line)? {
                    let (key, value) = (self.value()?, self.value()?);
                    insert(&table, key, value)?;
                }
                single(self.lua, "map", table)
            }
            b'~' => {
                let table = self.lua.create_table()?;
                for _ in 0..length(line)? {
                    insert(&table, self.value()?, Value::Boolean(true))?;
                }
                single(self.lua, "set", table)
            }
            b'_' => Ok(Value::Nil),
            b'#' => Ok(Value::Boolean(line == b"t")),
            b',' => {
                let number = std::str::from_utf8(line).ok().and_then(|text| text.parse::<f64>().ok());
                single(self.lua, "double", number.ok_or_else(malformed)?)
            }
            b'(' => single(self.lua, "big_number", self.lua.create_string(line)?),
            b'=' => {
                let text = self.text(line)?;
                let (format, text) = text.split_at_checked(3).ok_or_else(malformed)?;
                let table = self.lua.create_table_with_capacity(0, 2)?;
                table.raw_set("format", self.lua.create_string(format)?)?;
                table.raw_set("string", self.lua.create_string(text.get(1..).unwrap_or_default())?)?;
                single(self.lua, "verbatim_string", table)
            }
            _ => Err(malformed()),
        }
    }

    /// The kind of the reply that begins here, and the rest of its first line.
    fn line(&mut self) -> mlua::Result<(u8, &'r [u8])> {
        let end = self.rest.iter().position(|byte| *byte == b'\r').ok_or_else(malformed)?;
        let (line, rest) = self.rest.split_at(end);
        let (kind, line) = line.split_first().ok_or_else(malformed)?;
        self.rest = rest.get(2..).unwrap_or_default();
        Ok((*kind, line))
    }

    /// The string whose header has said this length.
    fn text(&mut self, header: &[u8]) -> mlua::Result<&'r [u8]> {
        let (text, rest) = self.rest.split_at_checked(length(header)?).ok_or_else(malformed)?;
        self.rest = rest.get(2..).unwrap_or_default();
        Ok(text)
    }
}

/// Sets a field, unless the key is what no table takes.
fn insert(table: &Table, key: Value, value: Value) -> mlua::Result<()> {
    if key.is_nil() { Ok(()) } else { table.raw_set(key, value) }
}

fn integer(line: &[u8]) -> mlua::Result<i64> {
    parse_i64(line).ok_or_else(malformed)
}

fn length(line: &[u8]) -> mlua::Result<usize> {
    usize::try_from(integer(line)?).map_err(|_| malformed())
}

fn malformed() -> mlua::Error {
    mlua::Error::runtime(MALFORMED)
}
