//! The interpreter of a thread, and the scripts that it has compiled.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nuthatch_scripting::{CommandKeys, Identity, Interpreter, LibraryFunction, Script};

use super::loading::load_library;
use super::shebang::code_of;
use super::{FoundFunction, Library, ScriptName, Scripts, Source, parse_name};
use crate::REDIS_VERSION;
use crate::error::CommandError;

/// What the interpreter of a thread may use, in bytes.
const INTERPRETER_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// How errors and debuggers call what clients send.
const CHUNK_NAME: &str = "@user_script";

/// The most scripts that a thread has compiled before it looks for those that are forgotten.
const COMPILED_MIN: usize = 64;

/// What a client hears of a name of no script.
pub(crate) const NO_SCRIPT: CommandError =
    CommandError::fixed("NOSCRIPT No matching script. Please use EVAL.");

/// A script as a thread runs it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) source: Arc<Source>,
    pub(crate) script: Script,
}

/// A thread's interpreter with its scripts.
pub(crate) struct ThreadInterpreter {
    pub(crate) interpreter: Interpreter,
    /// The script that was found last: most requests want the one that the request before has wanted.
    found: Option<Rc<Compiled>>,
    compiled: HashMap<ScriptName, Rc<Compiled>, foldhash::fast::RandomState>,
    /// How many scripts there may be before those that are forgotten are sought.
    compiled_max: usize,
    /// The functions of the libraries that this thread has loaded, by the libraries' numbers.
    libraries: HashMap<u64, (Arc<Library>, Vec<Rc<LibraryFunction>>)>,
    /// Where the server is told what the interpreter uses, in bytes.
    memory: Option<Arc<AtomicU64>>,
    /// How often all had been forgotten when it last released what was.
    flushes: u64,
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

/// Has the thread's interpreter, if there is one, release what it has compiled, if all was forgotten since it last did so.
pub(super) fn release_flushed(scripts: &Scripts) {
    let flushes = scripts.flushes.load(Ordering::Acquire);
    INTERPRETER.with(|cell| {
        // A script that is running now may be one of them.
        let Ok(mut place) = cell.try_borrow_mut() else { return };
        if let Some(thread) = &mut *place
            && std::mem::replace(&mut thread.flushes, flushes) != flushes
        {
            thread.release_forgotten();
            thread.report_memory(scripts);
        }
    });
}

impl ThreadInterpreter {
    fn new() -> Result<Self, CommandError> {
        let identity = Identity { redis_version: REDIS_VERSION, server_name: "nuthatch" };
        let interpreter = Interpreter::new(&identity, INTERPRETER_BYTES_MAX)
            .map_err(|error| CommandError::new(format!("ERR the interpreter can not be started: {error}")))?;
        Ok(Self {
            interpreter,
            found: None,
            compiled: HashMap::default(),
            compiled_max: COMPILED_MIN,
            libraries: HashMap::default(),
            memory: None,
            flushes: 0,
        })
    }

    /// Releases what was forgotten.
    fn release_forgotten(&mut self) {
        self.found = None;
        self.compiled.retain(|_, compiled| !compiled.source.is_forgotten());
        self.compiled.shrink_to_fit();
        self.libraries.retain(|_, (library, _)| !library.is_forgotten());
        self.interpreter.collect();
    }

    /// Tells the server what the interpreter uses.
    #[inline]
    pub(crate) fn report_memory(&mut self, scripts: &Scripts) {
        let memory = self.memory.get_or_insert_with(|| scripts.register_interpreter());
        memory.store(self.interpreter.memory() as u64, Ordering::Relaxed);
    }

    /// The script of this name, if this thread has compiled it and the server has not forgotten it.
    #[inline]
    pub(crate) fn find(&self, name: &ScriptName) -> Option<&Rc<Compiled>> {
        self.compiled.get(name).filter(|compiled| !compiled.source.is_forgotten())
    }

    /// The same for what a client gives as a name.
    ///
    /// # Errors
    /// What it gives is none, or is that of no script.
    #[inline]
    pub(crate) fn find_named(
        &mut self,
        scripts: &Scripts,
        commands: &dyn CommandKeys,
        named: &[u8],
    ) -> Result<Rc<Compiled>, CommandError> {
        if let Some(found) = &self.found
            && found.source.name == named
            && !found.source.is_forgotten()
        {
            return Ok(found.clone());
        }
        let name = parse_name(named).ok_or(NO_SCRIPT)?;
        let compiled = match self.find(&name) {
            Some(compiled) => compiled.clone(),
            None => self.compile(&scripts.find(&name).ok_or(NO_SCRIPT)?, commands)?,
        };
        self.found = Some(compiled.clone());
        Ok(compiled)
    }

    /// Compiles a script that calls `commands`, if that was not done.
    ///
    /// # Errors
    /// It is not one.
    pub(crate) fn compile(
        &mut self,
        source: &Arc<Source>,
        commands: &dyn CommandKeys,
    ) -> Result<Rc<Compiled>, CommandError> {
        if let Some(compiled) = self.find(&source.name) {
            return Ok(compiled.clone());
        }
        let script =
            self.interpreter.compile(code_of(&source.text), CHUNK_NAME, commands).map_err(|message| {
                CommandError::new([b"ERR Error compiling script (new function): ", &message[..]].concat())
            })?;
        if self.compiled.len() >= self.compiled_max {
            self.compiled.retain(|_, compiled| !compiled.source.is_forgotten());
            self.compiled_max = (self.compiled.len() * 2).max(COMPILED_MIN);
        }
        let compiled = Rc::new(Compiled { source: source.clone(), script });
        self.compiled.insert(source.name, compiled.clone());
        Ok(compiled)
    }

    /// The function as this thread runs it: its library is loaded if that was not done.
    ///
    /// # Errors
    /// The library cannot be loaded.
    pub(crate) fn function(&mut self, found: &FoundFunction) -> Result<Rc<LibraryFunction>, CommandError> {
        const GONE: CommandError = CommandError::fixed("ERR Function not found");
        let library = &found.library;
        if !self.libraries.contains_key(&library.id) {
            let functions = load_library(self, &library.text)?.1.into_iter().map(Rc::new).collect();
            self.libraries.retain(|_, (library, _)| !library.is_forgotten());
            self.libraries.insert(library.id, (library.clone(), functions));
        }
        // The same text registers the same functions, unless it goes by chance.
        let functions = self.libraries.get(&library.id).map(|(_, functions)| functions);
        let function = functions.and_then(|functions| functions.get(found.place));
        function.filter(|function| function.name == found.facts().name).cloned().ok_or(GONE)
    }
}
