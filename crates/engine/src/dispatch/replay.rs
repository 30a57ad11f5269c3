//! Running again what an append-only file says.

use std::sync::Arc;

use nuthatch_protocol::Reply;
use parking_lot::Mutex;

use super::{Batch, Worker};
use crate::Engine;
use crate::arguments::Arguments;
use crate::command::Flags;
use crate::session::Session;
use crate::statistics::Runs;

/// Why a request of a file cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReplayed {
    /// There is no such command.
    Unknown,
    /// It has too few or too many arguments.
    WrongArity,
}

impl Engine {
    /// The side of the engine of a thread whose commands are not counted.
    pub fn silent_worker(&self) -> Worker {
        let counters = Arc::new(Mutex::new(self.statistics.counters()));
        Worker { counters, runs: Runs::default(), prepared: Vec::new() }
    }

    /// Begins a batch of requests that have been run before. They are run at the beginning of time, at which nothing has
    /// expired: what had was removed by requests of its own, and whatever a deadline did not end then must not end now.
    pub fn replay<'w>(&self, worker: &'w mut Worker) -> Batch<'w> {
        let mut batch = self.batch(worker);
        batch.now_ms = 0;
        batch
    }
}

impl Batch<'_> {
    /// Runs the request in this place, whatever clients are told at the moment.
    ///
    /// # Errors
    /// It is none. Errors that the command answers are none of the file's.
    pub fn run_again(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        arguments: Arguments<'_>,
        place: usize,
        reply: &mut Reply,
    ) -> Result<(), NotReplayed> {
        let command = self.worker.prepared[place].command.ok_or(NotReplayed::Unknown)?;
        if !command.row.accepts(arguments.len()) {
            return Err(NotReplayed::WrongArity);
        }
        let changes = Flags::WRITE.union(Flags::MAY_REPLICATE).union(Flags::RUNS_SCRIPT);
        let is_needed = ["multi", "exec", "discard", "select", "script|load"].contains(&&*command.full_name);
        if is_needed || command.row.flags.intersects(changes) {
            let mark = reply.mark();
            // The same error was answered, or nothing was appended to the file.
            let _ = self.execute_or_queue(engine, session, arguments, command, place, reply);
            reply.truncate(mark);
            if let Some(blocked) = session.blocked.take() {
                blocked.leave(&engine.keyspace);
                *session.record.blocked.lock() = None;
            }
        }
        Ok(())
    }
}
