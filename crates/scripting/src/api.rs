//! The functions behind `redis.*` that need more than Lua.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::{Function, Lua, LuaString, MultiValue, Table, Value, Variadic};
use nuthatch_protocol::Reply;
use sha1::{Digest, Sha1};

use crate::bytecode::Compiler;
use crate::host::{LogLevel, Request, UnknownCommand, with_host};
use crate::raise::{self, Raised, reply_table};
use crate::request::Malformed;
use crate::to_lua;

const NO_ARGUMENTS: &[u8] = b"ERR Please specify at least one argument for this redis lib call";
const WRONG_TYPE: &[u8] = b"ERR Lua redis lib command arguments must be strings or integers";
const TOO_LARGE: &[u8] = b"ERR the arguments of a command are too large";
const NO_HOST: &[u8] = b"ERR commands can not be called while a script is being loaded";

/// How the code of the sandbox is called.
pub(crate) const SANDBOX_NAME: &str = "=sandbox";

/// Memory that is kept from one call to the next for a request, and as much for its reply, in bytes.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// What the functions keep between calls.
#[derive(Debug, Default)]
struct Buffers {
    request: Request,
    reply: Reply,
}

/// What a script has chosen for the rest of its run.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// Whether the replies to its commands are those of RESP3.
    pub(crate) resp3: Cell<bool>,
}

/// Makes a function whose errors are texts that are raised as tables.
fn function(
    lua: &Lua,
    function: impl Fn(&Lua, &[Value]) -> mlua::Result<Result<Value, &'static [u8]>> + 'static,
) -> mlua::Result<Function> {
    lua.create_function(move |lua, arguments: Variadic<Value>| {
        function(lua, &arguments)?.map_err(|text| Raised::Reply(text.to_vec(), false).into())
    })
}

/// Gives the functions to the table that the sandbox is built from.
pub(crate) fn provide(lua: &Lua, native: &Table, choices: &Rc<Choices>) -> mlua::Result<()> {
    let buffers = Rc::new(RefCell::new(Buffers::default()));
    native.raw_set("call", call(lua, &buffers, choices, true)?)?;
    native.raw_set("pcall", call(lua, &buffers, choices, false)?)?;
    native.raw_set(
        "acl_check_cmd",
        function(lua, |_, arguments| {
            const UNKNOWN: &[u8] = b"ERR Invalid command passed to redis.acl_check_cmd()";
            let mut request = Request::default();
            if let Err(malformed) = request.fill(arguments.iter()) {
                return Ok(Err(text_of(malformed)));
            }
            Ok(match with_host(|host| host.may_call(&request)) {
                None => Err(NO_HOST),
                Some(Ok(may)) => Ok(Value::Boolean(may)),
                Some(Err(UnknownCommand)) => Err(UNKNOWN),
            })
        })?,
    )?;
    native.raw_set("log", function(lua, |_, arguments| Ok(log(arguments)))?)?;
    let chosen = choices.clone();
    native.raw_set("setresp", function(lua, move |_, arguments| Ok(set_protocol(arguments, &chosen)))?)?;
    native.raw_set("set_repl", function(lua, |_, arguments| Ok(set_replication(arguments)))?)?;
    native.raw_set(
        "sha1hex",
        function(lua, |lua, arguments| {
            let [argument] = arguments else { return Ok(Err(b"ERR wrong number of arguments")) };
            let text = lua.coerce_string(argument.clone())?;
            let text = text.as_ref().map(|text| text.as_bytes().to_vec()).unwrap_or_default();
            Ok(Ok(Value::String(lua.create_string(sha1_hex(&text))?)))
        })?,
    )?;
    native.raw_set("unwrapped", lua.create_function(raise::unwrapped)?)?;
    native.raw_set("place", lua.create_function(|lua, ()| Ok(place(lua)))?)
}

/// The SHA-1 of a text in hexadecimal digits: the name of a script.
pub fn sha1_hex(text: &[u8]) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 40];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha1::digest(text)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    hex
}

fn text_of(malformed: Malformed) -> &'static [u8] {
    match malformed {
        Malformed::Empty => NO_ARGUMENTS,
        Malformed::Type => WRONG_TYPE,
        Malformed::TooLarge => TOO_LARGE,
    }
}

