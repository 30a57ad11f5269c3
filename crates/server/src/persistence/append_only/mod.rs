//! The append-only file: every write, in the order in which they were made.
//!
//! Effects become commands in the thread that runs a command ([`mod@unit`]), and go to the pending bytes as a whole when the
//! command is done, under its locks. Before the replies of a turn leave, its event loop writes what is pending
//! ([`output`]); with `appendfsync always` it holds them back instead, and a thread ([`syncing`]) writes and syncs for all
//! that wait.

pub(crate) mod check;
mod commands;
mod files;
mod loading;
mod output;
mod rewriting;
mod starting;
mod syncing;
mod unit;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nuthatch_engine::Engine;
use nuthatch_engine::effect::{Effect, EffectLog};
use nuthatch_engine::persistence::LogFacts;
use nuthatch_engine::propagation;
use parking_lot::{Condvar, Mutex, MutexGuard};

use self::files::Files;
use self::output::Output;
use self::rewriting::Rewriting;
use crate::config::{AppendOnlySettings, Fsync, system_text};
use crate::disk::DiskFile;
use crate::log;
use crate::network::{Message, Shared};

pub(crate) use starting::Unusable;
pub(crate) use unit::completed;

/// The log tells of a problem that stays no more often than that.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// Whether replies may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They may.
    Open,
    /// When what is before this position is on the disk.
    Wait(u64),
    /// What was appended cannot be written: who has written anything must not be told that it was kept.
    Failed,
}

/// What was appended and not taken to be written yet.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// The database that is selected behind it; none at the beginning of a file.
    selected: Option<u32>,
    /// The second that was noted last.
    stamped_s: u64,
}

/// What the thread that syncs is asked for.
#[derive(Debug, Default)]
struct Wishes {
    sync: bool,
    stop: bool,
}

/// What is wrong.
#[derive(Debug, Default)]
struct Trouble {
    /// The file does not take what is written.
    write: Option<String>,
    /// What was written is lost for the disk, it cannot be known how much of it: only a rewrite mends that.
    sync: Option<String>,
    /// The files that it was written to.
    lost: Vec<Arc<DiskFile>>,
    complained: Option<Instant>,
}

/// The append-only file.
pub(crate) struct AppendOnly {
    databases: u32,
    shared: OnceLock<Weak<Shared>>,
    settings: Mutex<AppendOnlySettings>,
    /// How often it is synced, as a number for quick looks: see [`policy_number`].
    policy: AtomicU8,
    timestamps: AtomicBool,
    pending: Mutex<Pending>,
    output: Mutex<Output>,
    files: Mutex<Option<Files>>,
    trouble: Mutex<Trouble>,
    /// Held while files are brought to the disk.
    syncing: Mutex<()>,
    /// Up to where effects were appended, in bytes since the server started.
    pub(crate) appended: Arc<AtomicU64>,
    /// Up to where they were written.
    pub(crate) written: Arc<AtomicU64>,
    /// Up to where they are on the disk.
    pub(crate) synced: Arc<AtomicU64>,
    /// Up to where replies may leave that wait for the disk.
    released: AtomicU64,
    /// Which event loops hold back replies.
    holding: OnceLock<Box<[AtomicBool]>>,
    wishes: Mutex<Wishes>,
    wish: Condvar,
    is_syncing: AtomicBool,
    delayed: AtomicU64,
    /// The length of all files but the one that is being written.
    bytes_before: AtomicU64,
    /// The length of all files when they were rewritten last.
    bytes_base: AtomicU64,
    rewriting: Rewriting,
    /// The thread that switches it on or off, each after the one before.
    switching: Mutex<Option<JoinHandle<()>>>,
    /// How many such threads there are.
    switches: AtomicUsize,
}

/// The engine's way to the append-only file.
pub(crate) struct Tap(pub(crate) Arc<AppendOnly>);

impl EffectLog for Tap {
    fn append(&self, effect: &Effect<'_>) {
        unit::append(effect);
    }

    fn begin_unit(&self) {
        unit::begin();
    }

    fn end_unit(&self) {
        unit::end();
    }

    fn end_command(&self) {
        unit::complete(|complete| self.0.append(&complete));
    }
}

/// The policy as a number.
fn policy_number(fsync: Fsync) -> u8 {
    match fsync {
        Fsync::No => 0,
        Fsync::EverySecond => 1,
        Fsync::Always => 2,
    }
}

