//! From the keyspace to a file.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nuthatch_collections::entry::RecordRef;

use crate::Engine;
use crate::access::AccessPolicy;
use crate::keyspace::locked::Keys;
use crate::keyspace::patience::Busy;
use crate::keyspace::snapshot::{Begun, EntryForm, Snapshot};
use crate::keyspace::{DatabaseFigures, Keyspace};
use crate::persistence::Job;
use crate::rdb::file::{EntryWriter, FileWriter, Version};
use crate::scripts::Library;

/// Entries are handed over to the file when there are as many bytes of them.
const ENTRIES_BYTES: usize = 64 * 1024;

/// How long a script that has run for too long is waited for before it is looked at again.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How long `rdb-key-save-delay` waits at once.
const DELAY_PART: Duration = Duration::from_millis(10);

/// All data as it is at one moment.
pub trait Content {
    /// The numbers and sizes of the databases that have keys.
    fn databases(&self) -> Vec<(u32, DatabaseFigures)>;

    /// Shows every entry with the number of its database, until `visit` fails.
    ///
    /// # Errors
    /// `visit` has failed.
    fn visit(&self, visit: &mut dyn FnMut(u32, RecordRef<'_>) -> io::Result<()>) -> io::Result<()>;
}

/// A command that holds all shards has all data before it.
impl Content for Keys<'_> {
    fn databases(&self) -> Vec<(u32, DatabaseFigures)> {
        let figures = (0..self.keyspace().databases()).map(|number| (number, self.figures(number)));
        figures.filter(|(_, figures)| figures.keys > 0).collect()
    }

    fn visit(&self, visit: &mut dyn FnMut(u32, RecordRef<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut outcome = Ok(());
        for (database, _) in self.databases() {
            self.for_each(database, &mut |record| {
                if outcome.is_ok() {
                    outcome = visit(database, record);
                }
            });
        }
        outcome
    }
}

/// How a file is written.
#[derive(Debug, Clone)]
pub struct SaveOptions {
    /// Whether strings are compressed: `rdbcompression`.
    pub compresses: bool,
    /// Whether there is a checksum: `rdbchecksum`.
    pub with_checksum: bool,
    /// Whether it is written when or how often keys were used: whether `maxmemory-policy` goes by it.
    pub with_last_use: bool,
    /// The memory that the data takes, in bytes.
    pub memory: u64,
    /// Whether the file is the beginning of an append-only file.
    pub is_log_base: bool,
}

/// Writes all data and the libraries of functions to a file, as of the policy's time.
///
/// # Errors
/// The file does not take it.
pub fn save(
    content: &dyn Content,
    libraries: &[Arc<Library>],
    policy: AccessPolicy,
    options: &SaveOptions,
    sink: &mut dyn Write,
) -> io::Result<()> {
    let databases = content.databases();
    let mut file = begin_file(&databases, libraries, policy, options, sink)?;
    let mut entries = EntryWriter::new(options.compresses);
    let mut current = None;
    content.visit(&mut |database, record| {
        if current != Some(database)
            && let Some(before) = current.replace(database)
        {
            file.entries(before, entries.bytes())?;
            entries.clear();
        }
        let last_use = options.with_last_use.then(|| policy.last_use_of(record.access()));
        entries.write(record, policy.now_ms, last_use);
        if entries.bytes().len() >= ENTRIES_BYTES {
            file.entries(database, entries.bytes())?;
            entries.clear();
        }
        Ok(())
    })?;
    if let Some(database) = current {
        file.entries(database, entries.bytes())?;
    }
    file.finish()
}

/// What a file has before its entries.
fn begin_file<'s>(
    databases: &[(u32, DatabaseFigures)],
    libraries: &[Arc<Library>],
    policy: AccessPolicy,
    options: &SaveOptions,
    sink: &'s mut dyn Write,
) -> io::Result<FileWriter<'s>> {
    let has_field_deadlines = databases.iter().any(|(_, figures)| figures.with_field_deadlines > 0);
    // Whoever does not know fields with deadlines is told so at once, others read as much as can be.
    let version = if has_field_deadlines { Version::FIELD_DEADLINES } else { Version::COMMON };
    let mut file = FileWriter::new(sink, version, options.with_checksum);
    file.fact("redis-ver", crate::REDIS_VERSION);
    file.fact("redis-bits", &usize::BITS.to_string());
    file.fact("ctime", &(policy.now_ms / 1000).to_string());
    file.fact("used-mem", &options.memory.to_string());
    file.fact("aof-base", if options.is_log_base { "1" } else { "0" });
    for library in libraries {
        file.library(&library.text)?;
    }
    for (number, figures) in databases {
        file.sizes(*number, figures.keys as u64, figures.with_deadline.keys as u64);
    }
    Ok(file)
}

