//! Transactions: what a client sends between MULTI and EXEC is queued, and then run as one.
//!
//! EXEC takes the locks of all keys that the queued commands name, and those of the watched keys, once. So nothing
//! happens to any of these keys from the look at the watches to the last command.

use std::sync::atomic::Ordering;

use nuthatch_protocol::Reply;

use super::{Batch, monitor, script};
use crate::Engine;
use crate::access::AccessPolicy;
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::{Flags, InTransaction};
use crate::error::{CommandError, Outcome};
use crate::keyspace::locked::{Guards, Keys};
use crate::keyspace::patience::Busy;
use crate::session::Session;
use crate::table::{Locks, Registered};
use crate::transaction::Transaction;

impl Batch<'_> {
    /// Runs a command that may run now, or queues it.
    #[cold]
    pub(super) fn execute_or_queue(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        arguments: Arguments<'_>,
        command: &'static Registered,
        place: usize,
        reply: &mut Reply,
    ) -> Outcome {
        const TOO_LARGE: CommandError = CommandError::fixed("ERR transaction is too large");
        let Some(transaction) = &mut session.transaction else {
            return self.execute(engine, session, arguments, command, place, reply);
        };
        match command.row.in_transaction {
            InTransaction::RunsAtOnce => self.execute(engine, session, arguments, command, place, reply),
            InTransaction::Queued => {
                let hash = self.worker.prepared[place].hash;
                let flags = command.row.flags.union(script::flags_of_request(engine, command, &arguments));
                if transaction.queue(command.id, flags, hash, &arguments).is_err() {
                    transaction.is_aborted = true;
                    return Err(TOO_LARGE);
                }
                let queued = i64::try_from(transaction.queued().len()).unwrap_or(i64::MAX);
                let record = &session.record;
                record.queued.store(queued, Ordering::Relaxed);
                record.queued_bytes.store(transaction.memory() as u64, Ordering::Relaxed);
                record.last_command.store(command.id, Ordering::Relaxed);
                reply.simple("QUEUED");
                Ok(())
            }
            InTransaction::Executes => {
                let transaction = session.transaction.take().unwrap_or_default();
                self.ran = true;
                self.finish_runs();
                let outcome = if transaction.is_aborted {
                    engine.unwatch(session);
                    Err(CommandError::fixed("EXECABORT Transaction discarded because of previous errors."))
                } else {
                    self.execute_transaction(engine, session, arguments, command, &transaction, reply)
                };
                session.record.queued.store(-1, Ordering::Relaxed);
                session.record.queued_bytes.store(0, Ordering::Relaxed);
                session.tracking.iter_mut().for_each(|tracking| tracking.next = None);
                monitor::show(engine, session, command, &arguments);
                self.count(session, command, &outcome);
                self.finish_alone(engine, session);
                outcome
            }
        }
    }

    fn execute_transaction(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        arguments: Arguments<'_>,
        command: &'static Registered,
        transaction: &Transaction,
        reply: &mut Reply,
    ) -> Outcome {
        let may_stray =
            transaction.flags.contains(Flags::RUNS_SCRIPT) && script::may_stray(engine, transaction);
        let straying = may_stray.then(|| engine.stray()).transpose()?;
        let guards = lock(engine, session, transaction).map_err(|Busy| engine.scripts.busy.refusal())?;
        let mut keys = self.keys(engine, session, guards);
        if !keeps_watches(session, &mut keys) {
            reply.null_array();
            return Ok(());
        }
        let start = reply.mark();
        let mut is_cut = false;
        reply.array(transaction.queued().len());
        session.is_executing = true;
        keys.begin_unit();
        let mut limit = engine.memory.limit();
        let mut call = Call { command, arguments, keys: &mut keys, session, reply, engine, first_hash: None };
        for queued in transaction.queued() {
            call.command = engine.commands.all()[usize::from(queued.command)];
            call.arguments = transaction.arguments(queued);
            call.first_hash = match call.command.locks {
                Locks::One(index) => Some((index, queued.hash)),
                _ => None,
            };
            let mark = call.reply.mark();
            if let Err(error) = self.call(&mut call) {
                if call.session.is_replayed {
                    engine.log_replay_error(call.session, command, &error);
                }
                call.reply.truncate(mark);
                call.reply.error(error.text());
            }
            if call.command.row.flags.contains(Flags::ADMIN) {
                // What the commands behind it note of keys may be something else now.
                self.access = engine.settings.access_policy(self.now_ms);
                call.keys.note_accesses_by(AccessPolicy { silent: call.session.no_touch, ..self.access });
            }
            if call.reply.len() as u64 > engine.client_bytes_max()
                && !call.session.record.no_evict.load(Ordering::Relaxed)
            {
                // Alone it takes more than all clients may, and is closed for that as soon as all commands have run.
                is_cut = true;
                call.reply.truncate(start);
            }
            // Scripts mind a new limit.
            if std::mem::replace(&mut limit, engine.memory.limit()) != limit {
                self.lacks_memory = engine.lacks_memory();
            }
        }
        call.keys.end_unit();
        call.session.is_executing = false;
        if is_cut {
            call.reply.truncate(start);
            call.session.closing = true;
            self.worker.counters.lock().clients_evicted += 1;
        }
        keys.end();
        self.worker.runs.keys.add(keys.counters);
        drop((keys, straying));
        engine.end_busy(session);
        Ok(())
    }
}

/// Locks all shards that the queued commands need, and those of the watched keys.
fn lock<'k>(engine: &'k Engine, session: &Session, transaction: &Transaction) -> Result<Guards<'k>, Busy> {
    let keyspace = &engine.keyspace;
    let mut hashes: Vec<u64> = Vec::with_capacity(transaction.queued().len());
    for queued in transaction.queued() {
        let command = engine.commands.all()[usize::from(queued.command)];
        match command.locks {
            Locks::None => {}
            Locks::One(_) => hashes.push(queued.hash),
            Locks::All | Locks::Visits => return keyspace.lock_all(),
            Locks::Several | Locks::Script | Locks::Depends(_) => {
                let arguments = transaction.arguments(queued);
                if let Locks::Depends(reaches_all) = command.locks
                    && reaches_all(&arguments)
                {
                    return keyspace.lock_all();
                }
                let keys = command.key_positions(&arguments).filter_map(|index| arguments.get(index));
                hashes.extend(keys.map(|key| keyspace.hash(key)));
            }
        }
    }
    let watched = session.watched.iter().flat_map(|watched| watched.keys());
    hashes.extend(watched.map(|key| key.hash));
    let guards = keyspace.lock_many(hashes.into_iter())?;
    if guards.reach_further() { keyspace.widen(guards) } else { Ok(guards) }
}

/// Ends the client's watches, and tells whether none of the keys has changed.
fn keeps_watches(session: &mut Session, keys: &mut Keys<'_>) -> bool {
    let Some(watched) = session.watched.take() else { return true };
    session.record.watched.store(0, Ordering::Relaxed);
    session.record.watched_bytes.store(0, Ordering::Relaxed);
    let watch = &session.record.watch;
    let mut is_broken = watch.is_broken();
    for key in watched.keys() {
        is_broken |= keys.end_watch(&key, watch);
    }
    watch.mend();
    !is_broken
}
