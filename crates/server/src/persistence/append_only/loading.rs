//! Loading the files when the server starts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use nuthatch_engine::Engine;
use nuthatch_engine::dispatch::{Halt, Replay};
use nuthatch_engine::persistence::append_only::{Manifest, Part, Requests};
use nuthatch_engine::rdb::file::{FileError, Problem};

use super::files::Files;
use crate::config::{AppendOnlySettings, system_text};
use crate::disk::{self, DiskFile};
use crate::log;
use crate::persistence::load::{Source, open, scan, tell_error};

/// What files of the data set begin with.
const SIGNATURES: [&[u8]; 2] = [b"REDIS", b"VALKEY"];

/// Bytes of a file's end that are looked at together.
const BLOCK_BYTES: u64 = 64 * 1024;

/// That the files cannot be loaded; the log says why.
#[derive(Debug)]
pub(super) struct NotLoaded;

/// Loads all files that count into an engine that has begun to load them.
pub(super) fn load(
    engine: &Engine,
    files: &Files,
    settings: &AppendOnlySettings,
    threads: usize,
) -> Result<(), NotLoaded> {
    let begun = Instant::now();
    let parts: Vec<&Part> = files.manifest.parts().collect();
    engine.persistence.loading.keeps_expired.store(true, Ordering::Relaxed);
    let outcome = load_parts(engine, files, &parts, settings, threads);
    engine.persistence.loading.keeps_expired.store(false, Ordering::Relaxed);
    outcome?;
    if !parts.is_empty() {
        log::notice!("DB loaded from append only file: {:.3} seconds", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

fn load_parts(
    engine: &Engine,
    files: &Files,
    parts: &[&Part],
    settings: &AppendOnlySettings,
    threads: usize,
) -> Result<(), NotLoaded> {
    for (number, part) in parts.iter().enumerate() {
        if files.are_empty(&[part]) {
            continue;
        }
        let begun = Instant::now();
        let is_last = files.are_empty(&parts[number + 1..]);
        let may_truncate = settings.load_truncated.then_some(is_last);
        load_part(engine, files, part, may_truncate, threads)?;
        let is_base = files.manifest.base.as_ref() == Some(*part);
        let kind = if is_base { "base" } else { "incr" };
        log::notice!(
            "DB loaded from {kind} file {}: {:.3} seconds",
            part.shown(),
            begun.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// Loads a file. `may_truncate` says whether an end that is missing may be, and then whether the file is the last.
fn load_part(
    engine: &Engine,
    files: &Files,
    part: &Part,
    may_truncate: Option<bool>,
    threads: usize,
) -> Result<(), NotLoaded> {
    let (path, name) = (files.path(&part.name), part.shown());
    // What versions before 7.0 of Redis wrote is one file, which may have anything behind the data set.
    let is_old = part.name == files.old_name();
    let unreadable = |problem: io::Error| {
        log::warning!(
            "Fatal error: can't open the append log file {name} for reading: {}",
            system_text(&problem)
        );
        NotLoaded
    };
    let offset = match begins_with_data_set(&path).map_err(unreadable)? {
        false => 0,
        true => {
            match is_old {
                true => log::notice!("Reading RDB preamble from AOF file..."),
                false => log::notice!("Reading RDB base file on AOF loading..."),
            }
            let loaded = scan(engine, Source::open(&path).map_err(unreadable)?, threads);
            let end = loaded.map_err(|error| tell_damaged_base(engine, &name, is_old, &error))?;
            if is_old {
                log::notice!("Reading the remaining AOF tail...");
            }
            end
        }
    };
    let (mut file, length) = open(&path).map_err(unreadable)?;
    let end = match may_truncate {
        Some(true) => end_before_zeros(&mut file, offset, length).map_err(unreadable)?,
        Some(false) | None => length,
    };
    file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
    let requests = Requests::new(file.take(end.saturating_sub(offset)), offset);
    let halt = match Replay::new(engine, requests).run() {
        Ok(()) if end == length => return Ok(()),
        Ok(()) => Halt::Truncated { whole: end, in_transaction: false },
        Err(halt) => halt,
    };
    match halt {
        Halt::Cancelled => {}
        Halt::Unreadable(problem) => log::warning!(
            "Unrecoverable error reading the append only file {name}: {}",
            system_text(&problem)
        ),
        Halt::Unknown(command) => {
            log::warning!("Unknown command '{command}' reading the append only file {name}");
        }
        Halt::Malformed(offset) => log::warning!(
            "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
             ./nuthatch check-aof --fix <filename.manifest> (at offset {offset})"
        ),
        Halt::Truncated { whole, in_transaction } => {
            if in_transaction {
                log::warning!("Revert incomplete MULTI/EXEC transaction in AOF file {name}");
            }
            return truncate(&path, &name, whole, may_truncate);
        }
    }
    Err(NotLoaded)
}

/// Where the zeros begin that a file ends with from `start` on, or where it ends. After a power failure some file systems know
/// the length of a file, but not what was in it. No command ends with a zero.
fn end_before_zeros(file: &mut File, start: u64, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut block = Vec::new();
    while end > start {
        let from = end.saturating_sub(BLOCK_BYTES).max(start);
        block.clear();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(end - from).read_to_end(&mut block)?;
        if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
            return Ok(from + last as u64 + 1);
        }
        end = from;
    }
    Ok(start)
}

fn truncate(path: &Path, name: &str, whole: u64, may_truncate: Option<bool>) -> Result<(), NotLoaded> {
    match may_truncate {
        Some(true) => {}
        Some(false) => {
            log::warning!("The AOF file {name} is whole up to offset {whole} only");
            log::warning!("Fatal error: the truncated file is not the last file");
            return Err(NotLoaded);
        }
        None => {
            log::warning!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, \
                 then use ./nuthatch check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server. (It is whole up to offset \
                 {whole}.)"
            );
            return Err(NotLoaded);
        }
    }
    log::warning!("!!! Warning: short read while loading the AOF file {name}!!!");
    log::warning!("!!! Truncating the AOF {name} at offset {whole} !!!");
    let truncated = DiskFile::open(path).and_then(|file| {
        file.set_len(whole)?;
        file.sync_all()
    });
    if let Err(problem) = truncated {
        log::warning!("Error truncating the AOF file {name}: {}", system_text(&problem));
        return Err(NotLoaded);
    }
    log::warning!("AOF {name} loaded anyway because aof-load-truncated is enabled");
    Ok(())
}

fn tell_damaged_base(engine: &Engine, name: &str, is_old: bool, error: &FileError) -> NotLoaded {
    if !matches!(error.problem, Problem::Cancelled) {
        tell_error(engine, name, error);
        let part = if is_old { "RDB preamble of the AOF" } else { "RDB base" };
        log::warning!("Error reading the {part} file {name}, AOF loading aborted");
    }
    NotLoaded
}

/// Whether a file is one of the data set, or begins with one.
pub(super) fn begins_with_data_set(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    open(path)?.0.take(6).read_to_end(&mut head)?;
    Ok(SIGNATURES.iter().any(|signature| head.starts_with(signature)))
}

/// Takes over the single file that versions before 7.0 of Redis wrote, if there is one and no manifest.
pub(super) fn take_over_single_file(files: &mut Files, settings: &AppendOnlySettings) -> io::Result<()> {
    let old = Path::new(std::ffi::OsStr::new(std::str::from_utf8(&settings.filename).unwrap_or_default()));
    let base = Part { name: settings.filename.clone(), sequence: 1 };
    let is_begun = files.manifest == Manifest { base: Some(base.clone()), ..Manifest::default() }
        && !files.path(&base.name).exists();
    if !old.is_file() || !(is_begun || files.manifest == Manifest::default()) {
        return Ok(());
    }
    files.make_directory()?;
    // The manifest comes first: with the file in the directory and no manifest, nobody would look for it there.
    files.commit(Manifest { base: Some(base.clone()), ..Manifest::default() })?;
    disk::rename(old, &files.path(&base.name))?;
    disk::sync_directory(&files.directory)?;
    disk::sync_directory(Path::new("."))?;
    log::notice!(
        "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
        old.display(),
        settings.directory.display()
    );
    Ok(())
}
