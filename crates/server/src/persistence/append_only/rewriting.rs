//! Writing the append-only file anew, as a base with all data of one moment, while effects go on to another file.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nuthatch_engine::Engine;
use nuthatch_engine::host::RewriteStart;
use nuthatch_engine::persistence::append_only::Part;
use nuthatch_engine::persistence::{Job, LogFacts, SaveOptions};
use parking_lot::Mutex;

use super::files::{Files, remove};
use super::starting::unopened;
use super::{AppendOnly, commands, starting};
use crate::config::system_text;
use crate::disk::{DiskFile, Steadily};
use crate::{log, memory};

/// After so many failures, the file is not rewritten again at once because of its size.
const FAILURES_AT_ONCE: u64 = 3;

/// It is waited so long at most, whatever the number of failures.
const DELAY_MAX: Duration = Duration::from_secs(3600);

/// How far rewriting is.
#[derive(Debug, Default)]
pub(super) struct Rewriting {
    state: Mutex<State>,
    is_active: AtomicBool,
    /// Whether there is no base yet that counts: the file was switched on while the server ran.
    is_first: AtomicBool,
    /// Whether it is to run when what is in its way has ended.
    is_scheduled: AtomicBool,
    rewrites: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    begun: Option<Instant>,
    last_s: Option<u64>,
    has_failed: bool,
    failures: u64,
    failed: Option<Instant>,
    thread: Option<JoinHandle<()>>,
}

impl Rewriting {
    pub(super) fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Acquire)
    }

    pub(super) fn is_first(&self) -> bool {
        self.is_first.load(Ordering::Acquire)
    }

    pub(super) fn is_scheduled(&self) -> bool {
        self.is_scheduled.load(Ordering::Relaxed)
    }

    pub(super) fn set_first(&self, is_first: bool) {
        self.is_first.store(is_first, Ordering::Release);
    }

    /// Figures for INFO. `is_switched_on` says whether there will be a rewrite in a moment.
    pub(super) fn facts(&self, is_switched_on: bool) -> LogFacts {
        let state = self.state.lock();
        LogFacts {
            is_rewriting: self.is_active() || is_switched_on,
            is_scheduled: self.is_scheduled(),
            last_rewrite_s: state.last_s,
            current_rewrite_s: state.begun.map(|begun| begun.elapsed().as_secs()),
            rewrite_failed: state.has_failed,
            rewrites: self.rewrites.load(Ordering::Relaxed),
            failures: state.failures,
            ..LogFacts::default()
        }
    }
}

