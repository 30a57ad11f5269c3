//! From what a script returns to the reply that its client gets.

use mlua::{Table, Value};
use nuthatch_protocol::Reply;

use crate::host::with_host;
use crate::raise::IS_COUNTED;

/// The most tables inside tables.
const DEPTH_MAX: usize = 1000;

/// The longest reply, in bytes: tables that contain others several times could be replies of any length.
const REPLY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// How many values are written between two looks at whether the script is to end.
const VALUES_PER_LOOK: u32 = 10_000;

/// Why what a script has returned is not written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// A table of the script could not be read, or the value is too big to be a reply.
    Unreadable(mlua::Error),
    /// The host has ended the script.
    Interrupted,
}

impl From<mlua::Error> for Unwritten {
    fn from(error: mlua::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Writes a value that a script has returned. `script_resp3` says whether the script has chosen RESP3 by
/// `redis.setresp`. The host is told of error replies among it.
///
/// # Errors
/// See [`Unwritten`].
pub(crate) fn write(value: &Value, script_resp3: bool, reply: &mut Reply) -> Result<(), Unwritten> {
    let limit = reply.len().saturating_add(REPLY_BYTES_MAX);
    Writer { script_resp3, limit, values: 0, reply }.value(value, 0)
}

struct Writer<'r> {
    script_resp3: bool,
    /// The length at which the reply is too long.
    limit: usize,
    /// Those written since the last look at the host.
    values: u32,
    reply: &'r mut Reply,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Unwritten> {
        if self.reply.len() > self.limit {
            return Err(mlua::Error::MemoryError("reply is too long".to_owned()).into());
        }
        self.values += 1;
        if self.values == VALUES_PER_LOOK {
            self.values = 0;
            if with_host(|host| host.interrupt()) == Some(true) {
                return Err(Unwritten::Interrupted);
            }
        }
        match value {
            Value::String(text) => self.reply.bulk(&text.as_bytes()),
            Value::Integer(number) => self.reply.integer(*number),
            Value::Number(number) => self.reply.integer(truncated(*number)),
            Value::Boolean(value) if self.script_resp3 => self.reply.boolean(*value),
            Value::Boolean(true) => self.reply.integer(1),
            Value::Table(table) => self.table(table, depth)?,
            _ => self.reply.null(),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<(), Unwritten> {
        if depth >= DEPTH_MAX {
            self.reply.error("ERR reached lua stack limit");
            return Ok(());
        }
        if let Value::String(text) = table.raw_get("err")? {
            let text = text.as_bytes();
            let text = without_line_end(up_to_zero(&text));
            let is_counted = table.raw_get::<Value>(IS_COUNTED)? == Value::Boolean(true);
            with_host(|host| host.replies_error(text, is_counted));
            self.reply.error(text);
            return Ok(());
        }
        if let Value::String(text) = table.raw_get("ok")? {
            self.reply.simple(up_to_zero(&text.as_bytes()));
            return Ok(());
        }
        if let Some(number) = number_of(&table.raw_get("double")?) {
            self.reply.double(number);
            return Ok(());
        }
        if let Value::Table(map) = table.raw_get("map")? {
            let pairs: Vec<(Value, Value)> = map.pairs().collect::<mlua::Result<_>>()?;
            self.reply.map(pairs.len());
            for (key, value) in &pairs {
                self.value(key, depth + 1)?;
                self.value(value, depth + 1)?;
            }
            return Ok(());
        }
        if let Value::Table(set) = table.raw_get("set")? {
            let members: Vec<(Value, Value)> = set.pairs().collect::<mlua::Result<_>>()?;
            self.reply.set(members.len());
            for (member, _) in &members {
                self.value(member, depth + 1)?;
            }
            return Ok(());
        }
        if let Value::String(digits) = table.raw_get("big_number")? {
            let sanitised = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
            let digits: Vec<u8> = digits.as_bytes().iter().map(sanitised).collect();
            self.reply.big_number(digits);
            return Ok(());
        }
        if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
            && let Value::String(format) = verbatim.raw_get("format")?
            && let Value::String(text) = verbatim.raw_get("string")?
        {
            let mut three = *b"   ";
            three.iter_mut().zip(format.as_bytes().iter()).for_each(|(place, byte)| *place = *byte);
            self.reply.verbatim(three, &text.as_bytes());
            return Ok(());
        }
        self.array(table, depth)
    }

    /// The elements from the first to the last before one that is missing.
    fn array(&mut self, table: &Table, depth: usize) -> Result<(), Unwritten> {
        let header = self.reply.array_later();
        let mut length = 0;
        loop {
            let element: Value = table.raw_get(length + 1)?;
            if element.is_nil() {
                break;
            }
            self.value(&element, depth + 1)?;
            length += 1;
        }
        self.reply.set_array_len(header, length);
        Ok(())
    }
}

/// What comes before the first byte that is zero: lines of replies are texts in C for stock servers.
pub(crate) fn up_to_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Without the ends of lines behind an error.
fn without_line_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &text[..end]
}

/// A number.
fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// The integer of a number as the processor converts it where it has none: the smallest one.
fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}
