//! Scripts: what a client sends to EVAL and its relatives runs as one, like a transaction.
//!
//! Before a script runs the shards of the keys that it declares are locked. It may use others nevertheless. Then it takes
//! their locks one after another, in no order, while it keeps those that it has; that can end only because nobody else
//! does so: such scripts run one at a time (`Scripts::stray`), and a command that waits for one of several locks gives
//! back those that it holds when a script needs them (`Keyspace::lock_ascending`). Most scripts are proven to use no other
//! keys than those that they declare (`Script::uses_declared_keys_only`). They run side by side with everything.

use std::rc::Rc;

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;
use nuthatch_scripting::{Failure, LibraryFunction};
use parking_lot::MutexGuard;

use super::script_host::{Bounds, Running};
use super::{Batch, monitor};
use crate::Engine;
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::{Flags, NamedBy};
use crate::error::{CommandError, Outcome};
use crate::keyspace::locked::Guards;
use crate::keyspace::patience::Busy;
use crate::scripts::{
    Compiled, NO_DEBUGGER, NO_SCRIPT, ScriptFlags, ScriptName, ThreadInterpreter, name_of, parse_name,
    with_interpreter,
};
use crate::session::Session;
use crate::table::Registered;
use crate::transaction::Transaction;

/// The argument that counts the keys; the first of them follows.
const COUNT: usize = 2;

impl Batch<'_> {
    /// Locks what a script needs, and runs it.
    pub(super) fn execute_script(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        arguments: Arguments<'_>,
        command: &'static Registered,
        first_hash: u64,
        reply: &mut Reply,
    ) -> Outcome {
        if std::mem::take(&mut session.wants_debugger) {
            return Err(NO_DEBUGGER);
        }
        let program = with_interpreter(|thread| Program::of(thread, engine, command, &arguments));
        let may_stray = program.as_ref().is_ok_and(Program::may_stray);
        let straying = may_stray.then(|| engine.stray()).transpose()?;
        // A request without a program runs nothing.
        let declared = program.as_ref().map_or(0, |program| program.keys);
        let guards = lock_declared(engine, &arguments, declared, first_hash)
            .map_err(|Busy| engine.scripts.busy.refusal())?;
        let mut keys = self.keys(engine, session, guards);
        let mut call = Call { command, arguments, keys: &mut keys, session, reply, engine, first_hash: None };
        let outcome = self.call_as(&mut call, |batch, call| batch.run_program(call, program));
        keys.end();
        self.worker.runs.keys.add(keys.counters);
        drop((keys, straying));
        engine.end_busy(session);
        outcome
    }

    /// Runs the script or function that a request names, with the locks that are held.
    pub(super) fn run_script(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        let program =
            with_interpreter(|thread| Program::of(thread, call.engine, call.command, &call.arguments));
        self.run_program(call, program)
    }

    /// Runs what a request names, which was looked up.
    fn run_program(&mut self, call: &mut Call<'_, '_>, program: Result<Program, CommandError>) -> Outcome {
        monitor::show_script(call.engine, call.session, call.command, &call.arguments);
        let program = program?;
        with_interpreter(|thread| {
            let keys = program.keys;
            let is_read_only_command = call.command.row.flags.contains(Flags::READONLY);
            if is_read_only_command && program.may_write() {
                return Err(WRITES);
            }
            let allows_more_memory =
                program.flags.intersects(ScriptFlags::ALLOW_OOM | ScriptFlags::NO_WRITES);
            // Outside of a transaction it was not admitted.
            if self.lacks_memory && may_need_memory(program.flags) {
                return Err(NEEDS_MEMORY);
            }
            let bounds = Bounds {
                is_read_only: is_read_only_command || program.flags.contains(ScriptFlags::NO_WRITES),
                lacks_memory: self.lacks_memory && !allows_more_memory,
                may_stray: program.may_stray(),
            };
            let database = call.session.database;
            let in_transaction = std::mem::replace(&mut call.session.is_executing, true);
            call.session.runs_script = true;
            call.session.script_time_us = None;
            if !in_transaction {
                call.keys.begin_unit();
            }
            let (command, arguments) = (call.command, call.arguments.from(COUNT + 1));
            let (mut running, reply) = Running::new(self, call, bounds, program.function_name());
            let interpreter = &thread.interpreter;
            let outcome = match &program.code {
                Code::Script(compiled) => {
                    interpreter.run(&compiled.script, keys, arguments, &mut running, reply)
                }
                Code::Function(function) => {
                    interpreter.run_function(function, keys, arguments, &mut running, reply)
                }
            };
            running.end(command);
            thread.report_memory(&call.engine.scripts);
            if !in_transaction {
                call.keys.end_unit();
            }
            call.session.is_executing = in_transaction;
            call.session.runs_script = false;
            if call.session.database != database {
                call.session.select(database);
            }
            outcome.map_err(|failure| {
                self.is_error_counted = matches!(failure, Failure::Raised { is_of_command: true, .. });
                error_of(failure, &program.name())
            })
        })
    }
}

