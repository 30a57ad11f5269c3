//! Every directive and many values, compared with a stock server.
//!
//! `NUTHATCH_STOCK_SERVER=/usr/bin/redis-server cargo test -p nuthatch-server -- --ignored stock`

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// A stock server that nobody else uses, ended with the test.
struct Stock {
    process: Child,
    connection: BufReader<UnixStream>,
    _directory: Directory,
}

impl Stock {
    fn start(program: &str) -> io::Result<Self> {
        let directory = Directory::new("stock")?;
        let socket = directory.0.join("socket");
        let mut command = Command::new(program);
        command.args(["--port", "0", "--save", "", "--enable-protected-configs", "yes", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(&directory.0).stdout(Stdio::null());
        let process = command.spawn()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        let connection = loop {
            match UnixStream::connect(&socket) {
                Ok(connection) => break connection,
                Err(problem) if Instant::now() > deadline => return Err(problem),
                Err(_) => std::thread::yield_now(),
            }
        };
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { process, connection: BufReader::new(connection), _directory: directory })
    }

    /// Sends a command and reads its reply: an error or a status as its line, an array as its last element.
    fn call(&mut self, words: &[&str]) -> io::Result<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.connection.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        let line = line.trim_end();
        let len = || line[1..].parse::<usize>().map_err(io::Error::other);
        match line.as_bytes().first() {
            Some(b'$') => {
                let mut text = vec![0; len()? + 2];
                self.connection.read_exact(&mut text)?;
                text.truncate(text.len() - 2);
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            Some(b'*') => {
                let mut last = String::new();
                for _ in 0..len()? {
                    last = self.reply()?;
                }
                Ok(last)
            }
            Some(_) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Directives that only Valkey has, and those that the stock server applies to its sockets or its machine.
fn is_comparable(name: &str) -> bool {
    const APPLIED: &[&str] = &[
        "port",
        "bind",
        "dir",
        "maxclients",
        "unixsocket",
        "unixsocketperm",
        "locale-collate",
        "activedefrag",
        "io-threads",
        "enable-protected-configs",
        "save",
        "repl-backlog-size",
        "bind-source-addr",
    ];
    // Clamped to the period of a timer that this server does not have.
    const CLAMPED: &str = "watchdog-period";
    name != CLAMPED && !APPLIED.contains(&name) && !name.starts_with("tls-") && name != "requirepass"
}

const VALUES: &[&str] = &[
    "abc",
    "",
    "-9223372036854775808",
    "-1",
    "-2",
    "0",
    "1",
    "7",
    "101",
    "777",
    "1001",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "1k",
    "1KB",
    "1m",
    "1gb",
    "1b",
    "1kk",
    "50%",
    "101%",
    "1.5",
    "yes",
    "no",
    "YES",
    "08",
    " 1",
    "1 2 3",
    "normal 1 2 3",
];

#[test]
#[ignore = "needs a stock server, named by NUTHATCH_STOCK_SERVER"]
fn every_directive_answers_like_the_stock_server() -> io::Result<()> {
    let Ok(program) = std::env::var("NUTHATCH_STOCK_SERVER") else {
        panic!("NUTHATCH_STOCK_SERVER names the server to compare with");
    };
    let mut stock = Stock::start(&program)?;
    let mut differences = Vec::new();
    let mut compared = 0;
    for row in directives::all() {
        for name in std::iter::once(row.name).chain(row.alias).filter(|name| is_comparable(name)) {
            let default = stock.call(&["CONFIG", "GET", name])?;
            if stock.call(&["CONFIG", "SET", name, &default])?.contains("Unknown option") {
                continue;
            }
            for value in VALUES {
                let config = start(&["--enable-protected-configs", "yes"], "").expect("valid");
                let ours = match set(&config, &[(name, value)]) {
                    Ok(()) => get(&config, name),
                    Err(error) => format!("-ERR {error}"),
                };
                let mut theirs = stock.call(&["CONFIG", "SET", name, value])?;
                if theirs == "+OK" {
                    theirs = stock.call(&["CONFIG", "GET", name])?;
                    stock.call(&["CONFIG", "SET", name, &default])?;
                }
                compared += 1;
                if ours != theirs {
                    differences.push(format!("{name} {value:?}\n  ours   {ours}\n  theirs {theirs}"));
                }
            }
        }
    }
    assert!(compared > 5000, "only {compared} values were compared");
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    Ok(())
}