/// `redis.call`, which raises errors, or `redis.pcall`, which returns them.
fn call(
    lua: &Lua,
    buffers: &Rc<RefCell<Buffers>>,
    choices: &Rc<Choices>,
    raises: bool,
) -> mlua::Result<Function> {
    let (buffers, choices) = (buffers.clone(), choices.clone());
    lua.create_function(move |lua, arguments: MultiValue| {
        let fail = |text: &[u8], is_of_command| match raises {
            true => Err(Raised::Reply(text.to_vec(), is_of_command).into()),
            false => Ok(Value::Table(reply_table(lua, text, is_of_command)?)),
        };
        // A command never comes back here: those that run scripts are not for scripts.
        let Buffers { request, reply } = &mut *buffers.borrow_mut();
        if let Err(malformed) = request.fill(arguments.iter()) {
            return fail(text_of(malformed), false);
        }
        reply.set_resp3(choices.resp3.get());
        let mark = reply.mark();
        let outcome = with_host(|host| host.call(request, reply)).unwrap_or_else(|| Err(NO_HOST.to_vec()));
        let value = match outcome {
            Ok(()) => to_lua::value_of(lua, reply),
            Err(text) => fail(&text, true),
        };
        reply.truncate(mark);
        if reply.memory() > KEPT_BYTES_MAX {
            reply.shrink();
        }
        request.shrink_to(KEPT_BYTES_MAX);
        value
    })
}

fn log(arguments: &[Value]) -> Result<Value, &'static [u8]> {
    let [level, parts @ ..] = arguments else {
        return Err(b"ERR redis.log() requires two arguments or more.");
    };
    if parts.is_empty() {
        return Err(b"ERR redis.log() requires two arguments or more.");
    }
    let level = match number(level) {
        None => return Err(b"ERR First argument must be a number (log level)."),
        Some(level) => level,
    };
    let level = match level as i64 {
        0 => LogLevel::Debug,
        1 => LogLevel::Verbose,
        2 => LogLevel::Notice,
        3 => LogLevel::Warning,
        _ => return Err(b"ERR Invalid log level."),
    };
    let mut line = Vec::new();
    for part in parts {
        let mut text = Request::default();
        if text.fill(std::iter::once(part)).is_ok() {
            if !line.is_empty() {
                line.push(b' ');
            }
            line.extend_from_slice(&text.bytes);
        }
    }
    with_host(|host| host.log(level, &line));
    Ok(Value::Nil)
}

/// A number, or a text that Lua takes for one.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(text) => text.to_string_lossy().trim().parse().ok(),
        _ => None,
    }
}

/// As [`number`], cut to an integer; what is no number is 0.
fn integer(value: &Value) -> i64 {
    number(value).unwrap_or_default() as i64
}

fn set_protocol(arguments: &[Value], choices: &Choices) -> Result<Value, &'static [u8]> {
    let [version] = arguments else { return Err(b"ERR redis.setresp() requires one argument.") };
    match integer(version) {
        2 => choices.resp3.set(false),
        3 => choices.resp3.set(true),
        _ => return Err(b"ERR RESP version must be 2 or 3."),
    }
    Ok(Value::Nil)
}

/// What a script writes reaches the append-only file and replicas as it happens, whatever it asks for: as for a server
/// that has neither.
fn set_replication(arguments: &[Value]) -> Result<Value, &'static [u8]> {
    let [flags] = arguments else { return Err(b"ERR redis.set_repl() requires one argument.") };
    if (0..=3).contains(&integer(flags)) {
        Ok(Value::Nil)
    } else {
        Err(b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
    }
}

/// The source and line of the script where what is running was called that called this: where an error handler finds the
/// error. The sandbox's own functions are not what a script wants to know of.
fn place(lua: &Lua) -> (Option<String>, Option<usize>) {
    /// This function, and the handler that has called it.
    const OWN_LEVELS: usize = 2;
    /// How far the script is sought below functions of the sandbox.
    const LEVELS_MAX: usize = 8;
    for level in OWN_LEVELS..LEVELS_MAX {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let name = source.source.map(|name| name.into_owned()).unwrap_or_default();
            (source.what, name, debug.current_line())
        });
        match found {
            Some(("Lua" | "main", name, line)) if name != SANDBOX_NAME => return (Some(name), line),
            Some(_) => {}
            None => break,
        }
    }
    (None, None)
}

/// The function that compiles code for `load` and `loadstring`.
pub(crate) fn compile(lua: &Lua, compiler: &Rc<Compiler>) -> mlua::Result<Function> {
    let compiler = compiler.clone();
    lua.create_function(move |lua, (source, name): (LuaString, LuaString)| {
        Ok(match compiler.compile(lua, &source.as_bytes(), &name) {
            Ok((code, _)) => (Some(code), None),
            Err(message) => (None, Some(lua.create_string(message)?)),
        })
    })
}