impl AppendOnly {
    /// One without a file yet.
    pub(crate) fn new(settings: &AppendOnlySettings, databases: u32) -> Self {
        Self {
            databases,
            shared: OnceLock::new(),
            policy: AtomicU8::new(policy_number(settings.fsync)),
            timestamps: AtomicBool::new(settings.timestamps),
            settings: Mutex::new(settings.clone()),
            pending: Mutex::default(),
            output: Mutex::default(),
            files: Mutex::default(),
            trouble: Mutex::default(),
            syncing: Mutex::default(),
            appended: Arc::default(),
            written: Arc::default(),
            synced: Arc::default(),
            released: AtomicU64::new(0),
            holding: OnceLock::new(),
            wishes: Mutex::default(),
            wish: Condvar::new(),
            is_syncing: AtomicBool::new(false),
            delayed: AtomicU64::new(0),
            bytes_before: AtomicU64::new(0),
            bytes_base: AtomicU64::new(0),
            rewriting: Rewriting::default(),
            switching: Mutex::default(),
            switches: AtomicUsize::new(0),
        }
    }

    /// Tells it which server it is of.
    pub(crate) fn attach(&self, shared: &Arc<Shared>) {
        // Called once, while the server starts.
        let _ = self.shared.set(Arc::downgrade(shared));
        let _ = self.holding.set((0..shared.mailboxes.len()).map(|_| AtomicBool::new(false)).collect());
    }

    /// Takes over settings that have changed.
    pub(crate) fn configure(&self, settings: &AppendOnlySettings) {
        self.policy.store(policy_number(settings.fsync), Ordering::Relaxed);
        self.timestamps.store(settings.timestamps, Ordering::Relaxed);
        self.settings.lock().clone_from(settings);
        self.wish_sync();
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.get().and_then(Weak::upgrade)
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        self.shared().map(|shared| shared.engine.clone())
    }

    fn is_always(&self) -> bool {
        self.policy.load(Ordering::Relaxed) == policy_number(Fsync::Always)
    }

    /// Appends what a command has done.
    fn append(&self, unit: &unit::Complete<'_>) {
        let mut pending = self.pending.lock();
        let before = pending.bytes.len();
        if self.timestamps.load(Ordering::Relaxed) {
            let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            if now_s > pending.stamped_s {
                pending.stamped_s = now_s;
                pending.bytes.extend_from_slice(format!("#TS:{now_s}\r\n").as_bytes());
            }
        }
        let (first, last) = unit.databases;
        let flushes_all = unit.flushes == Some(self.databases);
        if !flushes_all && pending.selected.replace(last) != Some(first) {
            propagation::select(first, &mut pending.bytes);
        }
        if flushes_all {
            propagation::command(&[b"FLUSHALL"], &mut pending.bytes);
        } else if unit.commands > 1 {
            propagation::command(&[b"MULTI"], &mut pending.bytes);
            pending.bytes.extend_from_slice(unit.bytes);
            propagation::command(&[b"EXEC"], &mut pending.bytes);
        } else {
            pending.bytes.extend_from_slice(unit.bytes);
        }
        let appended = pending.bytes.len() - before;
        self.appended.fetch_add(appended as u64, Ordering::AcqRel);
    }

    /// Sees to it that what was appended so far is kept, and says whether replies may leave that acknowledge it.
    pub(crate) fn before_replies(&self) -> Gate {
        let appended = self.appended.load(Ordering::Acquire);
        if self.is_always() {
            if self.released.load(Ordering::Acquire) >= appended {
                return Gate::Open;
            }
            if self.is_failing() {
                return Gate::Failed;
            }
            self.wish_sync();
            return Gate::Wait(appended);
        }
        if self.written.load(Ordering::Acquire) >= appended {
            return Gate::Open;
        }
        let mut waits = false;
        if !self.is_failing() {
            let mut output = self.output.lock();
            self.write(&mut output);
            waits = output.waits_for_files_before();
        }
        if self.written.load(Ordering::Acquire) >= appended {
            Gate::Open
        } else if waits {
            self.wish_sync();
            Gate::Wait(appended)
        } else {
            Gate::Failed
        }
    }