impl AppendOnly {
    /// Starts to rewrite the file, on a thread of its own.
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    pub(crate) fn rewrite(self: &Arc<Self>) -> Result<RewriteStart, &'static str> {
        self.start_rewrite(false)
    }

    /// As [`Self::rewrite`]; `is_switch` says whether that is a part of switching the file on.
    pub(super) fn start_rewrite(self: &Arc<Self>, is_switch: bool) -> Result<RewriteStart, &'static str> {
        const FAILED: &str =
            "Can't execute an AOF background rewriting. Please check the server logs for more information.";
        let engine = self.engine().ok_or(FAILED)?;
        let background = &engine.persistence.background;
        if self.switches.load(Ordering::SeqCst) > 0 && !is_switch {
            // The file that is to be rewritten is being switched on or off.
            self.rewriting.is_scheduled.store(true, Ordering::Relaxed);
            return Ok(RewriteStart::Scheduled);
        }
        if !background.begin(Job::Rewrite, engine.now_ms() / 1000) {
            if self.rewriting.is_active() {
                return Err("Background append only file rewriting already in progress");
            }
            self.rewriting.is_scheduled.store(true, Ordering::Relaxed);
            return Ok(RewriteStart::Scheduled);
        }
        self.rewriting.is_scheduled.store(false, Ordering::Relaxed);
        self.rewriting.is_active.store(true, Ordering::Release);
        self.rewriting.state.lock().begun = Some(Instant::now());
        self.rewriting.rewrites.fetch_add(1, Ordering::Relaxed);
        let log = self.clone();
        match memory::start_beside("rewrite", move || log.run_rewrite()) {
            Ok(thread) => {
                self.rewriting.state.lock().thread = Some(thread);
                log::notice!("Background append only file rewriting started");
                Ok(RewriteStart::Started)
            }
            Err(problem) => {
                log::warning!("Can't rewrite append only file in background: {}", system_text(&problem));
                self.end_rewrite(Err(problem));
                Err(FAILED)
            }
        }
    }

    /// Has a rewrite that runs end soon.
    pub(super) fn cancel_rewrite(&self) {
        if self.rewriting.is_active()
            && let Some(engine) = self.engine()
        {
            engine.persistence.background.cancel();
        }
    }

    /// Waits until no rewrite runs.
    pub(super) fn wait_for_rewrite(&self) {
        let thread = self.rewriting.state.lock().thread.take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            log::warning!("The thread that rewrites the append only file ended with a panic");
        }
    }

    /// Rewrites the file if it has grown as much as the settings say, or if only that mends it.
    pub(super) fn rewrite_if_grown(self: &Arc<Self>) {
        if self.rewriting.is_active() || self.switches.load(Ordering::SeqCst) > 0 || self.is_loading() {
            return;
        }
        let is_needed =
            self.rewriting.is_scheduled() || self.trouble.lock().sync.is_some() || self.rewriting.is_first();
        let (percentage, min_size) = {
            let settings = self.settings.lock();
            (settings.rewrite_percentage, settings.rewrite_min_size)
        };
        let bytes = self.bytes_before.load(Ordering::Relaxed) + self.output.lock().bytes;
        let base = self.bytes_base.load(Ordering::Relaxed).max(1);
        let growth = (bytes.saturating_mul(100) / base).saturating_sub(100);
        let has_grown = percentage > 0 && bytes > min_size && growth >= percentage;
        if (is_needed || has_grown) && self.may_try_again() {
            if has_grown {
                log::notice!("Starting automatic rewriting of AOF on {growth}% growth");
            }
            // The log says why, if it cannot be.
            let _ = self.rewrite();
        }
    }

    /// Whether what is there is not all data yet.
    pub(super) fn is_loading(&self) -> bool {
        self.engine().is_some_and(|engine| engine.persistence.loading.is_active())
    }

    /// Whether it is long enough ago that rewriting has failed.
    fn may_try_again(&self) -> bool {
        let state = self.rewriting.state.lock();
        let Some(failed) = state.failed.filter(|_| state.failures > 0) else { return true };
        let delay = match state.failures.saturating_sub(FAILURES_AT_ONCE) {
            0 => Duration::from_secs(1),
            more => Duration::from_secs(60 << more.min(6)).min(DELAY_MAX),
        };
        failed.elapsed() >= delay
    }

    fn run_rewrite(self: Arc<Self>) {
        memory::count_thread();
        let outcome = match self.engine() {
            Some(engine) if engine.persistence.log.is_enabled() => self.try_rewrite(&engine),
            Some(engine) => self.try_write_base_alone(&engine),
            None => Ok(()),
        };
        self.end_rewrite(outcome);
    }

    fn end_rewrite(&self, outcome: io::Result<()>) {
        let mut state = self.rewriting.state.lock();
        let begun = state.begun.take();
        state.last_s = begun.map(|begun| begun.elapsed().as_secs());
        state.has_failed = outcome.is_err();
        match outcome {
            Ok(()) => {
                state.failures = 0;
                log::notice!("Background AOF rewrite finished successfully");
            }
            Err(problem) => {
                state.failures += 1;
                state.failed = Some(Instant::now());
                log::warning!("Background AOF rewrite failed: {}", system_text(&problem));
                log::warning!("Background AOF rewrite terminated with error");
            }
        }
        drop(state);
        self.rewriting.is_active.store(false, Ordering::Release);
        if let Some(engine) = self.engine() {
            engine.persistence.background.end();
        }
    }

    fn try_rewrite(&self, engine: &Engine) -> io::Result<()> {
        // Clients wait at the moment of the snapshot for what is not on the disk: let it be little.
        self.sync();
        self.sync_files_before();
        let (directory, increment, file, is_first) = {
            let mut files = self.files();
            let files = files.as_mut().ok_or_else(|| io::Error::other("there is no append only file"))?;
            let is_elsewhere = files.is_elsewhere(&self.settings.lock())?;
            if is_elsewhere || self.rewriting.is_first() {
                // The working directory has changed: what is written from now on is to be found there. Or others may have
                // made a base meanwhile.
                *files = starting::open(&self.settings.lock().clone())
                    .map_err(|starting::Unusable| io::Error::other("the append-only file cannot be used"))?;
                files.make_directory()?;
                files.remove_remains()?;
                self.rewriting.set_first(true);
            }
            let is_first = self.rewriting.is_first();
            let (increment, file) = begin_increment(files, is_first)?;
            (files.directory.clone(), increment, Arc::new(file), is_first)
        };
        let temporary = directory.join(OsStr::from_bytes(&Files::temporary_base()));
        let mut position = None;
        let mut at_moment = || position = self.turn_to(engine, &file, is_first);
        let written = self.write_base(engine, &temporary, &mut at_moment);
        let outcome = written.and_then(|()| {
            tell_written();
            let position =
                position.ok_or_else(|| io::Error::other("what was appended before it cannot be written"))?;
            self.install(&temporary, &increment, is_first, position)
        });
        if outcome.is_err() {
            // It may not have been made.
            let _ = remove(&temporary);
        }
        outcome
    }

    /// Makes a base the only file that counts, while none is appended to: `appendonly no`.
    fn try_write_base_alone(&self, engine: &Engine) -> io::Result<()> {
        let settings = self.settings.lock().clone();
        let mut files = starting::open(&settings)
            .map_err(|starting::Unusable| io::Error::other("the append-only file cannot be used"))?;
        files.make_directory().map_err(starting::unopened_directory(&settings))?;
        files.remove_remains()?;
        let base = self.write_base_alone(engine, &mut files)?;
        tell_written();
        tell_renamed(&base);
        files.remove_history()
    }

    /// Makes a base of what there is the only file that counts. Returns it.
    pub(super) fn write_base_alone(&self, engine: &Engine, files: &mut Files) -> io::Result<Part> {
        let temporary = files.path(&Files::temporary_base());
        let base = files.next_base(self.settings.lock().rdb_preamble);
        let written = self.write_base(engine, &temporary, &mut || ());
        let outcome = written.and_then(|()| files.rename(&Files::temporary_base(), &base.name));
        if outcome.is_err() {
            // It may not have been made.
            let _ = remove(&temporary);
        }
        outcome?;
        let mut manifest = files.manifest.clone();
        manifest.supersede(base.clone(), u64::MAX);
        files.commit(manifest)?;
        Ok(base)
    }

    /// Writes the base as of its moment, in which `at_moment` is called, and brings it to the disk.
    fn write_base(&self, engine: &Engine, temporary: &Path, at_moment: &mut dyn FnMut()) -> io::Result<()> {
        let is_rdb = self.settings.lock().rdb_preamble;
        let shown = String::from_utf8_lossy(&Files::temporary_base()).into_owned();
        let base = DiskFile::create(temporary).map_err(unopened(&shown))?;
        let options = SaveOptions { is_log_base: true, ..engine.save_options() };
        let is_synced_steadily = self.settings.lock().incremental_fsync;
        engine.write_snapshot(&options, at_moment, &mut Steadily::new(&base, is_synced_steadily))?;
        if is_rdb {
            base.sync_all()?;
        } else {
            commands::replace_file(temporary, engine.keyspace.databases())?;
        }
        Ok(())
    }

    /// Has effects go to another file from now on, while all shards are locked. Returns the position, or nothing if what
    /// comes before it cannot be written.
    fn turn_to(&self, engine: &Engine, increment: &Arc<DiskFile>, is_first: bool) -> Option<u64> {
        let mut output = self.output.lock();
        if self.trouble.lock().sync.is_some() {
            // Whatever comes behind what is lost does not count before the base does, which has it.
            self.skip(&mut output);
        } else if !self.write(&mut output) {
            return None;
        }
        self.bytes_before.fetch_add(output.bytes, Ordering::Relaxed);
        output.turn_to(increment.clone());
        let mut pending = self.pending.lock();
        pending.selected = None;
        pending.stamped_s = 0;
        if is_first {
            engine.keyspace.set_logged(true);
            self.bytes_before.store(0, Ordering::Relaxed);
        }
        let position = output.position;
        drop((pending, output));
        self.wish_sync();
        Some(position)
    }

    /// Makes the base, and what was appended since its moment, the files that count.
    fn install(&self, temporary: &Path, increment: &Part, is_first: bool, position: u64) -> io::Result<()> {
        let is_rdb = self.settings.lock().rdb_preamble;
        let bytes = fs::metadata(temporary)?.len();
        let mut files = self.files();
        let files = files.as_mut().ok_or_else(|| io::Error::other("there is no append only file"))?;
        let base = files.next_base(is_rdb);
        files.rename(&Files::temporary_base(), &base.name)?;
        tell_renamed(&base);
        let mut manifest = files.manifest.clone();
        manifest.supersede(base.clone(), increment.sequence);
        if is_first {
            let first = files.first_increment();
            files.rename(&first, &increment.name)?;
            log::notice!(
                "Successfully renamed the temporary AOF incr file {} into {}",
                String::from_utf8_lossy(&first),
                increment.shown()
            );
            manifest.history.append(&mut manifest.increments);
            manifest.increments = vec![increment.clone()];
        }
        if let Err(problem) = files.commit(manifest) {
            // It may count all the same: neither of the files may be written again.
            files.manifest.history.push(base);
            files.manifest.history.extend(is_first.then(|| increment.clone()));
            return Err(problem);
        }
        {
            let mut output = self.output.lock();
            // All that was before the moment is in the base.
            output.superseded.clear();
            self.bytes_before.store(bytes, Ordering::Relaxed);
            self.bytes_base.store(bytes + output.bytes, Ordering::Relaxed);
        }
        self.rewriting.set_first(false);
        self.note_synced(position);
        if is_first {
            // What was brought to the disk meanwhile did not count.
            self.wish_sync();
        }
        self.forget_lost();
        // They do not count any more, and will be tried again.
        if let Err(problem) = files.remove_history() {
            log::warning!("Removing old AOF files failed: {}", system_text(&problem));
        }
        Ok(())
    }

    /// What was lost for the disk is in the base, unless it was appended after its moment.
    fn forget_lost(&self) {
        let current = self.output.lock().file.clone();
        let mut trouble = self.trouble.lock();
        trouble.lost.retain(|lost| current.as_ref().is_some_and(|current| Arc::ptr_eq(lost, current)));
        if !trouble.lost.is_empty() {
            return;
        }
        if trouble.sync.take().is_some() {
            log::warning!("The AOF file has been rewritten: the server can write again.");
        }
        self.publish(&trouble);
    }
}

