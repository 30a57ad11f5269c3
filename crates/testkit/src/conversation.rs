//! Several connections to one server, of which one speaks at a time and all listen.
//!
//! After each request a barrier tells that everything it gave rise to has arrived: every connection sends PING, and
//! what it hears before the answer belongs to the step. So two servers can be compared in who hears what, in which
//! order, without waiting for time to pass.

mod comparison;
mod order;

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

pub use comparison::Topic;

use crate::client::Client;
use crate::reply::Reply;
use crate::request::Request;
use crate::server::{Server, wait_until};

/// Connections that take part.
pub const SPEAKERS: usize = 5;

/// What ends a step; no generated request contains it.
const BARRIER: &str = "barrier";

/// What ends a step of a connection that queues. Not the same, because EXEC returns it later, and where confirmations
/// of subscriptions have filled its array, outside.
const QUEUED_BARRIER: &str = "queued";

/// How a connection that has not subscribed, or speaks RESP3, answers the barrier.
const ANSWER: &[u8] = b"$7\r\nbarrier\r\n";

/// How a connection that has subscribed and speaks RESP2 answers it.
const ANSWER_OF_SUBSCRIBER: &[u8] = b"*2\r\n$4\r\npong\r\n$7\r\nbarrier\r\n";

const QUEUED: &[u8] = b"+QUEUED\r\n";

/// What a connection hears last when the server closes it.
pub const CLOSED: &[u8] = b"(closed)\r\n";

/// Commands that may wait.
const BLOCKING: &[&str] =
    &["BLPOP", "BRPOP", "BLMOVE", "BLMPOP", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX", "BZMPOP"];

/// Commands that are not queued in conversations. What a transaction tells its own client is written behind EXEC's
/// reply, in the protocol that the client then speaks and by what it then listens to, where stock servers have written it
/// before that changed. A client that a transaction ends is still counted until the transaction is over. And channels come
/// in any order, which is forgiven where it is known that they were asked for.
const AT_ONCE: &[&str] = &[
    "HELLO",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "CLIENT TRACKING",
    "CLIENT KILL",
    "PUBSUB CHANNELS",
    "PUBSUB SHARDCHANNELS",
];

/// What is said at once, by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The connection's number.
    pub speaker: usize,
    /// Usually one; several where the replies to the first are left out. A word `@3` stands for the number by which
    /// the server knows connection 3.
    pub requests: Vec<Request>,
}

/// What each connection heard in a step, reply by reply.
pub type Heard = Vec<Vec<Vec<u8>>>;

/// A server that does not answer within this time counts as hanging.
const TIME_MAX: Duration = Duration::from_secs(5);

/// A connection that takes part.
struct Speaker {
    client: Client,
    /// The ports that it speaks from, first, and has spoken from, by which MONITOR names it.
    ports: Vec<u16>,
    /// The number by which the server knows it, first, and those by which it has known it.
    ids: Vec<i64>,
    /// What was queued since MULTI.
    queued: Option<Vec<Request>>,
    /// Whether its last request waits.
    waiting: bool,
    /// What it has heard while it waited: when that arrives is open, because there is no barrier for it then.
    unnoticed: Vec<Vec<u8>>,
    /// Whether it has sent MONITOR, and not RESET since.
    monitoring: bool,
}

/// The connections to one server.
pub struct Conversation<'a> {
    server: &'a Server,
    control: Client,
    speakers: Vec<Speaker>,
}

impl<'a> Conversation<'a> {
    /// Opens connections to a server that nobody else is connected to, and empties it.
    pub fn open(server: &'a Server) -> io::Result<Self> {
        let mut control = server.try_connect()?;
        // What those of the conversation before subscribed to and waited for must be gone.
        if !wait_until(|| information(&mut control, "connected_clients:").is_ok_and(|count| count == 1)) {
            return Err(io::Error::other(format!("{} keeps clients that are gone", server.name())));
        }
        control.try_call(["FLUSHALL"])?;
        control.try_call(["CONFIG", "SET", "notify-keyspace-events", ""])?;
        // A key is removed when somebody looks at it, and not at a moment of the server's choice.
        control.try_call(["DEBUG", "SET-ACTIVE-EXPIRE", "0"])?;
        let speakers = (0..SPEAKERS).map(|_| Speaker::new(server)).collect::<io::Result<_>>()?;
        Ok(Self { server, control, speakers })
    }

