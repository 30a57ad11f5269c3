//! The library `cmsgpack`: values of Lua as MessagePack, and back.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::Arguments;
use super::walk;
use crate::library::{Failure, Library, Outcome};

mod decode;
mod encode;
#[cfg(test)]
mod tests;

/// The library's table.
pub(super) fn table(lua: &Lua) -> mlua::Result<Table> {
    let library = Library::new(lua)?;
    library.function("pack", pack)?;
    library.function("unpack", |lua, values| {
        let arguments = Arguments::new(lua, values);
        unpack(arguments, arguments.count(), Part { begin: 0, most: None })
    })?;
    library.function("unpack_one", |lua, values| {
        let arguments = Arguments::new(lua, values);
        let begin = optional_integer(arguments, 2)?;
        unpack(arguments, 1, Part { begin, most: Some(1) })
    })?;
    library.function("unpack_limit", |lua, values| {
        let arguments = Arguments::new(lua, values);
        let most = arguments.integer(2)?;
        let begin = optional_integer(arguments, 3)?;
        // Nothing at all asks for everything.
        let most = (most != 0 || begin != 0).then_some(most);
        unpack(arguments, 1, Part { begin, most })
    })?;
    library.value("_NAME", "cmsgpack")?;
    library.value("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.value("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    library.value("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(library.finish())
}

/// More values are not packed at a time.
const MOST_PACKED: usize = 4000;

fn pack(lua: &Lua, values: &[Value]) -> Outcome {
    let arguments = Arguments::new(lua, values);
    if values.is_empty() {
        return Err(arguments.refusal(0, "MessagePack pack needs input."));
    }
    if values.len() > MOST_PACKED {
        return Err(arguments.refusal(0, "Too many arguments for MessagePack pack."));
    }
    let packed = walk::text(lua, || encode::encode(values))?;
    Ok([Value::String(packed)].into_iter().collect())
}

/// Which values are unpacked.
#[derive(Clone, Copy)]
struct Part {
    /// The offset that they begin at.
    begin: i64,
    /// So many at most, and where they end is told; or all.
    most: Option<i64>,
}

/// Unpacks values of the text that is the first argument. So many arguments take room on the interpreter's stack.
fn unpack(arguments: Arguments, on_stack: usize, part: Part) -> Outcome {
    let text = arguments.text(1)?;
    let text = &*text.as_bytes();
    // Numbers are shown as C shows them, without their upper half.
    let (begin_shown, length_shown) = (part.begin as i32, text.len() as i32);
    if part.begin < 0 || part.most.is_some_and(|most| most < 0) {
        return Err(Failure::new(format!(
            "Invalid request to unpack with offset of {begin_shown} and limit of {length_shown}."
        )));
    }
    let begin = usize::try_from(part.begin).unwrap_or(usize::MAX);
    if begin > text.len() {
        return Err(Failure::new(format!(
            "Start offset {begin_shown} greater than input length {length_shown}."
        )));
    }
    let mut unpacker = decode::Unpacker::new(arguments.lua(), text, begin);
    let mut values = MultiValue::new();
    let room = MOST_UNPACKED.saturating_sub(on_stack);
    while !unpacker.is_at_end() && part.most.is_none_or(|most| (values.len() as i64) < most) {
        if values.len() >= room {
            return Err(too_many(TOO_MANY_VALUES));
        }
        values.push_back(unpacker.value()?);
    }
    if part.most.is_some() {
        if values.len() >= room {
            return Err(too_many("in function mp_unpack_full"));
        }
        let end = if unpacker.is_at_end() { -1 } else { unpacker.offset() as i64 };
        values.push_front(Value::Integer(end));
    }
    Ok(values)
}

/// More values and arguments do not fit on the interpreter's stack.
const MOST_UNPACKED: usize = 7900;

const TOO_MANY_VALUES: &str = "too many return values at once; use unpack_one or unpack_limit instead.";

/// What the interpreter says when its stack is too short for something.
fn too_many(what: &str) -> Failure {
    Failure::new(format!("stack overflow ({what})"))
}

/// An integer; 0, if there is none.
fn optional_integer(arguments: Arguments, number: usize) -> Result<i64, Failure> {
    match arguments.get(number) {
        None | Some(Value::Nil) => Ok(0),
        Some(_) => arguments.integer(number),
    }
}
