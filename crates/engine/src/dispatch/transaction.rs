//! Transactions: what a client sends between MULTI and EXEC is queued, and then run as one.
//!
//! EXEC takes the locks of all keys that the queued commands name, and those of the watched keys, once. So nothing
//! happens to any of these keys from the look at the watches to the last command.

use std::sync::atomic::Ordering;

use nuthatch_protocol::Reply;

use super::{Batch, monitor};
use crate::Engine;
use crate::arguments::Arguments;
use crate::call::Call;
use crate::command::InTransaction;
use crate::error::{CommandError, Outcome};
use crate::keyspace::locked::{Guards, Keys};
use crate::pubsub::Namespace;
use crate::session::Session;
use crate::table::{Locks, Registered};
use crate::transaction::Transaction;

impl Engine {
    /// Ends all that makes others tell a client something, and its transaction. Takes locks.
    pub fn end_attention(&self, session: &mut Session) {
        self.end_transaction(session);
        let messages = &self.keyspace.messages;
        let record = session.record.clone();
        if let Some(subscriptions) = session.subscriptions.take() {
            for namespace in [Namespace::Channels, Namespace::Patterns, Namespace::ShardChannels] {
                for name in subscriptions.of(namespace) {
                    messages.channels.unsubscribe(namespace, name, &record.inbox);
                }
            }
            session.publish_subscriptions();
        }
        self.end_tracking(session);
        if std::mem::take(&mut session.is_monitor) {
            messages.monitors.remove(&record.inbox);
            record.monitors.store(false, Ordering::Relaxed);
        }
    }

    /// No longer tells a client of keys that change.
    pub(crate) fn end_tracking(&self, session: &mut Session) {
        if session.tracking.take().is_some() {
            self.keyspace.messages.followers.remove(session.record.id);
            session.record.redirection.store(-1, Ordering::Relaxed);
            session.record.broadcasts.store(false, Ordering::Relaxed);
        }
    }

    /// Forgets what a client has queued and ends its watches. Takes locks.
    pub(crate) fn end_transaction(&self, session: &mut Session) {
        session.transaction = None;
        session.record.queued.store(-1, Ordering::Relaxed);
        self.unwatch(session);
    }

    /// Ends a client's watches. Takes locks.
    pub(crate) fn unwatch(&self, session: &mut Session) {
        let Some(watched) = session.watched.take() else { return };
        session.record.watched.store(0, Ordering::Relaxed);
        for key in watched.keys() {
            self.keyspace.unwatch(&key, &watched.watch);
        }
    }
}

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
                if transaction.queue(command.id, command.row.flags, hash, &arguments).is_err() {
                    transaction.is_aborted = true;
                    return Err(TOO_LARGE);
                }
                let queued = i64::try_from(transaction.queued().len()).unwrap_or(i64::MAX);
                session.record.queued.store(queued, Ordering::Relaxed);
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
                    self.execute_transaction(engine, session, arguments, command, &transaction, reply);
                    Ok(())
                };
                session.record.queued.store(-1, Ordering::Relaxed);
                monitor::show(engine, session, command, &arguments);
                self.count(session, command, &outcome);
                self.finish_runs();
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
    ) {
        let guards = lock(engine, session, transaction);
        let mut keys = self.keys(engine, session, guards);
        if !keeps_watches(session, &mut keys) {
            return reply.null_array();
        }
        reply.array(transaction.queued().len());
        session.is_executing = true;
        keys.begin_unit();
        let mut call = Call { command, arguments, keys, session, reply, engine, first_hash: None };
        for queued in transaction.queued() {
            call.command = engine.commands.all()[usize::from(queued.command)];
            call.arguments = transaction.arguments(queued);
            call.first_hash = match call.command.locks {
                Locks::One(index) => Some((index, queued.hash)),
                _ => None,
            };
            let mark = call.reply.mark();
            if let Err(error) = self.call(&mut call) {
                call.reply.truncate(mark);
                call.reply.error(error.text());
            }
        }
        call.keys.end_unit();
        call.session.is_executing = false;
        call.session.tracking.iter_mut().for_each(|tracking| tracking.next = None);
        call.keys.end();
        self.worker.runs.keys.add(call.keys.counters);
    }
}

/// Locks all shards that the queued commands need, and those of the watched keys.
fn lock<'k>(engine: &'k Engine, session: &Session, transaction: &Transaction) -> Guards<'k> {
    let keyspace = &engine.keyspace;
    let mut hashes: Vec<u64> = Vec::with_capacity(transaction.queued().len());
    for queued in transaction.queued() {
        let command = engine.commands.all()[usize::from(queued.command)];
        match command.locks {
            Locks::None => {}
            Locks::One(_) => hashes.push(queued.hash),
            Locks::All | Locks::Visits => return keyspace.lock_all(),
            Locks::Several | Locks::Depends(_) => {
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
    let guards = keyspace.lock_many(hashes.into_iter());
    if guards.reach_further() { keyspace.widen(guards) } else { guards }
}

/// Ends the client's watches, and tells whether none of the keys has changed.
fn keeps_watches(session: &mut Session, keys: &mut Keys<'_>) -> bool {
    let Some(watched) = session.watched.take() else { return true };
    session.record.watched.store(0, Ordering::Relaxed);
    let mut is_broken = watched.watch.is_broken();
    for key in watched.keys() {
        is_broken |= keys.end_watch(&key, &watched.watch);
    }
    !is_broken
}