    /// Whether the connection can say this now. One that waits says nothing. One that queues does not switch off its
    /// replies, nor say what `AT_ONCE` lists. One that monitors does neither queue nor switch off its replies, because
    /// it then sees its own requests between replies or not at all. And nobody is ended while somebody waits: when the
    /// number of those who wait falls is not promised.
    pub fn can_say(&self, step: &Step) -> bool {
        let speaker = &self.speakers[step.speaker];
        let [request] = step.requests.as_slice() else {
            return !speaker.waiting && !speaker.monitoring && speaker.queued.is_none();
        };
        let name = request.upper(0);
        let with_subcommand = format!("{name} {}", request.upper(1));
        let at_once = AT_ONCE.contains(&name.as_str()) || AT_ONCE.contains(&with_subcommand.as_str());
        let forbidden = speaker.queued.is_some() && at_once
            || speaker.monitoring && name == "MULTI"
            || with_subcommand == "CLIENT KILL" && self.speakers.iter().any(|speaker| speaker.waiting);
        !speaker.waiting && !forbidden
    }

    /// Whether the connection waits for a reply.
    pub fn waits(&self, speaker: usize) -> bool {
        self.speakers[speaker].waiting
    }

    /// What the connection has queued since MULTI.
    pub fn queued(&self, speaker: usize) -> Option<&[Request]> {
        self.speakers[speaker].queued.as_deref()
    }

    /// Says something and returns what all have heard.
    pub fn say(&mut self, step: &Step) -> io::Result<Heard> {
        let mut heard = vec![Vec::new(); SPEAKERS];
        let requests: Vec<Request> = step.requests.iter().map(|request| self.with_ids(request)).collect();
        self.speak(step.speaker, &requests, &mut heard[step.speaker])?;
        // What was said must have been executed before anybody is asked what that has led to.
        if !self.speakers[step.speaker].waiting {
            self.speakers[step.speaker].pass_barrier(self.server, &mut heard[step.speaker])?;
        }
        self.settle(&mut heard)?;
        // Also who spoke: some messages are sent when the event loop has run all requests that it has read, among which
        // the first barrier may have been.
        for (speaker, heard) in
            self.speakers.iter_mut().zip(&mut heard).filter(|(speaker, _)| !speaker.waiting)
        {
            speaker.pass_barrier(self.server, heard)?;
        }
        let named =
            |heard: Vec<Vec<u8>>| heard.into_iter().filter_map(|frame| self.with_names(frame)).collect();
        Ok(heard.into_iter().map(named).collect())
    }

    fn with_ids(&self, request: &Request) -> Request {
        let word = |word: &Vec<u8>| match word.as_slice() {
            [b'@', digit @ b'0'..=b'9'] => self
                .speakers
                .get(usize::from(digit - b'0'))
                .and_then(|speaker| speaker.ids.first())
                .map_or_else(|| word.clone(), |id| id.to_string().into_bytes()),
            _ => word.clone(),
        };
        Request(request.0.iter().map(word).collect())
    }

