//! Limits of the operating system on the number of clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::system_text;
use crate::log;

/// Files that the server has open besides the connections of clients: two of each thread that serves them, and others.
fn reserved_files(io_threads: usize) -> u64 {
    const ENOUGH: u64 = 32;
    const THREADS_INCLUDED: usize = 4;
    ENOUGH + 2 * io_threads.saturating_sub(THREADS_INCLUDED) as u64
}

/// Whether the process may open as many files as it needs.
pub(super) enum Outcome {
    /// It may.
    Enough,
    /// It may have so many clients only.
    Only(u32),
    /// It cannot have a single one.
    TooFew,
}

/// Raises the limit on open files to what the clients need, and logs what came of it.
pub(super) fn raise(maxclients: u32, io_threads: usize) -> Outcome {
    let reserved = reserved_files(io_threads);
    let needed = u64::from(maxclients) + reserved;
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < needed) else { return Outcome::Enough };
    let problem = match set(needed, limit) {
        Ok(()) => {
            log::notice!(
                "Increased maximum number of open files to {needed} (it was originally set to {current})."
            );
            return Outcome::Enough;
        }
        Err(problem) => problem,
    };
    // Without the privilege to raise the hard limit, that is what can be had.
    let best = limit.maximum.filter(|hard| set(*hard, limit).is_ok()).unwrap_or(current).max(current);
    let Some(possible) = best.checked_sub(reserved).filter(|possible| *possible > 0) else {
        log::warning!(
            "Your current 'ulimit -n' of {current} is not enough for the server to start. Please increase your \
             open file limit to at least {needed}. Exiting."
        );
        return Outcome::TooFew;
    };
    log::warning!(
        "You requested maxclients of {maxclients} requiring at least {needed} max file descriptors."
    );
    log::warning!(
        "Server can't set maximum open files to {needed} because of OS error: {}.",
        system_text(&problem.into())
    );
    log::warning!(
        "Current maximum open files is {best}. maxclients has been reduced to {possible} to compensate for low \
         ulimit. If you need higher maxclients increase 'ulimit -n'."
    );
    Outcome::Only(u32::try_from(possible).unwrap_or(maxclients))
}

/// Raises the limit on open files for a new number of clients.
///
/// # Errors
///
/// The reason in the words of the error reply.
pub(super) fn raise_for(maxclients: u32, io_threads: usize) -> Result<(), String> {
    let reserved = reserved_files(io_threads);
    let needed = u64::from(maxclients) + reserved;
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < needed) else { return Ok(()) };
    set(needed, limit).map_err(|_| {
        let best = limit.maximum.unwrap_or(current).saturating_sub(reserved);
        format!("The operating system is not able to handle the specified number of clients, try with {best}")
    })
}

fn set(files: u64, limit: Rlimit) -> rustix::io::Result<()> {
    let maximum = limit.maximum.map(|hard| hard.max(files));
    setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum })
}

/// Warns if the system keeps shorter queues of new connections than configured.
pub(super) fn check_backlog(backlog: u32) {
    const LIMIT: &str = "/proc/sys/net/core/somaxconn";
    let limit = std::fs::read_to_string(LIMIT).ok().and_then(|text| text.trim().parse::<u32>().ok());
    if let Some(limit) = limit.filter(|limit| *limit < backlog) {
        log::warning!(
            "WARNING: The TCP backlog setting of {backlog} cannot be enforced because {LIMIT} is set to the \
             lower value of {limit}."
        );
    }
}
