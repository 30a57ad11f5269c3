//! The libraries that scripts find beside those of the language.

use mlua::{Lua, Table};

mod arguments;
mod assembly;
mod bits;
mod json;
mod message_pack;
mod random;
mod structure;
#[cfg(test)]
mod tests;
mod walk;

/// All of them by their names. What the language's own library has for chance is replaced.
pub(crate) fn all(lua: &Lua) -> mlua::Result<Table> {
    let libraries = lua.create_table()?;
    random::replace(lua, &lua.globals().raw_get("math")?)?;
    libraries.raw_set("bit", bits::table(lua)?)?;
    libraries.raw_set("cjson", json::table(lua)?)?;
    libraries.raw_set("cmsgpack", message_pack::table(lua)?)?;
    libraries.raw_set("struct", structure::table(lua)?)?;
    Ok(libraries)
}

/// Forgets what a script has set: to be called before each, so that none depends on which others ran before it.
pub(crate) fn reset(lua: &Lua) {
    json::reset(lua);
}
