//! Signals that ask the server to end.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::log;

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

/// Calls `request` on a thread of its own for each signal that asks for a shutdown. An interrupt while a shutdown
/// is under way ends the process at once. A hang-up of the terminal is ignored, as are a file that has
/// come to the limit of its length (SIGXFSZ), since writing it fails then, and, by the standard library, a peer that has
/// stopped reading (SIGPIPE).
pub(crate) fn watch(mut request: impl FnMut(Termination) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGXFSZ])?;
    let mut requested = false;
    let watch = move || {
        for signal in signals.forever() {
            let termination = match signal {
                SIGTERM => Termination::Terminate,
                SIGINT => Termination::Interrupt,
                _ => continue,
            };
            if requested && termination == Termination::Interrupt {
                log::write_signal("You insist... exiting now.");
                std::process::exit(1);
            }
            log::write_signal(&format!("Received {} scheduling shutdown...", termination.name()));
            requested = true;
            request(termination);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(watch).map(drop)
}
