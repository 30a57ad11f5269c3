//! A thread's event loop: waits for sockets, takes turns, meets deadlines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nuthatch_engine::Engine;
use nuthatch_engine::defragmentation::Load;
use nuthatch_engine::delivery::Signal;
use nuthatch_engine::dispatch::Worker;
use nuthatch_engine::keyspace::locked::KeyCounters;
use nuthatch_engine::keyspace::snapshot::Help;
use rustix::event::{Timespec, epoll};

use super::clients::{Clients, LISTENERS, MAILBOX, end_wait};
use super::defragmenter::Defragmenter;
use super::limits::Limits;
use super::listen::Listener;
use super::mailbox::{Message, ThreadMailbox};
use super::participant::{Aftermath, Reason};
use super::stand_in::StandIn;
use super::stopwatch::Stopwatch;
use super::turn::{AHEAD_MS, Turn};
use crate::persistence::AppendOnly;
use crate::{log, memory};

/// Events taken from the system at once.
const EVENTS_MAX: usize = 512;

/// How often deadlines of keys are looked at, in milliseconds.
const EXPIRY_MS: u64 = 25;

/// How long keys may be expired before the clients' turn comes again, for each step of `active-expire-effort`.
const EXPIRY_TIME_MAX: Duration = Duration::from_micros(250);

/// While so many keys expire at once, memory comes back without being defragmented.
const EXPIRED_MANY: u64 = 256;

/// That is taken to go on for so long, in milliseconds.
const EXPIRING_MS: u64 = 1000;

/// How long a snapshot is helped with after a turn, at least and at most: a fourth of what the turn took.
const HELP_TIME_MIN: Duration = Duration::from_micros(5);
const HELP_TIME_MAX: Duration = Duration::from_millis(1);

/// How long it is waited, in milliseconds, when another one helps or the file is slow.
const HELP_PAUSE_MS: u64 = 1;

/// How often idle clients and overdue output are looked at, in milliseconds.
const REVIEW_MS: u64 = 500;

/// What all event loops share.
pub(crate) struct Shared {
    /// The server without its sockets.
    pub(crate) engine: Arc<Engine>,
    /// What connections are held to.
    pub(crate) limits: Limits,
    /// The append-only file.
    pub(crate) log: Arc<AppendOnly>,
    /// One for each loop.
    pub(crate) mailboxes: Vec<Arc<ThreadMailbox>>,
    /// Connections accepted so far: the next goes to the next loop.
    pub(crate) accepted: AtomicUsize,
    /// Connections that are open, those included that a loop has not taken over yet.
    pub(crate) open: AtomicUsize,
}

/// One thread's event loop.
pub(crate) struct EventLoop {
    clients: Clients,
    worker: Worker,
    turn: Turn,
    aftermath: Aftermath,
    stand_in: StandIn,
    defragmenter: Defragmenter,
    /// The shard whose keys are to be expired next.
    expiring: usize,
    next_expiry_ms: u64,
    /// When many keys last expired at once.
    many_expired_ms: u64,
    next_review_ms: u64,
    stopping: bool,
}

impl EventLoop {
    /// The loop `number`, which also accepts connections from `listeners`.
    ///
    /// # Errors
    /// The system refuses the descriptors.
    pub(crate) fn new(shared: Arc<Shared>, number: usize, listeners: Vec<Listener>) -> io::Result<Self> {
        let worker = shared.engine.worker();
        Ok(Self {
            clients: Clients::new(shared, number, listeners)?,
            worker,
            turn: Turn::new(),
            aftermath: Aftermath::default(),
            stand_in: StandIn::default(),
            defragmenter: Defragmenter::new(number),
            expiring: number,
            next_expiry_ms: 0,
            many_expired_ms: 0,
            next_review_ms: 0,
            stopping: false,
        })
    }

