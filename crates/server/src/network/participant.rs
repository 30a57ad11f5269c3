//! The part of one connection in a turn: the requests that it brings, and what becomes of them.

use std::sync::atomic::Ordering;

use nuthatch_engine::arguments::Arguments;
use nuthatch_engine::clients::Clients;
use nuthatch_engine::dispatch::{Next, Worker};
use nuthatch_protocol::{ProtocolError, Reply, RequestParser};

use super::connection::{Connection, Kept, Sent};
use super::limits::Limits;
use crate::persistence::Gate;

/// Where a connection's bytes of this turn are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// In the arena, from here to there.
    Arena(usize, usize),
    /// In the connection's own buffer.
    Own,
}

/// A connection that takes part in the turn.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) token: usize,
    pub(super) source: Source,
    /// How much of the bytes was parsed.
    pub(super) parsed: usize,
    /// Nothing more can be parsed from the bytes that are there.
    pub(super) exhausted: bool,
    /// A command is held back.
    pub(super) held: bool,
    /// The requests from the held one on that had been parsed, written again: parsing an inline request
    /// changes its bytes.
    pub(super) held_requests: Vec<u8>,
    /// The peer is gone or has ended its side.
    pub(super) ended: bool,
    pub(super) error: Option<ProtocolError>,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) commands: u64,
    /// It has written, or something was done for it.
    pub(super) has_written: bool,
    /// It takes part no more: a script of another one runs for too long.
    pub(super) has_left: bool,
}

impl Participant {
    pub(super) fn new(token: usize, source: Source) -> Self {
        Self {
            token,
            source,
            parsed: 0,
            exhausted: false,
            held: false,
            held_requests: Vec::new(),
            ended: false,
            error: None,
            received: 0,
            sent: 0,
            commands: 0,
            has_written: false,
            has_left: false,
        }
    }

    /// Where the spans of its requests begin to count, given what its connection keeps of them.
    pub(super) fn bytes<'b>(&self, arena: &'b [u8], input: &'b [u8]) -> &'b [u8] {
        match self.source {
            Source::Arena(_, end) => &arena[..end],
            Source::Own => input,
        }
    }

    /// Does what is to be done after a request. Where further ones are to be held back they are parsed again when their
    /// time comes, and from their start: the parser may have begun with another request, or found an error.
    pub(super) fn settle(
        &mut self,
        next: Next,
        request: &Arguments<'_>,
        parser: &mut RequestParser,
        held_until: &mut Option<u64>,
    ) {
        let until = match next {
            Next::Continue => {
                self.commands += 1;
                return;
            }
            Next::Retry(until) => {
                write_request(request, &mut self.held_requests);
                until
            }
            Next::Wait(until) => {
                self.commands += 1;
                until
            }
        };
        self.hold(until, parser, held_until);
    }

    /// Has the requests behind the last one wait.
    pub(super) fn hold(&mut self, until: u64, parser: &mut RequestParser, held_until: &mut Option<u64>) {
        *held_until = Some(until);
        *parser = RequestParser::new();
        self.held = true;
        self.error = None;
    }
}

/// What a turn leaves to the event loop.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    /// To be closed.
    pub(super) close: Vec<(usize, Reason)>,
    /// Which wait for something else of their sockets than before.
    pub(super) watched_anew: Vec<usize>,
    /// Whose commands are held back.
    pub(super) held: Vec<usize>,
    /// Whose replies begin to wait for the append-only file.
    pub(super) kept: Vec<usize>,
}

/// What all participants have in common when their parts end.
pub(super) struct End<'t> {
    pub(super) arena: &'t [u8],
    pub(super) clients: &'t Clients,
    pub(super) limits: &'t Limits,
    pub(super) now_ms: u64,
    /// Whether replies may leave.
    pub(super) gate: Gate,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The client left, or asked for it, or sent nonsense and was told so.
    Ended,
    /// Its requests outgrew `client-query-buffer-limit`.
    QueryBuffer,
    /// Its unread replies outgrew `client-output-buffer-limit`.
    OutputBuffer,
    /// What it has written cannot be kept, and it must not be told that it was.
    NotKept,
}

/// What went over sockets.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Traffic {
    received: u64,
    sent: u64,
    reads: u64,
    writes: u64,
}

impl Traffic {
    pub(super) fn add(&mut self, other: Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.reads += other.reads;
        self.writes += other.writes;
    }

    pub(super) fn count(self, worker: &Worker) {
        let mut counters = worker.counters();
        counters.received += self.received;
        counters.sent += self.sent;
        counters.reads += self.reads;
        counters.writes += self.writes;
    }
}

