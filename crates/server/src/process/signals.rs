//! Signals that ask the server to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::log;
use crate::memory;
use crate::persistence;

/// A signal that asks for a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Termination {
    /// SIGTERM, from a supervisor.
    Terminate,
    /// SIGINT, from a person at a terminal.
    Interrupt,
}

impl Termination {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// Whether a signal has asked for a shutdown that is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requested(Arc<AtomicBool>);

impl Requested {
    /// The server goes on: whoever wants it to end has to ask again.
    pub(crate) fn refuse(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Calls `request` on a thread of its own for each signal that asks for a shutdown. An interrupt while a shutdown
/// is under way ends the process at once. A hang-up of the terminal is ignored, as are a file that has
/// come to the limit of its length (SIGXFSZ), since writing it fails then, those that have stock servers log what they are
/// at (SIGUSR2, SIGALRM), and, by the standard library, a peer that has stopped reading (SIGPIPE).
///
/// # Errors
/// The system does not let signals be watched.
pub(crate) fn watch(
    is_loading: impl Fn() -> bool + Send + 'static,
    mut request: impl FnMut(Termination) + Send + 'static,
) -> io::Result<Requested> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGALRM, SIGXFSZ])?;
    let requested = Requested::default();
    let request_made = requested.clone();
    let watch = move || {
        for signal in signals.forever() {
            let termination = match signal {
                SIGTERM => Termination::Terminate,
                SIGINT => Termination::Interrupt,
                _ => continue,
            };
            let was_requested = request_made.0.swap(true, Ordering::SeqCst);
            if was_requested && termination == Termination::Interrupt {
                log::write_signal("You insist... exiting now.");
                persistence::forget_unfinished();
                std::process::exit(1);
            }
            if is_loading() {
                log::write_signal("Received shutdown signal during loading, scheduling shutdown.");
            } else {
                log::write_signal(&format!("Received {} scheduling shutdown...", termination.name()));
            }
            request(termination);
        }
    };
    memory::start_beside("signals", watch).map(|_| requested)
}
