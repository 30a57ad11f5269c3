//! A thread's event loop: waits for sockets, takes turns, meets deadlines.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nuthatch_engine::Engine;
use nuthatch_engine::clients::{ClientRecord, Peer};
use nuthatch_engine::delivery::{Inbox, Recipient, Signal};
use nuthatch_engine::dispatch::Worker;
use nuthatch_engine::keyspace::locked::KeyCounters;
use nuthatch_engine::session::Session;
use rustix::event::{Timespec, epoll};
use slab::Slab;

use super::connection::{Connection, Sent};
use super::held::Held;
use super::limits::Limits;
use super::listen::{Accepted, Listener};
use super::mailbox::{Message, ThreadMailbox};
use super::stopwatch::Stopwatch;
use super::turn::{Aftermath, Reason, Turn};
use crate::log;

/// Events taken from the system at once.
const EVENTS_MAX: usize = 512;

/// The mailbox's place among the events; listeners follow, connections are counted from 0.
const MAILBOX: u64 = u64::MAX;
const LISTENERS: u64 = u64::MAX / 2;

/// How often deadlines of keys are looked at, in milliseconds.
const EXPIRY_MS: u64 = 25;

/// How long keys may be expired before the clients' turn comes again.
const EXPIRY_TIME_MAX: Duration = Duration::from_micros(250);

/// How often idle clients and overdue output are looked at, in milliseconds.
const REVIEW_MS: u64 = 500;

/// Connections accepted before the clients' turn comes again.
const ACCEPTS_MAX: usize = 64;

/// What all event loops share.
pub(crate) struct Shared {
    /// The server without its sockets.
    pub(crate) engine: Arc<Engine>,
    /// What connections are held to.
    pub(crate) limits: Limits,
    /// One for each loop.
    pub(crate) mailboxes: Vec<Arc<ThreadMailbox>>,
    /// Connections accepted so far: the next goes to the next loop.
    pub(crate) accepted: AtomicUsize,
    /// Connections that are open, those included that a loop has not taken over yet.
    pub(crate) open: AtomicUsize,
}

/// One thread's event loop.
pub(crate) struct EventLoop {
    shared: Arc<Shared>,
    number: usize,
    epoll: rustix::fd::OwnedFd,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    by_client: HashMap<u64, usize>,
    worker: Worker,
    turn: Turn,
    aftermath: Aftermath,
    /// Connections whose commands are held back.
    held: Held,
    /// The shard whose keys are to be expired next.
    expiring: usize,
    next_expiry_ms: u64,
    next_review_ms: u64,
    stopping: bool,
}

impl EventLoop {
    /// The loop `number`, which also accepts connections from `listeners`.
    ///
    /// # Errors
    /// The system refuses the descriptors.
    pub(crate) fn new(shared: Arc<Shared>, number: usize, listeners: Vec<Listener>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let readable = epoll::EventFlags::IN;
        epoll::add(&epoll, shared.mailboxes[number].as_fd(), epoll::EventData::new_u64(MAILBOX), readable)?;
        for (place, listener) in listeners.iter().enumerate() {
            let data = epoll::EventData::new_u64(LISTENERS + place as u64);
            epoll::add(&epoll, listener, data, readable)?;
        }
        let worker = shared.engine.worker();
        Ok(Self {
            shared,
            number,
            epoll,
            listeners,
            connections: Slab::new(),
            by_client: HashMap::new(),
            worker,
            turn: Turn::new(),
            aftermath: Aftermath::default(),
            held: Held::default(),
            expiring: number,
            next_expiry_ms: 0,
            next_review_ms: 0,
            stopping: false,
        })
    }

