//! Scripts: what a client sends to EVAL and its relatives runs as one, like a transaction.
//!
//! Before a script runs the shards of the keys that it declares are locked. It may use others nevertheless. Then it takes
//! their locks one after another, in no order, while it keeps those that it has; that can end only because nobody else
//! does so: such scripts run one at a time (`Scripts::stray`), and a command that waits for one of several locks gives
//! back those that it holds when a script needs them (`Keyspace::lock_ascending`).

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;
use nuthatch_scripting::{Failure, Host, LogLevel, Request, UnknownCommand};

use super::{Batch, monitor};
use crate::Engine;
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::Flags;
use crate::error::{CommandError, Outcome};
use crate::keyspace::locked::{Guards, Keys};
use crate::scripts::{Compiled, ScriptFlags, Source, name_of, parse_name, with_interpreter};
use crate::session::Session;
use crate::table::{Locks, Registered};

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
        reply: &mut Reply,
    ) -> Outcome {
        let _straying = engine.scripts.stray();
        let guards = lock_declared(engine, &arguments, command);
        let mut keys = self.keys(engine, session, guards);
        let mut call = Call { command, arguments, keys: &mut keys, session, reply, engine, first_hash: None };
        let outcome = self.call(&mut call);
        keys.end();
        self.worker.runs.keys.add(keys.counters);
        outcome
    }

    /// Runs the script that a request names, with the locks that are held.
    pub(super) fn run_script(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        monitor::show_script(call.engine, call.session, call.command, &call.arguments);
        let keys = key_count(&call.arguments)?;
        let is_read_only_command = call.command.row.flags.contains(Flags::READONLY);
        with_interpreter(|thread| {
            let compiled = if call.command.row.name.starts_with("EVALSHA") {
                let name = parse_name(call.arguments.at(1)).ok_or(NO_SCRIPT)?;
                match thread.find(&name) {
                    Some(compiled) => compiled.clone(),
                    None => thread.compile(&call.engine.scripts.find(&name).ok_or(NO_SCRIPT)?)?,
                }
            } else {
                let text = call.arguments.at(1);
                let source = call.engine.scripts.evaluate(name_of(text), text)?;
                thread.compile(&source).inspect_err(|_| call.engine.scripts.forget(&source))?
            };
            let Compiled { source, script } = compiled;
            let is_read_only = source.flags.contains(ScriptFlags::NO_WRITES) || is_read_only_command;
            if is_read_only_command
                && source.flags.contains(ScriptFlags::DECLARED)
                && !source.flags.contains(ScriptFlags::NO_WRITES)
            {
                return Err(WRITES);
            }
            let database = call.session.database;
            let in_transaction = std::mem::replace(&mut call.session.is_executing, true);
            call.session.runs_script = true;
            if !in_transaction {
                call.keys.begin_unit();
            }
            let arguments = call.arguments.from(COUNT + 1);
            let mut running = Running {
                batch: self,
                keys: call.keys,
                session: call.session,
                engine: call.engine,
                is_read_only,
                has_strayed: false,
            };
            let outcome = thread.interpreter.run(&script, keys, arguments, &mut running, call.reply);
            if running.has_strayed {
                call.engine.scripts.count_strayed();
            }
            if !in_transaction {
                call.keys.end_unit();
            }
            call.session.is_executing = in_transaction;
            call.session.runs_script = false;
            if call.session.database != database {
                call.session.select(database);
            }
            outcome.map_err(|failure| error_of(failure, &source))
        })
    }
}

const NO_SCRIPT: CommandError = CommandError::fixed("NOSCRIPT No matching script. Please use EVAL.");
const WRITES: CommandError =
    CommandError::fixed("ERR Can not execute a script with write flag using *_ro command.");

/// How many of a request's arguments are keys of its script.
fn key_count(arguments: &Arguments<'_>) -> Result<usize, CommandError> {
    const NEGATIVE: CommandError = CommandError::fixed("ERR Number of keys can't be negative");
    const TOO_MANY: CommandError =
        CommandError::fixed("ERR Number of keys can't be greater than number of args");
    let count = parse_i64(arguments.at(COUNT)).ok_or(CommandError::NOT_AN_INTEGER)?;
    if count > (arguments.len() - COUNT - 1) as i64 {
        return Err(TOO_MANY);
    }
    usize::try_from(count).map_err(|_| NEGATIVE)
}

/// Locks the shards of the keys that a script declares.
fn lock_declared<'k>(
    engine: &'k Engine,
    arguments: &Arguments<'_>,
    command: &'static Registered,
) -> Guards<'k> {
    let mut hashes = command
        .key_positions(arguments)
        .filter_map(|index| arguments.get(index))
        .map(|key| engine.keyspace.hash(key));
    let guards = match (hashes.next(), hashes.next()) {
        (None, _) => Guards::None,
        (Some(hash), None) => engine.keyspace.lock_one(hash),
        (Some(first), Some(second)) => engine.keyspace.lock_many([first, second].into_iter().chain(hashes)),
    };
    if guards.reach_further() { engine.keyspace.widen(guards) } else { guards }
}

