//! The libraries that scripts find beside those of the language.

use mlua::{Lua, Table};

mod arguments;
mod assembly;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod bits;
mod json;
mod memory;
mod message_pack;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod random;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod structure;
#[cfg(test)]
mod tests;
mod walk;

/// All of them by their names.
pub(crate) fn all(lua: &Lua) -> mlua::Result<Table> {
    let libraries = lua.create_table()?;
    libraries.raw_set("cjson", json::table(lua)?)?;
    libraries.raw_set("cmsgpack", message_pack::table(lua)?)?;
    Ok(libraries)
}

/// Forgets what a script has set: to be called before each, so that none depends on which others ran before it.
pub(crate) fn reset(lua: &Lua) {
    json::reset(lua);
}
