//! An engine that goes on from input to input, in a process that does nothing. Its clock stands still at the beginning of
//! time.

use std::io::{self, Read, Write};
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nuthatch_engine::Engine;
use nuthatch_engine::arguments::Arguments;
use nuthatch_engine::clients::{ClientRecord, Peer};
use nuthatch_engine::delivery::{Delivery, Inbox, Mailbox, Recipient, Signal};
use nuthatch_engine::dispatch::Worker;
use nuthatch_engine::effect::{Effect, EffectLog};
use nuthatch_engine::host::{Host, LogLevel, ProcessFacts, ShutdownOptions};
use nuthatch_engine::keyspace::Keyspace;
use nuthatch_engine::keyspace::locked::{Guards, Keys};
use nuthatch_engine::persistence::save;
use nuthatch_engine::propagation;
use nuthatch_engine::session::Session;
use nuthatch_engine::settings::LocalOnly;
use nuthatch_protocol::{Reply, Span};

/// How many databases an engine has.
pub const DATABASES: u32 = 3;

/// No string grows beyond it, in bytes: commands can make long ones of few bytes.
const STRING_BYTES_MAX: u64 = 16 * 1024;

/// What a store holds: a digest of all values, and when keys end.
pub type Content = (String, Vec<(u32, Vec<u8>, u64)>);

/// An engine, its log, and a client.
pub struct Store {
    pub engine: Engine,
    log: Appended,
    worker: Worker,
    session: Session,
}

impl Default for Store {
    fn default() -> Self {
        let log = Appended::default();
        let keyspace = Keyspace::new(DATABASES, 1, 0x5eed, Some(Box::new(log.clone())), Box::new(drop));
        let engine = Engine::new(keyspace, Arc::new(Process));
        *engine.settings.debug_commands.write() = LocalOnly::Yes;
        engine.settings.string_bytes_max.store(STRING_BYTES_MAX, Ordering::Relaxed);
        let limits = &engine.settings.encodings;
        limits.hash_entries_max.store(3, Ordering::Relaxed);
        limits.set_entries_max.store(3, Ordering::Relaxed);
        // Small ones do not tell zeros by their signs, and a set may have been big and then small.
        limits.sorted_set_entries_max.store(0, Ordering::Relaxed);
        limits.list_size_max.store(3, Ordering::Relaxed);
        limits.stream_block_entries_max.store(2, Ordering::Relaxed);
        let inbox = Inbox::new(Recipient { client: 1, connection: 0 }, 0, Arc::new(Nobody));
        let record = ClientRecord::new(Arc::new(inbox), Peer::default(), 0);
        Self { log, worker: engine.worker(), session: Session::new(Arc::new(record), true), engine }
    }
}

impl Store {
    /// Forgets everything.
    ///
    /// # Panics
    /// Something is left.
    pub fn clear(&mut self) {
        for database in self.databases() {
            // Making all tables anew takes longer.
            let mut keys = Vec::new();
            self.keys().for_each(database, &mut |record| keys.push(record.key().to_vec()));
            self.session.select(database);
            for key in keys {
                assert_eq!(self.run(&[b"DEL", &key]), ":1\r\n");
            }
        }
        assert_eq!(self.databases(), [], "keys are left");
        self.log.take();
        // What is left to chance is the same each time.
        fastrand::seed(7);
    }

    /// What was appended since it was empty.
    pub fn appended(&self) -> Vec<u8> {
        self.log.take()
    }

    /// Its data as a file.
    pub fn saved(&self) -> Vec<u8> {
        let (policy, options) = (self.engine.settings.access_policy(0), self.engine.save_options());
        let guards = self.engine.keyspace.lock_all().expect("no script runs");
        let keys = Keys::new(&self.engine.keyspace, guards, 0, policy, 0);
        let mut file = Vec::new();
        save(&keys, &[], policy, &options, &mut file).expect("memory takes all");
        file
    }

    /// What it holds.
    pub fn content(&mut self) -> Content {
        let mut deadlines = Vec::new();
        for database in self.databases() {
            if self.keys().figures(database).with_deadline.keys == 0 {
                continue;
            }
            self.keys().for_each(database, &mut |record| {
                deadlines.extend(record.stamp().map(|stamp| (database, record.key().to_vec(), stamp)));
            });
        }
        deadlines.sort();
        (self.run(&[b"DEBUG", b"DIGEST"]), deadlines)
    }

    /// Those that have keys.
    fn databases(&self) -> Vec<u32> {
        let keys = self.keys();
        (0..DATABASES).filter(|database| keys.figures(*database).keys > 0).collect()
    }

    fn keys(&self) -> Keys<'_> {
        Keys::new(&self.engine.keyspace, Guards::None, 0, self.engine.settings.access_policy(0), 0)
    }

    /// Runs a command, and returns the reply.
    fn run(&mut self, words: &[&[u8]]) -> String {
        let Self { engine, worker, session, .. } = self;
        let (mut input, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            let start = input.len() as u32;
            input.extend_from_slice(word);
            spans.push(Span { start, end: input.len() as u32 });
        }
        let mut reply = Reply::new();
        let arguments = Arguments::new(&input, &spans);
        let mut batch = engine.batch(worker);
        batch.prepare(engine, session, &arguments);
        batch.run(engine, session, arguments, 0, &mut reply);
        let bytes: Vec<u8> = reply.slices().iter().flat_map(|slice| slice.iter().copied()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Effects as an append-only file has them, but for what keeps together those of a transaction.
#[derive(Clone, Default)]
struct Appended(Arc<Mutex<(Vec<u8>, Option<u32>)>>);

impl Appended {
    /// Gives out what was appended.
    fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).0
    }
}

impl EffectLog for Appended {
    fn append(&self, effect: &Effect<'_>) {
        let (bytes, selected) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if selected.replace(effect.database) != Some(effect.database) {
            propagation::select(effect.database, bytes);
        }
        propagation::encode(effect, bytes);
    }

    fn begin_unit(&self) {}

    fn end_unit(&self) {}
}

/// A mailbox that nobody looks into.
#[derive(Debug)]
struct Nobody;

impl Mailbox for Nobody {
    fn post(&self, _: u64, _: Signal) {}

    fn deliver(&self, _: Delivery) {}
}

/// A process that does nothing.
struct Process;

impl Host for Process {
    fn now_us(&self) -> u64 {
        0
    }

    fn config_get(&self, _: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }

    fn config_set(&self, _: &[(&[u8], &[u8])], _: bool) -> Result<(), Vec<u8>> {
        Ok(())
    }

    fn config_rewrite(&self) -> Result<(), String> {
        Ok(())
    }

    fn shut_down(&self, _: ShutdownOptions) -> Result<(), String> {
        panic!("what is loaded ends the process")
    }

    fn facts(&self) -> ProcessFacts {
        ProcessFacts::default()
    }

    fn save_file(&self, _: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> bool {
        panic!("what is loaded writes files")
    }

    fn open_file(&self) -> io::Result<(Box<dyn Read>, u64)> {
        panic!("what is loaded opens files")
    }

    fn start_background_save(&self) -> bool {
        panic!("what is loaded writes files")
    }

    fn sleep(&self, _: Duration) {
        panic!("what is loaded stops the thread")
    }

    fn purge_memory(&self) {}

    fn allocator_report(&self) -> String {
        String::new()
    }

    fn log_warning(&self, _: &str) {}

    fn log_notice(&self, _: &str) {}

    fn log_of_script(&self, _: LogLevel, _: &[u8]) {}
}
