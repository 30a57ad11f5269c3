//! A thread's interpreter: compiles scripts and runs them in the sandbox.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::{Function, HookTriggers, Lua, LuaOptions, LuaString, StdLib, Table, Value, Variadic, VmState};
use nuthatch_protocol::Reply;

use crate::api::Choices;
use crate::bytecode::Compiler;
use crate::declared::{CommandKeys, uses_declared_keys_only};
use crate::from_lua::Unwritten;
use crate::globals::GlobalUse;
use crate::host::{HOST, Host};
use crate::libraries::{self, SharedSettings};
use crate::memory::Unlimited;
use crate::raise::IS_COUNTED;
use crate::{api, from_lua};

/// How many instructions a script runs between two looks at whether it is to go on.
const INSTRUCTIONS_PER_LOOK: u32 = 10_000;

/// The most arguments that are handed over on the interpreter's stack, which is short, rather than in tables.
const ARGUMENTS_ON_STACK_MAX: usize = 64;

/// The most that scripts leave behind until it is collected, in bytes, unless a quarter of the limit is less.
const GARBAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a text takes in the interpreter beside its bytes, and more.
const TEXT_OVERHEAD_BYTES: usize = 64;

/// What tells scripts about the server.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The version of Redis whose behaviour they can expect: `8.0.6`.
    pub redis_version: &'static str,
    /// The name of the server.
    pub server_name: &'static str,
}

/// An interpreter in its sandbox.
#[derive(Debug)]
pub struct Interpreter {
    lua: Lua,
    compiler: Rc<Compiler>,
    function_compiler: Rc<Compiler>,
    running: Running,
    choices: Rc<Choices>,
    settings: SharedSettings,
    /// Set when the host has ended the script.
    interrupted: Rc<RefCell<Interruption>>,
    /// Bytes in use after the last run.
    used: Cell<usize>,
    /// Above how many bytes in use everything is collected before a script runs.
    collected_above: Cell<usize>,
    /// How many bytes that may be after all was collected.
    garbage_max: usize,
}

/// The sandbox's functions that run scripts, and what they take.
#[derive(Debug)]
struct Running {
    /// Any function, and the handler of its errors: `located`.
    attempt: Function,
    located: Function,
    proven_script_of_key: Function,
    script_of_key_and_arguments: Function,
    script_of_arguments: Function,
    script: Function,
    script_of_tables: Function,
    callback: Function,
    library: Function,
}

impl Running {
    fn of(table: &Table) -> mlua::Result<Self> {
        Ok(Self {
            attempt: table.raw_get("attempt")?,
            located: table.raw_get("located")?,
            proven_script_of_key: table.raw_get("proven_script_of_key")?,
            script_of_key_and_arguments: table.raw_get("script_of_key_and_arguments")?,
            script_of_arguments: table.raw_get("script_of_arguments")?,
            script: table.raw_get("script")?,
            script_of_tables: table.raw_get("script_of_tables")?,
            callback: table.raw_get("callback")?,
            library: table.raw_get("library")?,
        })
    }
}

/// Whether the host has ended the script, and where it was then.
#[derive(Debug, Default)]
struct Interruption {
    is_wanted: bool,
    place: Option<(String, i64)>,
}

/// A compiled script.
#[derive(Debug, Clone)]
pub struct Script {
    function: Function,
    globals: GlobalUse,
    uses_declared_keys_only: bool,
}

impl Script {
    /// Whether it is proven that the commands which it calls use no other keys than those that it declares.
    #[inline]
    pub fn uses_declared_keys_only(&self) -> bool {
        self.uses_declared_keys_only
    }
}

/// A function that a library has registered.
#[derive(Debug, Clone)]
pub struct LibraryFunction {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: Option<Vec<u8>>,
    /// The names of its flags.
    pub flags: Vec<String>,
    callback: Function,
}

impl LibraryFunction {
    fn read(table: &Table) -> mlua::Result<Self> {
        let description: Option<LuaString> = table.raw_get("description")?;
        Ok(Self {
            name: table.raw_get("name")?,
            description: description.map(|text| text.as_bytes().to_vec()),
            flags: table.raw_get("flags")?,
            callback: table.raw_get("callback")?,
        })
    }
}

/// Why a library is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadFailure {
    /// The compiler's error.
    NotCode(Vec<u8>),
    /// Its code has not run to its end.
    Failed(Failure),
}

