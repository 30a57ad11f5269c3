//! Loading a library: its first line, and its code, which registers functions.

use std::time::{Duration, Instant};

use nuthatch_protocol::Reply;
use nuthatch_scripting::{Failure, Host, LibraryFunction, LoadFailure, LogLevel, Request, UnknownCommand};

use super::shebang::code_of;
use super::thread::ThreadInterpreter;
use crate::error::CommandError;

/// How errors and debuggers call the code of libraries.
const CHUNK_NAME: &str = "@user_function";

/// How long the code of a library may run.
const TIME_MAX: Duration = Duration::from_millis(500);

/// Loads a library, and returns its name and what it has registered.
///
/// # Errors
/// The text is not that of a library.
pub(crate) fn load_library(
    thread: &ThreadInterpreter,
    text: &[u8],
) -> Result<(String, Vec<LibraryFunction>), CommandError> {
    const NOTHING: CommandError = CommandError::fixed("ERR No functions registered");
    let name = library_name(text)?;
    let mut host = Loading { begun: Instant::now() };
    let failed = |text: &[u8]| CommandError::new([b"ERR Error registering functions: ", text].concat());
    let functions = thread.interpreter.load_library(code_of(text), CHUNK_NAME, &mut host).map_err(
        |failure| match failure {
            LoadFailure::NotCode(message) => {
                CommandError::new([b"ERR Error compiling function: ", &message[..]].concat())
            }
            LoadFailure::Failed(Failure::Interrupted { .. }) => failed(b"ERR FUNCTION LOAD timeout"),
            LoadFailure::Failed(Failure::Raised { text, .. }) => failed(&text),
        },
    )?;
    if functions.is_empty() { Err(NOTHING) } else { Ok((name, functions)) }
}

/// The name of a library, as its first line tells it.
///
/// # Errors
/// The line is not one of a library.
pub(crate) fn library_name(text: &[u8]) -> Result<String, CommandError> {
    const MISSING: CommandError = CommandError::fixed("ERR Missing library metadata");
    const INVALID: CommandError = CommandError::fixed("ERR Invalid library metadata");
    const NO_NAME: CommandError = CommandError::fixed("ERR Library name was not given");
    const TWICE: CommandError =
        CommandError::fixed("ERR Invalid metadata value, name argument was given multiple times");
    const CHARACTERS: CommandError = CommandError::fixed(
        "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
    );
    let line = text.strip_prefix(b"#!").ok_or(MISSING)?;
    let end = line.iter().position(|byte| *byte == b'\n').ok_or(INVALID)?;
    let line = &line[..end];
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    // Before the first word there may be none, and then there is no engine.
    let engine = if line.first().is_none_or(u8::is_ascii_whitespace) {
        &[][..]
    } else {
        words.next().unwrap_or_default()
    };
    let mut name = None;
    for word in words {
        let unknown = || CommandError::repeating("ERR Invalid metadata value given: ", word, "");
        let (key, value) = word.split_at_checked(b"name=".len()).ok_or_else(unknown)?;
        if !key.eq_ignore_ascii_case(b"name=") {
            return Err(unknown());
        }
        if name.replace(unquoted(value)).is_some() {
            return Err(TWICE);
        }
    }
    let name = name.ok_or(NO_NAME)?;
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Err(CHARACTERS);
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(CommandError::repeating("ERR Engine '", engine, "' not found"));
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// What stands between quotes, if it does.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        value => value,
    }
}

/// What a library reaches while it is loaded: nothing but the log, and that not for long.
struct Loading {
    begun: Instant,
}

impl Host for Loading {
    fn call(&mut self, _: &Request, _: &mut Reply) -> Result<(), Vec<u8>> {
        Err(b"ERR commands can not be called while a library is loaded".to_vec())
    }

    fn may_call(&mut self, _: &Request) -> Result<bool, UnknownCommand> {
        Err(UnknownCommand)
    }

    fn log(&mut self, _: LogLevel, _: &[u8]) {}

    /// The code of a library returns nothing.
    fn replies_error(&mut self, _: &[u8], _: bool) {}

    fn interrupt(&mut self) -> bool {
        self.begun.elapsed() > TIME_MAX
    }
}
