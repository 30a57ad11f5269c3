//! The libraries that scripts find beside those of the language.

use mlua::{Lua, Table};

pub(crate) use self::json::SharedSettings;

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

/// All of them by their names, and the settings that their functions change. What the language's own library has for
/// chance is replaced.
pub(crate) fn all(lua: &Lua) -> mlua::Result<(Table, SharedSettings)> {
    let libraries = lua.create_table()?;
    let (json, settings) = json::table(lua)?;
    random::replace(lua, &lua.globals().raw_get("math")?)?;
    libraries.raw_set("bit", bits::table(lua)?)?;
    libraries.raw_set("cjson", json)?;
    libraries.raw_set("cmsgpack", message_pack::table(lua)?)?;
    libraries.raw_set("struct", structure::table(lua)?)?;
    Ok((libraries, settings))
}
