//! Running the commands of a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nuthatch_engine::Engine;
use nuthatch_engine::arguments::Arguments;
use nuthatch_engine::clients::{ClientRecord, Peer};
use nuthatch_engine::delivery::{Delivery, Inbox, Mailbox, Recipient, Signal};
use nuthatch_engine::dispatch::{NotReplayed, Worker};
use nuthatch_engine::session::Session;
use nuthatch_protocol::{Limits, Reply, RequestParser, Span};

/// How much of a file is read at once, in bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// Requests that are prepared together.
const BATCH_REQUESTS_MAX: usize = 64;

/// The longest line of a note, in bytes.
const NOTE_BYTES_MAX: usize = 1024;

/// Why the rest of a file was not run.
#[derive(Debug)]
pub(super) enum Halt {
    /// It ends within a command, or within a transaction: up to here it is whole.
    Truncated { whole: u64, in_transaction: bool },
    /// What is here is no command.
    Malformed(u64),
    /// There is no such command.
    Unknown(String),
    /// The system does not give it.
    Unreadable(std::io::Error),
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

/// A request in the block.
struct Request {
    base: usize,
    spans: std::ops::Range<usize>,
    /// Where it is in the file.
    offset: u64,
}

/// Runs the commands of a file again.
pub(super) struct Replay<'e> {
    engine: &'e Engine,
    worker: Worker,
    session: Session,
    reply: Reply,
    file: File,
    /// What was read last.
    block: Vec<u8>,
    /// What is before this in the block was run.
    at: usize,
    /// Where the block is in the file.
    offset: u64,
    requests: Vec<Request>,
    spans: Vec<Span>,
    /// Where the transaction begins that is not complete.
    transaction: Option<u64>,
}

/// What the parser has found in the block.
enum Found {
    /// As many requests as are run together.
    Full,
    /// The end of the block, perhaps within a request.
    End,
    /// What is no request, here.
    Malformed(u64),
}

impl<'e> Replay<'e> {
    /// The commands of a file from an offset on.
    ///
    /// # Errors
    /// The system does not give the file.
    pub(super) fn open(engine: &'e Engine, path: &Path, offset: u64) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let inbox = Inbox::new(Recipient { client: 0, connection: 0 }, 0, Arc::new(Nobody));
        let record = Arc::new(ClientRecord::new(Arc::new(inbox), Peer::default(), engine.now_ms()));
        let mut session = Session::new(record, true);
        session.is_replayed = true;
        Ok(Self {
            engine,
            worker: engine.silent_worker(),
            session,
            reply: Reply::new(),
            file,
            block: Vec::new(),
            at: 0,
            offset,
            requests: Vec::new(),
            spans: Vec::new(),
            transaction: None,
        })
    }

    /// Runs all of them.
    ///
    /// # Errors
    /// Why it does not come to the end.
    pub(super) fn run(mut self) -> Result<(), Halt> {
        let mut parser = RequestParser::new();
        loop {
            let is_end = self.read_more(&parser)?;
            loop {
                let (found, end) = self.parse(&mut parser);
                self.run_batch()?;
                let loading = &self.engine.persistence.loading;
                loading.bytes_loaded.fetch_add((end - self.at) as u64, Ordering::Relaxed);
                self.at = end;
                if loading.is_cancelled() {
                    return Err(Halt::Cancelled);
                }
                match found {
                    Found::Full => {}
                    Found::End => break,
                    Found::Malformed(offset) => return Err(Halt::Malformed(offset)),
                }
            }
            if is_end {
                return self.end();
            }
        }
    }

    fn end(self) -> Result<(), Halt> {
        match self.transaction {
            Some(whole) => Err(Halt::Truncated { whole, in_transaction: true }),
            None if self.at < self.block.len() => {
                let whole = self.offset + self.at as u64;
                Err(Halt::Truncated { whole, in_transaction: false })
            }
            None => Ok(()),
        }
    }

    /// Reads a block. Says whether there is no more.
    fn read_more(&mut self, parser: &RequestParser) -> Result<bool, Halt> {
        self.block.drain(..self.at);
        self.offset += self.at as u64;
        self.at = 0;
        let wanted = BLOCK_BYTES.max(parser.missing()) as u64;
        let read = self.file.by_ref().take(wanted).read_to_end(&mut self.block);
        read.map(|bytes| bytes == 0).map_err(Halt::Unreadable)
    }

    /// Finds requests in the block. Returns where they end.
    fn parse(&mut self, parser: &mut RequestParser) -> (Found, usize) {
        let limits = Limits { bulk_bytes_max: u32::MAX as usize / 2, authenticated: true };
        self.requests.clear();
        self.spans.clear();
        let mut used = self.at;
        while self.requests.len() < BATCH_REQUESTS_MAX {
            let rest = &mut self.block[used..];
            let offset = self.offset + used as u64;
            match rest.first() {
                None => return (Found::End, used),
                Some(b'*') => {}
                Some(b'#') => match rest.iter().take(NOTE_BYTES_MAX).position(|byte| *byte == b'\n') {
                    Some(end) => {
                        used += end + 1;
                        continue;
                    }
                    None if rest.len() < NOTE_BYTES_MAX => return (Found::End, used),
                    None => return (Found::Malformed(offset), used),
                },
                Some(_) => return (Found::Malformed(offset), used),
            }
            let first = self.spans.len();
            match parser.parse(rest, &mut self.spans, &limits) {
                Ok(Some(consumed)) => {
                    let spans = first..self.spans.len();
                    // A server does not write such.
                    if spans.is_empty() {
                        return (Found::Malformed(offset), used);
                    }
                    self.requests.push(Request { base: used, spans, offset });
                    used += consumed;
                }
                Ok(None) => return (Found::End, used),
                Err(_) => return (Found::Malformed(offset), used),
            }
        }
        (Found::Full, used)
    }

    fn run_batch(&mut self) -> Result<(), Halt> {
        let Self { engine, worker, session, reply, block, requests, spans, transaction, .. } = self;
        if requests.is_empty() {
            return Ok(());
        }
        let arguments =
            |request: &Request| Arguments::new(&block[request.base..], &spans[request.spans.clone()]);
        let mut batch = engine.replay(worker);
        for request in requests.iter() {
            batch.prepare(engine, session, &arguments(request));
        }
        for place in 0..requests.len() {
            batch.prefetch(engine, session, place);
        }
        for (place, request) in requests.iter().enumerate() {
            let words = arguments(request);
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
