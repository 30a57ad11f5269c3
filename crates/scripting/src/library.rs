//! How functions written in Rust become functions of a script: they raise errors as functions of the reference
//! implementation do, with the place in the script that called them.

use mlua::{Lua, MultiValue, Table, Value, Variadic};

use crate::raise::{Raised, at_caller};

/// Why a function of a library does not return.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the script, raised where the script has called the function.
    Message(Vec<u8>),
    /// What the auxiliary library of Lua says of an argument that the function does not take: its number, counted from 1,
    /// and why.
    BadArgument(usize, Vec<u8>),
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

    /// An error about an argument, counted from 1.
    pub(crate) fn bad_argument(number: usize, why: impl Into<Vec<u8>>) -> Self {
        Self::BadArgument(number, why.into())
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
                Failure::BadArgument(number, why) => {
                    at_caller(lua, &about_argument(lua, number, &why)).into()
                }
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

/// The text about an argument of the function that runs, which has the name that the script has called it by.
fn about_argument(lua: &Lua, number: usize, why: &[u8]) -> Vec<u8> {
    let names = lua.inspect_stack(0, |debug| {
        let names = debug.names();
        let name = names.name.map(|name| name.into_owned());
        (name, names.name_what == Some("method"))
    });
    let (name, is_method) = names.unwrap_or_default();
    let name = name.unwrap_or_else(|| "?".to_owned());
    // What a method is called on is no argument of it.
    let beginning = match number {
        1 if is_method => format!("calling '{name}' on bad self ("),
        number if is_method => format!("bad argument #{} to '{name}' (", number.saturating_sub(1)),
        number => format!("bad argument #{number} to '{name}' ("),
    };
    [beginning.as_bytes(), why, b")"].concat()
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
        library.function("refuses", |_, _| Err(Failure::bad_argument(1, "no"))).unwrap();
        library.function("two", |_, arguments| Ok(arguments.iter().cloned().collect())).unwrap();
        lua.globals().set("library", library.finish()).unwrap();
        lua.globals().set("unwrapped", lua.create_function(unwrapped).unwrap()).unwrap();
        let run = |source: &str| -> String { lua.load(source).set_name("@user_script").call(()).unwrap() };
        let fails = "local _, e = pcall(function() library.fails() end) return unwrapped(e)";
        assert_eq!(run(fails), "user_script:1: no");
        assert_eq!(run("local _, e = pcall(library.fails) return unwrapped(e)"), "no");
        let refuses = |call: &str| run(&format!("local _, e = pcall({call}) return unwrapped(e)"));
        assert_eq!(refuses("library.refuses"), "bad argument #1 to '?' (no)");
        let named = "user_script:1: bad argument #1 to 'refuses' (no)";
        assert_eq!(refuses("function() library.refuses() end"), named);
        assert_eq!(refuses("function() return library.refuses() end"), named);
        let renamed = "user_script:1: bad argument #1 to 'other' (no)";
        assert_eq!(refuses("function() local other = library.refuses other() end"), renamed);
        let method = "user_script:1: calling 'refuses' on bad self (no)";
        assert_eq!(refuses("function() library:refuses() end"), method);
        assert_eq!(run("local a, b = library.two('x', 'y') return a .. b"), "xy");
    }
}