    /// Sends the requests and hears what comes back, if anything must come before the barrier.
    fn speak(&mut self, number: usize, requests: &[Request], heard: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let speaker = &mut self.speakers[number];
        // The server may have closed the connection meanwhile, which is heard below.
        let _ = speaker.client.send(&Request::encode_all(requests));
        let [request] = requests else { return Ok(()) };
        let name = request.upper(0);
        let alone = request.0.len() == 1;
        if alone && matches!(name.as_str(), "MONITOR" | "RESET") {
            speaker.monitoring = name == "MONITOR";
        }
        match speaker.queued {
            Some(_) => {
                if alone && matches!(name.as_str(), "EXEC" | "DISCARD" | "RESET") {
                    speaker.queued = None;
                } else if name == "QUIT" {
                    speaker.hear_the_end(self.server, heard)?;
                } else {
                    let mut queued = speaker.queued.take();
                    let status = speaker.hear_status(self.server, heard)?;
                    if status == QUEUED {
                        queued.get_or_insert_default().push(request.clone());
                    }
                    if status != CLOSED {
                        speaker.queued = queued;
                    }
                }
            }
            None if alone && name == "MULTI" => {
                let status = speaker.hear_status(self.server, heard)?;
                speaker.queued = status.starts_with(b"+").then(Vec::new);
            }
            None if name == "QUIT" => speaker.hear_the_end(self.server, heard)?,
            None => {
                speaker.waiting = BLOCKING.contains(&name.as_str()) || waits_for_entries(request);
            }
        }
        Ok(())
    }

    /// Waits until each connection that may wait has been answered or is counted as blocked.
    fn settle(&mut self, heard: &mut Heard) -> io::Result<()> {
        if self.speakers.iter().all(|speaker| !speaker.waiting) {
            return Ok(());
        }
        let mut outcome = Ok(());
        let settled = wait_until(|| {
            outcome = self.poll(heard);
            let waiting = self.speakers.iter().filter(|speaker| speaker.waiting).count();
            // Only now: a client that is served meanwhile must not count as blocked any more.
            let blocked = information(&mut self.control, "blocked_clients:");
            outcome.is_err() || blocked.is_ok_and(|blocked| blocked == waiting)
        });
        outcome?;
        if settled { Ok(()) } else { Err(io::Error::other("connections are neither answered nor blocked")) }
    }

    fn poll(&mut self, heard: &mut Heard) -> io::Result<()> {
        for (speaker, heard) in self.speakers.iter_mut().zip(heard) {
            while speaker.waiting {
                match speaker.client.poll_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        speaker.waiting = is_push(&frame);
                        speaker.unnoticed.push(frame);
                        if !speaker.waiting {
                            heard.append(&mut speaker.unnoticed);
                        }
                    }
                    Err(error) => speaker.reconnect_after(error, self.server, heard)?,
                }
            }
        }
        Ok(())
    }

    /// Replaces what differs between two servers in a line of MONITOR by what it stands for: the time, and the address.
    /// `None` for a line about a request of the control connection, which asks as often as it has to.
    fn with_names(&self, frame: Vec<u8>) -> Option<Vec<u8>> {
        if !is_monitored(&frame) {
            return Some(frame);
        }
        let text = String::from_utf8_lossy(&frame);
        let (_time, line) = text.split_once(' ')?;
        let speaker_at = |port: u16| self.speakers.iter().position(|speaker| speaker.ports.contains(&port));
        let address = line.split([' ', ']']).nth(1)?;
        let port = address.strip_prefix(&format!("{}:", Ipv4Addr::LOCALHOST))?.parse().ok()?;
        let speaker = speaker_at(port)?;
        let mut line = line.replacen(address, &format!("@{speaker}"), 1);
        if line.to_uppercase().contains(" \"CLIENT\" ") {
            for (number, speaker) in self.speakers.iter().enumerate() {
                for id in &speaker.ids {
                    line = line.replace(&format!(" \"{id}\""), &format!(" \"@{number}\""));
                }
            }
        }
        Some(format!("+(time) {line}").into_bytes())
    }

    /// The connection that the server knows by this number, or has known.
    pub fn speaker_of(&self, id: i64) -> Option<usize> {
        self.speakers.iter().position(|speaker| speaker.ids.contains(&id))
    }
}

impl Speaker {
    fn new(server: &Server) -> io::Result<Self> {
        let mut client = server.try_connect()?;
        client.set_timeout(TIME_MAX)?;
        let ids = client.try_call(["CLIENT", "ID"])?.integer().into_iter().collect();
        let ports = vec![client.local_port()?];
        Ok(Self {
            client,
            ports,
            ids,
            queued: None,
            waiting: false,
            unnoticed: Vec::new(),
            monitoring: false,
        })
    }

