//! Running again what an append-only file says.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nuthatch_collections::allocator;
use nuthatch_protocol::Reply;
use parking_lot::Mutex;

use super::{Batch, Worker};
use crate::Engine;
use crate::arguments::Arguments;
use crate::clients::{ClientRecord, Peer};
use crate::command::Flags;
use crate::delivery::{Delivery, Inbox, Mailbox, Recipient, Signal};
use crate::error::CommandError;
use crate::persistence::append_only::{Requests, Stop};
use crate::session::Session;
use crate::table::Registered;

/// So many errors of a file are logged each: it may have any number of them.
const LOGGED_ERRORS_MAX: u64 = 100;

/// Why a request of a file cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotReplayed {
    /// There is no such command.
    Unknown,
    /// It has too few or too many arguments.
    WrongArity,
}

/// Why the rest of a file was not run.
#[derive(Debug)]
pub enum Halt {
    /// It ends within a command or a transaction.
    Truncated {
        /// Up to here it is whole.
        whole: u64,
        /// Whether it ends within a transaction.
        in_transaction: bool,
    },
    /// What is here is no command.
    Malformed(u64),
    /// There is no command of this name.
    Unknown(String),
    /// The system does not give the file.
    Unreadable(io::Error),
    /// The server ends.
    Cancelled,
}

/// A mailbox of nobody.
#[derive(Debug)]
struct Nobody;

impl Mailbox for Nobody {
    fn post(&self, _: u64, _: Signal) {}

    fn deliver(&self, _: Delivery) {}
}

/// Runs the commands of a file again.
pub struct Replay<'e, R> {
    engine: &'e Engine,
    worker: Worker,
    session: Session,
    reply: Reply,
    requests: Requests<R>,
    /// Where the transaction begins that is not complete.
    transaction: Option<u64>,
}

impl<'e, R: Read> Replay<'e, R> {
    /// Of these requests. The engine has begun to load ([`Loading::begin`](crate::persistence::Loading::begin)).
    pub fn new(engine: &'e Engine, requests: Requests<R>) -> Self {
        let inbox = Inbox::new(Recipient { client: 0, connection: 0 }, 0, Arc::new(Nobody));
        let record = Arc::new(ClientRecord::new(Arc::new(inbox), Peer::default(), engine.now_ms()));
        let mut session = Session::new(record, true);
        session.is_replayed = true;
        Self {
            engine,
            worker: engine.silent_worker(),
            session,
            reply: Reply::new(),
            requests,
            transaction: None,
        }
    }

    /// Runs all of them.
    ///
    /// # Errors
    /// Why it does not come to the end.
    pub fn run(mut self) -> Result<(), Halt> {
        let outcome = self.run_batches();
        let errors = self.worker.counters().error_replies;
        if errors > self.session.logged_errors {
            self.engine.host.log_warning(&format!(
                "{errors} commands of the append only file, or of its transactions and scripts, have answered with errors"
            ));
        }
        outcome
    }

    fn run_batches(&mut self) -> Result<(), Halt> {
        let loading = &self.engine.persistence.loading;
        loop {
            // Tells others what has been allocated so far.
            allocator::allocated();
            let begun = self.requests.position();
            let read = self.requests.read();
            if read.is_ok() {
                self.run_batch()?;
            }
            loading.bytes_loaded.fetch_add(self.requests.position() - begun, Ordering::Relaxed);
            if loading.is_cancelled() {
                return Err(Halt::Cancelled);
            }
            match read {
                Ok(()) => {}
                Err(stop) => return self.end(stop),
            }
        }
    }

    /// What it means that there are no more requests.
    fn end(&self, stop: Stop) -> Result<(), Halt> {
        match (stop, self.transaction) {
            (Stop::Malformed(offset), _) => Err(Halt::Malformed(offset)),
            (Stop::Unreadable(problem), _) => Err(Halt::Unreadable(problem)),
            (Stop::End | Stop::Truncated(_), Some(whole)) => {
                Err(Halt::Truncated { whole, in_transaction: true })
            }
            (Stop::Truncated(whole), None) => Err(Halt::Truncated { whole, in_transaction: false }),
            (Stop::End, None) => Ok(()),
        }
    }

    fn run_batch(&mut self) -> Result<(), Halt> {
        let Self { engine, worker, session, reply, requests, transaction } = self;
        let mut batch = engine.replay(worker);
        for request in requests.batch() {
            batch.prepare(engine, session, &request.arguments);
        }
        for place in 0..requests.batch().len() {
            batch.prefetch(engine, session, place);
        }
        batch.prefetch_displaced(engine);
        for (place, request) in requests.batch().enumerate() {
            let words = request.arguments;
            match batch.run_again(engine, session, words, place, reply) {
                Ok(()) => {}
                Err(NotReplayed::Unknown) => {
                    let name = words.get(0).unwrap_or_default();
                    return Err(Halt::Unknown(String::from_utf8_lossy(name).into_owned()));
                }
                Err(NotReplayed::WrongArity) => return Err(Halt::Malformed(request.offset)),
            }
            *transaction = match (&session.transaction, *transaction) {
                (None, _) => None,
                (Some(_), None) => Some(request.offset),
                (Some(_), begun) => begun,
            };
        }
        Ok(())
    }
}

impl Engine {
    /// The side of the engine of a thread whose commands are not counted.
    fn silent_worker(&self) -> Worker {
        let counters = Arc::new(Mutex::new(self.statistics.counters()));
        let (runs, prepared, displaced, evictor) = Default::default();
        Worker { counters, runs, prepared, displaced, evictor }
    }

    /// Begins a batch of requests that have been run before. They are run at the beginning of time, at which nothing has
    /// expired: what had was removed by requests of its own, and whatever a deadline did not end then must not end now.
    fn replay<'w>(&self, worker: &'w mut Worker) -> Batch<'w> {
        let mut batch = self.batch(worker);
        batch.now_ms = 0;
        batch
    }

    /// Logs an error that a command of a file has answered, in the words of stock servers.
    pub(super) fn log_replay_error(&self, session: &mut Session, command: &Registered, error: &CommandError) {
        if session.logged_errors == LOGGED_ERRORS_MAX {
            return;
        }
        session.logged_errors += 1;
        let text = String::from_utf8_lossy(error.text());
        // Stock servers show the line of the protocol, but for the usual code.
        let text = text.strip_prefix("ERR ").map_or_else(|| format!("-{text}"), str::to_owned);
        let name = &command.full_name;
        self.host.log_warning(&format!(
            "== CRITICAL == This server is sending an error to its AOF-loading-client: '{text}' after processing the \
             command '{name}'"
        ));
    }
}

impl Batch<'_> {
    /// Runs the request in this place, whatever clients are told at the moment.
    ///
    /// # Errors
    /// It is none. Errors that the command answers are logged only.
    fn run_again(
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
            // A server appends nothing that answers an error: the data are not those that the file was written for.
            if let Err(error) = self.execute_or_queue(engine, session, arguments, command, place, reply) {
                engine.log_replay_error(session, command, &error);
            }
            reply.truncate(mark);
            if let Some(blocked) = session.blocked.take() {
                blocked.leave(&engine.keyspace);
                *session.record.blocked.lock() = None;
            }
        }
        Ok(())
    }
}