/// What is to be saved: all data at a moment, by a snapshot of them, and what goes with them.
#[derive(Debug)]
pub(super) struct SaveMoment<S> {
    policy: AccessPolicy,
    libraries: Vec<Arc<Library>>,
    options: SaveOptions,
    snapshot: S,
}

impl SaveMoment<Begun> {
    fn go_on(self, keyspace: &Keyspace) -> SaveMoment<Snapshot<'_>> {
        let Self { policy, libraries, options, snapshot } = self;
        SaveMoment { policy, libraries, options, snapshot: keyspace.go_on_with(snapshot) }
    }
}

/// How the end of a job that was cancelled is told.
fn cancelled() -> io::Error {
    io::Error::from(io::ErrorKind::Interrupted)
}

impl SaveOptions {
    fn entry_form(&self, policy: AccessPolicy) -> EntryForm {
        EntryForm { compresses: self.compresses, with_last_use: self.with_last_use, policy }
    }
}

impl Engine {
    /// How files are written, as the configuration has it.
    pub fn save_options(&self) -> SaveOptions {
        SaveOptions {
            with_last_use: self.settings.keeps_last_use.load(Ordering::Relaxed),
            compresses: self.settings.compresses_files.load(Ordering::Relaxed),
            with_checksum: self.settings.checks_files.load(Ordering::Relaxed),
            memory: self.host.facts().memory.allocated,
            is_log_base: false,
        }
    }

    /// Writes all data and the libraries of functions to a file, as they are at one moment, while others go on changing
    /// them. `at_moment` is called in that moment, when nobody can change anything. Only whoever has begun the background's
    /// job may do so. Returns how many changes there had been by then.
    ///
    /// # Errors
    /// The file does not take it, or the job was cancelled ([`io::ErrorKind::Interrupted`]).
    pub fn write_snapshot(
        &self,
        options: &SaveOptions,
        at_moment: &mut dyn FnMut(),
        sink: &mut dyn Write,
    ) -> io::Result<u64> {
        let moment = self.await_moment(options.clone(), at_moment)?;
        self.write_moment(moment, sink)
    }

    /// Has the data set saved as it is now, for a command that holds all shards: others go on while that is done. Whoever
    /// calls this has begun [`Job::Save`]. Says whether there is anybody who does it.
    pub(crate) fn save_this_moment(&self, keys: &mut Keys<'_>, now_ms: u64) -> bool {
        let options = self.save_options();
        let libraries = self.scripts.libraries.all();
        let policy = self.settings.access_policy(now_ms);
        // Whoever is to save it waits for what is put here.
        let mut place = self.persistence.background.moment.lock();
        if !self.host.start_background_save() {
            return false;
        }
        let snapshot = keys.begin_snapshot(options.entry_form(policy));
        *place = Some(SaveMoment { policy, libraries, options, snapshot });
        true
    }