/// Why a script has not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It raised an error.
    Raised {
        /// The text, with its code.
        text: Vec<u8>,
        /// Source and line where it was raised.
        place: Option<(String, i64)>,
        /// Whether it is the error of a command, which was counted when the command failed.
        is_of_command: bool,
    },
    /// The host has ended it.
    Interrupted {
        /// Source and line where it was then.
        place: Option<(String, i64)>,
    },
}

impl Failure {
    fn raised(text: impl Into<Vec<u8>>) -> Self {
        Self::Raised { text: text.into(), place: None, is_of_command: false }
    }
}

impl Interpreter {
    /// A new interpreter that uses at most `memory_max` bytes.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new(identity: &Identity, memory_max: usize) -> mlua::Result<Self> {
        let libraries = StdLib::STRING | StdLib::TABLE | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        let choices = Rc::new(Choices::default());
        let interrupted = Rc::new(RefCell::new(Interruption::default()));
        let Sandbox { compiler, function_compiler, running, settings } =
            sandbox(&lua, identity, &choices, &interrupted)?;
        let garbage_max = GARBAGE_BYTES_MAX.min(memory_max / 4);
        let interpreter = Self {
            running,
            lua,
            compiler,
            function_compiler,
            choices,
            settings,
            interrupted,
            used: Cell::new(0),
            collected_above: Cell::new(garbage_max),
            garbage_max,
        };
        watch(&interpreter.lua, &interpreter.interrupted, INSTRUCTIONS_PER_LOOK)?;
        interpreter.lua.set_memory_limit(memory_max)?;
        Ok(interpreter)
    }

    /// Bytes that scripts and their values take, as it was after the last run.
    pub fn memory(&self) -> usize {
        self.used.get()
    }

    /// Collects what is no longer needed, which takes as long as what is kept is much.
    pub fn collect(&self) {
        // An error would be one of a finaliser, and there are none.
        let _ = self.lua.gc_collect();
        self.used.set(self.lua.used_memory());
        self.collected_above.set(self.used.get() + self.garbage_max);
    }

    /// Collects what scripts before have left behind if that is much: the collector itself waits until the memory in use has
    /// doubled, which the limit may not allow.
    fn make_room(&self) {
        if self.used.get() > self.collected_above.get() {
            self.collect();
        }
    }

    /// Compiles a script that errors call by `name`, and that calls `commands`.
    ///
    /// # Errors
    /// The text of the compiler's error.
    pub fn compile(&self, source: &[u8], name: &str, commands: &dyn CommandKeys) -> Result<Script, Vec<u8>> {
        self.make_room();
        let name = self.lua.create_string(name).map_err(|error| error.to_string().into_bytes())?;
        let compiled = self.compiler.compile(&self.lua, source, &name);
        self.used.set(self.lua.used_memory());
        let (function, prototype) = compiled?;
        Ok(Script {
            function,
            globals: GlobalUse::of(&prototype),
            uses_declared_keys_only: uses_declared_keys_only(&prototype, commands),
        })
    }

    /// Runs a script with its keys and its other arguments, and writes the reply.
    ///
    /// # Errors
    /// It raised an error, or was ended.
    pub fn run<'a>(
        &self,
        script: &Script,
        keys: usize,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        self.guarded(host, reply, || self.run_to_end(script, keys, arguments))
    }

    /// Runs the code of a library, and returns the functions that it has registered.
    ///
    /// # Errors
    /// It is not code, or has raised an error, or was ended.
    pub fn load_library(
        &self,
        source: &[u8],
        name: &str,
        host: &mut dyn Host,
    ) -> Result<Vec<LibraryFunction>, LoadFailure> {
        self.make_room();
        let of_interpreter = |error: mlua::Error| LoadFailure::Failed(failure_of(&error));
        let name = self.lua.create_string(name).map_err(of_interpreter)?;
        let (code, _) =
            self.function_compiler.compile(&self.lua, source, &name).map_err(LoadFailure::NotCode)?;
        *self.interrupted.borrow_mut() = Interruption::default();
        let outcome: mlua::Result<(bool, Value)> = HOST.set(host, || self.running.library.call(code));
        self.used.set(self.lua.used_memory());
        if let Some(failure) = self.interruption() {
            return Err(LoadFailure::Failed(failure));
        }
        match outcome.map_err(of_interpreter)? {
            (true, Value::Table(list)) => list
                .sequence_values()
                .map(|function| LibraryFunction::read(&function?))
                .collect::<mlua::Result<_>>()
                .map_err(of_interpreter),
            (_, failure) => Err(LoadFailure::Failed(failure_of_value(&failure))),
        }
    }

    /// Runs a function with its keys and its other arguments, and writes the reply.
    ///
    /// # Errors
    /// It raised an error, or was ended.
    pub fn run_function<'a>(
        &self,
        function: &LibraryFunction,
        keys: usize,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        self.guarded(host, reply, || {
            let (keys, arguments) = self.tables(keys, arguments)?;
            self.running.callback.call((&function.callback, keys, arguments))
        })
    }

    /// Runs something that returns whether it has succeeded, and what it has returned or raised, and writes the reply.
    fn guarded(
        &self,
        host: &mut dyn Host,
        reply: &mut Reply,
        run: impl FnOnce() -> mlua::Result<(bool, Value)>,
    ) -> Result<(), Failure> {
        self.make_room();
        self.choices.resp3.set(false);
        self.settings.reset();
        *self.interrupted.borrow_mut() = Interruption::default();
        let mark = reply.mark();
        let outcome = HOST.set(host, || {
            let (succeeded, value) = run().map_err(|error| failure_of(&error))?;
            if !succeeded {
                return Err(failure_of_value(&value));
            }
            from_lua::write(&value, self.choices.resp3.get(), reply).map_err(|unwritten| match unwritten {
                Unwritten::Unreadable(error) => failure_of(&error),
                Unwritten::Interrupted => Failure::Interrupted { place: None },
            })
        });
        self.used.set(self.lua.used_memory());
        if outcome.is_err() {
            reply.truncate(mark);
        }
        self.interruption().map_or(outcome, Err)
    }

    fn run_to_end<'a>(
        &self,
        script: &Script,
        keys: usize,
        mut arguments: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> mlua::Result<(bool, Value)> {
        let Script { function, globals: GlobalUse { reads_keys, reads_arguments, .. }, .. } = script;
        let running = &self.running;
        match (keys, reads_keys, reads_arguments) {
            (_, false, false) => running.attempt.call((function, &running.located)),
            (1, true, false) if script.uses_declared_keys_only => {
                let key = self.text(arguments.next().unwrap_or_default())?;
                running.proven_script_of_key.call((function, key))
            }
            _ if arguments.len() > ARGUMENTS_ON_STACK_MAX => {
                let (keys, arguments) = self.tables(keys, arguments)?;
                running.script_of_tables.call((function, keys, arguments))
            }
            _ => {
                let texts = self.texts(&arguments.collect::<Vec<_>>())?;
                match keys {
                    0 => running.script_of_arguments.call((function, texts)),
                    1 => running.script_of_key_and_arguments.call((function, texts)),
                    _ => running.script.call((function, keys, texts)),
                }
            }
        }
    }

    /// A text of the interpreter.
    fn text(&self, text: &[u8]) -> mlua::Result<LuaString> {
        let _unlimited = Unlimited::for_at_most(&self.lua, text.len() + TEXT_OVERHEAD_BYTES);
        self.lua.create_string(text)
    }

    /// Texts of the interpreter.
    fn texts(&self, texts: &[&[u8]]) -> mlua::Result<Variadic<LuaString>> {
        let bytes = texts.iter().map(|text| text.len() + TEXT_OVERHEAD_BYTES).sum();
        let _unlimited = Unlimited::for_at_most(&self.lua, bytes);
        texts.iter().map(|text| self.lua.create_string(text)).collect()
    }

    /// The first arguments, which are keys, and the others, each as a table.
    fn tables<'a>(
        &self,
        keys: usize,
        mut arguments: impl Iterator<Item = &'a [u8]>,
    ) -> mlua::Result<(Table, Table)> {
        let table = |texts: &mut dyn Iterator<Item = &'a [u8]>| {
            let table = self.lua.create_table()?;
            for (place, text) in texts.enumerate() {
                table.raw_set(place + 1, self.lua.create_string(text)?)?;
            }
            mlua::Result::Ok(table)
        };
        let keys = table(&mut arguments.by_ref().take(keys))?;
        Ok((keys, table(&mut arguments)?))
    }

    /// That the script was ended, if it was.
    fn interruption(&self) -> Option<Failure> {
        let place = {
            let mut interruption = self.interrupted.borrow_mut();
            if !interruption.is_wanted {
                return None;
            }
            interruption.place.take()
        };
        match watch(&self.lua, &self.interrupted, INSTRUCTIONS_PER_LOOK) {
            Ok(()) => Some(Failure::Interrupted { place }),
            Err(error) => Some(failure_of(&error)),
        }
    }
}

