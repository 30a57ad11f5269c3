//! One turn of an event loop: reads every connection that is ready, runs the requests that arrived in
//! batches, sends the replies.
//!
//! Batching over all ready connections is where the speed is: a batch's requests are parsed and their
//! keys hashed first, and the buckets and records that they need are on their way from memory while other
//! requests are prepared. Requests are read into one arena of the thread, not into buffers of the
//! connections, so an idle connection holds no buffer and the arena stays in the processor's cache.

use std::sync::atomic::Ordering;

use nuthatch_engine::Engine;
use nuthatch_engine::arguments::Arguments;
use nuthatch_engine::delivery::{Delivery, Recipient, Recipients};
use nuthatch_engine::dispatch::bystanders::attending;
use nuthatch_engine::dispatch::{Batch, Next, Worker};
use nuthatch_engine::session::ReplyMode;
use nuthatch_protocol::{Limits as RequestLimits, Reply, Span};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use slab::Slab;

use super::clients::Clients;
use super::connection::{Connection, Lent, Sent};
use super::event_loop::Shared;
use super::mailbox::{self, ThreadMailbox};
use super::participant::{Aftermath, End, Participant, Source, Traffic, write_request};
use super::stand_in::{Others, StandIn};
use crate::persistence::{Gate, completed};

/// What one connection may bring in one turn, in bytes.
const READ_BYTES_MAX: usize = 16 * 1024;

/// The arena: room for so many connections' reads, and for many more whose requests are short.
const ARENA_BYTES: usize = 8 * READ_BYTES_MAX;

/// Requests that are prepared together: enough to hide the memory's latency, few enough to stay in cache.
const BATCH_REQUESTS_MAX: usize = 64;
/// How long the requests of a client wait that has left more messages for another thread than that has come to, or while clients
/// take too much memory, in milliseconds.
pub(super) const AHEAD_MS: u64 = 1;

/// Room for as many arguments is kept from one turn to the next.
const SPANS_KEPT_MAX: usize = 64 * 1024;

/// Requests of one connection in a batch while it has not authenticated: whether the next one may be long
/// depends on this one.
const BATCH_REQUESTS_UNAUTHENTICATED: usize = 1;

/// Output that is sent before the turn goes on, in bytes, so that a long pipeline does not pile it up.
const EARLY_SEND_BYTES: usize = 256 * 1024;

/// A parsed request.
#[derive(Debug, Clone, Copy)]
struct Request {
    /// The connection's place among the participants.
    participant: usize,
    /// Where the bytes begin that the spans refer to.
    base: usize,
    /// The first argument's place among the spans.
    first_span: usize,
    spans: usize,
}

impl Request {
    /// Its arguments, which stand in `bytes`.
    fn arguments<'a>(&self, bytes: &'a [u8], spans: &'a [Span]) -> Arguments<'a> {
        Arguments::new(&bytes[self.base..], &spans[self.first_span..self.first_span + self.spans])
    }
}

/// The buffers of a thread's turns, kept from one to the next.
#[derive(Debug)]
pub(super) struct Turn {
    arena: Vec<u8>,
    used: usize,
    participants: Vec<Participant>,
    requests: Vec<Request>,
    spans: Vec<Span>,
    /// Reply buffers with memory, lent to connections for a turn.
    spare_replies: Vec<Reply>,
}

/// What is left of a turn while a script runs: all but the request that runs it.
pub(super) struct Rest<'t> {
    arena: &'t [u8],
    participants: &'t mut Vec<Participant>,
    requests: &'t [Request],
    spans: &'t [Span],
    spare_replies: &'t mut Vec<Reply>,
}

