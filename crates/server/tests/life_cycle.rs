//! The life of the process as supervisors, init scripts and test harnesses see it.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Whatever is waited for comes within a fraction of this, or not at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of its own for a test, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("nuthatch-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path.canonicalize()?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // One that stays behind in the temporary directory does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server in the foreground, killed at the end of the test if it has not ended by then.
struct Server {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Server {
    fn start(arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(&mut command(arguments))
    }

    fn start_with(command: &mut Command) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let lines = process.stdout.take().map(BufReader::new).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { process, lines })
    }

    /// Reads the log up to a line that contains `text`; everything read so far is returned.
    fn read_until(&mut self, text: &str) -> io::Result<String> {
        let mut read = String::new();
        while !read.contains(text) {
            if self.lines.read_line(&mut read)? == 0 {
                return Err(io::Error::other(format!("ended without {text:?}:\n{read}")));
            }
        }
        Ok(read)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.process), signal)?)
    }

    /// The rest of the log, and whether the process ended well.
    fn wait(&mut self) -> io::Result<(String, bool)> {
        let rest = io::read_to_string(&mut self.lines)?;
        Ok((rest, self.process.wait()?.success()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuthatch"));
    command.args(arguments).env_remove("NOTIFY_SOCKET").env_remove("UPSTART_JOB");
    command
}

fn run(arguments: &[&str]) -> io::Result<Output> {
    command(arguments).stdin(Stdio::null()).output()
}

/// A port that nobody uses at the moment.
fn free_port() -> io::Result<String> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    Ok(listener.local_addr()?.port().to_string())
}

fn wait_until(mut condition: impl FnMut() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_start_and_a_stop_log_what_harnesses_wait_for() -> io::Result<()> {
    let directory = Directory::new("start")?;
    let (pidfile, socket) = (directory.path("pid"), directory.path("socket"));
    let (pidfile_text, socket_text) = (pidfile.to_string_lossy(), socket.to_string_lossy());
    let port = free_port()?;
    let mut server = Server::start(&[
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--pidfile",
        &pidfile_text,
        "--unixsocket",
        &socket_text,
        "--save",
        "",
    ])?;
    let process = server.process.id();
    let log = server.read_until("Ready to accept connections unix")?;
    let mut rest = log.as_str();
    for expected in [
        format!("{process}:C "),
        "oO0OoO0OoO0Oo Nuthatch is starting oO0OoO0OoO0Oo".to_owned(),
        format!("bits=64, commit=00000000, modified=0, pid={process}, just started"),
        "* Configuration loaded".to_owned(),
        format!("{process}:M "),
        format!("* Running mode=standalone, port={port}."),
        "* Server initialized".to_owned(),
        "* Ready to accept connections tcp".to_owned(),
    ] {
        let Some((_, after)) = rest.split_once(&expected) else { panic!("no {expected:?} in\n{log}") };
        rest = after;
    }
    assert_eq!(text(&pidfile), format!("{process}\n"));

    server.signal(Signal::TERM)?;
    let (rest, well) = server.wait()?;
    for expected in [
        "Received SIGTERM scheduling shutdown...",
        "* User requested shutdown...",
        "* Removing the pid file.",
        "* Removing the unix socket file.",
        "# Nuthatch is now ready to exit, bye bye...",
    ] {
        assert!(rest.contains(expected), "no {expected:?} in\n{rest}");
    }
    assert!(well);
    assert!(!pidfile.exists());
    assert!(!socket.exists());
    Ok(())
}

#[test]
fn the_logo_shows_the_process_id_that_harnesses_look_for() -> io::Result<()> {
    let mut server = Server::start(&["--port", &free_port()?, "--always-show-logo", "yes", "--save", ""])?;
    let log = server.read_until("Ready to accept connections tcp")?;
    assert!(log.contains(&format!(" PID: {}", server.process.id())), "{log}");
    Ok(())
}

#[test]
fn a_hang_up_does_not_end_the_server() -> io::Result<()> {
    let mut server = Server::start(&["--port", &free_port()?, "--save", ""])?;
    server.read_until("Ready to accept connections tcp")?;
    server.signal(Signal::HUP)?;
    server.signal(Signal::INT)?;
    let (rest, well) = server.wait()?;
    assert!(rest.contains("Received SIGINT scheduling shutdown..."), "{rest}");
    assert!(well);
    Ok(())
}

#[test]
fn a_daemon_leaves_its_launcher_and_reads_the_same_standard_input() -> io::Result<()> {
    let directory = Directory::new("daemon")?;
    let (pidfile, logfile) = (directory.path("pid"), directory.path("log"));
    let mut launcher =
        command(&["-", "--logfile", "log"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = launcher.stdin.take() {
        let (port, path) = (free_port()?, directory.0.display());
        write!(stdin, "daemonize yes\nport {port}\nsave ''\ndir {path}\npidfile {}\n", pidfile.display())?;
    }
    // The end of its output shows that the daemon has let go of the launcher's streams.
    let output = launcher.wait_with_output()?;
    assert!(output.status.success());
    wait_until(|| text(&logfile).contains("Ready to accept connections tcp"))?;
    let process =
        text(&pidfile).trim().parse().ok().and_then(Pid::from_raw).expect("the file holds a process id");
    assert!(text(&logfile).contains(&format!("pid={process}, just started")));
    let session = rustix::process::getsid(Some(process))?;
    assert_eq!(session, process);
    kill_process(process, Signal::TERM)?;
    wait_until(|| text(&logfile).contains("bye bye"))?;
    wait_until(|| test_kill_process(process).is_err())?;
    assert!(!pidfile.exists());
    Ok(())
}

#[test]
fn systemd_is_told_how_far_the_server_has_come() -> io::Result<()> {
    let directory = Directory::new("systemd")?;
    let path = directory.path("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let received = || {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer)?;
        io::Result::Ok(String::from_utf8_lossy(&buffer[..len]).into_owned())
    };
    // Supervised, it stays in the foreground whatever `daemonize` says.
    let port = free_port()?;
    let arguments = ["--port", &port, "--supervised", "auto", "--daemonize", "yes", "--save", ""];
    let server = Server::start_with(command(&arguments).env("NOTIFY_SOCKET", &path))?;
    assert!(received()?.contains("STATUS=Nuthatch is loading..."));
    let ready = received()?;
    assert!(ready.contains("STATUS=Ready to accept connections") && ready.contains("READY=1"), "{ready}");
    server.signal(Signal::TERM)?;
    assert!(received()?.contains("STOPPING=1"));
    Ok(())
}

#[test]
fn a_bad_configuration_ends_the_process_with_an_error() -> io::Result<()> {
    for (arguments, error) in [
        (&["--port", "abc"][..], "argument couldn't be parsed into an integer"),
        (&["--zzz"], "Bad directive or wrong number of arguments"),
        (&["--logfile", "/nonexistent/log"], "Can't open the log file: No such file or directory"),
    ] {
        let output = run(arguments)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr.contains("*** FATAL CONFIG FILE ERROR ("), "{stderr}");
        assert!(stderr.contains(error), "{stderr}");
    }
    for (arguments, error) in [
        (&["/nonexistent.conf"][..], "Fatal error, can't open config file '/nonexistent.conf'"),
        (&["--zzz", "1"], "Unresolved Configuration(s) Detected"),
        (&["--loadmodule", "/x.so"], "Can't load module from /x.so: server aborting"),
    ] {
        let output = run(arguments)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stdout.contains(error), "{stdout}");
    }
    Ok(())
}

#[test]
fn the_version_is_printed_in_the_layout_that_scripts_take_apart() -> io::Result<()> {
    let output = run(&["--version"])?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(stdout.starts_with("Nuthatch server v="), "{stdout}");
    assert!(stdout.contains(" bits=64 "), "{stdout}");
    Ok(())
}

#[test]
fn restrictions_of_users_stop_the_start_as_they_would_not_hold() -> io::Result<()> {
    for restriction in [&["--user", "default", "off"][..], &["--aclfile", "/nonexistent.acl"]] {
        let output = command(&[&["--port", "0"], restriction].concat()).output()?;
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            !output.status.success() && log.contains("does not know ACL users"),
            "{restriction:?}: {log}"
        );
    }
    let unrestricted = ["--port", "0", "--user", "default", "on", "nopass", "~*", "&*", "+@all"];
    Server::start(&unrestricted)?.read_until("Server initialized")?;
    Ok(())
}