    /// Waits for a moment in which no script has run for too long, and begins the snapshot.
    fn await_moment(
        &self,
        options: SaveOptions,
        at_moment: &mut dyn FnMut(),
    ) -> io::Result<SaveMoment<Snapshot<'_>>> {
        let mut libraries = Vec::new();
        loop {
            let policy = self.settings.access_policy(self.now_ms());
            let begun = self.keyspace.begin_snapshot(options.entry_form(policy), &mut || {
                libraries = self.scripts.libraries.all();
                at_moment();
            });
            match begun {
                Ok(snapshot) => return Ok(SaveMoment { policy, libraries, options, snapshot }),
                Err(Busy) if self.persistence.background.is_cancelled() => return Err(cancelled()),
                // It ends, or is ended.
                Err(Busy) => self.host.sleep(BUSY_PAUSE),
            }
        }
    }

    /// Writes what there was at a moment to a file. Returns how many changes there had been by then.
    fn write_moment(&self, moment: SaveMoment<Snapshot<'_>>, sink: &mut dyn Write) -> io::Result<u64> {
        let background = &self.persistence.background;
        let SaveMoment { policy, libraries, options, mut snapshot } = moment;
        let changes = snapshot.changes;
        let keys: usize = snapshot.databases.iter().map(|(_, figures)| figures.keys).sum();
        background.keys_total.store(keys as u64, Ordering::Relaxed);
        let databases = std::mem::take(&mut snapshot.databases);
        let mut file = begin_file(&databases, &libraries, policy, &options, sink)?;
        let mut delayed = 0;
        snapshot.ask_for_help(|| self.host.call_for_help());
        while snapshot.step(&mut |database, entries| file.entries(database, entries))? {
            if background.is_cancelled() {
                return Err(cancelled());
            }
            background.keys.store(snapshot.entries, Ordering::Relaxed);
            self.delay_saving(snapshot.entries - delayed);
            delayed = snapshot.entries;
        }
        drop(snapshot);
        // The last entries may have been waited after.
        if background.is_cancelled() {
            return Err(cancelled());
        }
        file.finish()?;
        Ok(changes)
    }

    /// Saves the data set as it was when a command asked for that, or else as it is now, while others go on changing it.
    /// Whoever calls this has begun [`Job::Save`], which ends here.
    pub fn save_in_background(&self) {
        let background = &self.persistence.background;
        let mut moment = background.moment.lock().take().map(|moment| moment.go_on(&self.keyspace));
        let mut changes = 0;
        // A SAVE may still be at it that began beside another job.
        let file = background.file.lock();
        let saved = self.host.save_file(&mut |file| {
            let moment = match moment.take() {
                Some(moment) => moment,
                None => self.await_moment(self.save_options(), &mut || ())?,
            };
            changes = self.write_moment(moment, file)?;
            Ok(())
        });
        // It has not come to that.
        drop(moment);
        drop(file);
        let now_s = self.now_ms() / 1000;
        let seconds = now_s.saturating_sub(background.started_s.load(Ordering::Relaxed));
        background.save_seconds.store(seconds.cast_signed(), Ordering::Relaxed);
        if saved {
            self.persistence.note_save(now_s, changes);
        }
        // Who has it cancelled does not mind that there is no file.
        if saved || !background.is_cancelled() {
            self.persistence.note_failure(!saved);
        }
        background.end();
    }

    /// Saves the data set for the last time: if that goes well nobody can use keys any more. Says whether it did.
    pub fn save_finally(&self) -> bool {
        let background = &self.persistence.background;
        while !background.begin(Job::Save, self.now_ms() / 1000) {
            background.cancel();
            self.host.sleep(BUSY_PAUSE);
        }
        // Two may ask for the end at once.
        if self.persistence.is_closed.load(Ordering::SeqCst) {
            background.end();
            return true;
        }
        let guards = loop {
            match self.keyspace.lock_all() {
                Ok(guards) => break guards,
                Err(Busy) => {
                    self.scripts.busy.end_all();
                    self.host.sleep(BUSY_PAUSE);
                }
            }
        };
        let policy = self.settings.access_policy(self.now_ms());
        let keys = Keys::new(&self.keyspace, guards, policy.now_ms, policy, 0);
        let (libraries, options) = (self.scripts.libraries.all(), self.save_options());
        let saved = self.host.save_file(&mut |file| save(&keys, &libraries, policy, &options, file));
        if saved {
            self.persistence.is_closed.store(true, Ordering::SeqCst);
            self.keyspace.close(keys);
        }
        background.end();
        saved
    }

    /// Waits after so many keys, if that is wanted: `rdb-key-save-delay`.
    fn delay_saving(&self, keys: u64) {
        let wanted = match self.persistence.background.delay_us.load(Ordering::Relaxed) {
            delay @ 1.. => keys.saturating_mul(delay.unsigned_abs()),
            0 => 0,
            keys_per_microsecond => keys / keys_per_microsecond.unsigned_abs(),
        };
        // In parts, so that the end is not waited for, either.
        let mut left = Duration::from_micros(wanted);
        while !left.is_zero() && !self.persistence.background.is_cancelled() {
            let part = left.min(DELAY_PART);
            self.host.sleep(part);
            left -= part;
        }
    }
}
