//! From a parsed request to its reply: lookup, checks, locks, run.

mod admission;
pub mod bystanders;
mod leaving;
mod monitor;
mod replay;
mod room;
mod script;
mod script_host;
mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

use nuthatch_collections::hash::ElementHasher;
use nuthatch_collections::table::{Pin, pin};
use nuthatch_protocol::reply::Reply;
use parking_lot::{Mutex, MutexGuard};

use self::admission::{flags_of, is_web_request, refuse};
pub use self::replay::{Halt, Replay};
use self::room::Room;
use crate::Engine;
use crate::access::{AccessPolicy, Tracking};
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::{Flags, InTransaction};
use crate::error::{CommandError, Outcome};
use crate::keyspace::eviction::Evictor;
use crate::keyspace::locked::{Guards, KeyCounters, Keys};
use crate::keyspace::patience::Busy;
use crate::session::{ReplyMode, Session};
use crate::statistics::{Counters, Runs};
use crate::table::{Locks, Registered};

/// What the connection does after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Goes on with the next command.
    Continue,
    /// Keeps the command, which did not run, and tries again at this time (milliseconds since 1970) or
    /// when it is signalled to. Requests behind it are to be parsed anew then.
    Retry(u64),
    /// Waits for the end of the command's wait, or until this time (milliseconds since 1970) at most. Requests behind
    /// it are to be parsed anew then.
    Wait(u64),
}

/// How many requests before an element is needed its memory is asked for, and as many before that, where it is.
const ELEMENTS_AHEAD: usize = 4;

/// A request whose command and first key were looked up when its batch was prepared.
#[derive(Debug, Clone, Copy)]
struct Prepared {
    command: Option<&'static Registered>,
    /// The hash of the first key, if the command locks one key only or runs a script.
    hash: u64,
    /// The hash of the element that the command looks for, if the request before has the same key.
    element: Option<u64>,
}

/// One thread's side of the engine: its counters, and the time of the batch that it is running.
#[derive(Debug)]
pub struct Worker {
    counters: Arc<Mutex<Counters>>,
    runs: Runs,
    /// The requests of the batch.
    prepared: Vec<Prepared>,
    /// Databases and hashes of the keys among them that are not in their home buckets.
    displaced: Vec<(u32, u64)>,
    /// What is remembered of keys that may have to go.
    evictor: Evictor,
}

impl Worker {
    /// The thread's counters.
    pub fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock()
    }
}

/// A batch of requests, prepared together so that the memory they need arrives while others are prepared.
pub struct Batch<'w> {
    worker: &'w mut Worker,
    /// While the memory of keys is asked for.
    pin: Option<Pin>,
    now_ms: u64,
    access: AccessPolicy,
    keeps_latency: bool,
    /// Whether more memory than allowed is used, and nothing can be done about it.
    lacks_memory: bool,
    /// Whether the error that a script has ended with was counted when a command failed.
    is_error_counted: bool,
    begun: Instant,
    /// When the run began that is not timed yet.
    started: Instant,
    ran: bool,
}

impl Engine {
    /// A new thread's side of the engine.
    pub fn worker(&self) -> Worker {
        Worker {
            counters: self.statistics.register(),
            runs: Runs::default(),
            prepared: Vec::new(),
            displaced: Vec::new(),
            evictor: Evictor::default(),
        }
    }

    /// Begins a batch. All of its commands see the same time, but for those behind one that took long.
    pub fn batch<'w>(&self, worker: &'w mut Worker) -> Batch<'w> {
        let now_ms = self.now_ms();
        let begun = Instant::now();
        worker.prepared.clear();
        worker.displaced.clear();
        Batch {
            worker,
            pin: None,
            now_ms,
            access: self.settings.access_policy(now_ms),
            keeps_latency: self.settings.latency_tracking.load(std::sync::atomic::Ordering::Relaxed),
            lacks_memory: false,
            is_error_counted: false,
            begun,
            started: begun,
            ran: false,
        }
    }
}

