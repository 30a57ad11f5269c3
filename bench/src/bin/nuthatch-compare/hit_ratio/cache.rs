//! A connection to a cache: gets and sets in the Redis protocol, or in memcached's.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::server::Dialect;

/// Room for replies, a multiple of what one batch has in most traces.
const REPLY_BYTES: usize = 256 << 10;
/// A server that does not answer for so long will not.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Requests are collected and sent together; replies are read one by one.
pub(crate) struct Cache {
    dialect: Dialect,
    replies: BufReader<TcpStream>,
    requests: Vec<u8>,
    line: Vec<u8>,
}

impl Cache {
    pub(crate) fn connect(address: SocketAddr, dialect: Dialect) -> Result<Cache> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let replies = BufReader::with_capacity(REPLY_BYTES, stream);
        Ok(Cache { dialect, replies, requests: Vec::new(), line: Vec::new() })
    }

    pub(crate) fn get(&mut self, key: &[u8]) {
        let requests = &mut self.requests;
        match self.dialect {
            Dialect::Redis => array(requests, &[b"GET", key]),
            Dialect::Memcached => requests.extend([b"get ", key, b"\r\n"].concat()),
        }
    }

    /// Sets a value that lives for `ttl_ms`, or for ever.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], ttl_ms: Option<u64>) {
        let requests = &mut self.requests;
        match (self.dialect, ttl_ms) {
            (Dialect::Redis, None) => array(requests, &[b"SET", key, value]),
            (Dialect::Redis, Some(ttl_ms)) => {
                array(requests, &[b"SET", key, value, b"PX", ttl_ms.max(1).to_string().as_bytes()]);
            }
            (Dialect::Memcached, _) => {
                // Memcached knows whole seconds only, and 0 is for ever.
                let seconds = ttl_ms.map_or(0, |ttl_ms| ttl_ms.div_ceil(1000).max(1));
                requests.extend([b"set ", key].concat());
                requests.extend(format!(" 0 {seconds} {}\r\n", value.len()).bytes());
                requests.extend([value, b"\r\n"].concat());
            }
        }
    }

    /// Sends what was collected.
    pub(crate) fn send(&mut self) -> Result<()> {
        self.replies.get_mut().write_all(&self.requests)?;
        self.requests.clear();
        Ok(())
    }

    /// Reads the reply to a get: whether there is a value.
    pub(crate) fn has_value(&mut self) -> Result<bool> {
        self.read_line()?;
        let length = match self.dialect {
            Dialect::Redis if self.line == b"$-1" => return Ok(false),
            Dialect::Redis => self.line.strip_prefix(b"$"),
            Dialect::Memcached if self.line == b"END" => return Ok(false),
            Dialect::Memcached if self.line.starts_with(b"VALUE ") => {
                self.line.rsplit(|byte| *byte == b' ').next()
            }
            Dialect::Memcached => None,
        };
        let length = length.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some(length) = length else { bail!("a get was answered by {}", self.line.escape_ascii()) };
        self.skip(length + "\r\n".len())?;
        if self.dialect == Dialect::Memcached {
            self.read_line()?;
            ensure!(self.line == b"END", "a value is followed by {}", self.line.escape_ascii());
        }
        Ok(true)
    }

    /// Reads the reply to a set: whether the value was taken.
    pub(crate) fn is_set(&mut self) -> Result<bool> {
        self.read_line()?;
        match (self.dialect, &*self.line) {
            (Dialect::Redis, b"+OK") | (Dialect::Memcached, b"STORED") => Ok(true),
            // It has no page for values of this size.
            (Dialect::Memcached, b"SERVER_ERROR out of memory storing object") => Ok(false),
            (_, line) => bail!("a set was answered by {}", line.escape_ascii()),
        }
    }

    /// How many keys the server has.
    pub(crate) fn key_count(&mut self) -> Result<u64> {
        match self.dialect {
            Dialect::Redis => {
                array(&mut self.requests, &[b"DBSIZE"]);
                self.send()?;
                self.read_line()?;
                self.number_behind(b":")
            }
            Dialect::Memcached => {
                self.requests.extend(b"stats\r\n");
                self.send()?;
                let mut items = None;
                loop {
                    self.read_line()?;
                    if self.line == b"END" {
                        break;
                    }
                    items = items.or(self.number_behind(b"STAT curr_items ").ok());
                }
                items.context("the statistics do not tell the number of items")
            }
        }
    }

    fn number_behind(&self, prefix: &[u8]) -> Result<u64> {
        let digits = self.line.strip_prefix(prefix).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).context("a number is missing in a reply")
    }

    fn read_line(&mut self) -> Result<()> {
        self.line.clear();
        ensure!(self.replies.read_until(b'\n', &mut self.line)? > 0, "the server closed the connection");
        ensure!(self.line.ends_with(b"\r\n"), "a reply does not end with a line end");
        self.line.truncate(self.line.len() - 2);
        Ok(())
    }

    fn skip(&mut self, mut length: usize) -> Result<()> {
        while length > 0 {
            let there = self.replies.fill_buf()?.len().min(length);
            ensure!(there > 0, "the server closed the connection");
            self.replies.consume(there);
            length -= there;
        }
        Ok(())
    }
}

/// A request in the Redis protocol.
fn array(requests: &mut Vec<u8>, arguments: &[&[u8]]) {
    requests.extend(format!("*{}\r\n", arguments.len()).bytes());
    for argument in arguments {
        requests.extend(format!("${}\r\n", argument.len()).bytes());
        requests.extend([argument, &b"\r\n"[..]].concat());
    }
}