    /// Hears everything up to the answer to a barrier.
    fn pass_barrier(&mut self, server: &Server, heard: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let word = if self.queued.is_some() { QUEUED_BARRIER } else { BARRIER };
        let barrier = Request::new(["PING", word]);
        // A connection that the server has closed is heard to be.
        let _ = self.client.send(&Request::encode_all(std::slice::from_ref(&barrier)));
        if let Some(queued) = &mut self.queued {
            // Changes both servers' transactions alike.
            queued.push(barrier);
            self.hear_status(server, heard)?;
            heard.pop_if(|frame| frame == QUEUED);
            return Ok(());
        }
        loop {
            match self.client.read_frame() {
                Ok(frame) if frame == ANSWER || frame == ANSWER_OF_SUBSCRIBER => return Ok(()),
                Ok(frame) => heard.push(frame),
                Err(error) => return self.reconnect_after(error, server, heard),
            }
        }
    }

    /// Hears everything up to a status or an error, and returns that.
    fn hear_status(&mut self, server: &Server, heard: &mut Vec<Vec<u8>>) -> io::Result<Vec<u8>> {
        loop {
            match self.client.read_frame() {
                Ok(frame) => {
                    heard.push(frame.clone());
                    if frame.starts_with(b"-") || frame.starts_with(b"+") && !is_monitored(&frame) {
                        return Ok(frame);
                    }
                }
                Err(error) => {
                    self.reconnect_after(error, server, heard)?;
                    return Ok(CLOSED.to_vec());
                }
            }
        }
    }

    fn hear_the_end(&mut self, server: &Server, heard: &mut Vec<Vec<u8>>) -> io::Result<()> {
        loop {
            match self.client.read_frame() {
                Ok(frame) => heard.push(frame),
                Err(error) => return self.reconnect_after(error, server, heard),
            }
        }
    }

    /// Takes up a new connection in place of one that the server has closed.
    fn reconnect_after(
        &mut self,
        error: io::Error,
        server: &Server,
        heard: &mut Vec<Vec<u8>>,
    ) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                heard.push(CLOSED.to_vec());
                let (ids, ports) = (std::mem::take(&mut self.ids), std::mem::take(&mut self.ports));
                *self = Self::new(server)?;
                self.ids.extend(ids);
                self.ports.extend(ports);
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// Whether the request reads streams and may wait for as long as it takes.
fn waits_for_entries(request: &Request) -> bool {
    let words: Vec<String> = (0..request.0.len()).map(|index| request.upper(index)).collect();
    words[0].starts_with("XREAD") && words.windows(2).any(|pair| pair == ["BLOCK", "0"])
}

/// Whether the reply was not asked for.
fn is_push(frame: &[u8]) -> bool {
    frame.starts_with(b">") || is_monitored(frame)
}

/// Whether the reply is a line of MONITOR: a status that begins with a time and a database in brackets.
fn is_monitored(frame: &[u8]) -> bool {
    let mut words = frame.splitn(3, |byte| *byte == b' ');
    let (Some(time), Some(database)) = (words.next(), words.next()) else { return false };
    time.first() == Some(&b'+')
        && time[1..].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && database.first() == Some(&b'[')
}

/// A number of INFO.
fn information(control: &mut Client, field: &str) -> io::Result<usize> {
    let info = match control.try_call(["INFO", "clients"])? {
        Reply::Bulk(text) | Reply::Verbatim(text) => String::from_utf8_lossy(&text).into_owned(),
        other => return Err(io::Error::other(format!("INFO was answered with {other:?}"))),
    };
    let number = info.lines().find_map(|line| line.split(field).nth(1)?.trim().parse().ok());
    number.ok_or_else(|| io::Error::other(format!("INFO does not tell {field}")))
}
