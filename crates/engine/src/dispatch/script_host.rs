//! What a running script reaches of the server: the commands that it calls, and what it does when it runs for too long.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nuthatch_protocol::Reply;
use nuthatch_scripting::{Host, LogLevel, Request, UnknownCommand};

use super::{Batch, bystanders};
use crate::Engine;
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::Flags;
use crate::error::CommandError;
use crate::keyspace::locked::Keys;
use crate::scripts::BusyScript;
use crate::session::Session;
use crate::table::{Locks, Registered};

/// A script that runs.
pub(super) struct Running<'r, 'w, 'k> {
    batch: &'r mut Batch<'w>,
    keys: &'r mut Keys<'k>,
    session: &'r mut Session,
    engine: &'r Engine,
    bounds: Bounds,
    request: Arguments<'r>,
    function: Option<&'r str>,
    /// Whether it has used keys that it had not declared.
    has_strayed: bool,
    /// Whether it has called a command that writes.
    has_written: bool,
    /// Error replies in what it has returned.
    replied_errors: u64,
    /// When it was first looked at, in microseconds since 1970.
    begun_us: u64,
    /// What others know of it, once it has run for too long.
    busy: Option<Arc<BusyScript>>,
}

/// What a script is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// It changes nothing.
    pub(super) is_read_only: bool,
    /// It runs no commands that use more memory, unless it has written already.
    pub(super) lacks_memory: bool,
    /// It may use keys that it has not declared: then no other such script runs.
    pub(super) may_stray: bool,
}

impl<'r, 'w, 'k> Running<'r, 'w, 'k> {
    /// The script that `call` asks for.
    pub(super) fn new(
        batch: &'r mut Batch<'w>,
        call: &'r mut Call<'_, 'k>,
        bounds: Bounds,
        function: Option<&'r str>,
    ) -> (Self, &'r mut Reply) {
        let Call { keys, session, engine, arguments, reply, .. } = call;
        let running = Self {
            batch,
            keys,
            session,
            engine,
            bounds,
            request: *arguments,
            function,
            has_strayed: false,
            has_written: false,
            replied_errors: 0,
            begun_us: 0,
            busy: None,
        };
        (running, reply)
    }

    /// The script has ended, which `command` was to run.
    pub(super) fn end(self, command: &Registered) {
        if self.replied_errors > 0 {
            let mut counters = self.batch.worker.counters.lock();
            if let Some(of_command) = counters.commands.get_mut(usize::from(command.id)) {
                of_command.failed += self.replied_errors;
            }
        }
        if self.has_strayed {
            self.engine.scripts.count_strayed();
        }
        // Its locks are still held: others are told when they are not.
        self.session.busy_scripts.extend(self.busy);
    }

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
        if self.bounds.is_read_only && row.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE)) {
            return Err(READ_ONLY);
        }
        let persistence = &self.engine.persistence;
        // What it has begun it may end.
        if self.bounds.lacks_memory && row.flags.contains(Flags::DENY_OOM) && !self.has_written {
            return Err(CommandError::OUT_OF_MEMORY);
        }
        if persistence.refuses_writes() && row.flags.contains(Flags::WRITE) && !self.has_written {
            return Err(persistence.refusal());
        }
        Ok(command)
    }

    /// Sees to it that the shards are held which a command needs. Returns the hash of its key if it has only one.
    fn reach(
        &mut self,
        command: &'static Registered,
        arguments: &Arguments<'_>,
    ) -> Result<Option<(u16, u64)>, CommandError> {
        let keyspace = &self.engine.keyspace;
        match command.locks {
            // No script runs another one.
            Locks::None | Locks::Script => {}
            Locks::One(index) => {
                let hash = keyspace.hash(arguments.at(usize::from(index)));
                self.hold(keyspace.shard_of(hash))?;
                return Ok(Some((index, hash)));
            }
            Locks::All | Locks::Visits => self.hold_all()?,
            Locks::Depends(reaches_all) if reaches_all(arguments) => self.hold_all()?,
            Locks::Several | Locks::Depends(_) => {
                for index in command.key_positions(arguments) {
                    self.hold(keyspace.shard_of(keyspace.hash(arguments.at(index))))?;
                }
            }
        }
        Ok(None)
    }

    fn hold_all(&mut self) -> Result<(), CommandError> {
        (0..self.engine.keyspace.shards()).try_for_each(|shard| self.hold(shard))
    }

    /// Sees to it that a shard is held.
    #[inline]
    fn hold(&mut self, shard: usize) -> Result<(), CommandError> {
        if self.keys.holds(shard) { Ok(()) } else { self.hold_another(shard) }
    }

    /// Waits until a shard is held that was not. A script may hold it that runs for long, on another thread.
    #[cold]
    fn hold_another(&mut self, shard: usize) -> Result<(), CommandError> {
        const ENDED: CommandError = CommandError::fixed("ERR the script is ended");
        const UNDECLARED: CommandError =
            CommandError::fixed("ERR a key that the script has not declared can not be used");
        if !self.bounds.may_stray {
            // Other scripts run meanwhile that wait for nobody.
            self.engine.host.log_warning(
                "A script uses a key that it has not declared, although that was thought impossible. Please report it.",
            );
            return Err(UNDECLARED);
        }
        self.has_strayed = true;
        let mut wanted = vec![shard];
        while let Some(shard) = wanted.pop() {
            while !self.keys.holds(shard) {
                match self.keys.hold(shard) {
                    Some(reached) => wanted.extend(reached),
                    None if self.interrupt() => return Err(ENDED),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Notes that the script has run for too long, and tells others.
    #[cold]
    fn become_busy(&mut self, ran_us: u64) {
        let request = self.request.from(0).map(Into::into).collect();
        let function = self.function.map(str::to_owned);
        let what = if function.is_some() { "FUNCTION KILL" } else { "SCRIPT KILL" };
        self.engine.host.log_warning(&format!(
            "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the \
             {what} command.",
            ran_us / 1000
        ));
        let script = Arc::new(BusyScript::new(function, request, self.begun_us, self.has_written));
        self.engine.scripts.busy.add(script.clone());
        self.engine.keyspace.begin_busy();
        self.busy = Some(script);
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
        let first_hash = self.reach(command, &arguments).map_err(|error| error.text().to_vec())?;
        if command.row.flags.contains(Flags::WRITE) {
            self.has_written = true;
            if let Some(busy) = &self.busy {
                busy.has_written.store(true, Ordering::Release);
            }
        }
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

    fn log(&mut self, level: LogLevel, line: &[u8]) {
        self.engine.host.log_of_script(level, line);
    }

    fn replies_error(&mut self, text: &[u8], is_counted: bool) {
        self.replied_errors += 1;
        if !is_counted {
            let code = text.split(|byte| *byte == b' ').next().filter(|code| code.len() < text.len());
            let code = code.and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("ERR");
            self.batch.worker.counters.lock().count_error(code);
        }
    }

    fn interrupt(&mut self) -> bool {
        let now_us = self.engine.host.now_us();
        if self.begun_us == 0 {
            self.begun_us = now_us;
        }
        let ran_us = now_us.saturating_sub(self.begun_us);
        let limit_us = self.engine.settings.busy_reply_ms.load(Ordering::Relaxed).saturating_mul(1000);
        if self.busy.is_none() && limit_us > 0 && ran_us >= limit_us {
            self.become_busy(ran_us);
        }
        // Another one may have run for too long, and others wait for this thread to tell so.
        if self.engine.keyspace.is_busy() {
            bystanders::attend();
        }
        self.busy.as_ref().is_some_and(|script| script.is_killed())
    }
}
