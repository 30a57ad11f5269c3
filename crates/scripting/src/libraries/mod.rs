//! The libraries that scripts find beside those of the language.

use mlua::{Lua, Table};

/// All of them by their names.
pub(crate) fn all(lua: &Lua) -> mlua::Result<Table> {
    lua.create_table()
}