impl Rest<'_> {
    /// Ends the part of all participants but one: runs the requests of theirs that were parsed, and keeps what was not.
    pub(super) fn leave(
        &mut self,
        own: usize,
        clients: &mut Clients,
        worker: &mut Worker,
        aftermath: &mut Aftermath,
    ) {
        let shared = clients.shared.clone();
        let engine = &*shared.engine;
        for request in self.requests.iter().filter(|request| request.participant != own) {
            let participant = &mut self.participants[request.participant];
            let connection = &mut clients.connections[participant.token];
            if participant.has_left || connection.session.closing {
                continue;
            }
            let Connection { input, session, reply, parser, held_until, .. } = connection;
            let arguments = request.arguments(participant.bytes(self.arena, input), self.spans);
            if participant.held {
                write_request(&arguments, &mut participant.held_requests);
                continue;
            }
            let mut batch = engine.batch(worker);
            batch.prepare(engine, session, &arguments);
            let written = completed();
            let next = batch.run(engine, session, arguments, 0, reply);
            participant.has_written |= completed() != written;
            participant.settle(next, &arguments, parser, held_until);
        }
        let now_ms = engine.now_ms();
        let gate = shared.log.before_replies();
        for (place, participant) in self.participants.iter_mut().enumerate() {
            if place == own || participant.has_left {
                continue;
            }
            let gone = Participant {
                has_left: true,
                exhausted: true,
                ..Participant::new(participant.token, Source::Own)
            };
            let leaving = std::mem::replace(participant, gone);
            let connection = &mut clients.connections[leaving.token];
            let end =
                End { arena: self.arena, clients: &engine.clients, limits: &shared.limits, now_ms, gate };
            let traffic = leaving.finish(connection, &end, self.spare_replies, aftermath);
            traffic.count(worker);
        }
    }
}

impl Turn {
    /// Buffers for a thread.
    pub(super) fn new() -> Self {
        Self {
            arena: vec![0; ARENA_BYTES],
            used: 0,
            participants: Vec::new(),
            requests: Vec::with_capacity(BATCH_REQUESTS_MAX),
            spans: Vec::with_capacity(BATCH_REQUESTS_MAX * 4),
            spare_replies: Vec::new(),
        }
    }

    /// Whether the arena has no room for another connection: run what is there first.
    pub(super) fn is_full(&self) -> bool {
        self.arena.len() - self.used < READ_BYTES_MAX
    }

    /// Reads what a connection has sent and makes it take part.
    pub(super) fn read(&mut self, token: usize, connection: &mut Connection) {
        let (source, outcome) = if connection.input.is_empty() {
            let room = &mut self.arena[self.used..self.used + READ_BYTES_MAX];
            let outcome = recv(&connection.socket, room, RecvFlags::empty()).map(|(bytes, _)| bytes);
            let bytes = outcome.unwrap_or(0);
            let source = Source::Arena(self.used, self.used + bytes);
            self.used += bytes;
            (source, outcome)
        } else {
            let room = connection.parser.missing().max(READ_BYTES_MAX);
            if connection.input.len() < READ_BYTES_MAX {
                connection.input.reserve(room);
            } else {
                // At most twice what has arrived, and hardly more than a long argument takes. The allocator's size classes
                // see to it that this does not move the bytes each time.
                connection.input.reserve_exact(room);
            }
            let room = spare_capacity(&mut connection.input);
            (Source::Own, recv(&connection.socket, room, RecvFlags::empty()).map(|(bytes, _)| bytes))
        };
        let (received, ended) = match outcome {
            Ok(0) => (0, true),
            Ok(bytes) => (bytes as u64, false),
            Err(Errno::AGAIN | Errno::INTR) => (0, false),
            Err(_) => (0, true),
        };
        self.join(token, connection, source, received, ended);
    }

    /// Makes a connection take part whose commands were held back.
    pub(super) fn resume(&mut self, token: usize, connection: &mut Connection) {
        self.join(token, connection, Source::Own, 0, false);
    }

    fn join(
        &mut self,
        token: usize,
        connection: &mut Connection,
        source: Source,
        received: u64,
        ended: bool,
    ) {
        connection.takes_part = true;
        if connection.session.record.is_killed.load(Ordering::Acquire) {
            // The thread has still to be told so, and what the client has sent must not run any more.
            connection.session.closing = true;
        }
        let has_written = std::mem::take(&mut connection.was_served);
        let participant = Participant { received, ended, has_written, ..Participant::new(token, source) };
        self.participants.push(participant);
    }