impl Participant {
    /// Ends its part in the turn: keeps what was not parsed, answers a protocol error, sends the replies, enforces limits.
    pub(super) fn finish(
        mut self,
        connection: &mut Connection,
        end: &End<'_>,
        spare_replies: &mut Vec<Reply>,
        aftermath: &mut Aftermath,
    ) -> Traffic {
        let End { arena, clients, limits, now_ms, gate } = *end;
        let token = self.token;
        match self.source {
            Source::Arena(start, end) if start + self.parsed < end => {
                connection.input.extend_from_slice(&arena[start + self.parsed..end]);
            }
            Source::Arena(..) => {}
            Source::Own if self.parsed == connection.input.len() => connection.input.clear(),
            Source::Own => drop(connection.input.drain(..self.parsed)),
        }
        if self.held {
            connection.input.splice(..0, self.held_requests);
        }
        if let Some(error) = self.error.take() {
            connection.reply.error([b"ERR ", error.message().as_slice()].concat());
            connection.session.closing = true;
        }
        let mut traffic = Traffic {
            received: self.received,
            sent: self.sent,
            reads: u64::from(self.received > 0),
            writes: u64::from(!connection.reply.is_empty()),
        };
        connection.takes_part = false;
        let is_lost = gate == Gate::Failed
            && (self.has_written || connection.kept.is_some_and(|kept| kept.has_written));
        if let Gate::Wait(position) = gate
            && !connection.reply.is_empty()
        {
            let before = connection.kept;
            let has_written = self.has_written || before.is_some_and(|kept| kept.has_written);
            connection.kept = Some(Kept { position, has_written });
            if before.is_none() {
                aftermath.kept.push(token);
            }
        } else {
            connection.kept = None;
        }
        let (bytes, outcome) = match connection.waits_to_send || connection.kept.is_some() || is_lost {
            true => (0, Sent::Part),
            false => connection.send(),
        };
        traffic.sent += bytes;
        connection.reply.set_aside();
        let leaves = self.ended && !stays_for_kept(token, connection, aftermath);
        let finished = connection.session.closing && outcome == Sent::All;
        let queued_bytes = connection.session.queued_bytes();
        let query_bytes = connection.input.len() + connection.parser.memory() + queued_bytes;
        let reason = if is_lost {
            Some(Reason::NotKept)
        } else if outcome == Sent::Broken || leaves || finished {
            Some(Reason::Ended)
        } else if query_bytes as u64 > limits.query_bytes_max.load(Ordering::Relaxed) {
            Some(Reason::QueryBuffer)
        } else {
            connection.output_verdict(limits, now_ms).then_some(Reason::OutputBuffer)
        };
        connection.publish(clients, now_ms, self.received, traffic.sent, self.commands);
        if let Some(reason) = reason {
            aftermath.close.push((token, reason));
            return traffic;
        }
        if self.held {
            aftermath.held.push(token);
        }
        if connection.is_ahead {
            // Nor is read what it sends meanwhile.
            aftermath.watched_anew.push(token);
        }
        // What is kept is sent when it may be, not when the socket takes it.
        let waits = outcome == Sent::Part && connection.kept.is_none();
        if waits != connection.waits_to_send {
            connection.waits_to_send = waits;
            aftermath.watched_anew.push(token);
        }
        if connection.reply.is_empty() {
            take_back_reply_buffer(spare_replies, &mut connection.reply);
        }
        connection.shrink();
        traffic
    }
}

/// Whether a client that sends nothing more is still to be told of what it has written, once that is on the disk. If it ends again
/// it has closed the connection altogether.
fn stays_for_kept(token: usize, connection: &mut Connection, aftermath: &mut Aftermath) -> bool {
    if connection.kept.is_none() || connection.has_ended {
        return false;
    }
    connection.has_ended = true;
    connection.session.closing = true;
    aftermath.watched_anew.push(token);
    true
}

/// Appends a request in the form in which clients send it.
pub(super) fn write_request(arguments: &Arguments<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments.from(0) {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

/// Keeps a reply buffer's memory for the next connection that needs one.
pub(super) fn take_back_reply_buffer(spare_replies: &mut Vec<Reply>, reply: &mut Reply) {
    /// A buffer that grew beyond this is given back to the allocator, in bytes.
    const KEPT_BYTES_MAX: usize = 64 * 1024;
    const KEPT_BUFFERS_MAX: usize = 64;
    if spare_replies.len() < KEPT_BUFFERS_MAX && (1..=KEPT_BYTES_MAX).contains(&reply.memory()) {
        let mut empty = Reply::new();
        empty.set_resp3(reply.resp3());
        spare_replies.push(std::mem::replace(reply, empty));
    }
}
