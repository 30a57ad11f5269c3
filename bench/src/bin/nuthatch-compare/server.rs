//! Starting, watching and stopping the servers that are compared.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nuthatch_bench::{Request, RequestShape, pin_current_thread};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::ProcessStatistics;

/// How long a server may take to answer its first PING.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a server may take to end when it is asked to.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Pause between two looks at a server that starts or stops.
const POLL: Duration = Duration::from_millis(20);

/// A server as the user names it: `NAME=COMMAND`, where the command contains `{port}`.
#[derive(Debug, Clone)]
pub(crate) struct ServerSpec {
    pub(crate) name: String,
    pub(crate) command: String,
}

impl FromStr for ServerSpec {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, command) = text.split_once('=').context("a server is given as NAME=COMMAND")?;
        ensure!(command.contains("{port}"), "the command of `{name}` does not contain {{port}}");
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The Redis protocol.
    Redis,
    /// Memcached's protocol of text lines.
    Memcached,
}

impl Dialect {
    /// Tells by the answer to a PING in the Redis protocol, if it is one of a server that is ready.
    fn of_answer(line: &str) -> Option<Dialect> {
        match line {
            "+PONG" => Some(Dialect::Redis),
            "ERROR" => Some(Dialect::Memcached),
            _ => None,
        }
    }
}

/// A running server; it is ended when this is dropped.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
    child: Child,
}

impl Server {
    /// Starts the server bound to `processors` and waits until it answers.
    pub(crate) fn start(spec: &ServerSpec, port: u16, processors: &[usize]) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        ensure!(TcpStream::connect(address).is_err(), "port {port} is in use");
        // The shell must become the server, so that the child is the process to be measured.
        let command = format!("exec {}", spec.command.replace("{port}", &port.to_string()));
        let child = spawn_bound(&command, processors).with_context(|| format!("starting {}", spec.name))?;
        let mut server = Self { name: spec.name.clone(), address, dialect: Dialect::Redis, child };
        server.await_ready().with_context(|| format!("starting {} with `{command}`", spec.name))?;
        Ok(server)
    }

    fn await_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(anyhow!("it ended with {status}"));
            }
            if let Ok(mut client) = self.client()
                && let Ok(answer) = client.call("PING")
                && let Some(dialect) = Dialect::of_answer(&answer)
            {
                self.dialect = dialect;
                return Ok(());
            }
            ensure!(start.elapsed() < START_MAX, "it does not answer");
            thread::sleep(POLL);
        }
    }

    /// A connection for single commands.
    pub(crate) fn client(&self) -> Result<Client> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(START_MAX))?;
        Ok(Client { reader: BufReader::new(stream) })
    }

    /// The process's number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What the kernel accounts to the server now.
    pub(crate) fn statistics(&self) -> Result<ProcessStatistics> {
        ProcessStatistics::read(self.child.id()).with_context(|| format!("measuring {}", self.name))
    }

    fn stop(&mut self) -> Result<()> {
        // A process that has ended and been waited for may have left its number to another one.
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > STOP_MAX {
                self.child.kill()?;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("nuthatch-compare: stopping {}: {error:#}", self.name);
        }
    }
}

/// Starts a shell command whose threads may only run on `processors`.
fn spawn_bound(command: &str, processors: &[usize]) -> Result<Child> {
    // A process inherits the binding of the thread that starts it.
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            pin_current_thread(processors)?;
            let mut shell = Command::new("sh");
            shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null());
            Ok(shell.spawn()?)
        });
        starter.join().unwrap_or_else(|_| Err(anyhow!("the starting thread panicked")))
    })
}

/// A connection that sends one command at a time.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Sends a command whose reply is one line, and returns that line.
    pub(crate) fn call(&mut self, command: &str) -> Result<String> {
        let mut request = Vec::new();
        Request::from_template(command, &RequestShape { key_size: 1, value_size: 0 })?
            .render(&mut request, || 0);
        self.reader.get_mut().write_all(&request)?;
        let mut line = String::new();
        ensure!(self.reader.read_line(&mut line)? > 0, "the server closed the connection");
        Ok(line.trim_end().to_owned())
    }

    /// Sends a command whose reply is a text, and returns it; nothing if the reply is another one.
    pub(crate) fn text(&mut self, command: &str) -> Result<Option<String>> {
        let reply = self.call(command)?;
        let Some(length) = reply.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) else {
            return Ok(None);
        };
        let mut text = vec![0; length + "\r\n".len()];
        self.reader.read_exact(&mut text)?;
        text.truncate(length);
        Ok(Some(String::from_utf8(text)?))
    }

    /// A number among the lines that INFO shows in a section, if the server has it there.
    pub(crate) fn info(&mut self, section: &str, field: &str) -> Result<Option<u64>> {
        let Some(text) = self.text(&format!("INFO {section}"))? else { return Ok(None) };
        let mut values = text.lines().filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(values.next().and_then(|value| value.parse().ok()))
    }

    /// The number of keys, if the server can tell.
    pub(crate) fn key_count(&mut self) -> Result<Option<u64>> {
        let reply = self.call("DBSIZE")?;
        Ok(reply.strip_prefix(':').and_then(|number| number.parse().ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_cannot_be_told_its_port_is_refused() {
        assert!("a=redis-server --port 7".parse::<ServerSpec>().is_err());
        let spec: ServerSpec = "a=server --port={port} --save ''".parse().unwrap();
        assert_eq!((&*spec.name, &*spec.command), ("a", "server --port={port} --save ''"));
    }
}
