//! The bare minimum of a server: epoll, one receive and one send for each ready connection, and a fixed
//! reply to every request. No real server on epoll can use less processor time for a request.
#![forbid(unsafe_code)]

mod framing;

use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use framing::{Reply, next_request};
use rustix::event::epoll;
use rustix::fd::OwnedFd;

/// Bytes that one receive takes at most.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Events that one wait returns at most.
const EVENTS: usize = 512;
/// Bytes of an incomplete request that are kept at most.
const PARTIAL_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The event data of the listening socket; connections have their index.
const LISTENER: u64 = u64::MAX;

/// Answer every request with a fixed reply.
#[derive(Parser, Debug)]
#[command(version)]
struct Options {
    /// Port to listen on, at 127.0.0.1; 0 takes a free one. The address is printed
    #[arg(short, long, default_value_t = 6379)]
    port: u16,
    /// Bytes of the value in replies to GET
    #[arg(short = 'd', long, default_value_t = 64, value_name = "BYTES")]
    value_size: usize,
}

struct Connection {
    stream: TcpStream,
    /// Start of a request whose end has not arrived.
    partial: Vec<u8>,
    /// Replies that the socket has not taken yet.
    unsent: Vec<u8>,
}

struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// The rendered bulk string.
    value: Vec<u8>,
}

fn main() -> ExitCode {
    match Server::bind(&Options::parse()).and_then(|mut server| server.serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuthatch-limit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Server {
    fn bind(options: &Options) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .with_context(|| format!("listening on port {}", options.port))?;
        listener.set_nonblocking(true)?;
        println!("listening on {}", listener.local_addr()?);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
        let mut value = format!("${}\r\n", options.value_size).into_bytes();
        value.resize(value.len() + options.value_size, b'v');
        value.extend_from_slice(b"\r\n");
        Ok(Self { epoll, listener, connections: Vec::new(), free: Vec::new(), value })
    }

    fn serve(&mut self) -> Result<()> {
        let mut received = vec![0; RECEIVE_BYTES];
        let mut replies = Vec::new();
        let mut events = [const { MaybeUninit::uninit() }; EVENTS];
        loop {
            let (ready, _) = match epoll::wait(&self.epoll, &mut events, None) {
                Err(rustix::io::Errno::INTR) => continue,
                ready => ready?,
            };
            for event in ready.iter() {
                if event.data.u64() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let index = event.data.u64() as usize;
                let Some(connection) = &mut self.connections[index] else { continue };
                let was_blocked = !connection.unsent.is_empty();
                if connection.exchange(&mut received, &mut replies, &self.value).is_err() {
                    self.connections[index] = None;
                    self.free.push(index);
                    continue;
                }
                let is_blocked = !connection.unsent.is_empty();
                if was_blocked != is_blocked {
                    // Nothing more is read from a client that does not take its replies.
                    let flags = if is_blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
                    epoll::modify(&self.epoll, &connection.stream, event.data, flags)?;
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("accepting a connection"),
        };
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
        self.connections[index] = Some(Connection { stream, partial: Vec::new(), unsent: Vec::new() });
        Ok(())
    }
}

impl Connection {
    /// Receives once and replies once. Fails when the connection is to be closed.
    fn exchange(&mut self, received: &mut [u8], replies: &mut Vec<u8>, value: &[u8]) -> Result<()> {
        if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            return self.send(&unsent);
        }
        let length = match self.stream.read(received) {
            Ok(0) => anyhow::bail!("closed"),
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        replies.clear();
        if self.partial.is_empty() {
            let taken = answer_all(&received[..length], replies, value)?;
            self.partial.extend_from_slice(&received[taken..length]);
        } else {
            self.partial.extend_from_slice(&received[..length]);
            let taken = answer_all(&self.partial, replies, value)?;
            self.partial.drain(..taken);
        }
        ensure!(self.partial.len() <= PARTIAL_BYTES_MAX, "a request is too long");
        self.send(replies)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let taken = match self.stream.write(bytes) {
            Ok(taken) => taken,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error.into()),
        };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }
}

/// Appends the reply of every complete request in `input`; returns the length of those requests.
fn answer_all(input: &[u8], replies: &mut Vec<u8>, value: &[u8]) -> Result<usize> {
    let mut position = 0;
    while let Some((reply, length)) = next_request(&input[position..])? {
        position += length;
        match reply {
            Reply::Value => replies.extend_from_slice(value),
            Reply::Values(count) => {
                replies.extend_from_slice(format!("*{count}\r\n").as_bytes());
                for _ in 0..count {
                    replies.extend_from_slice(value);
                }
            }
            Reply::Integer => replies.extend_from_slice(b":1\r\n"),
            Reply::Pong => replies.extend_from_slice(b"+PONG\r\n"),
            Reply::Ok => replies.extend_from_slice(b"+OK\r\n"),
        }
    }
    Ok(position)
}
