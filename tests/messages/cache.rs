//! A client that keeps what it has read until it is told that it is out of date.

use std::collections::HashMap;
use std::io;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;

/// How a cache is told of what is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Of every key that it has read.
    Tracking,
    /// Of every key that it has read after `CLIENT CACHING YES`.
    OptIn,
    /// Of every key that it has read but after `CLIENT CACHING NO`.
    OptOut,
    /// Of every key.
    Broadcast,
    /// Of keys with the prefixes of the keys that it reads, on another connection, which speaks RESP2.
    RedirectedBroadcast,
    /// Of every key that it has read, on another connection, which speaks RESP2.
    Redirected,
}

/// The keys that hold strings, hashes and lists begin so.
pub(crate) const PREFIXES: [&str; 3] = ["string:", "hash:", "list:"];

/// How the whole value of a key is read.
pub(crate) fn reading(key: &str) -> Request {
    match key.split(':').next() {
        Some("hash") => Request::new(["HGETALL", key]),
        Some("list") => Request::new(["LRANGE", key, "0", "-1"]),
        _ => Request::new(["GET", key]),
    }
}

/// The cache.
pub(crate) struct Cache {
    mode: Mode,
    client: Client,
    /// Where invalidations arrive, if not at `client`.
    listener: Option<Client>,
    values: HashMap<String, Reply>,
    /// Of so many invalidations one is ignored, where that is the fault to be found.
    ignores_one_in: Option<usize>,
    /// Invalidations that have arrived.
    pub(crate) invalidations: usize,
}

impl Cache {
    pub(crate) fn open(server: &Server, mode: Mode, ignores_one_in: Option<usize>) -> io::Result<Self> {
        let mut client = server.try_connect()?;
        let mut listener = None;
        let mut words: Vec<String> = ["CLIENT", "TRACKING", "ON"].map(str::to_owned).into();
        if matches!(mode, Mode::Redirected | Mode::RedirectedBroadcast) {
            let mut other = server.try_connect()?;
            let id = other.try_call(["CLIENT", "ID"])?.integer().unwrap_or_default();
            words.extend(["REDIRECT".to_owned(), id.to_string()]);
            other.try_call(["SUBSCRIBE", "__redis__:invalidate"])?;
            listener = Some(other);
        } else {
            client.try_call(["HELLO", "3"])?;
        }
        match mode {
            Mode::OptIn => words.push("OPTIN".into()),
            Mode::OptOut => words.push("OPTOUT".into()),
            Mode::Broadcast => words.push("BCAST".into()),
            Mode::RedirectedBroadcast => {
                words.push("BCAST".into());
                words.extend(PREFIXES.iter().flat_map(|prefix| ["PREFIX".to_owned(), (*prefix).to_owned()]));
            }
            Mode::Tracking | Mode::Redirected => {}
        }
        let reply = client.try_call(words)?;
        if reply.is_error() {
            return Err(io::Error::other(reply.text()));
        }
        Ok(Self { mode, client, listener, values: HashMap::new(), ignores_one_in, invalidations: 0 })
    }

    /// Makes sure that the keys are there, reading those that are not; several in one transaction.
    pub(crate) fn read(&mut self, keys: &[String]) -> io::Result<()> {
        let missing: Vec<&String> = keys.iter().filter(|key| !self.values.contains_key(*key)).collect();
        if missing.is_empty() {
            return self.listen();
        }
        let mut requests: Vec<Request> = missing.iter().map(|key| reading(key)).collect();
        let together = requests.len() > 1;
        if together {
            requests.insert(0, Request::from_line("MULTI"));
            requests.push(Request::from_line("EXEC"));
        }
        if self.mode == Mode::OptIn {
            // It holds for the next command, and for all of a transaction.
            requests.insert(0, Request::from_line("CLIENT CACHING YES"));
        }
        self.client.send(&Request::encode_all(&requests))?;
        let mut last = Reply::Null;
        for _ in &requests {
            last = self.next_reply()?;
        }
        let values = if together { last.into_elements() } else { vec![last] };
        if values.len() != missing.len() {
            return Err(io::Error::other(format!("{values:?} are not the values of {missing:?}")));
        }
        // What comes after them in the stream is newer.
        self.values.extend(missing.into_iter().cloned().zip(values));
        self.listen()
    }

    /// The next frame that was asked for. An invalidation before it is older than it.
    fn next_reply(&mut self) -> io::Result<Reply> {
        loop {
            let reply = self.client.read_reply()?;
            if !matches!(reply, Reply::Push(_)) {
                return Ok(reply);
            }
            self.invalidate(reply);
        }
    }

    /// Hears what has arrived.
    fn listen(&mut self) -> io::Result<()> {
        let decode = |frame: Vec<u8>| Reply::decode(&frame).map_err(io::Error::other);
        while let Some(frame) = self.listener.as_mut().unwrap_or(&mut self.client).poll_frame()? {
            self.invalidate(decode(frame)?);
        }
        Ok(())
    }

    /// Hears everything that was sent until now.
    pub(crate) fn listen_to_all(&mut self) -> io::Result<()> {
        self.client.send(b"*1\r\n$4\r\nPING\r\n")?;
        self.next_reply()?;
        let Some(listener) = &mut self.listener else { return Ok(()) };
        listener.send(b"*1\r\n$4\r\nPING\r\n")?;
        let mut messages = Vec::new();
        loop {
            let message = listener.read_reply()?;
            if let Reply::Array(parts) = &message
                && parts.first().is_some_and(|kind| kind.text() == "pong")
            {
                break;
            }
            messages.push(message);
        }
        messages.into_iter().for_each(|message| self.invalidate(message));
        Ok(())
    }

    /// Forgets what a message says is out of date: the keys are its last part.
    fn invalidate(&mut self, message: Reply) {
        self.invalidations += 1;
        if self.ignores_one_in.is_some_and(|count| self.invalidations.is_multiple_of(count)) {
            return;
        }
        match message.into_elements().pop() {
            Some(Reply::Array(keys)) => {
                for key in keys {
                    self.values.remove(&key.text());
                }
            }
            // All keys.
            _ => self.values.clear(),
        }
    }

    /// What it keeps.
    pub(crate) fn values(&self) -> &HashMap<String, Reply> {
        &self.values
    }

    /// The value of a key as the server has it now, in the protocol of this cache.
    pub(crate) fn fresh(&mut self, key: &str) -> io::Result<Reply> {
        self.client.send(&Request::encode_all(&[reading(key)]))?;
        self.next_reply()
    }
}