    /// Runs all requests that the participants have brought and sends the replies. `stand_in` serves other clients while a
    /// script runs for too long; without it the turn is such a one itself.
    pub(super) fn run(
        &mut self,
        clients: &mut Clients,
        worker: &mut Worker,
        aftermath: &mut Aftermath,
        mut stand_in: Option<&mut StandIn>,
    ) {
        let shared = clients.shared.clone();
        let (engine, mailbox) = (&*shared.engine, &*shared.mailboxes[clients.number]);
        if stand_in.is_some() {
            // What was sent to a client before it sent its requests comes before their replies.
            deliver(mailbox, &mut self.participants, &mut clients.connections);
        }
        if self.participants.is_empty() {
            return;
        }
        self.lend_reply_buffers(&mut clients.connections);
        let bulk_bytes_max = shared.limits.bulk_bytes_max.load(Ordering::Relaxed) as usize;
        let now_ms = loop {
            let mut batch = engine.batch(worker);
            self.parse(engine, &mut batch, bulk_bytes_max, &mut clients.connections);
            let now_ms = batch.now_ms();
            for (place, request) in self.requests.iter().enumerate() {
                let token = self.participants[request.participant].token;
                batch.prefetch(engine, &clients.connections[token].session, place);
            }
            batch.prefetch_displaced(engine);
            self.execute(engine, &mut batch, mailbox, clients, stand_in.as_deref_mut());
            let exhausted = self.participants.iter().all(|participant| participant.exhausted);
            if exhausted || self.requests.is_empty() {
                break now_ms;
            }
        };
        let gate = shared.log.before_replies();
        self.finish(worker, &shared, now_ms, gate, &mut clients.connections, aftermath);
    }

    fn lend_reply_buffers(&mut self, connections: &mut Slab<Connection>) {
        for participant in &self.participants {
            let reply = &mut connections[participant.token].reply;
            if reply.is_empty()
                && let Some(mut spare) = self.spare_replies.pop()
            {
                spare.set_resp3(reply.resp3());
                *reply = spare;
            }
        }
    }

    /// Fills the batch with requests, in the order of the participants.
    fn parse(
        &mut self,
        engine: &Engine,
        batch: &mut Batch<'_>,
        bulk_bytes_max: usize,
        connections: &mut Slab<Connection>,
    ) {
        let Self { arena, participants, requests, spans, .. } = self;
        requests.clear();
        spans.clear();
        for (place, participant) in participants.iter_mut().enumerate() {
            let connection = &mut connections[participant.token];
            let Connection { parser, input, session, .. } = connection;
            let (bytes, start) = match participant.source {
                Source::Arena(start, end) => (&mut arena[..end], start),
                Source::Own => (&mut input[..], 0),
            };
            let limits = RequestLimits { bulk_bytes_max, authenticated: session.authenticated };
            let mut allowed =
                if session.authenticated { BATCH_REQUESTS_MAX } else { BATCH_REQUESTS_UNAUTHENTICATED };
            while !participant.exhausted && !participant.held && !session.closing && allowed > 0 {
                let base = start + participant.parsed;
                if base == bytes.len() {
                    participant.exhausted = true;
                    break;
                }
                let first_span = spans.len();
                match parser.parse(&mut bytes[base..], spans, &limits) {
                    Ok(Some(consumed)) => {
                        participant.parsed += consumed;
                        let count = spans.len() - first_span;
                        if count == 0 {
                            continue;
                        }
                        let arguments = Arguments::new(&bytes[base..], &spans[first_span..]);
                        batch.prepare(engine, session, &arguments);
                        requests.push(Request { participant: place, base, first_span, spans: count });
                        allowed -= 1;
                        if requests.len() == BATCH_REQUESTS_MAX {
                            return;
                        }
                    }
                    Ok(None) => participant.exhausted = true,
                    Err(error) => {
                        participant.error = Some(error);
                        participant.exhausted = true;
                    }
                }
            }
        }
    }

