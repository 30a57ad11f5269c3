//! One non-blocking connection: what it has sent, and what it waits for.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

use crate::replies::ReplyScanner;
use crate::tally::Tally;

/// Requests that were sent, or due, at the same time.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at_ns: u64,
    requests: u64,
}

/// One connection to the server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    replies: ReplyScanner,
    in_flight: VecDeque<Sent>,
    outstanding: u64,
    /// Rendered bytes that the socket has not taken yet.
    unsent: Vec<u8>,
    /// In an open loop: the index of the next request in its schedule.
    pub(crate) next_index: u64,
}

impl Connection {
    /// Takes over a connected stream.
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            replies: ReplyScanner::default(),
            in_flight: VecDeque::new(),
            outstanding: 0,
            unsent: Vec::new(),
            next_index: 0,
        })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn outstanding(&self) -> u64 {
        self.outstanding
    }

    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Notes requests that are about to be sent and whose latency counts from `at_ns`.
    pub(crate) fn note_sent(&mut self, at_ns: u64, requests: u64) {
        self.in_flight.push_back(Sent { at_ns, requests });
        self.outstanding += requests;
    }

    /// Sends `bytes`, and keeps for later what the socket does not take.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let taken = if self.unsent.is_empty() { self.write(bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Sends what was kept for later.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        self.send(&unsent)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.stream.write(bytes) {
            Ok(taken) => Ok(taken),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(error).context("sending to the server"),
        }
    }

    /// Receives once into `buffer` and counts what arrived.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], tally: &mut Tally) -> Result<()> {
        match self.stream.read(buffer) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(length) => self.replies.feed(&buffer[..length], tally),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(error).context("receiving from the server"),
        }
    }

    /// Takes `replies` answered requests off the books, oldest first, and hands each group's time of
    /// sending and number to `record`.
    pub(crate) fn settle(&mut self, mut replies: u64, mut record: impl FnMut(u64, u64)) -> Result<()> {
        ensure!(replies <= self.outstanding, "the server sent more replies than it got requests");
        self.outstanding -= replies;
        while replies > 0 {
            let Some(oldest) = self.in_flight.front_mut() else { break };
            let settled = oldest.requests.min(replies);
            record(oldest.at_ns, settled);
            oldest.requests -= settled;
            replies -= settled;
            if oldest.requests == 0 {
                self.in_flight.pop_front();
            }
        }
        Ok(())
    }
}
