//! Telling the supervisor of the process how far it has come.

use rustix::process::{Signal, getpid, kill_process};
use sd_notify::NotifyState;

use crate::config::Supervision;
use crate::log;

const SYSTEMD_VARIABLE: &str = "NOTIFY_SOCKET";
const UPSTART_VARIABLE: &str = "UPSTART_JOB";

/// Makes contact with the supervisor. Returns whether there is one, so that the process must stay in the
/// foreground.
pub(super) fn begin(supervision: Supervision) -> bool {
    match detect(supervision) {
        Supervision::Systemd => {
            let told = tell(&[NotifyState::Status(&format!("{} is loading...", crate::version::NAME))]);
            if told {
                log::notice!(
                    "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and \
                     TimeoutStopSec in your service unit."
                );
            }
            told
        }
        Supervision::Upstart => stop_for_upstart(),
        Supervision::No | Supervision::Auto => false,
    }
}

/// Tells that clients are served.
pub(super) fn ready(supervision: Supervision) {
    if detect(supervision) == Supervision::Systemd {
        tell(&[NotifyState::Status("Ready to accept connections"), NotifyState::Ready]);
    }
}

/// Tells that the server is about to end.
pub(super) fn stopping(supervision: Supervision) {
    if detect(supervision) == Supervision::Systemd {
        tell(&[NotifyState::Stopping]);
    }
}

/// The supervisor that is meant, by the environment if the configuration leaves it open.
fn detect(supervision: Supervision) -> Supervision {
    match supervision {
        Supervision::Auto if std::env::var_os(UPSTART_VARIABLE).is_some() => Supervision::Upstart,
        Supervision::Auto if std::env::var_os(SYSTEMD_VARIABLE).is_some() => Supervision::Systemd,
        Supervision::Auto => Supervision::No,
        given => given,
    }
}

fn tell(states: &[NotifyState<'_>]) -> bool {
    if std::env::var_os(SYSTEMD_VARIABLE).is_none() {
        log::warning!("systemd supervision error: NOTIFY_SOCKET not found!");
        return false;
    }
    match sd_notify::notify(states) {
        Ok(()) => true,
        Err(problem) => {
            log::warning!("systemd supervision error: sd_notify: {problem}");
            false
        }
    }
}

/// Upstart considers the process ready once it has stopped itself.
fn stop_for_upstart() -> bool {
    if std::env::var_os(UPSTART_VARIABLE).is_none() {
        log::warning!("upstart supervision requested, but UPSTART_JOB not found!");
        return false;
    }
    log::notice!("supervised by upstart, will stop to signal readiness.");
    kill_process(getpid(), Signal::STOP).is_ok()
}
