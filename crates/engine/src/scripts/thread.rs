//! The interpreter of a thread, and the scripts that it has compiled.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use nuthatch_scripting::{Identity, Interpreter, Script};

use super::shebang::code_of;
use super::{ScriptName, Source};
use crate::REDIS_VERSION;
use crate::error::CommandError;

/// What the interpreter of a thread may use, in bytes.
const INTERPRETER_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// How errors and debuggers call what clients send.
const CHUNK_NAME: &str = "@user_script";

/// The most scripts that a thread has compiled before it looks for those that are forgotten.
const COMPILED_MIN: usize = 64;

/// A script as a thread runs it.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) source: Arc<Source>,
    pub(crate) script: Script,
}

/// A thread's interpreter with its scripts.
pub(crate) struct ThreadInterpreter {
    pub(crate) interpreter: Interpreter,
    compiled: HashMap<ScriptName, Compiled, foldhash::fast::RandomState>,
    /// How many scripts there may be before those that are forgotten are sought.
    compiled_max: usize,
}

thread_local! {
    static INTERPRETER: RefCell<Option<ThreadInterpreter>> = const { RefCell::new(None) };
}

/// Lets `act` have the thread's interpreter, which is made when it is first needed.
///
/// # Errors
/// There is none, because there is no memory for it, or because the thread runs a script already.
pub(crate) fn with_interpreter<R>(
    act: impl FnOnce(&mut ThreadInterpreter) -> Result<R, CommandError>,
) -> Result<R, CommandError> {
    const RUNNING: CommandError = CommandError::fixed("ERR a script is running already");
    INTERPRETER.with(|cell| {
        let mut place = cell.try_borrow_mut().map_err(|_| RUNNING)?;
        if place.is_none() {
            *place = Some(ThreadInterpreter::new()?);
        }
        match &mut *place {
            Some(interpreter) => act(interpreter),
            None => Err(RUNNING),
        }
    })
}

impl ThreadInterpreter {
    fn new() -> Result<Self, CommandError> {
        let identity = Identity { redis_version: REDIS_VERSION, server_name: "nuthatch" };
        let interpreter = Interpreter::new(&identity, INTERPRETER_BYTES_MAX)
            .map_err(|error| CommandError::new(format!("ERR the interpreter can not be started: {error}")))?;
        Ok(Self { interpreter, compiled: HashMap::default(), compiled_max: COMPILED_MIN })
    }

    /// The script of this name, if this thread has compiled it and the server has not forgotten it.
    #[inline]
    pub(crate) fn find(&self, name: &ScriptName) -> Option<&Compiled> {
        self.compiled.get(name).filter(|compiled| !compiled.source.is_forgotten())
    }

    /// Compiles a script, if that was not done.
    ///
    /// # Errors
    /// It is not one.
    pub(crate) fn compile(&mut self, source: &Arc<Source>) -> Result<Compiled, CommandError> {
        if let Some(compiled) = self.find(&source.name) {
            return Ok(compiled.clone());
        }
        let script = self.interpreter.compile(code_of(&source.text), CHUNK_NAME).map_err(|message| {
            CommandError::new([b"ERR Error compiling script (new function): ", &message[..]].concat())
        })?;
        if self.compiled.len() >= self.compiled_max {
            self.compiled.retain(|_, compiled| !compiled.source.is_forgotten());
            self.compiled_max = (self.compiled.len() * 2).max(COMPILED_MIN);
        }
        let compiled = Compiled { source: source.clone(), script };
        self.compiled.insert(source.name, compiled.clone());
        Ok(compiled)
    }
}
