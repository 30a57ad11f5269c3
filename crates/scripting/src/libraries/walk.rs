//! How tables are walked through.

use mlua::{FromLua, Lua, LuaString, Table, Value};

use crate::library::Failure;
use crate::memory::Unlimited;

/// A text that is made by walking through values, handed to the interpreter.
pub(super) fn text(lua: &Lua, make: impl FnOnce() -> Result<Vec<u8>, Failure>) -> Result<LuaString, Failure> {
    let unlimited = Unlimited::for_at_most(lua, WALKING);
    let made = make()?;
    drop(unlimited);
    let _unlimited = Unlimited::for_at_most(lua, WALKING + made.len());
    Ok(lua.create_string(made)?)
}

/// Bytes that the interpreter may take to lend what is walked through.
const WALKING: usize = 1024 * 1024;

/// The index that a key is, if it is one, and not too great for any sequence.
pub(super) fn index(key: &Value) -> Option<usize> {
    match key {
        Value::Integer(index @ 1..=0x7fff_ffff) => usize::try_from(*index).ok(),
        _ => None,
    }
}

/// Whether a walk through a table goes on.
pub(super) enum Walk {
    On,
    Stop,
}

/// Visits the pairs of a table that stands in so many others, and tells whether all have been visited.
pub(super) fn walk<K: FromLua, V: FromLua>(
    table: &Table,
    depth: usize,
    mut visit: impl FnMut(K, V) -> Result<Walk, Failure>,
) -> Result<bool, Failure> {
    if depth > WALKED_AT_ONCE {
        for pair in table.pairs() {
            let (key, value) = pair?;
            if let Walk::Stop = visit(key, value)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let mut stopped = None;
    let walked = table.for_each(|key, value| match visit(key, value) {
        Ok(Walk::On) => Ok(()),
        end => {
            stopped = Some(end);
            Err(mlua::Error::StackError)
        }
    });
    match stopped {
        Some(end) => end.map(|_| false),
        None => Ok(walked.map(|()| true)?),
    }
}

/// Walking through a table at once is fast, but calls back from the interpreter, which does not nest deeply.
const WALKED_AT_ONCE: usize = 32;

/// The elements of a table that is nothing but a short sequence: it is walked through only once.
pub(super) fn short_sequence(table: &Table, depth: usize) -> Result<Option<Vec<Value>>, Failure> {
    if depth > WALKED_AT_ONCE || !(1..=SHORT).contains(&table.raw_len()) {
        return Ok(None);
    }
    let mut elements = Vec::with_capacity(SHORT);
    let is_sequence = walk(table, depth, |key: Value, value: Value| {
        if elements.len() == SHORT || index(&key) != Some(elements.len() + 1) {
            return Ok(Walk::Stop);
        }
        elements.push(value);
        Ok(Walk::On)
    })?;
    Ok(is_sequence.then_some(elements))
}

/// The interpreter lends a limited number of values at a time.
const SHORT: usize = 32;
