//! An engine in a test: its clock stands still until it is moved, and its effects are kept.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use nuthatch_collections::entry::{Payload, RecordRef};
use nuthatch_collections::mover::Mover;
use nuthatch_engine::Engine;
use nuthatch_engine::arguments::Arguments;
use nuthatch_engine::clients::{ClientRecord, Peer};
use nuthatch_engine::delivery::{Delivery, Inbox, Mailbox, Recipient, Signal};
use nuthatch_engine::dispatch::{Next, Worker};
use nuthatch_engine::effect::EffectLog;
use nuthatch_engine::host::{Host, LogLevel, ProcessFacts, ShutdownOptions};
use nuthatch_engine::keyspace::Keyspace;
use nuthatch_engine::keyspace::defragmentation::{Cursor, Defragmented};
use nuthatch_engine::keyspace::locked::{Guards, Keys};
use nuthatch_engine::session::Session;
use nuthatch_protocol::{Reply, Span};

/// How many databases the engine has.
pub(crate) const DATABASES: u32 = 3;

/// The seed of the keys' hash: the same for all tests, so that keys which collide can be looked for.
const SEED: u64 = 0x5eed;

/// When the clock starts, in milliseconds since 1970.
const START_MS: u64 = 1_700_000_000_000;

/// What a key holds: the record's kind, its text and its deadline.
pub(crate) type Content = (u8, Vec<u8>, Option<u64>);

/// An engine with a client, and with further ones that may wait for keys.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    clock: Arc<Clock>,
    worker: Worker,
    /// The client that the commands come from.
    session: Session,
    waiting: Vec<Session>,
}

impl Server {
    /// An empty engine that tells `log` about its effects.
    pub(crate) fn new(log: Option<Box<dyn EffectLog>>) -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(START_MS), Mutex::default()));
        let keyspace = Keyspace::new(DATABASES, 1, SEED, log, Box::new(drop));
        let engine = Engine::new(keyspace, clock.clone());
        let worker = engine.worker();
        Self { engine, clock, worker, session: Session::new(Arc::new(client(1)), true), waiting: Vec::new() }
    }

    /// The time in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.0.load(Ordering::Relaxed)
    }

    /// Saves all data, and returns the file.
    pub(crate) fn save(&mut self) -> Vec<u8> {
        assert_eq!(self.run("SAVE"), "+OK\r\n");
        self.clock.1.lock().expect("nobody has panicked with it").clone()
    }

    /// Moves the clock.
    pub(crate) fn set_clock(&self, now_ms: u64) {
        self.clock.0.store(now_ms, Ordering::Relaxed);
    }

    /// Runs a command, given as words of one line, and returns the reply's bytes as text.
    pub(crate) fn run(&mut self, command: &str) -> String {
        let words: Vec<&[u8]> = command.split_ascii_whitespace().map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.call(&words)).into_owned()
    }

    /// Runs a command and returns the reply's bytes.
    pub(crate) fn call(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let (reply, next) = run(&self.engine, &mut self.worker, &mut self.session, words);
        assert_eq!(next, Next::Continue);
        reply
    }

    /// As [`Self::call`], in another database than the one that the client has selected.
    pub(crate) fn call_in(&mut self, database: u32, words: &[&[u8]]) -> Vec<u8> {
        let selected = std::mem::replace(&mut self.session.database, database);
        let reply = self.call(words);
        self.session.database = selected;
        reply
    }

    /// Runs a command that may wait for its keys, for a client of its own with the same database selected. Once it is
    /// served, [`Self::dismiss_served`] lets it go.
    pub(crate) fn call_waiting(&mut self, words: &[&[u8]]) {
        let mut session = Session::new(Arc::new(client(self.waiting.len() as u64 + 2)), true);
        session.database = self.session.database;
        let (_, next) = run(&self.engine, &mut self.worker, &mut session, words);
        if next != Next::Continue {
            self.waiting.push(session);
        }
    }

    /// How many clients wait, served or not.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Lets the clients go whose wait has ended. Returns how many they were.
    pub(crate) fn dismiss_served(&mut self) -> usize {
        let before = self.waiting.len();
        let keyspace = &self.engine.keyspace;
        self.waiting.retain(|session| {
            let blocked = session.blocked.as_ref().expect("a client that waits is blocked");
            let is_served = blocked.take_reply().is_some();
            if is_served {
                blocked.leave(keyspace);
            }
            !is_served
        });
        before - self.waiting.len()
    }

    /// Another client, which does not need the server for itself.
    pub(crate) fn client(&self) -> Client {
        Client { worker: self.engine.worker(), session: Session::new(Arc::new(client(2)), true) }
    }

    /// Lets the index remove what is due.
    pub(crate) fn expire(&self) {
        for shard in 0..self.engine.keyspace.shards() {
            while self.engine.keyspace.expire_step(shard, self.now_ms()).more_due {}
        }
    }

    /// Moves everything to other memory for whose address `is_misplaced` holds. Values of more than `elements_max` elements are
    /// moved in parts.
    pub(crate) fn defragment(
        &self,
        elements_max: usize,
        is_misplaced: &mut dyn FnMut(usize) -> bool,
    ) -> Defragmented {
        let mut done = Defragmented::default();
        for shard in 0..self.engine.keyspace.shards() {
            let mut cursor = Cursor::default();
            loop {
                let mover = Mover::by_address(elements_max, is_misplaced);
                let step = self.engine.keyspace.defragment_step(shard, &mut cursor, mover);
                let (step, is_over) = step.expect("nobody else has the shard");
                done.add(step);
                if is_over {
                    break;
                }
            }
        }
        done
    }

    /// For looking at all keys. It is the beginning of time, so that nothing has expired.
    pub(crate) fn keys(&self) -> Keys<'_> {
        Keys::new(&self.engine.keyspace, Guards::None, 0, self.engine.settings.access_policy(0), 0)
    }

    /// Everything that is kept, expired or not, by database and key.
    pub(crate) fn content(&self) -> BTreeMap<(u32, Vec<u8>), Content> {
        let mut content = BTreeMap::new();
        for database in 0..DATABASES {
            self.keys().for_each(database, &mut |record| {
                content.insert((database, record.key().to_vec()), content_of(record));
            });
        }
        content
    }
}

