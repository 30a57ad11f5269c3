//! One client's connection: what was read and not run, what was written and not sent.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use nuthatch_engine::clients::Clients;
use nuthatch_engine::session::Session;
use nuthatch_protocol::{Reply, RequestParser};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv};

use super::limits::Limits;
use super::participant::Reason;

/// Buffers of idle connections above this are given back, in bytes.
const IDLE_BUFFER_BYTES_MAX: usize = 1024;

/// Room that is made for what a client sends while its commands are held back, in bytes.
const READ_AHEAD_BYTES: usize = 16 * 1024;

/// What may wait for a client that has not authenticated, in bytes: it has no business but to do so.
const UNAUTHENTICATED_OUTPUT_BYTES_MAX: u64 = 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) session: Session,
    pub(super) parser: RequestParser,
    /// Bytes of requests that are incomplete or held back.
    pub(super) input: Vec<u8>,
    /// Replies on their way.
    pub(super) reply: Reply,
    /// Commands are held back until then, in milliseconds since 1970; [`u64::MAX`] for a wait without end.
    pub(super) held_until: Option<u64>,
    /// Whether they are held back until other threads have come to the messages that it has left for them.
    pub(super) is_ahead: bool,
    /// What of the replies waits for the append-only file.
    pub(super) kept: Option<Kept>,
    /// Whether the client sends nothing more, and is there only for what is kept.
    pub(super) has_ended: bool,
    /// Whether another client's command has changed something for this one, which is not acknowledged yet.
    pub(super) was_served: bool,
    /// Whether it takes part in the present turn.
    pub(super) takes_part: bool,
    /// Whether the event loop waits for the socket to take more.
    pub(super) waits_to_send: bool,
    /// Since when more output than the soft limit is waiting, in milliseconds since 1970.
    pub(super) over_soft_limit_since: Option<u64>,
}

/// That replies wait until what they acknowledge is on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// Up to where it must be.
    pub(super) position: u64,
    /// Whether any of them acknowledges a write.
    pub(super) has_written: bool,
}

/// What a command that may take long needs of its connection.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) session: Session,
    pub(super) reply: Reply,
    pub(super) input: Vec<u8>,
}

/// What became of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Everything is out.
    All,
    /// The socket takes no more at the moment.
    Part,
    /// The peer is gone.
    Broken,
}

impl Connection {
    /// A new connection.
    pub(super) fn new(socket: OwnedFd, session: Session) -> Self {
        Self {
            socket,
            session,
            parser: RequestParser::new(),
            input: Vec::new(),
            reply: Reply::new(),
            held_until: None,
            is_ahead: false,
            kept: None,
            has_ended: false,
            was_served: false,
            takes_part: false,
            waits_to_send: false,
            over_soft_limit_since: None,
        }
    }

    /// Gives away what a command needs that may take long, during which the connection is not touched.
    pub(super) fn lend(&mut self) -> Lent {
        let placeholder = Session::new(self.session.record.clone(), false);
        Lent {
            session: std::mem::replace(&mut self.session, placeholder),
            reply: std::mem::take(&mut self.reply),
            input: std::mem::take(&mut self.input),
        }
    }

    /// Takes back what was given away.
    pub(super) fn take_back(&mut self, lent: Lent) {
        (self.session, self.reply, self.input) = (lent.session, lent.reply, lent.input);
    }

    /// Sends as much of the replies as the socket takes. Returns how many bytes went, and what is left.
    pub(super) fn send(&mut self) -> (u64, Sent) {
        let mut total = 0;
        while !self.reply.is_empty() {
            let sent = match &*self.reply.slices() {
                [only] => rustix::net::send(&self.socket, only, SendFlags::NOSIGNAL),
                several => rustix::io::writev(&self.socket, several),
            };
            match sent {
                Ok(bytes) => {
                    total += bytes as u64;
                    self.reply.advance(bytes);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return (total, Sent::Part),
                Err(_) => return (total, Sent::Broken),
            }
        }
        (total, Sent::All)
    }

    /// Keeps what the client sends while its commands are held back. Returns why it is to be closed, if it is.
    pub(super) fn read_ahead(&mut self, limits: &Limits) -> Option<Reason> {
        self.input.reserve(READ_AHEAD_BYTES);
        let received = recv(&self.socket, spare_capacity(&mut self.input), RecvFlags::empty());
        let bytes = match received {
            Ok((0, _)) => return Some(Reason::Ended),
            Ok((bytes, _)) => bytes,
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(_) => return Some(Reason::Ended),
        };
        let record = &self.session.record;
        record.received.fetch_add(bytes as u64, Ordering::Relaxed);
        record.query_buffer.store(self.input.len() as u64, Ordering::Relaxed);
        let bytes_max = limits.query_bytes_max.load(Ordering::Relaxed);
        (self.input.len() as u64 > bytes_max).then_some(Reason::QueryBuffer)
    }

    /// Gives back what an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.input.is_empty() && self.input.capacity() > IDLE_BUFFER_BYTES_MAX {
            self.input = Vec::new();
        }
        if self.reply.is_empty() {
            self.reply.shrink();
        }
    }

    /// Shows others what this connection holds.
    pub(super) fn publish(&self, clients: &Clients, now_ms: u64, received: u64, sent: u64, commands: u64) {
        let record = &self.session.record;
        let add = |counter: &std::sync::atomic::AtomicU64, amount: u64| {
            // Only this thread writes these counters.
            counter.store(counter.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
        };
        add(&record.received, received);
        add(&record.sent, sent);
        add(&record.commands, commands);
        record.active_ms.store(now_ms, Ordering::Relaxed);
        self.count_memory(clients);
    }

    /// Has the memory that the connection takes count.
    pub(super) fn count_memory(&self, clients: &Clients) {
        let record = &self.session.record;
        // Buffers grow by more than is read, and empty ones are about to be given back.
        let ahead = if self.input.is_empty() { 0 } else { self.input.capacity() - self.input.len() };
        record.query_buffer.store(self.input.len() as u64, Ordering::Relaxed);
        record.query_spare.store((self.parser.memory() + ahead) as u64, Ordering::Relaxed);
        record.note_output(&self.reply);
        clients.count_memory(record);
    }
}

impl Connection {
    /// Whether more output is waiting than `client-output-buffer-limit` allows.
    pub(super) fn output_verdict(&mut self, limits: &Limits, now_ms: u64) -> bool {
        if self.reply.is_empty() {
            self.over_soft_limit_since = None;
            return false;
        }
        let waiting = self.reply.len() as u64;
        if !self.session.authenticated && waiting > UNAUTHENTICATED_OUTPUT_BYTES_MAX {
            return true;
        }
        let limit = match self.session.is_subscriber() {
            true => *limits.output_of_subscribers.read(),
            false => *limits.output.read(),
        };
        if limit.hard_bytes > 0 && waiting >= limit.hard_bytes {
            return true;
        }
        if limit.soft_bytes == 0 || waiting < limit.soft_bytes {
            self.over_soft_limit_since = None;
            return false;
        }
        let since = *self.over_soft_limit_since.get_or_insert(now_ms);
        now_ms.saturating_sub(since) >= u64::from(limit.soft_seconds) * 1000
    }
}