/// Makes the file that effects go to from the moment of the base on.
fn begin_increment(files: &mut Files, is_first: bool) -> io::Result<(Part, DiskFile)> {
    let increment = files.next_increment();
    if is_first {
        // Another attempt may go on with the file of this name until the moment comes.
        remove(&files.path(&files.first_increment()))?;
        let name = files.first_increment();
        let shown = String::from_utf8_lossy(&name).into_owned();
        log::notice!("Creating AOF incr file {shown} on background rewrite");
        let file = files.create(&name).map_err(unopened(&shown))?;
        return Ok((increment, file));
    }
    let file = files.create(&increment.name).map_err(unopened(&increment.shown()))?;
    // It counts before anything is in it: should the server end before the base does, nothing is lost.
    let mut manifest = files.manifest.clone();
    manifest.increments.push(increment.clone());
    files.commit(manifest)?;
    log::notice!("Creating AOF incr file {} on background rewrite", increment.shown());
    Ok((increment, file))
}

/// Logs that a base is on the disk, under its temporary name.
fn tell_written() {
    let temporary = Files::temporary_base();
    log::notice!("Successfully created the temporary AOF base file {}", String::from_utf8_lossy(&temporary));
    log::notice!("Background AOF rewrite terminated with success");
}

/// Logs that a base has its name.
fn tell_renamed(base: &Part) {
    log::notice!(
        "Successfully renamed the temporary AOF base file {} into {}",
        String::from_utf8_lossy(&Files::temporary_base()),
        base.shown()
    );
}