/// A client beside the server's own one.
pub(crate) struct Client {
    worker: Worker,
    session: Session,
}

impl Client {
    /// Runs a command.
    pub(crate) fn call(&mut self, engine: &Engine, words: &[Vec<u8>]) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        run(engine, &mut self.worker, &mut self.session, &words);
    }
}

/// Runs a command for a client. Returns the reply's bytes and what the client does next.
fn run(engine: &Engine, worker: &mut Worker, session: &mut Session, words: &[&[u8]]) -> (Vec<u8>, Next) {
    let mut input = Vec::new();
    let mut spans = Vec::new();
    for word in words {
        let start = input.len() as u32;
        input.extend_from_slice(word);
        spans.push(Span { start, end: input.len() as u32 });
    }
    let mut reply = Reply::new();
    let arguments = Arguments::new(&input, &spans);
    let mut batch = engine.batch(worker);
    batch.prepare(engine, session, &arguments);
    let next = batch.run(engine, session, arguments, 0, &mut reply);
    (reply.slices().iter().flat_map(|slice| slice.iter().copied()).collect(), next)
}

/// The bulk string that a reply is, if it is one.
pub(crate) fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let header = reply.iter().position(|byte| *byte == b'\n')?;
    if reply.first() != Some(&b'$') { None } else { reply.get(header + 1..reply.len() - 2) }
}

/// What a record holds.
pub(crate) fn content_of(record: RecordRef<'_>) -> Content {
    let text = match record.payload() {
        Payload::Int(number) => number.to_string().into_bytes(),
        Payload::Inline(bytes) => bytes.to_vec(),
        Payload::Shared(bytes) => bytes.to_vec(),
        Payload::Collection(_) => Vec::new(),
    };
    (record.kind(), text, record.stamp())
}

fn client(id: u64) -> ClientRecord {
    let inbox = Inbox::new(Recipient { client: id, connection: 0 }, 0, Arc::new(NoMailbox));
    ClientRecord::new(Arc::new(inbox), Peer::default(), START_MS)
}

#[derive(Debug)]
struct NoMailbox;

impl Mailbox for NoMailbox {
    fn post(&self, _client: u64, _signal: Signal) {}

    fn deliver(&self, _delivery: Delivery) {}
}

/// A process of which only the clock is asked for.
struct Clock(AtomicU64, Mutex<Vec<u8>>);

impl Host for Clock {
    fn now_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed) * 1000
    }

    fn config_get(&self, _patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }

    fn config_set(&self, _pairs: &[(&[u8], &[u8])], _local: bool) -> Result<(), Vec<u8>> {
        Ok(())
    }

    fn config_rewrite(&self) -> Result<(), String> {
        Ok(())
    }

    fn shut_down(&self, _options: ShutdownOptions) -> Result<(), String> {
        Ok(())
    }

    fn facts(&self) -> ProcessFacts {
        ProcessFacts::default()
    }

    fn save_file(&self, write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> bool {
        let mut file = Vec::new();
        let written = write(&mut file).is_ok();
        *self.1.lock().expect("nobody has panicked with it") = file;
        written
    }

    fn open_file(&self) -> io::Result<(Box<dyn Read>, u64)> {
        let file = self.1.lock().expect("nobody has panicked with it").clone();
        let bytes = file.len() as u64;
        Ok((Box::new(io::Cursor::new(file)), bytes))
    }

    fn start_background_save(&self) -> bool {
        false
    }

    fn sleep(&self, _duration: Duration) {}

    fn purge_memory(&self) {}

    fn allocator_report(&self) -> String {
        String::new()
    }

    fn log_notice(&self, _line: &str) {}

    fn log_warning(&self, _line: &str) {}

    fn log_of_script(&self, _level: LogLevel, _line: &[u8]) {}
}

/// Pairs of keys whose hashes agree in their upper halves and in their shard, so that they share the items of
/// the index by deadline.
pub(crate) fn colliding_keys() -> &'static [String] {
    static KEYS: OnceLock<Vec<String>> = OnceLock::new();
    KEYS.get_or_init(|| {
        /// Enough for some pairs: hashes have to agree in 32 bits, and in the shard of at least 64.
        const CANDIDATES: u32 = 2_000_000;
        const PAIRS: usize = 3;
        let keyspace = Keyspace::new(1, 1, SEED, None, Box::new(drop));
        let mut hashes: Vec<((u64, usize), u32)> = (0..CANDIDATES)
            .map(|number| {
                let hash = keyspace.hash(number.to_string().as_bytes());
                ((hash >> 32, keyspace.shard_of(hash)), number)
            })
            .collect();
        hashes.sort_unstable();
        let keys: Vec<String> = hashes
            .windows(2)
            .filter(|pair| pair[0].0 == pair[1].0)
            .take(PAIRS)
            .flat_map(|pair| [pair[0].1.to_string(), pair[1].1.to_string()])
            .collect();
        assert!(!keys.is_empty(), "no two keys collide: look at more of them");
        keys
    })
}
