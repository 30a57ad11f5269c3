//! How the libraries' tests ask a script.

use mlua::{FromLuaMulti, IntoLuaMulti, Lua, Table};

use crate::raise::unwrapped;

/// Shows all values of an expression, with numbers to the last digit.
const SHOW: &str = r##"
    local function show(value)
        if type(value) == "number" then return string.format("%.17g", value) end
        if type(value) == "boolean" then return tostring(value) end
        if type(value) == "table" then
            local members = {}
            for key, member in pairs(value) do table.insert(members, show(key) .. "=" .. show(member)) end
            table.sort(members)
            return "{" .. table.concat(members, ",") .. "}"
        end
        if type(value) ~= "string" then return type(value) end
        return '"' .. value:gsub("[^%w%p ]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    end
    return function(...)
        local shown = {}
        for place = 1, select("#", ...) do shown[place] = show((select(place, ...))) end
        return table.concat(shown, " ")
    end
"##;

/// Catches errors as scripts do in the sandbox.
const PCALL: &str = "
    local pcall, unwrapped = pcall, ...
    local function shown(succeeded, ...)
        if succeeded then return true, ... end
        return false, unwrapped((...))
    end
    return function(...) return shown(pcall(...)) end
";

/// An interpreter with one library.
pub(super) struct Script(Lua);

impl Script {
    /// An interpreter whose global name is a library's table.
    pub(super) fn new(name: &str, table: impl Fn(&Lua) -> mlua::Result<Table>) -> Self {
        let lua = Lua::new();
        lua.globals().set(name, table(&lua).unwrap()).unwrap();
        let unwrapped = lua.create_function(|lua, value| unwrapped(lua, value)).unwrap();
        let pcall: mlua::Function = lua.load(PCALL).call(unwrapped).unwrap();
        lua.globals().set("pcall", pcall).unwrap();
        lua.globals().set("show", lua.load(SHOW).eval::<mlua::Function>().unwrap()).unwrap();
        Self(lua)
    }

    /// All values of an expression, or the error that it raises.
    pub(super) fn eval(&self, expression: &str) -> Result<String, String> {
        let source = format!("return pcall(function() return show({expression}) end)");
        let (ok, shown): (bool, mlua::LuaString) =
            self.0.load(source).set_name("@user_script").call(()).unwrap();
        let shown = String::from_utf8_lossy(&shown.as_bytes()).into_owned();
        if ok { Ok(shown) } else { Err(shown) }
    }

    /// Checks that expressions have the values that the stock server has shown.
    pub(super) fn agrees(&self, expected: &[(&str, &str)]) {
        for (expression, shown) in expected {
            assert_eq!(self.eval(expression).as_deref(), Ok(*shown), "{expression}");
        }
    }

    /// Checks that the answers are those that were recorded: in each line an expression, and behind an arrow its values or
    /// its error.
    pub(super) fn answers(&self, recorded: &str) {
        let mut failures = Vec::new();
        for line in recorded.lines() {
            let (expression, expected) = line.split_once(" =>").unwrap();
            let answer = match self.eval(expression) {
                Ok(shown) => shown,
                Err(error) => format!("error: {}", error.strip_prefix("user_script:1: ").unwrap_or(&error)),
            };
            if answer != expected.trim_start() {
                failures.push(format!("{expression}: {answer}, not{expected}"));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    /// Checks that an expression raises an error of the line that it stands in.
    pub(super) fn fails(&self, expression: &str, error: &str) {
        assert_eq!(self.eval(expression), Err(format!("user_script:1: {error}")), "{expression}");
    }

    /// The values of an expression, in which `...` are values of the test.
    pub(super) fn call<R: FromLuaMulti>(
        &self,
        expression: &str,
        values: impl IntoLuaMulti,
    ) -> mlua::Result<R> {
        self.0.load(format!("return {expression}")).call(values)
    }
}
