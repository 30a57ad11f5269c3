//! How functions written in Rust become functions of a script: they raise errors as functions of the reference
//! implementation do, with the place in the script that called them.

use mlua::{Lua, MultiValue, Table, Value, Variadic};

use crate::raise::{Raised, at_caller};

/// Why a function of a library does not return.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the script, raised where the script has called the function.
    Message(Vec<u8>),
    /// An error that does not tell where it was raised.
    Unplaced(Vec<u8>),
    /// The interpreter's own error, such as that there is no memory left.
    Interpreter(mlua::Error),
}

impl Failure {
    /// An error of the script.
    pub(crate) fn new(message: impl Into<Vec<u8>>) -> Self {
        Self::Message(message.into())
    }

    /// An error that does not tell where it was raised, as those of the interpreter itself.
    pub(crate) fn unplaced(message: impl Into<Vec<u8>>) -> Self {
        Self::Unplaced(message.into())
    }

    /// What the auxiliary library of Lua says of an argument (counted from 1) that it does not take.
    pub(crate) fn bad_argument(number: usize, function: &str, what: impl AsRef<[u8]>) -> Self {
        let argument = format!("bad argument #{number} to '{function}' (");
        Self::new([argument.as_bytes(), what.as_ref(), b")"].concat())
    }
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Self {
        Self::Interpreter(error)
    }
}

/// What a function of a library returns.
pub(crate) type Outcome = Result<MultiValue, Failure>;

/// Puts functions into the table of a library.
pub(crate) struct Library<'l> {
    lua: &'l Lua,
    table: Table,
}

impl<'l> Library<'l> {
    /// An empty library.
    pub(crate) fn new(lua: &'l Lua) -> mlua::Result<Self> {
        Ok(Self { lua, table: lua.create_table()? })
    }

    /// Adds a function.
    pub(crate) fn function(
        &self,
        name: &str,
        function: impl Fn(&Lua, &[Value]) -> Outcome + 'static,
    ) -> mlua::Result<()> {
        let function = self.lua.create_function(move |lua, arguments: Variadic<Value>| {
            function(lua, &arguments).map_err(|failure| match failure {
                Failure::Message(message) => at_caller(lua, &message).into(),
                Failure::Unplaced(message) => Raised::Text(message).into(),
                Failure::Interpreter(error) => error,
            })
        })?;
        self.table.raw_set(name, function)
    }

    /// Adds another value.
    pub(crate) fn value(&self, name: &str, value: impl mlua::IntoLua) -> mlua::Result<()> {
        self.table.raw_set(name, value)
    }

    /// The finished table.
    pub(crate) fn finish(self) -> Table {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raise::unwrapped;

    #[test]
    fn errors_name_the_line_of_the_script_that_called() {
        let lua = Lua::new();
        let library = Library::new(&lua).unwrap();
        library.function("fails", |_, _| Err(Failure::new("no"))).unwrap();
        library.function("two", |_, arguments| Ok(arguments.iter().cloned().collect())).unwrap();
        lua.globals().set("library", library.finish()).unwrap();
        lua.globals()
            .set("unwrapped", lua.create_function(|lua, value| unwrapped(lua, value)).unwrap())
            .unwrap();
        let run = |source: &str| -> String { lua.load(source).set_name("@user_script").call(()).unwrap() };
        let fails = "local _, e = pcall(function() library.fails() end) return unwrapped(e)";
        assert_eq!(run(fails), "user_script:1: no");
        assert_eq!(run("local _, e = pcall(library.fails) return unwrapped(e)"), "no");
        assert_eq!(run("local a, b = library.two('x', 'y') return a .. b"), "xy");
    }
}