impl Engine {
    /// Waits until no other script runs that may use keys which it has not declared.
    ///
    /// # Errors
    /// A script has run for too long.
    pub(super) fn stray(&self) -> Result<MutexGuard<'_, ()>, CommandError> {
        loop {
            if let Some(straying) = self.scripts.stray() {
                return Ok(straying);
            }
            if self.keyspace.is_busy() {
                return Err(self.scripts.busy.refusal());
            }
        }
    }

    /// If a script that the client has run was running for too long, tells that it has ended and holds nothing any more.
    pub(super) fn end_busy(&self, session: &mut Session) {
        for script in session.busy_scripts.drain(..) {
            self.scripts.busy.remove(&script);
            self.keyspace.end_busy();
        }
    }
}

/// What a request asks to be run.
struct Program {
    flags: ScriptFlags,
    code: Code,
    /// How many keys it is given.
    keys: usize,
}

enum Code {
    Script(Rc<Compiled>),
    Function(Rc<LibraryFunction>),
}

impl Program {
    /// What a request asks for, as this thread runs it.
    fn of(
        thread: &mut ThreadInterpreter,
        engine: &Engine,
        command: &Registered,
        arguments: &Arguments<'_>,
    ) -> Result<Self, CommandError> {
        const NO_FUNCTION: CommandError = CommandError::fixed("ERR Function not found");
        let (scripts, commands, named) = (&engine.scripts, &engine.commands, arguments.at(1));
        // Of a function the name is looked up before the keys are counted, of a script afterwards.
        let (keys, compiled) = match command.row.script {
            Some(NamedBy::Function) => {
                let found = scripts.libraries.find(named).ok_or(NO_FUNCTION)?;
                let code = Code::Function(thread.function(&found)?);
                let flags = found.facts().flags | ScriptFlags::DECLARED;
                return Ok(Self { flags, code, keys: key_count(command, arguments)? });
            }
            // What is no name is told before the keys are counted, what is none of a script afterwards.
            Some(NamedBy::Digest) if named.len() != size_of::<ScriptName>() => return Err(NO_SCRIPT),
            Some(NamedBy::Digest) => {
                (key_count(command, arguments)?, thread.find_named(scripts, commands, named)?)
            }
            Some(NamedBy::Text) | None => {
                let keys = key_count(command, arguments)?;
                let source = scripts.evaluate(name_of(named), named)?;
                let compiled = thread.compile(&source, commands).inspect_err(|_| scripts.forget(&source))?;
                (keys, compiled)
            }
        };
        Ok(Self { flags: compiled.source.flags, code: Code::Script(compiled), keys })
    }

    /// Whether it says that it writes; a script that says nothing of itself is not held to it.
    fn may_write(&self) -> bool {
        self.flags.contains(ScriptFlags::DECLARED) && !self.flags.contains(ScriptFlags::NO_WRITES)
    }

    /// Whether it may use keys that it does not declare.
    fn may_stray(&self) -> bool {
        !matches!(&self.code, Code::Script(compiled) if compiled.script.uses_declared_keys_only())
    }

    /// The name of a function.
    fn function_name(&self) -> Option<&str> {
        match &self.code {
            Code::Function(function) => Some(&function.name),
            Code::Script(_) => None,
        }
    }

    /// What errors call it.
    fn name(&self) -> String {
        match &self.code {
            Code::Script(compiled) => String::from_utf8_lossy(&compiled.source.name).into_owned(),
            Code::Function(function) => function.name.clone(),
        }
    }
}

/// Whether it says of itself that it writes, and not that it does so where memory is short. One that says nothing is looked
/// at command by command.
fn may_need_memory(flags: ScriptFlags) -> bool {
    flags.contains(ScriptFlags::DECLARED)
        && !flags.intersects(ScriptFlags::ALLOW_OOM | ScriptFlags::NO_WRITES)
}

