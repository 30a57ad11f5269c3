//! One connection that sends commands in pipelines and only counts what comes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, bail, ensure};

/// So many lines of replies are waited for at once.
const PIPELINE: usize = 256;

/// The connection; see the [module](self).
pub(crate) struct Pipe {
    stream: TcpStream,
    requests: Vec<u8>,
    waiting: usize,
}

impl Pipe {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, requests: Vec::new(), waiting: 0 })
    }

    /// Sends a command whose reply is one line, now or with those that follow.
    pub(crate) fn send(&mut self, arguments: &[&[u8]]) -> Result<()> {
        self.send_with_lines(1, arguments)
    }

    /// Sends a command whose reply has so many lines.
    pub(crate) fn send_with_lines(&mut self, lines: usize, arguments: &[&[u8]]) -> Result<()> {
        write!(self.requests, "*{}\r\n", arguments.len())?;
        for argument in arguments {
            write!(self.requests, "${}\r\n", argument.len())?;
            self.requests.extend_from_slice(argument);
            self.requests.extend_from_slice(b"\r\n");
        }
        self.waiting += lines;
        if self.waiting >= PIPELINE { self.finish() } else { Ok(()) }
    }

    /// Waits for the replies to all that was sent.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.stream.write_all(&self.requests)?;
        self.requests.clear();
        let mut buffer = [0; 16 << 10];
        let mut is_start = true;
        while self.waiting > 0 {
            let len = self.stream.read(&mut buffer)?;
            ensure!(len > 0, "the server closed the connection");
            for &byte in &buffer[..len] {
                if is_start && byte == b'-' {
                    bail!("the server refuses: {}", String::from_utf8_lossy(&buffer[..len]));
                }
                is_start = byte == b'\n';
                self.waiting = self.waiting.saturating_sub(usize::from(is_start));
            }
        }
        Ok(())
    }
}