impl Batch<'_> {
    /// The time of the batch in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Takes the next request: looks up its command, and starts to load the bucket of its key if it has only one.
    #[inline]
    pub fn prepare(&mut self, engine: &Engine, session: &Session, arguments: &Arguments<'_>) {
        let mut prepared = Prepared { command: engine.commands.resolve(arguments), hash: 0, element: None };
        if let Some(Registered { locks: Locks::One(index), row, .. }) = prepared.command
            && let Some(key) = arguments.get(usize::from(*index))
        {
            prepared.hash = engine.keyspace.hash(key);
            engine.keyspace.prefetch_bucket(
                self.pin.get_or_insert_with(pin),
                session.database,
                prepared.hash,
            );
            if row.element > 0 && self.worker.prepared.last().is_some_and(|last| last.hash == prepared.hash) {
                let element = arguments.get(usize::from(row.element));
                prepared.element = element.map(|element| ElementHasher::get().hash(element));
            }
        } else if let Some(Registered { locks: Locks::Script, .. }) = prepared.command
            && let Some(key) = script::first_key(arguments)
        {
            prepared.hash = engine.keyspace.hash(key);
            engine.keyspace.prefetch_bucket(
                self.pin.get_or_insert_with(pin),
                session.database,
                prepared.hash,
            );
        }
        self.worker.prepared.push(prepared);
    }

    /// Starts to load the record of the key of the request in this place.
    #[inline]
    pub fn prefetch(&mut self, engine: &Engine, session: &Session, place: usize) {
        let Prepared { command, hash, .. } = self.worker.prepared[place];
        if let Some(Registered { locks: Locks::One(_) | Locks::Script, row, .. }) = command {
            if engine.keyspace.prefetch_record(self.pin.get_or_insert_with(pin), session.database, hash) {
                self.worker.displaced.push((session.database, hash));
            }
            let may_create = row.flags.contains(Flags::WRITE);
            if may_create && matches!(self.access.tracking, Tracking::HitDensity { .. }) {
                engine.keyspace.prefetch_ghosts(hash);
            }
        }
    }

    /// Starts to load the records that were not where most are. To be called when the others are on their way.
    #[inline]
    pub fn prefetch_displaced(&mut self, engine: &Engine) {
        for (database, hash) in self.worker.displaced.drain(..) {
            let pin = self.pin.get_or_insert_with(pin);
            engine.keyspace.prefetch_displaced(pin, database, hash);
        }
    }

    /// Whether the request in this place runs scripts, which may take long.
    #[inline]
    pub fn may_take_long(&self, place: usize, session: &Session) -> bool {
        let flags = |command: &Registered| match (&session.transaction, command.row.in_transaction) {
            (Some(transaction), InTransaction::Executes) => transaction.flags,
            _ => command.row.flags,
        };
        self.worker.prepared[place].command.is_some_and(|command| flags(command).contains(Flags::RUNS_SCRIPT))
    }

    /// Runs the request in this place and writes its reply.
    #[inline]
    pub fn run(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        arguments: Arguments<'_>,
        place: usize,
        reply: &mut Reply,
    ) -> Next {
        let mark = reply.mark();
        let prepared = self.worker.prepared[place];
        self.lacks_memory = engine.memory.may_be_exceeded() && !self.make_room(engine, session, reply);
        let outcome = match prepared.command {
            Some(command)
                if command.row.accepts(arguments.len())
                    && session.is_plain()
                    && !self.lacks_memory
                    && !engine.keyspace.is_busy()
                    && !engine.persistence.loading.is_active()
                    && !engine.persistence.refuses_writes() =>
            {
                if let Some(until) = engine.clients.paused_until(writes(command.row.flags), self.now_ms) {
                    return Next::Retry(until);
                }
                self.execute(engine, session, arguments, command, place, reply)
            }
            None if is_web_request(&arguments) => {
                engine.host.log_warning(&format!(
                    "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands. \
                     This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise \
                     your instance. Connection from {} aborted.",
                    session.record.address
                ));
                session.closing = true;
                return Next::Continue;
            }
            command => match self.admit(engine, session, &arguments, command, reply.resp3()) {
                Ok(command) => {
                    let flags = flags_of(session, command);
                    if let Some(until) = engine.clients.paused_until(writes(flags), self.now_ms) {
                        return Next::Retry(until);
                    }
                    self.execute_or_queue(engine, session, arguments, command, place, reply)
                }
                Err(error) => {
                    let number = command.map_or(u16::MAX, |command| command.id);
                    session.record.last_command.store(number, std::sync::atomic::Ordering::Relaxed);
                    let error = refuse(engine, session, &arguments, command, error);
                    self.count_rejected(command, &error);
                    Err(error)
                }
            },
        };
        if let Err(error) = outcome {
            reply.truncate(mark);
            reply.error(error.text());
        }
        match session.reply_mode {
            ReplyMode::On => {}
            ReplyMode::SkipNext => {
                reply.truncate(mark);
                session.reply_mode = ReplyMode::Skip;
            }
            ReplyMode::Skip => {
                reply.truncate(mark);
                session.reply_mode = ReplyMode::On;
            }
            ReplyMode::Off => reply.truncate(mark),
        }
        match &session.blocked {
            None => Next::Continue,
            Some(blocked) => Next::Wait(blocked.deadline_ms().unwrap_or(u64::MAX)),
        }
    }

    /// Removes keys because too much memory is used. Says whether commands may use more.
    #[cold]
    fn make_room(&mut self, engine: &Engine, session: &Session, reply: &Reply) -> bool {
        // What the client's commands before this one have answered may be what takes too much.
        session.record.note_output(reply);
        engine.clients.count_memory(&session.record);
        let mut counters = KeyCounters::default();
        // What is loaded was there before.
        let may_use_more = session.is_replayed || {
            let pin = self.pin.get_or_insert_with(pin);
            self.worker.evict(engine, pin, self.access, &mut counters) != Room::None
        };
        self.worker.runs.keys.add(counters);
        may_use_more
    }

    #[inline]
    fn execute(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        arguments: Arguments<'_>,
        command: &'static Registered,
        place: usize,
        reply: &mut Reply,
    ) -> Outcome {
        let ran_before = std::mem::replace(&mut self.ran, true);
        let hash = self.worker.prepared[place].hash;
        let alone = !command.row.flags.contains(Flags::FAST);
        // Between two of these the clock has just been read.
        if alone && !(ran_before && self.worker.runs.is_empty()) {
            self.finish_runs();
        }
        if !matches!(command.locks, Locks::One(_)) {
            // It may go on for long, and what tables get rid of when they grow is kept as long as anybody looks.
            self.pin = None;
        }
        let busy = |Busy| engine.scripts.busy.refusal();
        let (guards, first_hash) = match command.locks {
            Locks::Script => {
                let outcome = self.execute_script(engine, session, arguments, command, hash, reply);
                self.finish_alone(engine, session);
                return outcome;
            }
            Locks::None | Locks::Visits => (Guards::None, None),
            Locks::One(index) => (engine.keyspace.lock_one(hash).map_err(busy)?, Some((index, hash))),
            Locks::Depends(reaches_all) if reaches_all(&arguments) => {
                (engine.keyspace.lock_all().map_err(busy)?, None)
            }
            Locks::Several | Locks::Depends(_) => {
                let keys = command.key_positions(&arguments).filter_map(|index| arguments.get(index));
                let hashes = keys.map(|key| engine.keyspace.hash(key));
                (engine.keyspace.lock_many(hashes).map_err(busy)?, None)
            }
            Locks::All => (engine.keyspace.lock_all().map_err(busy)?, None),
        };
        let guards =
            if guards.reach_further() { engine.keyspace.widen(guards).map_err(busy)? } else { guards };
        let mut keys = self.keys(engine, session, guards);
        let mut call = Call { command, arguments, keys: &mut keys, session, reply, engine, first_hash };
        self.prefetch_elements(&call, place);
        let mut outcome = self.call(&mut call);
        if keys.has_given_up.get() {
            outcome = Err(engine.scripts.busy.refusal());
        }
        keys.end();
        self.worker.runs.keys.add(keys.counters);
        drop(keys);
        if command.row.flags.contains(Flags::ADMIN) {
            // What the commands behind it note of keys may be something else now.
            self.access = engine.settings.access_policy(self.now_ms);
        }
        if alone {
            self.finish_alone(engine, session);
        }
        outcome
    }

    /// The keys behind `guards` for a client.
    #[inline]
    fn keys<'k>(&self, engine: &'k Engine, session: &Session, guards: Guards<'k>) -> Keys<'k> {
        let access = AccessPolicy { silent: session.no_touch, ..self.access };
        Keys::new(&engine.keyspace, guards, self.now_ms, access, session.record.id)
    }

    /// Runs a command and counts it.
    #[inline]
    fn call(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        self.call_as(call, |batch, call| match call.command.locks {
            Locks::Script => batch.run_script(call),
            _ => (call.command.row.handler)(call),
        })
    }

    /// As [`Self::call`], where `run` is how the command is run.
    #[inline]
    fn call_as(
        &mut self,
        call: &mut Call<'_, '_>,
        run: impl FnOnce(&mut Self, &mut Call<'_, '_>) -> Outcome,
    ) -> Outcome {
        let (command, arguments) = (call.command, call.arguments);
        let outcome = run(self, call);
        if call.engine.keyspace.messages.monitors.watch() {
            monitor::show(call.engine, call.session, command, &arguments);
        }
        call.keys.finish(call.session.database, arguments);
        if call.session.tracking.is_some() {
            call.note_reads(&outcome);
        }
        self.count(call.session, command, &outcome);
        outcome
    }

    /// Counts a command that a client has run.
    #[inline]
    fn count(&mut self, session: &Session, command: &Registered, outcome: &Outcome) {
        session.record.last_command.store(command.id, std::sync::atomic::Ordering::Relaxed);
        self.worker.runs.add(command.id);
        if let Err(error) = outcome {
            let mut counters = self.worker.counters.lock();
            if !std::mem::take(&mut self.is_error_counted) {
                counters.count_error(error.code());
            }
            if let Some(of_command) = counters.commands.get_mut(usize::from(command.id)) {
                of_command.failed += 1;
            }
        }
    }

    /// Starts to load the elements that the requests behind this one look for in the value of the same key.
    #[inline]
    fn prefetch_elements(&self, call: &Call<'_, '_>, place: usize) {
        let Some((index, hash)) = call.first_hash else { return };
        let element = |distance| {
            let ahead: &Prepared = self.worker.prepared.get(place + distance)?;
            ahead.element.filter(|_| ahead.hash == hash)
        };
        let (soon, later) = (element(ELEMENTS_AHEAD), element(2 * ELEMENTS_AHEAD));
        if soon.is_some() || later.is_some() {
            call.keys.prefetch_elements(&call.key(usize::from(index)), soon, later);
        }
    }

    #[cold]
    fn count_rejected(&mut self, command: Option<&'static Registered>, error: &CommandError) {
        let mut counters = self.worker.counters.lock();
        counters.count_error(error.code());
        if let Some(of_command) =
            command.and_then(|command| counters.commands.get_mut(usize::from(command.id)))
        {
            of_command.rejected += 1;
        }
    }

    /// Writes down a run that is timed by itself. If it took long, those behind it see the time anew: else deadlines and
    /// timeouts that they set would be over too soon.
    fn finish_alone(&mut self, engine: &Engine, session: &Session) {
        const LONG: Duration = Duration::from_millis(1);
        if self.finish_runs() >= LONG && !session.is_replayed {
            self.now_ms = engine.now_ms();
            self.access = engine.settings.access_policy(self.now_ms);
        }
    }

    /// Writes down the runs so far and starts the clock again. Returns how long they took.
    fn finish_runs(&mut self) -> Duration {
        let elapsed = self.restart_clock();
        if !self.worker.runs.is_empty() {
            self.worker.runs.record(elapsed, self.keeps_latency, &mut self.worker.counters.lock());
        }
        elapsed
    }

    fn restart_clock(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.started, now)
    }
}

/// Whether commands with these flags are held back while writes are.
#[inline]
fn writes(flags: Flags) -> bool {
    flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE))
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.ran {
            let elapsed_since_runs = self.restart_clock();
            let elapsed = self.started - self.begun;
            let mut counters = self.worker.counters.lock();
            self.worker.runs.record(elapsed_since_runs, self.keeps_latency, &mut counters);
            counters.batches += 1;
            counters.batch_nanoseconds += u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        }
    }
}
