//! Loading a file when the server starts.
//!
//! One thread goes through the file and finds its entries. Those are decoded and inserted by other threads, and by the
//! first one whenever all of the others have enough to do.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::thread;
use std::time::Instant;

use nuthatch_engine::Engine;
use nuthatch_engine::rdb::file::{Batch, Checked, Facts, FileError, Part, Problem, ScanOptions, Scanner};

use crate::config::system_text;
use crate::{log, memory};

/// Batches that wait for each thread.
const BATCHES_AHEAD: usize = 4;

/// The last line of a server that cannot load its data set.
const NOT_LOADED: &str = "Fatal error loading the DB, check server logs. Exiting.";

/// A file that is to be loaded.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// That the file of the data set cannot be read; the log says why.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// What there is to load.
pub(crate) enum Found {
    /// Nothing: there is no such file.
    Nothing,
    /// This file.
    File(Source),
}

impl Source {
    /// A file of this path.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is something else.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        open(path).map(|(file, bytes)| Self { path: path.to_owned(), file, bytes })
    }

    /// The length of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Looks for the file of the data set.
///
/// # Errors
/// There is something, but it cannot be read. The log says why.
pub(crate) fn find(path: &Path) -> Result<Found, Unreadable> {
    match Source::open(path) {
        Ok(source) => Ok(Found::File(source)),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(problem) => {
            let (path, reason) = (path.display(), system_text(&problem));
            log::warning!("Fatal error: can't open the RDB file {path} for reading: {reason}");
            log::warning!("{NOT_LOADED}");
            Err(Unreadable)
        }
    }
}

/// Opens a file. Returns its length besides.
///
/// # Errors
/// There is none, it cannot be read, or it is something else.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    // Opening what is no file may wait for ever.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "Not a regular file"));
    }
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Loads a file into an engine that has begun to load it, on `threads` threads besides this one. Says whether all of
/// it was loaded; if not, the log says why.
pub(crate) fn load(engine: &Engine, source: Source, threads: usize) -> bool {
    let begun = Instant::now();
    let path = source.path.clone();
    match scan(engine, source, threads) {
        Ok(_) => {
            log::notice!("DB loaded from disk: {:.3} seconds", begun.elapsed().as_secs_f64());
            true
        }
        Err(FileError { problem: Problem::Cancelled, .. }) => false,
        Err(error) => {
            if let Problem::Unreadable(problem) = &error.problem {
                log::warning!("Can't read {}: {}", path.display(), system_text(problem));
            }
            tell_error(engine, &path.display().to_string(), &error);
            log::warning!("{NOT_LOADED}");
            false
        }
    }
}

/// Logs why a file cannot be loaded.
pub(super) fn tell_error(engine: &Engine, name: &str, error: &FileError) {
    for line in error.in_stock_words(engine.keyspace.databases()) {
        log::warning!("{line}");
    }
    log::warning!("Error in RDB file {name} {error}");
}

/// What the threads share.
struct Common<'e> {
    engine: &'e Engine,
    batches: Mutex<Receiver<Batch>>,
    has_failed: AtomicBool,
    error: Mutex<Option<FileError>>,
}

impl Common<'_> {
    /// Loads batches until there are no more.
    fn work(&self) {
        loop {
            // Whoever waits for a batch lets the others wait for the next.
            let batch = self.batches.lock().map(|batches| batches.recv());
            let Ok(Ok(batch)) = batch else { return };
            self.load(&batch);
        }
    }

    /// Loads a batch, unless something has gone wrong already.
    fn load(&self, batch: &Batch) {
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        let loaded = self.engine.load_entries(batch);
        memory::count_thread();
        if let Err(error) = loaded {
            self.has_failed.store(true, Ordering::Relaxed);
            if let Ok(mut first) = self.error.lock()
                && first.as_ref().is_none_or(|first| first.offset > error.offset)
            {
                *first = Some(error);
            }
        }
    }
}

/// Loads a file, on `threads` threads besides this one. Returns where it ends: something else may be behind it.
///
/// # Errors
/// It is damaged.
pub(super) fn scan(engine: &Engine, source: Source, threads: usize) -> Result<u64, FileError> {
    let options = ScanOptions {
        bytes: source.bytes,
        databases: engine.keyspace.databases(),
        verifies_checksum: engine.settings.checks_files.load(Ordering::Relaxed),
    };
    let mut scanner = Scanner::new(source.file, options)?;
    let (sender, receiver) = sync_channel(BATCHES_AHEAD * threads.max(1));
    let common = Common {
        engine,
        batches: Mutex::new(receiver),
        has_failed: AtomicBool::new(false),
        error: Mutex::new(None),
    };
    let scanned = thread::scope(|scope| {
        // Without them, this thread does everything.
        let workers = (0..threads).filter(|number| {
            let thread = thread::Builder::new().name(format!("load-{number}"));
            thread.spawn_scoped(scope, || common.work()).is_ok()
        });
        let workers = workers.count();
        let outcome = parts(&mut scanner, engine, |batch| {
            memory::count_thread();
            if workers == 0 {
                common.load(&batch);
            } else if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
                sender.try_send(batch)
            {
                common.load(&batch);
            }
            !common.has_failed.load(Ordering::Relaxed)
        });
        drop(sender);
        outcome
    });
    match common.error.into_inner().ok().flatten() {
        // It is before what the scanner has found, if that has found anything.
        Some(error) => Err(error),
        None => {
            scanned?;
            log::notice!("{}", engine.persistence.loading.in_words());
            Ok(scanner.position())
        }
    }
}

/// Goes through the parts of a file, and gives the entries to `take` as long as this wants more.
fn parts(
    scanner: &mut Scanner<File>,
    engine: &Engine,
    mut take: impl FnMut(Batch) -> bool,
) -> Result<(), FileError> {
    let mut is_told = false;
    loop {
        let part = scanner.next_part()?;
        let is_fact = matches!(part, Part::Fact(..));
        if !is_told && !is_fact {
            is_told = true;
            tell(scanner.facts(), engine);
        }
        match part {
            Part::Entries(batch) => {
                if !take(batch) {
                    return Ok(());
                }
            }
            Part::Library(text, offset) => engine.load_library(&text, offset)?,
            Part::Module(name) => log::notice!("Skipping what the module '{name}' has left in the RDB file"),
            Part::ModuleValue(name, offset) => {
                let problem = Problem::OfModule(name);
                return Err(FileError { offset, reading: "a value of a module".to_owned(), problem });
            }
            Part::Fact(..) | Part::Database(_) => {}
            Part::End(checked) => {
                if checked == Checked::Absent && scanner.version().has_checksum() {
                    log::notice!("RDB file was saved with checksum disabled: no check performed.");
                }
                return Ok(());
            }
        }
    }
}

/// Logs what the file says about itself.
fn tell(facts: &Facts, engine: &Engine) {
    for line in facts.in_words(engine.now_ms() / 1000) {
        log::notice!("{line}");
    }
    if let Some(memory) = facts.memory {
        engine.persistence.loading.memory_there.store(memory, Ordering::Relaxed);
    }
}