    /// Whether replies may leave that wait for a position; none if that will not be.
    pub(crate) fn is_released(&self, position: u64) -> Option<bool> {
        if self.released.load(Ordering::Acquire) >= position {
            Some(true)
        } else if self.is_failing() {
            None
        } else {
            Some(false)
        }
    }

    /// Has an event loop told when replies may leave that it holds back.
    pub(crate) fn note_holding(&self, number: usize) {
        if let Some(holding) = self.holding.get().and_then(|holding| holding.get(number)) {
            holding.store(true, Ordering::SeqCst);
        }
    }

    /// Tells all event loops that hold replies back to look again.
    fn tell_holders(&self) {
        let Some(shared) = self.shared() else { return };
        for (holding, mailbox) in self.holding.get().into_iter().flatten().zip(&shared.mailboxes) {
            if holding.swap(false, Ordering::SeqCst) {
                mailbox.leave(Message::Kept);
            }
        }
    }

    /// Writes what is pending, unless files before have to be on the disk first. Says whether all is written.
    fn write(&self, output: &mut Output) -> bool {
        if output.waits_for_files_before() {
            return false;
        }
        loop {
            if output.unwritten.is_empty() {
                let mut pending = self.pending.lock();
                std::mem::swap(&mut pending.bytes, &mut output.unwritten);
                drop(pending);
                if output.unwritten.is_empty() {
                    self.solve_writing();
                    return true;
                }
            }
            let outcome = output.write();
            self.written.store(output.position, Ordering::Release);
            if let Err(problem) = outcome {
                self.trouble(|trouble| trouble.write = Some(system_text(&problem)));
                return false;
            }
        }
    }

    /// Leaves out what is pending.
    fn skip(&self, output: &mut Output) {
        output.skip();
        std::mem::swap(&mut self.pending.lock().bytes, &mut output.unwritten);
        output.skip();
        self.written.store(output.position, Ordering::Release);
    }

    fn solve_writing(&self) {
        let mut trouble = self.trouble.lock();
        if trouble.write.take().is_some() && trouble.sync.is_none() {
            log::warning!("AOF write error looks solved. The server can write again.");
            self.publish(&trouble);
        }
    }

    /// Notes that something is wrong: writes are refused from now on.
    fn trouble(&self, note: impl FnOnce(&mut Trouble)) {
        let mut trouble = self.trouble.lock();
        note(&mut trouble);
        if trouble.complained.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
            trouble.complained = Some(Instant::now());
            if let Some(problem) = &trouble.write {
                log::warning!("Error writing to the AOF file: {problem}");
            }
            if let Some(problem) = &trouble.sync {
                log::warning!(
                    "Fail to fsync the AOF file: {problem}. Writes are refused until the file has been rewritten."
                );
            }
        }
        self.publish(&trouble);
        drop(trouble);
        self.tell_holders();
    }

    fn publish(&self, trouble: &Trouble) {
        if let Some(engine) = self.engine() {
            engine.persistence.note_log_problem(trouble.write.clone().or_else(|| trouble.sync.clone()));
        }
    }

    fn is_failing(&self) -> bool {
        let trouble = self.trouble.lock();
        trouble.write.is_some() || trouble.sync.is_some()
    }

    /// Whether there is to be a file, but not all data are in one yet.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.rewriting.is_first() || self.is_switched_on()
    }

    /// Whether the file is being switched on.
    fn is_switched_on(&self) -> bool {
        let is_enabled = self.engine().is_some_and(|engine| engine.persistence.log.is_enabled());
        is_enabled && self.switches.load(Ordering::SeqCst) > 0
    }

    /// Figures for INFO.
    pub(crate) fn facts(&self) -> LogFacts {
        let (bytes, buffered) = {
            let output = self.output.lock();
            (output.bytes, output.unwritten.len() + self.pending.lock().bytes.len())
        };
        LogFacts {
            bytes: self.bytes_before.load(Ordering::Relaxed) + bytes,
            bytes_base: self.bytes_base.load(Ordering::Relaxed),
            buffered: buffered as u64,
            is_syncing: self.is_syncing.load(Ordering::Relaxed),
            delayed: self.delayed.load(Ordering::Relaxed),
            ..self.rewriting.facts(self.is_switched_on())
        }
    }

    fn files(&self) -> MutexGuard<'_, Option<Files>> {
        self.files.lock()
    }
}
