//! The append-only file when the server starts, and when it is switched on and off.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nuthatch_engine::Engine;
use nuthatch_engine::persistence::Job;

use super::files::{Files, Refusal};
use super::{AppendOnly, loading};
use crate::config::{AppendOnlySettings, system_text};
use crate::disk;
use crate::{log, memory};

/// That the append-only file cannot be used; the log says why.
#[derive(Debug)]
pub(crate) struct Unusable;

impl AppendOnly {
    /// Looks for the files, when the server starts. Returns their length.
    ///
    /// # Errors
    /// They cannot be used.
    pub(crate) fn find(&self) -> Result<u64, Unusable> {
        let settings = self.settings.lock().clone();
        let mut files = open(&settings)?;
        loading::take_over_single_file(&mut files, &settings).map_err(|problem| {
            log::warning!("Can't take the append only file over: {}", system_text(&problem));
            Unusable
        })?;
        let bytes = files.bytes();
        *self.files() = Some(files);
        Ok(bytes)
    }

    /// Loads the files into an engine that has begun to load them, and has effects go to the last one from then on.
    ///
    /// # Errors
    /// They cannot be loaded, or not be written.
    pub(crate) fn load(&self, engine: &Engine, threads: usize) -> Result<(), Unusable> {
        let settings = self.settings.lock().clone();
        let mut files = self.files();
        let files = files.as_mut().ok_or(Unusable)?;
        loading::load(engine, files, &settings, threads).map_err(|loading::NotLoaded| Unusable)?;
        self.begin(engine, files, &settings).map_err(|problem| {
            log::warning!("{}", system_text(&problem));
            Unusable
        })
    }

    /// Loads the files while the server runs. Nothing is appended meanwhile. Says whether all was loaded.
    pub(crate) fn load_again(&self, engine: &Engine) -> bool {
        self.sync_files_before();
        if !self.write(&mut self.output.lock()) {
            return false;
        }
        let settings = self.settings.lock().clone();
        let mut files = self.files();
        if files.is_none() {
            *files = open(&settings).ok();
        }
        let files = files.as_ref();
        files.is_some_and(|files| loading::load(engine, files, &settings, 0).is_ok())
    }

    /// Has effects go to the last file from now on. An error says which file it is about.
    fn begin(&self, engine: &Engine, files: &mut Files, settings: &AppendOnlySettings) -> io::Result<()> {
        files.make_directory().map_err(unopened_directory(settings))?;
        files.remove_remains().map_err(failed("Can't remove what is left of an append-only file"))?;
        if let Err(problem) = files.remove_history() {
            // It does not count, and is tried again after the next rewrite.
            log::warning!("Can't remove the history of the append-only file: {}", system_text(&problem));
        }
        if files.manifest.parts().next().is_none() {
            let base = files.next_base(settings.rdb_preamble).shown();
            log::notice!("Creating AOF base file {base} on server start");
            let background = &engine.persistence.background;
            // Nothing else goes on while the data set is being loaded.
            background.begin(Job::Rewrite, engine.now_ms() / 1000);
            let written = self.write_base_alone(engine, files);
            background.end();
            written.map_err(failed(format!("Can't write the base {base} of the append-only file")))?;
        }
        let file = match files.manifest.increments.last() {
            Some(last) => {
                log::notice!("Opening AOF incr file {} on server start", last.shown());
                files.open_at_end(last).map_err(unopened(&last.shown()))?
            }
            None => {
                let increment = files.next_increment();
                log::notice!("Creating AOF incr file {} on server start", increment.shown());
                let file = files.create(&increment.name).map_err(unopened(&increment.shown()))?;
                let mut manifest = files.manifest.clone();
                manifest.increments.push(increment);
                files.commit(manifest).map_err(failed("Can't write the AOF manifest file"))?;
                file
            }
        };
        // What was loaded may be in the system's memory only, and is relied on from now on.
        for part in files.manifest.parts() {
            disk::sync_file(&files.path(&part.name)).map_err(unopened(&part.shown()))?;
        }
        let all = files.bytes();
        let mut output = self.output.lock();
        output.bytes = file.file().metadata()?.len();
        self.bytes_before.store(all - output.bytes.min(all), Ordering::Relaxed);
        self.bytes_base.store(all, Ordering::Relaxed);
        output.file = Some(Arc::new(file));
        drop(output);
        engine.keyspace.set_logged(true);
        engine.persistence.log.enable(true);
        Ok(())
    }