    /// Serves clients until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut wait_ms = 0;
        let mut stopwatch = Stopwatch::new();
        let mailbox = self.clients.shared.mailboxes[self.clients.number].clone();
        mailbox.adopt();
        while !self.stopping {
            events.clear();
            let timeout =
                Timespec { tv_sec: (wait_ms / 1000) as i64, tv_nsec: (wait_ms % 1000 * 1_000_000) as i64 };
            let room = rustix::buffer::spare_capacity(&mut events);
            if let Err(error) = epoll::wait(&self.clients.epoll, room, Some(&timeout))
                && error != rustix::io::Errno::INTR
            {
                log::warning!("Waiting for sockets failed: {error}");
            }
            stopwatch.start();
            let mut mail = false;
            for event in &events {
                match event.data.u64() {
                    MAILBOX => mail = true,
                    place if place >= LISTENERS => {
                        self.clients.accept((place - LISTENERS) as usize, &self.worker);
                    }
                    place => {
                        self.clients.serve(place as usize, event.flags, &mut self.turn, &self.worker);
                        if self.turn.is_full() {
                            self.take_turn();
                        }
                    }
                }
            }
            self.take_turn();
            memory::count_thread();
            mail |= self.limit_client_memory();
            self.clients.release_kept(&self.worker);
            self.clients.shared.engine.keyspace.limit_tracked_keys();
            // Only now: it may close connections that took part in the turn.
            if mail || self.stand_in.has_mail() {
                self.read_mailbox();
            }
            wait_ms = self.meet_deadlines();
            // Those who went on only now wait for the append-only file, too.
            self.clients.release_kept(&self.worker);
            if self.worker.evict_further(&self.clients.shared.engine) {
                wait_ms = 0;
            }
            // What has expired is written, too; if it cannot be, nobody waits for it.
            self.clients.shared.log.before_replies();
            if mailbox.has_deliveries() {
                wait_ms = 0;
            }
            wait_ms = self.defragment(events.is_empty(), wait_ms);
            if self.clients.shared.engine.keyspace.snapshot_wants_help() {
                wait_ms = self.help(stopwatch.elapsed(), wait_ms);
            }
            stopwatch.stop(&mut self.worker.counters());
        }
    }

    /// Moves values to where they leave fewer gaps, if it is time for that. Returns how long the loop may sleep then, in
    /// milliseconds.
    fn defragment(&mut self, is_idle: bool, wait_ms: u64) -> u64 {
        let is_expiring = self.many_expired_ms + EXPIRING_MS > self.next_expiry_ms;
        let load = match (is_expiring, is_idle) {
            (true, _) => Load::Expiry,
            (false, true) => Load::None,
            (false, false) => Load::Clients,
        };
        let Clients { shared, number, .. } = &self.clients;
        self.defragmenter.run(&shared.engine, *number, shared.mailboxes.len(), load, wait_ms)
    }

    /// Helps with the snapshot that wants it, after a turn that took so long. Returns how long the loop may
    /// sleep then, in milliseconds.
    fn help(&self, turn: Duration, wait_ms: u64) -> u64 {
        let share = (turn / 4).clamp(HELP_TIME_MIN, HELP_TIME_MAX);
        match self.clients.shared.engine.keyspace.help_snapshot(share) {
            Help::None => wait_ms,
            Help::Later => wait_ms.min(HELP_PAUSE_MS),
            Help::More => 0,
        }
    }

    /// Has the clients closed whose buffers take most memory, if those of all clients take more than they may. Says whether there
    /// are such: those of this loop are told so by its mail.
    fn limit_client_memory(&mut self) -> bool {
        let engine = &self.clients.shared.engine;
        let bytes_max = engine.client_bytes_max();
        if engine.clients.memory_bytes() <= bytes_max {
            return false;
        }
        let evicted = engine.clients.evict(bytes_max);
        for record in &evicted {
            log::notice!("Evicting client: {}", engine.description(record));
        }
        self.worker.counters().clients_evicted += evicted.len() as u64;
        !evicted.is_empty()
    }

    fn take_turn(&mut self) {
        let stand_in = Some(&mut self.stand_in);
        self.turn.run(&mut self.clients, &mut self.worker, &mut self.aftermath, stand_in);
        self.clients.settle(&mut self.aftermath, &self.worker);
    }

    fn read_mailbox(&mut self) {
        let mail = self.clients.shared.mailboxes[self.clients.number].take();
        for message in self.stand_in.take_mail().into_iter().chain(mail) {
            match message {
                Message::Serve(accepted) => self.clients.adopt(accepted),
                Message::Client(id, Signal::Close) => {
                    if let Some(token) = self.clients.by_client.get(&id) {
                        let token = *token;
                        self.clients.close(token, Reason::Ended, &self.worker);
                    }
                }
                Message::Client(id, Signal::Resume) => {
                    if let Some(token) = self.clients.by_client.get(&id).copied()
                        && self.clients.connections[token].session.blocked.is_none()
                    {
                        self.clients.held.hold_until(token, &mut self.clients.connections[token], 0);
                    }
                }
                Message::Client(id, Signal::Served) => {
                    if let Some(token) = self.clients.by_client.get(&id).copied() {
                        self.deliver(token);
                    }
                }
                // It is looked at after each turn.
                Message::Kept => {}
                // Likewise.
                Message::Help => {}
                Message::Stop => self.stopping = true,
            }
        }
    }

    /// Expires keys, resumes and closes clients whose time has come. Returns how long the loop may sleep,
    /// in milliseconds.
    fn meet_deadlines(&mut self) -> u64 {
        let mut now_ms = self.clients.shared.engine.now_ms();
        self.resume_held(now_ms);
        // The clock may have been set back.
        self.next_expiry_ms = self.next_expiry_ms.min(now_ms + EXPIRY_MS);
        self.next_review_ms = self.next_review_ms.min(now_ms + REVIEW_MS);
        if now_ms >= self.next_expiry_ms {
            // Nothing changes while writes are held back.
            let engine = &self.clients.shared.engine;
            // Nor may anything end while it is loaded: an append-only file may go on with it.
            let is_loading = engine.persistence.loading.is_active();
            let paused = is_loading || engine.clients.paused_until(true, now_ms).is_some();
            self.next_expiry_ms = if !paused && self.expire() { now_ms } else { now_ms + EXPIRY_MS };
            now_ms = self.clients.shared.engine.now_ms();
        }
        if now_ms >= self.next_review_ms {
            self.next_review_ms = now_ms + REVIEW_MS;
            self.review(now_ms);
        }
        let times = self.clients.held.next().into_iter().chain([self.next_expiry_ms, self.next_review_ms]);
        let next = times.min().unwrap_or(now_ms);
        next.saturating_sub(now_ms).min(REVIEW_MS)
    }

    /// Gives a blocked client the reply that it waited for, and has its next commands run.
    fn deliver(&mut self, token: usize) {
        let connection = &mut self.clients.connections[token];
        let Some(blocked) = &connection.session.blocked else { return };
        if let Some(reply) = blocked.take_reply() {
            connection.reply.raw(&reply.into_bytes());
            connection.was_served = blocked.has_taken();
            end_wait(&self.clients.shared.engine, connection);
            self.clients.held.hold_until(token, connection, 0);
        }
    }

    fn resume_held(&mut self, now_ms: u64) {
        for token in self.clients.held.take_due(now_ms, &mut self.clients.connections) {
            // What comes of one that goes on may close another.
            let Some(connection) = self.clients.connections.get_mut(token) else { continue };
            if connection.is_ahead {
                if self.clients.shared.mailboxes.iter().any(|mailbox| mailbox.is_full()) {
                    connection.held_until = Some(now_ms + AHEAD_MS);
                    self.clients.held.add(token, connection);
                } else {
                    connection.is_ahead = false;
                    self.clients.watch(token, &self.worker);
                    self.resume(token);
                }
                continue;
            }
            if let Some(blocked) = &connection.session.blocked {
                blocked.time_out();
                // Should somebody be serving the client just now, its reply comes with a signal.
                connection.held_until = Some(u64::MAX);
                self.clients.held.add(token, connection);
                self.deliver(token);
                continue;
            }
            self.resume(token);
        }
        // Those whose wait has just ended.
        for token in self.clients.held.take_due(0, &mut self.clients.connections) {
            self.resume(token);
        }
    }

    fn resume(&mut self, token: usize) {
        if let Some(connection) = self.clients.connections.get_mut(token) {
            self.turn.resume(token, connection);
            self.take_turn();
        }
    }

    /// Removes keys and fields whose deadlines have passed, for a bounded time. Says whether more may be due.
    fn expire(&mut self) -> bool {
        let engine = &self.clients.shared.engine;
        let (threads, shards) = (self.clients.shared.mailboxes.len(), engine.keyspace.shards());
        let started = Instant::now();
        let now_ms = engine.now_ms();
        let mut expired = KeyCounters::default();
        let time_max = EXPIRY_TIME_MAX * engine.settings.expire_effort.load(Ordering::Relaxed);
        let mut done = 0;
        let own = (self.clients.number..shards).step_by(threads).count();
        while done < own && started.elapsed() < time_max {
            let progress = engine.keyspace.expire_step(self.expiring, now_ms);
            expired.expired += progress.expired;
            expired.expired_fields += progress.expired_fields;
            if !progress.more_due {
                done += 1;
                let next = self.expiring + threads;
                self.expiring = if next < shards { next } else { self.clients.number };
            }
        }
        if expired.expired + expired.expired_fields >= EXPIRED_MANY {
            self.many_expired_ms = now_ms;
        }
        if expired.expired + expired.expired_fields > 0 {
            self.worker.counters().keys.add(expired);
        }
        done < own
    }

    /// Closes clients that have been idle for too long or leave too much output unread, and tries again to take new ones if there
    /// was no room for them. The first loop also takes the samples that rates are computed from.
    fn review(&mut self, now_ms: u64) {
        if self.clients.number == 0 {
            let engine = &self.clients.shared.engine;
            engine.statistics.sample(now_ms);
            engine.defragmentation.review(
                memory::figures,
                engine.memory.limit(),
                now_ms,
                self.clients.shared.mailboxes.len(),
            );
        }
        self.clients.watch_listeners();
        self.clients.shared.engine.scripts.release_flushed();
        let limits = &self.clients.shared.limits;
        let idle_ms_max = limits.idle_seconds_max.load(Ordering::Relaxed).saturating_mul(1000);
        let mut close = Vec::new();
        for (token, connection) in &mut self.clients.connections {
            let idle_ms = now_ms.saturating_sub(connection.session.record.active_ms.load(Ordering::Relaxed));
            let session = &connection.session;
            let listens = session.is_subscriber() || session.is_monitor;
            if idle_ms_max > 0 && idle_ms > idle_ms_max && connection.held_until.is_none() && !listens {
                close.push((token, Reason::Ended));
            } else if connection.waits_to_send {
                // What it shared with others may be its own by now.
                connection.count_memory(&self.clients.shared.engine.clients);
                if connection.output_verdict(limits, now_ms) {
                    close.push((token, Reason::OutputBuffer));
                }
            }
        }
        for (token, reason) in close {
            self.clients.close(token, reason, &self.worker);
        }
    }
}
