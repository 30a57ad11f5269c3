//! DEBUG RELOAD and LOADAOF: from the keyspace to files and back.

use std::sync::atomic::Ordering;

use crate::Engine;
use crate::arguments::is_word;
use crate::call::Call;
use crate::commands::persistence::save_all;

use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::strings::NewDeadline;
use crate::rdb;
use crate::rdb::file::{Facts, FileEntry, FileError, Part, Problem, ScanOptions, Scanner};
use crate::scripts::{Library, Policy};

const UNKNOWN_OPTION: CommandError =
    CommandError::fixed("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
const NOT_LOADED: CommandError =
    CommandError::fixed("ERR Error trying to load the RDB dump, check server logs.");

#[derive(Default)]
struct Options {
    /// What the file has takes the place of what is there.
    merges: bool,
    /// What is there stays.
    keeps: bool,
    /// The file is loaded as it is.
    loads_only: bool,
}

impl Options {
    fn parse<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        for word in words {
            match word {
                word if is_word(word, "MERGE") => options.merges = true,
                word if is_word(word, "NOFLUSH") => options.keeps = true,
                word if is_word(word, "NOSAVE") => options.loads_only = true,
                _ => return Err(UNKNOWN_OPTION),
            }
        }
        Ok(options)
    }
}

/// The file is read twice: nothing is changed unless all of it can be loaded. A stock server ends where it cannot.
pub(super) fn reload(call: &mut Call<'_, '_>) -> Outcome {
    let options = Options::parse(call.arguments.from(2))?;
    if !options.loads_only {
        save_all(call)?;
    }
    let changes = call.keys.changes();
    let loaded = check(call, &options).and_then(|(libraries, facts)| {
        let host = &call.engine.host;
        facts.in_words(call.now_ms() / 1000).iter().for_each(|line| host.log_notice(line));
        load(call, &options, libraries)
    });
    if let Err(error) = loaded {
        for line in error.in_stock_words(call.engine.keyspace.databases()) {
            call.engine.host.log_warning(&line);
        }
        call.engine.host.log_warning(&format!("Error in RDB file {error}"));
        return Err(NOT_LOADED);
    }
    // What was changed and not saved before is not saved now; loading changes nothing.
    let added = call.keys.changes().saturating_sub(changes);
    call.engine.persistence.changes_saved.fetch_add(added, Ordering::Relaxed);
    call.engine.host.log_notice(&call.engine.persistence.loading.in_words());
    call.engine.host.log_notice("DB reloaded by DEBUG RELOAD");
    call.reply.ok();
    Ok(())
}

/// Loads the append-only file in place of all data. Clients are told meanwhile that data are being loaded.
pub(super) fn load_log(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_LOADED: CommandError =
        CommandError::fixed("ERR Error trying to load the AOF files, check server logs.");
    let engine = call.engine;
    let (keyspace, loading) = (&engine.keyspace, &engine.persistence.loading);
    let was_logged = call.keys.is_logged();
    keyspace.set_logged(false);
    for database in 0..keyspace.databases() {
        call.keys.flush(database, true);
    }
    loading.begin(call.now_ms() / 1000, 0);
    let is_loaded = call.keys.while_unlocked(|| engine.host.load_log());
    loading.end();
    keyspace.set_logged(was_logged);
    if !is_loaded {
        return Err(NOT_LOADED);
    }
    engine.host.log_notice("Append Only File loaded by DEBUG LOADAOF");
    call.reply.ok();
    Ok(())
}

/// Shows the parts of the file. Returns what it says about itself.
fn scan(engine: &Engine, take: &mut dyn FnMut(Part) -> Result<(), FileError>) -> Result<Facts, FileError> {
    let (file, bytes) = engine.host.open_file().map_err(|problem| FileError {
        offset: 0,
        reading: "the file".to_owned(),
        problem: Problem::Unreadable(problem),
    })?;
    let databases = engine.keyspace.databases();
    let verifies_checksum = engine.settings.checks_files.load(Ordering::Relaxed);
    let mut scanner = Scanner::new(file, ScanOptions { bytes, databases, verifies_checksum })?;
    loop {
        match scanner.next_part()? {
            Part::End(_) => return Ok(scanner.facts().clone()),
            part => take(part)?,
        }
    }
}

/// Checks that the file can be loaded. Returns its libraries of functions, and what it says about itself.
fn check(call: &Call<'_, '_>, options: &Options) -> Result<(Vec<Library>, Facts), FileError> {
    let engine = call.engine;
    let mut libraries = Vec::new();
    let facts = scan(engine, &mut |part| {
        match part {
            Part::Entries(batch) => {
                for entry in batch.entries() {
                    let name = entry.key()?;
                    entry.value()?;
                    let key = key_of(engine, &entry, &name);
                    if options.keeps && !options.merges && call.keys.contains(&key) {
                        return Err(entry.error(0, Problem::SameKey));
                    }
                }
            }
            Part::Library(text, offset) => libraries.push(engine.read_library(&text, offset)?),
            Part::ModuleValue(name, offset) => {
                let (reading, problem) = ("a value of a module".to_owned(), Problem::OfModule(name));
                return Err(FileError { offset, reading, problem });
            }
            Part::Fact(..) | Part::Database(_) | Part::Module(_) | Part::End(_) => {}
        }
        Ok(())
    })?;
    Ok((libraries, facts))
}

fn key_of<'n>(engine: &Engine, entry: &FileEntry<'_>, name: &'n [u8]) -> Key<'n> {
    Key { bytes: name, hash: engine.keyspace.hash(name), database: entry.database() }
}

fn load(call: &mut Call<'_, '_>, options: &Options, libraries: Vec<Library>) -> Result<(), FileError> {
    let engine = call.engine;
    let policy = match options {
        Options { keeps: false, .. } => Policy::Flush,
        Options { merges: true, .. } => Policy::Replace,
        Options { .. } => Policy::Append,
    };
    engine.add_libraries(libraries, policy, 0)?;
    if !options.keeps {
        for database in 0..engine.keyspace.databases() {
            call.keys.flush(database, false);
        }
    }
    let loading = &engine.persistence.loading;
    let counters = [&loading.keys, &loading.keys_expired, &loading.keys_empty];
    counters.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
    scan(engine, &mut |part| {
        let Part::Entries(batch) = part else { return Ok(()) };
        for entry in batch.entries() {
            load_entry(call, &entry, options)?;
        }
        Ok(())
    })
    .map(drop)
}

fn load_entry(call: &mut Call<'_, '_>, entry: &FileEntry<'_>, options: &Options) -> Result<(), FileError> {
    let (engine, now_ms) = (call.engine, call.now_ms());
    let name = entry.key()?;
    let key = key_of(engine, entry, &name);
    if !options.merges && call.keys.contains(&key) {
        return Err(entry.error(0, Problem::SameKey));
    }
    let loading = &engine.persistence.loading;
    let is_past = entry.deadline().is_some_and(|deadline| deadline <= now_ms);
    let value = if is_past { None } else { entry.value()? };
    let was_empty = !is_past && value.is_none();
    let counter = match value.and_then(|value| value.live_at(now_ms)) {
        Some(value) => {
            let deadline = entry.deadline().map_or(NewDeadline::Clear, NewDeadline::At);
            rdb::build(value, &engine.settings.encodings, |kind, payload| {
                call.keys.put(&key, kind, payload, deadline);
            });
            if let Some(last_use) = entry.last_use() {
                call.keys.set_last_use(&key, last_use);
            }
            call.keys.note_whole(&key, "restore");
            &loading.keys
        }
        None if was_empty => &loading.keys_empty,
        None => &loading.keys_expired,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