    fn execute(
        &mut self,
        engine: &Engine,
        batch: &mut Batch<'_>,
        mailbox: &ThreadMailbox,
        clients: &mut Clients,
        mut stand_in: Option<&mut StandIn>,
    ) {
        let shared = clients.shared.clone();
        let is_logged = engine.persistence.log.is_enabled();
        let mut written = completed();
        let mut place = 0;
        while let Some(request) = self.requests.get(place) {
            let participant = &mut self.participants[request.participant];
            // Who has left may have gone altogether.
            if participant.has_left {
                place += 1;
                continue;
            }
            let token = participant.token;
            let connection = &mut clients.connections[token];
            if connection.session.closing {
                place += 1;
                continue;
            }
            let Connection { input, session, reply, .. } = connection;
            let arguments = request.arguments(participant.bytes(&self.arena, input), &self.spans);
            if participant.held {
                write_request(&arguments, &mut participant.held_requests);
                place += 1;
                continue;
            }
            let own = request.participant;
            let (last, next) = match stand_in.as_deref_mut() {
                Some(stand_in) if batch.may_take_long(place, session) => {
                    self.run_attended(engine, batch, mailbox, clients, stand_in, place)
                }
                _ => (place, batch.run(engine, session, arguments, place, reply)),
            };
            let participant = &mut self.participants[own];
            participant.commands += (last - place) as u64;
            let Connection { input, parser, held_until, is_ahead, .. } = &mut clients.connections[token];
            let next = match next {
                Next::Continue if mailbox::is_ahead() => {
                    *is_ahead = true;
                    Next::Wait(batch.now_ms() + AHEAD_MS)
                }
                next => next,
            };
            let arguments = self.requests[last].arguments(participant.bytes(&self.arena, input), &self.spans);
            participant.settle(next, &arguments, parser, held_until);
            if is_logged {
                participant.has_written |= std::mem::replace(&mut written, completed()) != written;
            }
            if stand_in.is_some() && mailbox.has_deliveries() {
                deliver(mailbox, &mut self.participants, &mut clients.connections);
            }
            let participant = &mut self.participants[own];
            let connection = &mut clients.connections[token];
            let is_much = connection.reply.len() >= EARLY_SEND_BYTES;
            if is_much
                && !participant.held
                && !connection.waits_to_send
                && connection.kept.is_none()
                && shared.log.before_replies() == Gate::Open
            {
                let (sent, outcome) = connection.send();
                participant.sent += sent;
                if outcome == Sent::Broken {
                    participant.ended = true;
                    connection.session.closing = true;
                }
            }
            if is_much {
                connection.reply.set_aside();
                let takes_too_much = take_too_much(engine, connection);
                let is_killed = connection.session.record.is_killed.load(Ordering::Acquire);
                if is_killed || connection.output_verdict(&shared.limits, batch.now_ms()) {
                    // It is closed for that at the end of the turn, or another thread has closed it: further replies would only
                    // take memory until then.
                    connection.session.closing = true;
                } else if takes_too_much && !participant.held {
                    // Clients are closed for that only between turns.
                    let Connection { parser, held_until, .. } = connection;
                    participant.hold(batch.now_ms() + AHEAD_MS, parser, held_until);
                }
            }
            place = last + 1;
        }
    }

