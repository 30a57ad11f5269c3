//! Running in the background.
//!
//! The launcher starts its own program again with the same arguments and waits until that copy, the daemon,
//! has left the launcher's session. A fork would do the same, but only with code that must be unsafe.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{getppid, setsid};

use crate::log;

/// The environment variable that tells a daemon the process id of its launcher.
const LAUNCHER: &str = "NUTHATCH_LAUNCHER";

/// Which of the two processes this is.
pub(super) enum Side {
    /// The one to serve.
    Daemon,
    /// The one that is to end with this status.
    Launcher(ExitCode),
}

/// What the daemon needs in order to read the same configuration as its launcher. Reads the standard input, and
/// keeps a copy of it.
pub(super) struct Invocation {
    directory: io::Result<PathBuf>,
    input: Vec<u8>,
}

impl Invocation {
    pub(super) fn new() -> Self {
        Self { directory: std::env::current_dir(), input: Vec::new() }
    }
}

impl Read for Invocation {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !is_daemon() {
            log::notice!("Reading config from stdin");
        }
        let len = io::stdin().lock().read(buffer)?;
        self.input.extend_from_slice(buffer.get(..len).unwrap_or_default());
        Ok(len)
    }
}

/// In the launcher, starts the daemon; in the daemon, leaves the launcher's session and standard streams.
pub(super) fn detach(invocation: &Invocation) -> io::Result<Side> {
    if is_daemon() { become_daemon().map(|()| Side::Daemon) } else { launch(invocation).map(Side::Launcher) }
}

/// Whether this process's parent has started it as its daemon. The variable alone does not tell: processes that
/// a daemon starts inherit it.
fn is_daemon() -> bool {
    let launcher = std::env::var(LAUNCHER).ok().and_then(|process| process.parse::<i32>().ok());
    let parent = getppid().map(|process| process.as_raw_nonzero().get());
    launcher.is_some() && launcher == parent
}

fn launch(invocation: &Invocation) -> io::Result<ExitCode> {
    let mut arguments = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    if let Ok(directory) = &invocation.directory {
        command.current_dir(directory);
    }
    // The daemon's standard input carries the configuration to it and, back, the word that it has detached.
    let (mut channel, standard_input) = UnixStream::pair()?;
    command.args(arguments).env(LAUNCHER, std::process::id().to_string());
    command.stdin(Stdio::from(OwnedFd::from(standard_input))).spawn()?;
    drop(command);
    // A daemon that ends early says why itself.
    let _ = channel.write_all(&invocation.input);
    channel.shutdown(Shutdown::Write)?;
    let told = channel.read(&mut [0])?;
    Ok(if told == 1 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn become_daemon() -> io::Result<()> {
    setsid()?;
    let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    rustix::io::write(rustix::stdio::stdin(), b"\n")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    Ok(())
}
