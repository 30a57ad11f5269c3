//! A small blocking client that sends exact bytes and returns exact bytes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::reply::{Reply, frame_length};
use crate::request::Request;

/// How long a read or a write may take before the server counts as hanging.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Batches up to this size fit into the sockets' buffers and need no second thread to send them.
const BATCH_BYTES_MAX: usize = 32 * 1024;

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    /// Bytes that were read; those before `returned` have been handed out.
    buffer: Vec<u8>,
    returned: usize,
}

impl Client {
    /// Connects over TCP.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::from_stream(TcpStream::connect(address)?)
    }

    /// Takes over a connection.
    pub fn from_stream(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream: Stream::Tcp(stream), buffer: Vec::new(), returned: 0 })
    }

    /// Connects over a Unix socket.
    pub fn connect_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream: Stream::Unix(stream), buffer: Vec::new(), returned: 0 })
    }

    /// Changes how long a read or a write may take from [`TIMEOUT`].
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))
            }
        }
    }

    /// The port at this end of a TCP connection.
    pub fn local_port(&self) -> io::Result<u16> {
        match &self.stream {
            Stream::Tcp(stream) => Ok(stream.local_addr()?.port()),
            Stream::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent, while replies can still be read.
    pub fn finish_sending(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Reads what there is, at most as much as fits at once; `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.returned);
        self.returned = 0;
        let filled = self.buffer.len();
        // Grows with the reply, so that one of 100 MB takes few reads.
        self.buffer.resize(filled + (64 * 1024).max(filled / 2), 0);
        // With a timeout the system may end the call early, as when the process was stopped for a moment.
        let read = loop {
            match self.stream.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }

    /// The exact bytes of the next reply.
    pub fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let unread = &self.buffer[self.returned..];
            let length = frame_length(unread)
                .map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed))?;
            if let Some(length) = length {
                self.returned += length;
                return Ok(unread[..length].to_vec());
            }
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The exact bytes of the next reply, if it has arrived.
    pub fn poll_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.stream.set_nonblocking(true)?;
        let frame = self.read_frame();
        self.stream.set_nonblocking(false)?;
        match frame {
            Ok(frame) => Ok(Some(frame)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next reply.
    pub fn read_reply(&mut self) -> io::Result<Reply> {
        Reply::decode(&self.read_frame()?)
            .map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed))
    }

    /// Everything that the server sends until it closes the connection. A reset counts as the end.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.buffer.split_off(std::mem::take(&mut self.returned)))
    }

    /// Sends one command and returns its reply.
    pub fn try_call<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> io::Result<Reply> {
        self.send(&Request::encode_all(&[Request::new(words)]))?;
        self.read_reply()
    }

    /// Sends one command and returns its reply.
    ///
    /// # Panics
    ///
    /// When the connection fails: for tests in which that is the failure.
    #[track_caller]
    pub fn call<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> Reply {
        let request = Request::new(words);
        match self.try_call(&request.0) {
            Ok(reply) => reply,
            Err(error) => panic!("{request}: {error}"),
        }
    }

    /// As [`Client::call`], of the words of one line separated by blanks.
    #[track_caller]
    pub fn command(&mut self, line: &str) -> Reply {
        self.call(line.split_whitespace())
    }

    /// Sends many commands at once and returns the exact bytes of each reply.
    pub fn pipeline(&mut self, requests: &[Request]) -> io::Result<Vec<Vec<u8>>> {
        let bytes = Request::encode_all(requests);
        if bytes.len() <= BATCH_BYTES_MAX {
            self.send(&bytes)?;
            return self.read_replies_to(requests);
        }
        let mut sender = self.stream.try_clone()?;
        std::thread::scope(|scope| {
            let sent = scope.spawn(move || sender.write_all(&bytes));
            let replies = self.read_replies_to(requests);
            sent.join().map_err(|_| io::Error::other("the sending thread panicked"))??;
            replies
        })
    }

    fn read_replies_to(&mut self, requests: &[Request]) -> io::Result<Vec<Vec<u8>>> {
        let read = |request: &Request| {
            self.read_frame().map_err(|error| io::Error::other(format!("no reply to {request}: {error}")))
        };
        requests.iter().map(read).collect()
    }
}
