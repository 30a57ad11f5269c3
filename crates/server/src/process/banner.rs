//! What a server shows of itself when it starts.

use std::io::IsTerminal;

use crate::config::Settings;
use crate::log;
use crate::version::{NAME, VERSION};

/// Shows the logo to a person, and a single line to a log. Harnesses look for ` PID: ` in the former.
pub(super) fn show(settings: &Settings) {
    let port = settings.port;
    let to_terminal =
        !settings.syslog_enabled && settings.logfile.is_none() && std::io::stdout().is_terminal();
    if settings.always_show_logo || to_terminal {
        log::write_raw(&logo(port));
    } else {
        log::notice!("Running mode=standalone, port={port}.");
    }
}

fn logo(port: u16) -> String {
    let (process, bits) = (std::process::id(), usize::BITS);
    format!(
        r"
          .---.
      _.-'  o  `--.        {NAME}
     ( `-._   _.--'        {VERSION} (00000000/0) {bits} bit
      \    `-'|            Running in standalone mode
       \   \ /             Port: {port}
        `-._Y  _.          PID: {process}
            \\/|
      ______ll_|______

"
    )
}