/// Asks the host now and then whether a script is to go on, and ends it if not.
fn watch(lua: &Lua, interrupted: &Rc<RefCell<Interruption>>, instructions: u32) -> mlua::Result<()> {
    let interrupted = interrupted.clone();
    let triggers = HookTriggers::new().every_nth_instruction(instructions);
    lua.set_global_hook(triggers, move |lua, debug| {
        if !HOST.is_set() {
            return Ok(VmState::Continue);
        }
        let was_wanted = interrupted.borrow().is_wanted;
        if !was_wanted && HOST.with(|host| host.interrupt()) {
            let source = debug.source().source.map(|name| name.into_owned()).unwrap_or_default();
            let line = debug.current_line().and_then(|line| i64::try_from(line).ok()).unwrap_or(-1);
            *interrupted.borrow_mut() = Interruption { is_wanted: true, place: Some((source, line)) };
            // A script that catches the error is ended at its next instruction.
            watch(lua, &interrupted, 1)?;
        }
        if interrupted.borrow().is_wanted {
            return Err(mlua::Error::runtime("the script is ended"));
        }
        Ok(VmState::Continue)
    })
}

/// What the sandbox is made of.
struct Sandbox {
    /// Compiles scripts.
    compiler: Rc<Compiler>,
    /// Compiles libraries of functions.
    function_compiler: Rc<Compiler>,
    /// The functions that run them.
    running: Running,
    /// What scripts set for those after them if it is not reset.
    settings: SharedSettings,
}

