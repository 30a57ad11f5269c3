//! The clients that a thread serves: their connections, and where new ones come from.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nuthatch_engine::Engine;
use nuthatch_engine::clients::{ClientRecord, Peer};
use nuthatch_engine::delivery::{Inbox, Recipient};
use nuthatch_engine::dispatch::Worker;
use nuthatch_engine::session::Session;
use rustix::event::epoll;
use rustix::io::Errno;
use slab::Slab;

use super::connection::{Connection, Sent};
use super::event_loop::Shared;
use super::held::Held;
use super::listen::{Accepted, Listener};
use super::mailbox::Message;
use super::participant::{Aftermath, Reason};
use super::turn::Turn;
use crate::config::system_text;
use crate::{log, memory};

/// The mailbox's place among the events; listeners follow, connections are counted from 0.
pub(super) const MAILBOX: u64 = u64::MAX;
pub(super) const LISTENERS: u64 = u64::MAX / 2;

/// Connections accepted before the clients' turn comes again.
const ACCEPTS_MAX: usize = 64;

/// The clients of one thread.
pub(super) struct Clients {
    pub(super) shared: Arc<Shared>,
    /// The thread's number.
    pub(super) number: usize,
    pub(super) epoll: rustix::fd::OwnedFd,
    listeners: Vec<Listener>,
    /// The places of listeners that are left alone for a while, because the system had nothing for another connection.
    unwatched: Vec<usize>,
    pub(super) connections: Slab<Connection>,
    pub(super) by_client: HashMap<u64, usize>,
    /// Connections whose commands are held back.
    pub(super) held: Held,
    /// Connections whose replies wait for the append-only file, with their clients' numbers.
    keeping: Vec<(usize, u64)>,
}

impl Clients {
    /// None yet, of the thread `number`, which also accepts connections from `listeners`.
    ///
    /// # Errors
    /// The system refuses the descriptors.
    pub(super) fn new(shared: Arc<Shared>, number: usize, listeners: Vec<Listener>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let readable = epoll::EventFlags::IN;
        epoll::add(&epoll, shared.mailboxes[number].as_fd(), epoll::EventData::new_u64(MAILBOX), readable)?;
        for place in 0..listeners.len() {
            watch_listener(&epoll, &listeners, place)?;
        }
        let (connections, by_client, held) = (Slab::new(), HashMap::new(), Held::default());
        let (unwatched, keeping) = (Vec::new(), Vec::new());
        Ok(Self { shared, number, epoll, listeners, unwatched, connections, by_client, held, keeping })
    }

