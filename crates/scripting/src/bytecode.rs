//! Compiling code, and reading what the compiler made of it before it is run.
//!
//! Scripts are compiled from text only. What the compiler makes is dumped and read back, because some functions must not
//! run: see [`vet`]. The format is that of `ldump.c` of Lua 5.1, which also <https://www.lua.org/source/5.1/ldump.c.html>
//! shows; instructions are those of `lopcodes.h`.

use mlua::{Function, Lua, LuaString, Table};

use crate::globals::GlobalUse;

/// The most named parameters of a function that takes any number of arguments.
///
/// Lua 5.1.5 makes room on its stack for the registers of such a function, but not for the parameters that a call leaves
/// out (CVE-2014-5461). Behind the end of the stack it keeps five places, of which it uses up to two for itself when it
/// calls a metamethod, so three parameters are harmless.
const VARIADIC_PARAMETERS_MAX: u8 = 3;

/// A function as the compiler has made it.
#[derive(Debug, Default)]
pub(crate) struct Prototype {
    pub(crate) parameters: u8,
    pub(crate) is_variadic: bool,
    /// Whether the register behind the parameters may have the table `arg` at the beginning.
    pub(crate) has_arg: bool,
    pub(crate) registers: u8,
    /// How many variables of the functions around it it uses.
    pub(crate) upvalues: u8,
    pub(crate) code: Vec<u32>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) children: Vec<Prototype>,
}

/// A constant of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Text(Vec<u8>),
    Number(f64),
    /// Nothing, or a truth value.
    Other,
}

/// Compiles code.
#[derive(Debug)]
pub(crate) struct Compiler {
    /// Makes code of a text: `loadstring`.
    load: Function,
    /// Gives code its globals: `setfenv`.
    set_environment: Function,
    /// Makes a text of compiled code: `string.dump`.
    dump: Function,
    /// What the code has for its globals.
    environment: Table,
    /// What this stands for, for code that only reads globals: it finds them at once.
    contents: Option<Table>,
}

impl Compiler {
    /// A compiler of code for an environment. Code that has no instruction to set globals gets `contents` instead, if there
    /// are any.
    pub(crate) fn new(lua: &Lua, environment: Table, contents: Option<Table>) -> mlua::Result<Self> {
        let globals = lua.globals();
        Ok(Self {
            load: globals.get("loadstring")?,
            set_environment: globals.get("setfenv")?,
            dump: globals.get::<Table>("string")?.get("dump")?,
            environment,
            contents,
        })
    }

    /// Compiles a text that errors call by `name`.
    ///
    /// # Errors
    /// The text of the compiler's error.
    pub(crate) fn compile(
        &self,
        lua: &Lua,
        source: &[u8],
        name: &LuaString,
    ) -> Result<(Function, Prototype), Vec<u8>> {
        // The compiler does not hold on to the name (CVE-2025-49844): it is the same string as this one, which stays, and
        // nothing is collected meanwhile.
        let shown = name.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let shown = lua.create_string(shown).map_err(text_of)?;
        // A text that begins as compiled code does would be taken for it; behind a space it is a syntax error.
        let guarded;
        let source = match source.first() {
            Some(0x1b) => {
                guarded = [b" ", source].concat();
                &guarded
            }
            _ => source,
        };
        let source = lua.create_string(source).map_err(text_of)?;
        lua.gc_stop();
        let loaded: mlua::Result<(Option<Function>, Option<LuaString>)> = self.load.call((source, &shown));
        lua.gc_restart();
        let (function, message) = loaded.map_err(text_of)?;
        let Some(function) = function else {
            return Err(message.map(|text| text.as_bytes().to_vec()).unwrap_or_default());
        };
        let dump: LuaString = self.dump.call(&function).map_err(text_of)?;
        let prototype = read(&dump.as_bytes()).ok_or(&b"unknown format of compiled code"[..])?;
        vet(&prototype)?;
        let environment = match &self.contents {
            Some(contents) if !GlobalUse::of(&prototype).sets => contents,
            _ => &self.environment,
        };
        self.set_environment.call::<()>((&function, environment)).map_err(text_of)?;
        Ok((function, prototype))
    }
}

fn text_of(error: mlua::Error) -> Vec<u8> {
    match error {
        mlua::Error::MemoryError(_) => b"not enough memory".to_vec(),
        error => error.to_string().into_bytes(),
    }
}

/// Refuses functions that Lua 5.1.5 does not run safely.
fn vet(prototype: &Prototype) -> Result<(), Vec<u8>> {
    if prototype.is_variadic && prototype.parameters > VARIADIC_PARAMETERS_MAX {
        return Err(format!(
            "a function with '...' has more than {VARIADIC_PARAMETERS_MAX} named parameters, which is not supported"
        )
        .into_bytes());
    }
    prototype.children.iter().try_for_each(vet)
}

/// Reads dumped code of this machine.
fn read(dump: &[u8]) -> Option<Prototype> {
    /// Signature, version 5.1, official format, little endian, then the sizes of an integer, a size, an instruction
    /// and a number, which is a floating-point number.
    const HEADER: &[u8] = b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00";
    let mut reader = Reader(dump.strip_prefix(HEADER)?);
    let prototype = reader.prototype()?;
    reader.0.is_empty().then_some(prototype)
}

struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// The compiler's own limit on nesting bounds the recursion.
    fn prototype(&mut self) -> Option<Prototype> {
        self.text()?;
        let (_first_line, _last_line) = (self.count()?, self.count()?);
        let [upvalues, parameters, variadic, registers] = *self.take(4)? else { return None };
        let code = (0..self.count()?)
            .map(|_| Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?)))
            .collect::<Option<_>>()?;
        let constants = (0..self.count()?).map(|_| self.constant()).collect::<Option<_>>()?;
        let children = (0..self.count()?).map(|_| self.prototype()).collect::<Option<_>>()?;
        // Line numbers and the names of variables, which are left out in what was dumped without them.
        let lines = self.count()?;
        self.take(lines.checked_mul(4)?)?;
        for _ in 0..self.count()? {
            self.text()?;
            self.take(8)?;
        }
        for _ in 0..self.count()? {
            self.text()?;
        }
        // The lowest bit says that there is an argument list; the others how it is reached.
        Some(Prototype {
            parameters,
            is_variadic: variadic != 0,
            has_arg: variadic & 1 != 0,
            registers,
            upvalues,
            code,
            constants,
            children,
        })
    }

    fn constant(&mut self) -> Option<Constant> {
        Some(match self.take(1)? {
            [0] => Constant::Other,
            [1] => {
                self.take(1)?;
                Constant::Other
            }
            [3] => Constant::Number(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            [4] => Constant::Text(self.text()?.strip_suffix(b"\0")?.to_vec()),
            _ => return None,
        })
    }

    fn text(&mut self) -> Option<&'d [u8]> {
        let length = u64::from_le_bytes(self.take(8)?.try_into().ok()?);
        self.take(usize::try_from(length).ok()?)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(i32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'d [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}