/// Builds the environments of scripts and of functions.
fn sandbox(
    lua: &Lua,
    identity: &Identity,
    choices: &Rc<Choices>,
    interrupted: &Rc<RefCell<Interruption>>,
) -> mlua::Result<Sandbox> {
    let native = lua.create_table()?;
    api::provide(lua, &native, choices)?;
    let interrupted = interrupted.clone();
    native.raw_set("is_ended", lua.create_function(move |_, ()| Ok(interrupted.borrow().is_wanted))?)?;
    native.raw_set("constants", constants(lua, identity)?)?;
    let (libraries, settings) = libraries::all(lua)?;
    let build = lua.load(include_str!("sandbox.lua")).set_name(api::SANDBOX_NAME).into_function()?;
    let (environment, globals, function_environment, running): (Table, Table, Table, Table) =
        build.call((&native, libraries))?;
    let compiler = Rc::new(Compiler::new(lua, environment, Some(globals))?);
    let function_compiler = Rc::new(Compiler::new(lua, function_environment, None)?);
    native.raw_set("compile", api::compile(lua, &compiler)?)?;
    native.raw_set("compile_function", api::compile(lua, &function_compiler)?)?;
    Ok(Sandbox { compiler, function_compiler, running: Running::of(&running)?, settings })
}

/// `redis.REDIS_VERSION` and others.
fn constants(lua: &Lua, identity: &Identity) -> mlua::Result<Table> {
    let constants = lua.create_table()?;
    let number = identity
        .redis_version
        .split('.')
        .fold(0, |number, part| number << 8 | part.parse::<i64>().unwrap_or_default());
    constants.raw_set("REDIS_VERSION", identity.redis_version)?;
    constants.raw_set("REDIS_VERSION_NUM", number)?;
    constants.raw_set("SERVER_NAME", identity.server_name)?;
    Ok(constants)
}

/// Reads what the sandbox's handler has made of an error.
fn failure_of_value(value: &Value) -> Failure {
    const UNKNOWN: &[u8] = b"ERR unknown error";
    let field = |table: &Table, name: &str| table.raw_get::<Value>(name).ok();
    match value {
        Value::Table(table) => {
            let text = match field(table, "err") {
                Some(Value::String(text)) => from_lua::up_to_zero(&text.as_bytes()).to_vec(),
                Some(Value::Integer(number)) => number.to_string().into_bytes(),
                Some(Value::Number(number)) => number.to_string().into_bytes(),
                _ => UNKNOWN.to_vec(),
            };
            let place = match (field(table, "source"), field(table, "line")) {
                (Some(Value::String(source)), Some(Value::Integer(line))) => {
                    Some((source.to_string_lossy(), line))
                }
                _ => None,
            };
            let is_of_command = matches!(field(table, IS_COUNTED), Some(Value::Boolean(true)));
            Failure::Raised { text, place, is_of_command }
        }
        // The interpreter's own errors pass the handler by.
        Value::String(text) => Failure::raised([b"ERR ", &text.as_bytes()[..]].concat()),
        _ => Failure::raised(UNKNOWN),
    }
}

/// An error that is none of the script: mostly that there is no memory left.
fn failure_of(error: &mlua::Error) -> Failure {
    match error {
        mlua::Error::MemoryError(_) => Failure::raised("ERR not enough memory"),
        error => Failure::raised(format!("ERR {error}")),
    }
}