    /// Reads what a client has sent, which then takes part in `turn`, or sends what waits for it.
    pub(super) fn serve(&mut self, token: usize, flags: epoll::EventFlags, turn: &mut Turn, worker: &Worker) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.takes_part {
            // A script that runs for too long keeps it.
            return;
        }
        let may_send = flags.contains(epoll::EventFlags::OUT) && connection.kept.is_none();
        if may_send && !self.send(token, worker) {
            return;
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            let connection = &mut self.connections[token];
            if connection.held_until.is_some() {
                // Its commands wait, but it must be noticed when it leaves.
                let reason = connection.read_ahead(&self.shared.limits);
                connection.count_memory(&self.shared.engine.clients);
                if let Some(reason) = reason {
                    self.close(token, reason, worker);
                }
                return;
            }
            turn.read(token, connection);
        }
    }

    /// Sends what waits for a client. Says whether the connection is still there.
    fn send(&mut self, token: usize, worker: &Worker) -> bool {
        let connection = &mut self.connections[token];
        let (sent, outcome) = connection.send();
        let engine = &self.shared.engine;
        connection.publish(&engine.clients, engine.now_ms(), 0, sent, 0);
        worker.counters().sent += sent;
        let waits = match outcome {
            Sent::Part => true,
            Sent::All if !connection.session.closing => false,
            Sent::All | Sent::Broken => {
                self.close(token, Reason::Ended, worker);
                return false;
            }
        };
        if !waits {
            connection.over_soft_limit_since = None;
            connection.shrink();
        }
        if waits != connection.waits_to_send {
            connection.waits_to_send = waits;
            self.watch(token, worker);
        }
        true
    }

    /// Lets those replies leave which may, of those that wait for the append-only file.
    pub(super) fn release_kept(&mut self, worker: &Worker) {
        if self.keeping.is_empty() {
            return;
        }
        let shared = self.shared.clone();
        // Whatever is kept from now on, this thread is told of.
        shared.log.note_holding(self.number);
        for (token, client) in std::mem::take(&mut self.keeping) {
            let connection = self.connections.get_mut(token);
            let connection = connection.filter(|connection| connection.session.record.id == client);
            let Some((connection, kept)) =
                connection.and_then(|connection| connection.kept.map(|kept| (connection, kept)))
            else {
                continue;
            };
            match shared.log.is_released(kept.position) {
                // It runs a script for too long.
                _ if connection.takes_part => self.keeping.push((token, client)),
                Some(false) => self.keeping.push((token, client)),
                None if kept.has_written => self.close(token, Reason::NotKept, worker),
                Some(true) | None => {
                    connection.kept = None;
                    self.send(token, worker);
                }
            }
        }
    }

    /// Does what a turn has left to be done.
    pub(super) fn settle(&mut self, aftermath: &mut Aftermath, worker: &Worker) {
        for (token, reason) in aftermath.close.drain(..) {
            self.close(token, reason, worker);
        }
        for token in aftermath.watched_anew.drain(..) {
            self.watch(token, worker);
        }
        for token in aftermath.kept.drain(..) {
            if let Some(connection) = self.connections.get(token) {
                self.keeping.push((token, connection.session.record.id));
            }
        }
        for token in aftermath.held.drain(..) {
            if let Some(connection) = self.connections.get(token) {
                self.held.add(token, connection);
            }
        }
    }

    /// Has the system watch a connection for what it is waiting for now.
    pub(super) fn watch(&mut self, token: usize, worker: &Worker) {
        let Some(connection) = self.connections.get(token) else { return };
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, !connection.has_ended && !connection.is_ahead);
        flags.set(epoll::EventFlags::OUT, connection.waits_to_send);
        if epoll::modify(&self.epoll, &connection.socket, epoll::EventData::new_u64(token as u64), flags)
            .is_err()
        {
            self.close(token, Reason::Ended, worker);
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, token: usize, reason: Reason, worker: &Worker) {
        let Some(mut connection) = self.connections.try_remove(token) else { return };
        let describe = || self.shared.engine.description(&connection.session.record);
        match reason {
            Reason::Ended => {}
            Reason::QueryBuffer => {
                worker.counters().query_buffer_disconnections += 1;
                log::warning!("Closing client that reached max query buffer length: {}", describe());
            }
            Reason::NotKept => log::warning!(
                "Closing client whose write could not be kept in the append-only file: {}",
                describe()
            ),
            Reason::OutputBuffer => {
                worker.counters().output_buffer_disconnections += 1;
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
        let record = connection.session.record.clone();
        self.by_client.remove(&record.id);
        self.shared.engine.clients.remove(record.id);
        // Closing the socket takes it out of the epoll set.
        drop(connection);
        // First less is in use, then less is about to be: else keys would go for it.
        memory::count_thread();
        self.shared.engine.clients.uncount_memory(&record);
    }

    /// Takes new connections from a listener.
    pub(super) fn accept(&mut self, place: usize, worker: &Worker) {
        for _ in 0..ACCEPTS_MAX {
            match self.listeners[place].accept() {
                Ok(Some(accepted)) => self.admit(accepted, worker),
                Ok(None) => return,
                Err(error) => {
                    log::warning!("Accepting client connection: accept: {}", system_text(&error));
                    if is_exhaustion(&error) && epoll::delete(&self.epoll, &self.listeners[place]).is_ok() {
                        // The connection still waits: the loop would come back to it all the time.
                        self.unwatched.push(place);
                    }
                    return;
                }
            }
        }
    }

    /// Tries again to take connections from listeners for which the system had nothing.
    pub(super) fn watch_listeners(&mut self) {
        let Self { epoll, listeners, unwatched, .. } = self;
        unwatched.retain(|place| watch_listener(epoll, listeners, *place).is_err());
    }

    /// Turns a connection away, or gives it to the next loop.
    fn admit(&mut self, accepted: Accepted, worker: &Worker) {
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
            worker.counters().connections_rejected += 1;
            return;
        }
        worker.counters().connections += 1;
        accepted.keep_alive(shared.limits.keepalive_seconds.load(Ordering::Relaxed));
        shared.open.fetch_add(1, Ordering::Relaxed);
        let next = shared.accepted.fetch_add(1, Ordering::Relaxed) % shared.mailboxes.len();
        if next == self.number {
            self.adopt(accepted);
        } else {
            shared.mailboxes[next].leave(Message::Serve(accepted));
        }
    }

    /// Serves a connection from now on.
    pub(super) fn adopt(&mut self, accepted: Accepted) {
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
}

/// Has the loop told of connections that come to a listener.
fn watch_listener(
    epoll: &rustix::fd::OwnedFd,
    listeners: &[Listener],
    place: usize,
) -> rustix::io::Result<()> {
    let data = epoll::EventData::new_u64(LISTENERS + place as u64);
    epoll::add(epoll, &listeners[place], data, epoll::EventFlags::IN)
}

/// Whether the system has no descriptors or no memory for a connection, which goes on waiting then.
fn is_exhaustion(error: &io::Error) -> bool {
    let exhaustions = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| exhaustions.contains(&error))
}

/// Ends a connection's wait, if it is blocked, with or without a reply.
pub(super) fn end_wait(engine: &Engine, connection: &mut Connection) {
    if let Some(blocked) = connection.session.blocked.take() {
        blocked.leave(&engine.keyspace);
        *connection.session.record.blocked.lock() = None;
    }
}

/// What Redis tells a client that protected mode turns away, but for the names.
const PROTECTED_MODE: &str = "-DENIED Nuthatch is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers, you may adopt one of the following solutions: 1) Disable protected mode by sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting from the same host the server is running, however MAKE SURE it is not publicly accessible from internet if you do so. 2) Set 'protected-mode no' in the configuration file and restart the server. 3) Start the server with '--protected-mode no' if it is meant only for testing. 4) Set a password with 'requirepass'. NOTE: you only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