/// What running a request may bring about besides what its command's row says: what the script says of itself.
pub(super) fn flags_of_request(engine: &Engine, command: &Registered, arguments: &Arguments<'_>) -> Flags {
    let Some(named_by) = command.row.script else { return Flags::empty() };
    let (scripts, named) = (&engine.scripts, arguments.at(1));
    let flags = match named_by {
        // What is wrong with it is told when it is run.
        NamedBy::Text => ScriptFlags::of(named).unwrap_or_default(),
        NamedBy::Digest => scripts.find(named).map(|source| source.flags).unwrap_or_default(),
        NamedBy::Function => {
            let found = scripts.libraries.find(named);
            found.map(|found| found.facts().flags | ScriptFlags::DECLARED).unwrap_or_default()
        }
    };
    if may_need_memory(flags) { Flags::DENY_OOM } else { Flags::empty() }
}

/// Whether a transaction may use keys that its scripts do not declare.
pub(super) fn may_stray(engine: &Engine, transaction: &Transaction) -> bool {
    let outcome = with_interpreter(|thread| {
        let is_proven = |name: &ScriptName| {
            thread.find(name).is_some_and(|compiled| compiled.script.uses_declared_keys_only())
        };
        Ok(transaction.queued().iter().any(|queued| {
            let command = engine.commands.all()[usize::from(queued.command)];
            let named = || transaction.arguments(queued).at(1);
            match command.row.script {
                None => false,
                Some(NamedBy::Digest) => !parse_name(named()).is_some_and(|name| is_proven(&name)),
                Some(NamedBy::Text) => !is_proven(&name_of(named())),
                Some(NamedBy::Function) => true,
            }
        }))
    });
    outcome.unwrap_or(true)
}

const NEEDS_MEMORY: CommandError = CommandError::fixed(
    "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
);

const WRITES: CommandError =
    CommandError::fixed("ERR Can not execute a script with write flag using *_ro command.");

/// How many of a request's arguments are keys of its script.
fn key_count(command: &Registered, arguments: &Arguments<'_>) -> Result<usize, CommandError> {
    const NEGATIVE: CommandError = CommandError::fixed("ERR Number of keys can't be negative");
    const TOO_MANY: CommandError =
        CommandError::fixed("ERR Number of keys can't be greater than number of args");
    const NOT_A_COUNT: CommandError = CommandError::fixed("ERR Bad number of keys provided");
    let not_a_count = match command.row.script {
        Some(NamedBy::Function) => NOT_A_COUNT,
        _ => CommandError::NOT_AN_INTEGER,
    };
    let count = parse_i64(arguments.at(COUNT)).ok_or(not_a_count)?;
    if count > (arguments.len() - COUNT - 1) as i64 {
        return Err(TOO_MANY);
    }
    usize::try_from(count).map_err(|_| NEGATIVE)
}

/// The first key that a script declares, if it declares any.
#[inline]
pub(super) fn first_key<'a>(arguments: &Arguments<'a>) -> Option<&'a [u8]> {
    arguments.get(COUNT + 1).filter(|_| arguments.get(COUNT) != Some(b"0"))
}

/// Locks the shards of the keys that a script declares, which are so many, and of which the first has this hash.
fn lock_declared<'k>(
    engine: &'k Engine,
    arguments: &Arguments<'_>,
    keys: usize,
    first_hash: u64,
) -> Result<Guards<'k>, Busy> {
    let guards = match keys {
        0 => Guards::None,
        1 => engine.keyspace.lock_one(first_hash)?,
        _ => {
            let hashes = arguments.from(COUNT + 1).take(keys).map(|key| engine.keyspace.hash(key));
            engine.keyspace.lock_many(hashes)?
        }
    };
    if guards.reach_further() { engine.keyspace.widen(guards) } else { Ok(guards) }
}

/// The error that a client gets: what the script has raised, the script, and where.
fn error_of(failure: Failure, name: &str) -> CommandError {
    match failure {
        Failure::Raised { mut text, place, .. } => {
            match place {
                Some((file, line)) => {
                    text.extend_from_slice(format!(" script: {name}, on {file}:{line}.").as_bytes());
                }
                None => text.extend_from_slice(format!(" script: {name}").as_bytes()),
            }
            CommandError::new(text)
        }
        Failure::Interrupted { place } => {
            let (file, line) = place.unwrap_or_else(|| ("@user_script".to_owned(), 1));
            CommandError::new(format!(
                "ERR Script killed by user with SCRIPT KILL... script: {name}, on {file}:{line}."
            ))
        }
    }
}