    /// Switches the file on or off while the server runs.
    ///
    /// # Errors
    /// The reason in the words of the error reply.
    pub(crate) fn switch(self: &Arc<Self>, is_on: bool) -> Result<(), String> {
        const FAILED: &str = "Unable to turn on AOF. Check server logs.";
        let engine = self.engine().ok_or(FAILED)?;
        if engine.persistence.log.is_enabled() == is_on {
            return Ok(());
        }
        if is_on {
            // What keeps the files from being used is told at once.
            let settings = self.settings.lock().clone();
            let files = open(&settings).map_err(|Unusable| FAILED.to_owned())?;
            files.make_directory().map_err(unopened_directory(&settings)).map_err(|problem| {
                log::warning!("{}", system_text(&problem));
                FAILED.to_owned()
            })?;
        }
        let log = self.clone();
        let mut last = self.switching.lock();
        let before = last.take();
        self.switches.fetch_add(1, Ordering::SeqCst);
        if is_on {
            self.count_base();
        }
        engine.persistence.log.enable(is_on);
        // The caller may hold shards, all of which are needed.
        let spawned = memory::start_beside("aof-switch", move || {
            memory::count_thread();
            if before.is_some_and(|before| before.join().is_err()) {
                log::warning!("A thread that switches the append-only file ended with a panic");
            }
            if is_on {
                log.open();
            } else {
                log.close(&engine);
            }
            log.switches.fetch_sub(1, Ordering::SeqCst);
            // What was brought to the disk meanwhile did not count, since not all data were in a file yet.
            log.wish_sync();
        });
        match spawned {
            Ok(thread) => {
                *last = Some(thread);
                Ok(())
            }
            Err(problem) => {
                self.switches.fetch_sub(1, Ordering::SeqCst);
                Err(system_text(&problem))
            }
        }
    }

    /// Makes the base that is to come count as a byte that was appended: who waits for what is before waits for the base.
    fn count_base(&self) {
        let mut output = self.output.lock();
        output.position += 1;
        self.released.fetch_add(1, Ordering::AcqRel);
        self.written.store(output.position, Ordering::Release);
        self.appended.fetch_add(1, Ordering::AcqRel);
    }

    /// Has a first base be written, and effects go to a file from its moment on.
    fn open(self: &Arc<Self>) {
        let settings = self.settings.lock().clone();
        let Ok(files) = open(&settings) else { return };
        if let Err(problem) = files.remove_remains() {
            log::warning!("Can't remove what is left of an append-only file: {}", system_text(&problem));
        }
        *self.files() = Some(files);
        self.rewriting.set_first(true);
        // Should it fail, or another one run, it is tried again; likewise when all is loaded.
        if !self.is_loading() {
            let _ = self.start_rewrite(true);
        }
    }

    /// Has effects go nowhere.
    fn close(&self, engine: &Engine) {
        self.cancel_rewrite();
        self.wait_for_rewrite();
        self.sync_files_before();
        engine.at_one_moment(&mut || {
            engine.keyspace.set_logged(false);
            let mut output = self.output.lock();
            self.write(&mut output);
            let file = output.file.take();
            output.superseded.extend(file);
            output.unwritten.clear();
            self.pending.lock().bytes.clear();
            self.pending.lock().selected = None;
            output.position = self.appended.load(Ordering::Acquire);
            self.written.store(output.position, Ordering::Release);
            self.release(output.position);
        });
        let files = std::mem::take(&mut self.output.lock().superseded);
        for file in files {
            if let Err(problem) = file.sync_data() {
                log::warning!("Fail to fsync the AOF file: {}", system_text(&problem));
            }
        }
        self.rewriting.set_first(false);
        let mut trouble = self.trouble.lock();
        *trouble = super::Trouble::default();
        self.publish(&trouble);
    }
}

/// Says of an error what cannot be done.
fn failed(what: impl Display) -> impl Fn(io::Error) -> io::Error {
    move |problem| io::Error::new(problem.kind(), format!("{what}: {}", system_text(&problem)))
}

/// Says of an error that it is about this file.
pub(super) fn unopened(name: &str) -> impl Fn(io::Error) -> io::Error {
    failed(format!("Can't open the append-only file {name}"))
}

/// Says of an error that it is about the directory of the files.
pub(super) fn unopened_directory(settings: &AppendOnlySettings) -> impl Fn(io::Error) -> io::Error {
    failed(format!("Can't open or create append-only dir {}", settings.directory.display()))
}

/// Reads the manifest.
pub(super) fn open(settings: &AppendOnlySettings) -> Result<Files, Unusable> {
    Files::open(settings).map_err(|refusal| {
        match refusal {
            Refusal::System(problem) if problem.kind() == io::ErrorKind::NotADirectory => {
                log::warning!("{}", unopened_directory(settings)(problem));
            }
            Refusal::System(problem) => log::warning!(
                "Fatal error: can't open the AOF manifest file {}/{}.manifest for reading: {}",
                settings.directory.display(),
                String::from_utf8_lossy(&settings.filename),
                system_text(&problem)
            ),
            Refusal::Manifest(error) => {
                log::warning!("*** FATAL AOF MANIFEST FILE ERROR ***");
                log::warning!("Reading the manifest file, at line {}", error.line);
                log::warning!(">>> '{}'", error.text);
                log::warning!("{}", error.reason);
            }
        }
        Unusable
    })
}
