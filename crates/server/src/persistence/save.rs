//! Writing a file of the data set.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nuthatch_engine::Engine;
use nuthatch_engine::host::ShutdownOptions;
use nuthatch_engine::persistence::Job;

use super::append_only::AppendOnly;
use super::remains::temporary_name;
use crate::config::{Settings, system_text};
use crate::disk::{self, DiskFile};
use crate::log;

/// Has `write` write a file of this name in the working directory: under another name, until all of it is on the disk.
/// Says whether that went well; if not, the log says why, and what was there before is there still.
pub(crate) fn save(name: &Path, write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> bool {
    // The file goes where the server is now, even if it turns to another directory meanwhile.
    let directory = std::env::current_dir().ok();
    let temporary = temporary_name(std::process::id());
    let saved = write_file(directory.as_deref(), Path::new(&temporary), name, write);
    if let Err(line) = &saved {
        if !line.is_empty() {
            log::warning!("{line}");
        }
        // It may not have been made.
        let _ = disk::remove_file(&place(directory.as_deref(), Path::new(&temporary)));
    } else {
        log::notice!("DB saved on disk");
    }
    saved.is_ok()
}

/// Does what is to be done before the server ends: saves the data set for the last time, if that is asked for or there are
/// save points, after which nobody can use keys any more. Says whether the server may end. A part of a data set that is
/// still being loaded does not take the place of the whole.
pub(crate) fn prepare_end(
    engine: &Engine,
    append_only: &AppendOnly,
    settings: &Settings,
    options: ShutdownOptions,
) -> bool {
    if append_only.is_incomplete() {
        // The file of the data set is not loaded where there is to be an append-only file.
        if !options.force {
            log::warning!("Writing initial AOF, can't exit.");
            log::warning!("Errors trying to shut down the server. Check the logs for more information.");
            return false;
        }
        log::warning!("Writing initial AOF. Exit anyway.");
    }
    let background = &engine.persistence.background;
    if background.running() == Some(Job::Save) {
        log::warning!("There is a child saving an .rdb. Killing it!");
        background.cancel();
    }
    let saves = options.save || (!options.no_save && !settings.save_points.is_empty());
    if !saves || engine.persistence.loading.is_active() {
        return true;
    }
    log::notice!("Saving the final RDB snapshot before exiting.");
    if engine.save_finally() {
        return true;
    }
    if options.force {
        log::warning!("Error trying to save the DB. Exit anyway.");
        return true;
    }
    log::warning!("Error trying to save the DB, can't exit.");
    log::warning!("Errors trying to shut down the server. Check the logs for more information.");
    false
}

/// Removes what this process has not finished, since it ends at once.
pub(crate) fn forget_unfinished() {
    // There may be nothing.
    let _ = disk::remove_file(Path::new(&temporary_name(std::process::id())));
}

/// Where a file is.
fn place(directory: Option<&Path>, name: &Path) -> PathBuf {
    directory.map_or_else(|| name.to_owned(), |directory| directory.join(name))
}

/// Returns the line of the log that says what has gone wrong, which is empty if `write` was told to stop.
fn write_file(
    directory: Option<&Path>,
    temporary: &Path,
    name: &Path,
    write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<(), String> {
    let shown =
        || directory.map_or_else(|| "unknown".to_owned(), |directory| directory.display().to_string());
    let mut file = DiskFile::create(&place(directory, temporary)).map_err(|problem| {
        format!(
            "Failed opening the temp RDB file {} (in server root dir {}) for saving: {}",
            temporary.display(),
            shown(),
            system_text(&problem)
        )
    })?;
    // It tells that somebody writes it. Where files cannot be locked, the number of the process does so alone.
    let _ = file.file().try_lock();
    let failure = |step: &str, problem: &io::Error| {
        format!("Write error while saving DB to the disk({step}): {}", system_text(problem))
    };
    write(&mut file).map_err(|problem| match problem.kind() {
        io::ErrorKind::Interrupted => String::new(),
        // As stock servers name the step.
        _ => failure("rdbSaveRio", &problem),
    })?;
    file.sync_all().map_err(|problem| failure("fsync", &problem))?;
    disk::rename(&place(directory, temporary), &place(directory, name)).map_err(|problem| {
        format!(
            "Error moving temp DB file {} on the final destination {} (in server root dir {}): {}",
            temporary.display(),
            name.display(),
            shown(),
            system_text(&problem)
        )
    })?;
    // The new name is on the disk only when the directory is.
    disk::sync_directory(directory.unwrap_or(Path::new(".")))
        .map_err(|problem| format!("Failed to fsync directory while saving DB: {}", system_text(&problem)))
}
