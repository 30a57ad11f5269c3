//! Errors that functions written in Rust raise in a script.
//!
//! The interpreter's binding wraps them; wherever a script can catch an error the sandbox takes them out again, as what a
//! function of the reference implementation would have raised.

use std::fmt;

use mlua::{Lua, Table, Value};

/// The field of an error reply's table that says that it was counted when the command failed.
pub(crate) const IS_COUNTED: &str = "ignore_error_stats_update";

/// What is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raised {
    /// A text.
    Text(Vec<u8>),
    /// A table with the text of an error reply. Whether it is that of a command, which was counted as one.
    Reply(Vec<u8>, bool),
}

impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Text(text) | Self::Reply(text, _)) = self;
        formatter.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Raised {}

impl From<Raised> for mlua::Error {
    fn from(raised: Raised) -> Self {
        Self::external(raised)
    }
}

/// A text as the auxiliary library raises it: with the place that has called the function that runs.
pub(crate) fn at_caller(lua: &Lua, message: &[u8]) -> Raised {
    let place = lua.inspect_stack(1, |debug| {
        let source = debug.source().short_src.map(|name| name.into_owned()).unwrap_or_default();
        debug.current_line().map(|line| format!("{source}:{line}: "))
    });
    Raised::Text([place.flatten().unwrap_or_default().as_bytes(), message].concat())
}

/// The table that stands for an error reply.
pub(crate) fn reply_table(lua: &Lua, text: &[u8], is_of_command: bool) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("err", lua.create_string(text)?)?;
    if is_of_command {
        table.raw_set(IS_COUNTED, true)?;
    }
    Ok(table)
}

/// What a script sees of an error that it has caught.
pub(crate) fn unwrapped(lua: &Lua, caught: Value) -> mlua::Result<Value> {
    let Value::Error(error) = &caught else { return Ok(caught) };
    let mut error = &**error;
    while let mlua::Error::CallbackError { cause, .. } = error {
        error = cause;
    }
    let text = match error {
        mlua::Error::ExternalError(external) => match external.downcast_ref() {
            Some(Raised::Text(text)) => text.clone(),
            Some(Raised::Reply(text, is_of_command)) => {
                return Ok(Value::Table(reply_table(lua, text, *is_of_command)?));
            }
            None => external.to_string().into_bytes(),
        },
        mlua::Error::MemoryError(_) => b"not enough memory".to_vec(),
        mlua::Error::RuntimeError(text) => text.clone().into_bytes(),
        error => error.to_string().into_bytes(),
    };
    Ok(Value::String(lua.create_string(text)?))
}
