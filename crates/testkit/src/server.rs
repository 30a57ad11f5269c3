//! Starts a server for a test and stops it afterwards.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::program::Program;

/// Below the range from which the system takes the ports of outgoing connections, so that a test
/// with ten thousand of them cannot take the port of a server that is about to start.
const PORTS: std::ops::Range<u16> = 7400..7500;

/// How long a server may take to start, to stop, or to do what a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A running server. Dropping it ends the process; if the test failed, its log is printed.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    process: Child,
    port: u16,
    /// Keeps other test processes from the port.
    claim: File,
    directory: TempDir,
}

/// Waits until `condition` holds; `false` when it still does not after [`PATIENCE`].
pub fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// A port that nothing listens on at this moment, another one at each call, and what keeps other test processes from it as
/// long as it lives.
fn free_port() -> (u16, File) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Two test processes at the same time start from different ports.
    let first = (std::process::id() % u32::from(count)) as u16;
    for _ in 0..count {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % count;
        let port = PORTS.start + (first + step) % count;
        let claim = File::create(std::env::temp_dir().join(format!("nuthatch-test-port-{port}")));
        let claim = claim.expect("a file can be made to claim a port");
        let is_mine = claim.try_lock().is_ok();
        if is_mine && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return (port, claim);
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// Starts a process in a directory, with a free port, no persistence and `arguments`. What it prints is added to a file.
fn launch(program: &Program, arguments: &[&str], directory: &Path) -> (Child, (u16, File)) {
    let log = File::options().create(true).append(true).open(directory.join("log"));
    let log = log.expect("a log file can be made");
    let (port, claim) = free_port();
    let process = Command::new(&program.path)
        .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .args(arguments)
        .envs(program.variables.iter().cloned())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("a file can be duplicated"))
        .stdout(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", program.path.display()));
    (process, (port, claim))
}

impl Server {
    /// Starts `program` with a free port, no persistence and `arguments`, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    #[track_caller]
    pub fn start(program: &Program, arguments: &[&str]) -> Self {
        let server = Self::spawn(program, arguments, |_| {});
        server.wait_until_answering()
    }

    /// As [`Self::start`], with files that `prepare` puts into the working directory before.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    #[track_caller]
    pub fn start_with(program: &Program, arguments: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        Self::spawn(program, arguments, prepare).wait_until_answering()
    }

    /// Starts `program` with what should keep it from starting, and waits until it has ended; `None` when it does not.
    /// Returns its log, too.
    ///
    /// # Panics
    ///
    /// When the process cannot be waited for.
    pub fn fail_to_start(
        program: &Program,
        arguments: &[&str],
        prepare: impl FnOnce(&Path),
    ) -> (Option<ExitStatus>, String) {
        let mut server = Self::spawn(program, arguments, prepare);
        let status = server.wait_for_end();
        (status, server.log())
    }

    /// Starts `program` listening on its Unix socket alone, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    #[track_caller]
    pub fn start_on_unix_socket(program: &Program, arguments: &[&str]) -> Self {
        let mut all = vec!["--unixsocket", "./socket", "--port", "0"];
        all.extend(arguments);
        let mut server = Self::spawn(program, &all, |_| {});
        server.port = 0;
        server.wait_until_answering()
    }

    /// Ends the process as a crash would, and starts `program` in the same directory.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    #[track_caller]
    pub fn crash_and_restart(self, program: &Program, arguments: &[&str]) -> Self {
        Self::spawn_in(program, arguments, self.crash()).wait_until_answering()
    }

    /// As [`Self::crash_and_restart`], where `program` is expected to refuse to start. Returns how it ended, and its log.
    pub fn crash_and_fail_to_restart(
        self,
        program: &Program,
        arguments: &[&str],
    ) -> (Option<ExitStatus>, String) {
        let mut server = Self::spawn_in(program, arguments, self.crash());
        let status = server.wait_for_end();
        (status, server.log())
    }

    /// Ends the process as a crash would, and keeps the directory.
    fn crash(mut self) -> TempDir {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let empty = TempDir::with_prefix("nuthatch-test-").expect("a temporary directory can be made");
        std::mem::replace(&mut self.directory, empty)
    }

    fn spawn(program: &Program, arguments: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let directory = TempDir::with_prefix("nuthatch-test-").expect("a temporary directory can be made");
        prepare(directory.path());
        Self::spawn_in(program, arguments, directory)
    }

    fn spawn_in(program: &Program, arguments: &[&str], directory: TempDir) -> Self {
        let (process, (port, claim)) = launch(program, arguments, directory.path());
        Self { name: program.name, process, port, claim, directory }
    }

    /// Starts a server that has ended anew, in the same directory, and waits until it answers. It may be loading its
    /// data still.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    #[track_caller]
    pub fn start_again(&mut self, program: &Program, arguments: &[&str]) {
        let started = self.try_start_again(program, arguments);
        started.unwrap_or_else(|status| panic!("{} ended with {status} instead of starting", self.name));
    }

    /// As [`Self::start_again`], where it may end before it answers.
    ///
    /// # Errors
    /// How it has ended.
    ///
    /// # Panics
    ///
    /// When it neither answers nor ends.
    #[track_caller]
    pub fn try_start_again(&mut self, program: &Program, arguments: &[&str]) -> Result<(), ExitStatus> {
        (self.process, (self.port, self.claim)) = launch(program, arguments, self.directory.path());
        self.try_await_answer()
    }

    #[track_caller]
    fn wait_until_answering(mut self) -> Self {
        self.await_answer();
        self
    }

    #[track_caller]
    fn await_answer(&mut self) {
        let answers = self.try_await_answer();
        answers.unwrap_or_else(|status| panic!("{} ended with {status} instead of starting", self.name));
    }

    #[track_caller]
    fn try_await_answer(&mut self) -> Result<(), ExitStatus> {
        let mut exited = None;
        let answers = wait_until(|| {
            exited = self.process.try_wait().expect("a child process can be waited for");
            exited.is_some() || self.is_answering()
        });
        if let Some(status) = exited {
            return Err(status);
        }
        assert!(answers, "{} does not answer", self.name);
        Ok(())
    }

    /// Whether this process answers, and not one that another test has started on the same port.
    fn is_answering(&self) -> bool {
        let asked = self.try_connect().and_then(|mut client| client.try_call(["INFO", "server"]));
        let own = format!("process_id:{}\r", self.process.id());
        asked.is_ok_and(|info| info.is_error() || info.text().contains(&own))
    }

    /// The program's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The TCP port; 0 for a server on a Unix socket alone.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process number.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The working directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The path of the Unix socket of a server started with one.
    pub fn socket_path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// What the server has printed so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Opens a connection.
    pub fn try_connect(&self) -> std::io::Result<Client> {
        if self.port == 0 {
            Client::connect_unix(self.socket_path())
        } else {
            Client::connect((Ipv4Addr::LOCALHOST, self.port))
        }
    }

    /// Opens a connection.
    ///
    /// # Panics
    ///
    /// When the server does not accept it.
    #[track_caller]
    pub fn connect(&self) -> Client {
        self.try_connect().unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.name))
    }

    /// The memory that the process occupies.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        1024 * kilobytes
            .and_then(|number| number.parse::<u64>().ok())
            .expect("Linux tells a process's memory")
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// When the system refuses that.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a process number"), signal).expect("a child can be signalled");
    }

    /// Stops the server until it is told to go on ([`Signal::CONT`]), and waits until it stands still, or has ended.
    ///
    /// # Panics
    ///
    /// When it does neither.
    pub fn stop(&mut self) {
        self.signal(Signal::STOP);
        let stands_still = wait_until(|| {
            // The state follows the name, which is in brackets.
            let state = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
            state.rsplit(") ").next().is_some_and(|state| state.starts_with('T')) || self.has_ended()
        });
        assert!(stands_still, "{} goes on", self.name);
    }

    /// Sends a signal that should end the server and waits until it has ended; `None` when it does not.
    pub fn end_with(&mut self, signal: Signal) -> Option<ExitStatus> {
        self.signal(signal);
        self.wait_for_end()
    }

    /// Whether the server has ended by itself.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("a child process can be waited for").is_some()
    }

    /// Waits until the server has ended; `None` when it does not.
    ///
    /// # Panics
    ///
    /// When the process cannot be waited for.
    pub fn wait_for_end(&mut self) -> Option<ExitStatus> {
        let mut status = None;
        wait_until(|| {
            status = self.process.try_wait().expect("a child process can be waited for");
            status.is_some()
        });
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- log of {} (process {})\n{}---", self.name, self.process.id(), self.log());
        }
    }
}