    /// Serves clients until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut wait_ms = 0;
        let mut stopwatch = Stopwatch::new();
        let mailbox = self.shared.mailboxes[self.number].clone();
        mailbox.adopt();
        while !self.stopping {
            events.clear();
            let timeout =
                Timespec { tv_sec: (wait_ms / 1000) as i64, tv_nsec: (wait_ms % 1000 * 1_000_000) as i64 };
            let room = rustix::buffer::spare_capacity(&mut events);
            if let Err(error) = epoll::wait(&self.epoll, room, Some(&timeout))
                && error != rustix::io::Errno::INTR
            {
                log::warning!("Waiting for sockets failed: {error}");
            }
            stopwatch.start();
            let mut mail = false;
            for event in &events {
                match event.data.u64() {
                    MAILBOX => mail = true,
                    place if place >= LISTENERS => self.accept((place - LISTENERS) as usize),
                    place => self.serve(place as usize, event.flags),
                }
            }
            self.take_turn();
            self.shared.engine.keyspace.limit_tracked_keys();
            // Only now: it may close connections that took part in the turn.
            if mail {
                self.read_mailbox();
            }
            wait_ms = self.meet_deadlines();
            if mailbox.has_deliveries() {
                wait_ms = 0;
            }
            stopwatch.stop(&mut self.worker.counters());
        }
    }

    fn serve(&mut self, token: usize, flags: epoll::EventFlags) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if flags.contains(epoll::EventFlags::OUT) {
            let (sent, outcome) = connection.send();
            connection.publish(self.shared.engine.now_ms(), 0, sent, 0);
            self.worker.counters().sent += sent;
            match outcome {
                Sent::Part => {}
                Sent::All if !connection.session.closing => {
                    connection.waits_to_send = false;
                    connection.over_soft_limit_since = None;
                    connection.shrink();
                    self.watch(token);
                }
                Sent::All | Sent::Broken => {
                    self.close(token, Reason::Ended);
                    return;
                }
            }
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            let connection = &mut self.connections[token];
            if connection.held_until.is_some() {
                // Its commands wait, but it must be noticed when it leaves.
                if let Some(reason) = connection.read_ahead(&self.shared.limits) {
                    self.close(token, reason);
                }
                return;
            }
            self.turn.read(token, connection);
            if self.turn.is_full() {
                self.take_turn();
            }
        }
    }

    fn take_turn(&mut self) {
        let shared = self.shared.clone();
        self.turn.run(
            &shared.engine,
            &mut self.worker,
            &shared.limits,
            &shared.mailboxes[self.number],
            &mut self.connections,
            &mut self.aftermath,
        );
        let mut aftermath = std::mem::take(&mut self.aftermath);
        for (token, reason) in aftermath.close.drain(..) {
            self.close(token, reason);
        }
        for token in aftermath.sending_changed.drain(..) {
            self.watch(token);
        }
        for token in aftermath.held.drain(..) {
            if let Some(connection) = self.connections.get(token) {
                self.held.add(token, connection);
            }
        }
        self.aftermath = aftermath;
    }

    /// Has the system watch a connection for what it is waiting for now.
    fn watch(&mut self, token: usize) {
        let Some(connection) = self.connections.get(token) else { return };
        let mut flags = epoll::EventFlags::empty();
        flags.insert(epoll::EventFlags::IN);
        flags.set(epoll::EventFlags::OUT, connection.waits_to_send);
        if epoll::modify(&self.epoll, &connection.socket, epoll::EventData::new_u64(token as u64), flags)
            .is_err()
        {
            self.close(token, Reason::Ended);
        }
    }

    fn close(&mut self, token: usize, reason: Reason) {
        let Some(mut connection) = self.connections.try_remove(token) else { return };
        let describe = || self.shared.engine.description(&connection.session.record);
        match reason {
            Reason::Ended => {}
            Reason::QueryBuffer => {
                self.worker.counters().query_buffer_disconnections += 1;
                log::warning!("Closing client that reached max query buffer length: {}", describe());
            }
            Reason::OutputBuffer => {
                self.worker.counters().output_buffer_disconnections += 1;
                log::warning!(
                    "Client {} scheduled to be closed ASAP for overcoming of output buffer limits.",
                    describe()
                );
            }
        }
        // The next connection may get the same token.
        self.held.remove(token, &connection);
        end_wait(&self.shared.engine, &mut connection);
        connection.session.record.inbox.is_closed.store(true, Ordering::Release);
        self.shared.engine.end_attention(&mut connection.session);
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        let record = &connection.session.record;
        self.by_client.remove(&record.id);
        self.shared.engine.clients.remove(record.id);
        // Closing the socket takes it out of the epoll set.
        drop(connection);
    }

    fn accept(&mut self, place: usize) {
        for _ in 0..ACCEPTS_MAX {
            match self.listeners[place].accept() {
                Ok(Some(accepted)) => self.admit(accepted),
                Ok(None) => return,
                Err(error) => {
                    log::warning!("Accepting client connection: {error}");
                    return;
                }
            }
        }
    }

    /// Turns a connection away, or gives it to the next loop.
    fn admit(&mut self, accepted: Accepted) {
        let shared = &self.shared;
        let refusal = if shared.open.load(Ordering::Relaxed) as u64
            >= shared.limits.clients_max.load(Ordering::Relaxed)
        {
            Some("-ERR max number of clients reached\r\n")
        } else if !accepted.local
            && shared.limits.protected.load(Ordering::Relaxed)
            && shared.engine.settings.password.read().is_empty()
        {
            Some(PROTECTED_MODE)
        } else {
            None
        };
        if let Some(text) = refusal {
            // Best effort: the connection ends either way.
            let _ = rustix::net::send(&accepted.socket, text.as_bytes(), rustix::net::SendFlags::NOSIGNAL);
            self.worker.counters().connections_rejected += 1;
            return;
        }
        self.worker.counters().connections += 1;
        accepted.keep_alive(shared.limits.keepalive_seconds.load(Ordering::Relaxed));
        shared.open.fetch_add(1, Ordering::Relaxed);
        let next = shared.accepted.fetch_add(1, Ordering::Relaxed) % shared.mailboxes.len();
        if next == self.number {
            self.adopt(accepted);
        } else {
            shared.mailboxes[next].leave(Message::Serve(accepted));
        }
    }

    fn adopt(&mut self, accepted: Accepted) {
        use std::os::fd::AsRawFd;
        let engine = &self.shared.engine;
        let recipient =
            Recipient { client: engine.clients.next_id(), connection: self.connections.vacant_key() };
        let mailbox = self.shared.mailboxes[self.number].clone();
        let inbox = Inbox::new(recipient, self.number as u32, mailbox);
        let peer = Peer {
            address: accepted.address,
            local_address: accepted.local_address,
            descriptor: accepted.socket.as_raw_fd(),
            unix_socket: accepted.unix,
            local: accepted.local,
        };
        let record = Arc::new(ClientRecord::new(Arc::new(inbox), peer, engine.now_ms()));
        let authenticated = engine.settings.password.read().is_empty();
        let connection = Connection::new(accepted.socket, Session::new(record.clone(), authenticated));
        let token = self.connections.insert(connection);
        let socket = &self.connections[token].socket;
        let data = epoll::EventData::new_u64(token as u64);
        if let Err(error) = epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN) {
            log::warning!("Error registering fd event for the new client: {error}");
            self.connections.remove(token);
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        self.by_client.insert(record.id, token);
        engine.clients.add(record);
    }

    fn read_mailbox(&mut self) {
        for message in self.shared.mailboxes[self.number].take() {
            match message {
                Message::Serve(accepted) => self.adopt(accepted),
                Message::Client(id, Signal::Close) => {
                    if let Some(token) = self.by_client.get(&id) {
                        self.close(*token, Reason::Ended);
                    }
                }
                Message::Client(id, Signal::Resume) => {
                    if let Some(token) = self.by_client.get(&id).copied()
                        && self.connections[token].session.blocked.is_none()
                    {
                        self.held.hold_until(token, &mut self.connections[token], 0);
                    }
                }
                Message::Client(id, Signal::Served) => {
                    if let Some(token) = self.by_client.get(&id).copied() {
                        self.deliver(token);
                    }
                }
                Message::Stop => self.stopping = true,
            }
        }
    }

    /// Expires keys, resumes and closes clients whose time has come. Returns how long the loop may sleep,
    /// in milliseconds.
    fn meet_deadlines(&mut self) -> u64 {
        let mut now_ms = self.shared.engine.now_ms();
        self.resume_held(now_ms);
        if now_ms >= self.next_expiry_ms {
            // Nothing changes while writes are held back.
            let paused = self.shared.engine.clients.paused_until(true, now_ms).is_some();
            self.next_expiry_ms = if !paused && self.expire() { now_ms } else { now_ms + EXPIRY_MS };
            now_ms = self.shared.engine.now_ms();
        }
        if now_ms >= self.next_review_ms {
            self.next_review_ms = now_ms + REVIEW_MS;
            self.review(now_ms);
        }
        let times = self.held.next().into_iter().chain([self.next_expiry_ms, self.next_review_ms]);
        let next = times.min().unwrap_or(now_ms);
        next.saturating_sub(now_ms).min(REVIEW_MS)
    }

    /// Gives a blocked client the reply that it waited for, and has its next commands run.
    fn deliver(&mut self, token: usize) {
        let connection = &mut self.connections[token];
        let reply = connection.session.blocked.as_ref().and_then(|blocked| blocked.take_reply());
        if let Some(reply) = reply {
            connection.reply.raw(&reply.into_bytes());
            end_wait(&self.shared.engine, connection);
            self.held.hold_until(token, connection, 0);
        }
    }

    fn resume_held(&mut self, now_ms: u64) {
        for token in self.held.take_due(now_ms, &mut self.connections) {
            // What comes of one that goes on may close another.
            let Some(connection) = self.connections.get_mut(token) else { continue };
            if let Some(blocked) = &connection.session.blocked {
                blocked.time_out();
                // Should somebody be serving the client just now, its reply comes with a signal.
                connection.held_until = Some(u64::MAX);
                self.held.add(token, connection);
                self.deliver(token);
                continue;
            }
            self.resume(token);
        }
        // Those whose wait has just ended.
        for token in self.held.take_due(0, &mut self.connections) {
            self.resume(token);
        }
    }

    fn resume(&mut self, token: usize) {
        if let Some(connection) = self.connections.get_mut(token) {
            self.turn.resume(token, connection);
            self.take_turn();
        }
    }

    /// Removes keys and fields whose deadlines have passed, for a bounded time. Says whether more may be due.
    fn expire(&mut self) -> bool {
        let engine = &self.shared.engine;
        let (threads, shards) = (self.shared.mailboxes.len(), engine.keyspace.shards());
        let started = Instant::now();
        let now_ms = engine.now_ms();
        let mut expired = KeyCounters::default();
        let mut done = 0;
        let own = (self.number..shards).step_by(threads).count();
        while done < own && started.elapsed() < EXPIRY_TIME_MAX {
            let progress = engine.keyspace.expire_step(self.expiring, now_ms);
            expired.expired += progress.expired;
            expired.expired_fields += progress.expired_fields;
            if !progress.more_due {
                done += 1;
                let next = self.expiring + threads;
                self.expiring = if next < shards { next } else { self.number };
            }
        }
        if expired.expired + expired.expired_fields > 0 {
            self.worker.counters().keys.add(expired);
        }
        done < own
    }

    /// Closes clients that have been idle for too long or leave too much output unread. The first loop also
    /// takes the samples that rates are computed from.
    fn review(&mut self, now_ms: u64) {
        if self.number == 0 {
            self.shared.engine.statistics.sample(now_ms);
        }
        let limits = &self.shared.limits;
        let idle_ms_max = limits.idle_seconds_max.load(Ordering::Relaxed).saturating_mul(1000);
        let mut close = Vec::new();
        for (token, connection) in &mut self.connections {
            let idle_ms = now_ms.saturating_sub(connection.session.record.active_ms.load(Ordering::Relaxed));
            let session = &connection.session;
            let listens = session.is_subscriber() || session.is_monitor;
            if idle_ms_max > 0 && idle_ms > idle_ms_max && connection.held_until.is_none() && !listens {
                close.push((token, Reason::Ended));
            } else if connection.waits_to_send && connection.output_verdict(limits, now_ms) {
                close.push((token, Reason::OutputBuffer));
            }
        }
        for (token, reason) in close {
            self.close(token, reason);
        }
    }
}

/// Ends a connection's wait, if it is blocked, with or without a reply.
fn end_wait(engine: &Engine, connection: &mut Connection) {
    if let Some(blocked) = connection.session.blocked.take() {
        blocked.leave(&engine.keyspace);
        *connection.session.record.blocked.lock() = None;
    }
}

/// What Redis tells a client that protected mode turns away, but for the names.
const PROTECTED_MODE: &str = "-DENIED Nuthatch is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers, you may adopt one of the following solutions: 1) Disable protected mode by sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting from the same host the server is running, however MAKE SURE it is not publicly accessible from internet if you do so. 2) Set 'protected-mode no' in the configuration file and restart the server. 3) Start the server with '--protected-mode no' if it is meant only for testing. 4) Set a password with 'requirepass'. NOTE: you only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