    /// Runs a request that may take long, and those of the same connection behind it that may, too, as long as nothing is
    /// to be done between them. Whoever waits for them to end is served meanwhile, so what they need is taken out of the
    /// connection. Returns the place of the last one that has run, and what follows it.
    fn run_attended(
        &mut self,
        engine: &Engine,
        batch: &mut Batch<'_>,
        mailbox: &ThreadMailbox,
        clients: &mut Clients,
        stand_in: &mut StandIn,
        first: usize,
    ) -> (usize, Next) {
        let Self { arena, participants, requests, spans, spare_replies, .. } = self;
        let own = requests[first].participant;
        let (token, source) = (participants[own].token, participants[own].source);
        let mut lent = clients.connections[token].lend();
        let Lent { session, reply, input } = &mut lent;
        let mut place = first;
        let next = loop {
            let bytes = match source {
                Source::Arena(_, end) => &arena[..end],
                Source::Own => &input[..],
            };
            let arguments = requests[place].arguments(bytes, spans);
            let rest = Rest { arena, participants, requests: &requests[place + 1..], spans, spare_replies };
            let mut others = Others { stand_in, clients, rest, own, are_left: false };
            let next = attending(&mut others, || batch.run(engine, session, arguments, place, reply));
            let goes_on = next == Next::Continue
                && requests.get(place + 1).is_some_and(|request| request.participant == own)
                && batch.may_take_long(place + 1, session)
                && !session.closing
                && !mailbox.has_deliveries()
                && reply.len() < EARLY_SEND_BYTES;
            if !goes_on {
                break next;
            }
            place += 1;
        };
        clients.connections[token].take_back(lent);
        (place, next)
    }

    /// Keeps what was not parsed, answers protocol errors, sends the replies, enforces limits.
    fn finish(
        &mut self,
        worker: &Worker,
        shared: &Shared,
        now_ms: u64,
        gate: Gate,
        connections: &mut Slab<Connection>,
        aftermath: &mut Aftermath,
    ) {
        let mut traffic = Traffic::default();
        let Self { arena, spare_replies, .. } = self;
        let end = End { arena, clients: &shared.engine.clients, limits: &shared.limits, now_ms, gate };
        for participant in self.participants.drain(..).filter(|participant| !participant.has_left) {
            let connection = &mut connections[participant.token];
            traffic.add(participant.finish(connection, &end, spare_replies, aftermath));
        }
        self.used = 0;
        if self.spans.capacity() > SPANS_KEPT_MAX {
            self.spans = Vec::new();
        }
        traffic.count(worker);
    }
}

/// Whether all clients together take more memory than they may, after a reply to this one: those who are about to be closed, too,
/// whose threads may not come to it at once.
fn take_too_much(engine: &Engine, connection: &Connection) -> bool {
    let (clients, record) = (&engine.clients, &connection.session.record);
    connection.count_memory(clients);
    let bytes = clients.memory_bytes().saturating_add(clients.leaving_bytes());
    bytes > engine.client_bytes_max() && !record.no_evict.load(Ordering::Relaxed)
}

/// Writes the messages that others have left to the connections of their recipients, which take part in the turn then.
fn deliver(mailbox: &ThreadMailbox, participants: &mut Vec<Participant>, connections: &mut Slab<Connection>) {
    if !mailbox.has_deliveries() {
        return;
    }
    for Delivery { to, message } in mailbox.take_deliveries() {
        let mut give = |token: usize, connection: &mut Connection| {
            if connection.session.closing {
                return;
            }
            let session = &connection.session;
            let wants_replies = session.reply_mode != ReplyMode::Off;
            message.write(&mut connection.reply, session.is_subscriber(), wants_replies);
            if !connection.takes_part {
                connection.takes_part = true;
                let source = Source::Arena(0, 0);
                participants.push(Participant { exhausted: true, ..Participant::new(token, source) });
            }
        };
        match to {
            Recipients::One(Recipient { client, connection: token }) => {
                if let Some(connection) = connections.get_mut(token)
                    && connection.session.record.id == client
                {
                    give(token, connection);
                }
            }
            // Who leaves is a member no more, so that their connections are theirs.
            Recipients::Members(members) => members.for_each(|Recipient { connection: token, .. }| {
                if let Some(connection) = connections.get_mut(token) {
                    give(token, connection);
                }
            }),
        }
    }
}