/// The error that a client gets: what the script has raised, the script, and where.
fn error_of(failure: Failure, source: &Source) -> CommandError {
    match failure {
        Failure::Raised { mut text, place, .. } => {
            let name = String::from_utf8_lossy(&source.name);
            match place {
                Some((file, line)) => {
                    text.extend_from_slice(format!(" script: {name}, on {file}:{line}.").as_bytes());
                }
                None => text.extend_from_slice(format!(" script: {name}").as_bytes()),
            }
            CommandError::new(text)
        }
        Failure::Interrupted => CommandError::fixed("ERR the script was ended"),
    }
}

/// A script that runs.
struct Running<'r, 'w, 'k> {
    batch: &'r mut Batch<'w>,
    keys: &'r mut Keys<'k>,
    session: &'r mut Session,
    engine: &'r Engine,
    is_read_only: bool,
    /// Whether it has used keys that it had not declared.
    has_strayed: bool,
}

impl Running<'_, '_, '_> {
    /// The command of a request, if a script may call it.
    fn admit(&self, arguments: &Arguments<'_>) -> Result<&'static Registered, CommandError> {
        const UNKNOWN: CommandError = CommandError::fixed("ERR Unknown Redis command called from script");
        const WRONG_ARITY: CommandError =
            CommandError::fixed("ERR Wrong number of args calling Redis command from script");
        const NOT_ALLOWED: CommandError =
            CommandError::fixed("ERR This Redis command is not allowed from script");
        const READ_ONLY: CommandError =
            CommandError::fixed("ERR Write commands are not allowed from read-only scripts.");
        let command = self.engine.commands.resolve(arguments).ok_or(UNKNOWN)?;
        let row = command.row;
        if !row.accepts(arguments.len()) {
            return Err(WRONG_ARITY);
        }
        if row.flags.contains(Flags::NO_SCRIPT) {
            return Err(NOT_ALLOWED);
        }
        if self.is_read_only && row.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE)) {
            return Err(READ_ONLY);
        }
        Ok(command)
    }

    /// Sees to it that the shards are held which a command needs. Returns the hash of its key if it has only one.
    fn reach(&mut self, command: &'static Registered, arguments: &Arguments<'_>) -> Option<(u16, u64)> {
        let keyspace = &self.engine.keyspace;
        let mut first_hash = None;
        let has_strayed = match command.locks {
            // No script runs another one.
            Locks::None | Locks::Script => false,
            Locks::One(index) => {
                let hash = keyspace.hash(arguments.at(usize::from(index)));
                first_hash = Some((index, hash));
                self.keys.hold(std::iter::once(hash))
            }
            Locks::All | Locks::Visits => self.keys.hold_all(),
            Locks::Depends(reaches_all) if reaches_all(arguments) => self.keys.hold_all(),
            Locks::Several | Locks::Depends(_) => {
                let keys = command.key_positions(arguments).filter_map(|index| arguments.get(index));
                self.keys.hold(keys.map(|key| keyspace.hash(key)))
            }
        };
        self.has_strayed |= has_strayed;
        first_hash
    }
}

impl Host for Running<'_, '_, '_> {
    fn call(&mut self, request: &Request, reply: &mut Reply) -> Result<(), Vec<u8>> {
        let arguments = Arguments::new(&request.bytes, &request.spans);
        let command = match self.admit(&arguments) {
            Ok(command) => command,
            Err(error) => {
                let command = self.engine.commands.resolve(&arguments);
                self.batch.count_rejected(command, &error);
                return Err(error.text().to_vec());
            }
        };
        let first_hash = self.reach(command, &arguments);
        let mark = reply.mark();
        let mut call = Call {
            command,
            arguments,
            keys: self.keys,
            session: self.session,
            reply,
            engine: self.engine,
            first_hash,
        };
        self.batch.call(&mut call).map_err(|error| {
            reply.truncate(mark);
            error.text().to_vec()
        })
    }

    fn may_call(&mut self, request: &Request) -> Result<bool, UnknownCommand> {
        let arguments = Arguments::new(&request.bytes, &request.spans);
        // Everybody may run everything here.
        self.engine.commands.resolve(&arguments).map(|_| true).ok_or(UnknownCommand)
    }

    fn log(&mut self, _level: LogLevel, line: &[u8]) {
        self.engine.host.log_warning(&String::from_utf8_lossy(line));
    }

    fn interrupt(&mut self) -> bool {
        false
    }
}
