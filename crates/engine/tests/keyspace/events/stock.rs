//! A stock server, and what it publishes of the changes of its keys.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nuthatch_protocol::{Decoder, Reply, Value};

use super::{Step, shown};

/// A client of it.
struct Client {
    stream: TcpStream,
    decoder: Decoder,
    unread: Vec<u8>,
}

/// A running stock server with a client, and another one that is told of events.
pub(super) struct Stock {
    client: Client,
    subscriber: Client,
    waiting: Vec<Client>,
}

/// The time in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since_epoch.as_millis()).expect("it is not that late")
}

impl Client {
    fn connect() -> Self {
        let address =
            env::var("NUTHATCH_STOCK_SERVER").expect("NUTHATCH_STOCK_SERVER is the server's address");
        let stream = TcpStream::connect(address).expect("the stock server accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a read timeout can be set");
        Self { stream, decoder: Decoder::new(), unread: Vec::new() }
    }

    fn send(&mut self, words: &[Vec<u8>]) {
        let mut request = Reply::new();
        request.array(words.len());
        words.iter().for_each(|word| request.bulk(word));
        let bytes: Vec<u8> = request.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        self.stream.write_all(&bytes).expect("the stock server takes requests");
    }

    fn read(&mut self) -> Value {
        loop {
            let (consumed, value) = self.decoder.decode(&self.unread).expect("the server replies in RESP");
            self.unread.drain(..consumed);
            if let Some(value) = value {
                return value;
            }
            let mut bytes = [0; 16 * 1024];
            let read = self.stream.read(&mut bytes).expect("the stock server replies");
            assert!(read > 0, "the stock server has closed the connection");
            self.unread.extend_from_slice(&bytes[..read]);
        }
    }

    fn call(&mut self, words: &[Vec<u8>]) -> Value {
        self.send(words);
        self.read()
    }

    fn command(&mut self, line: &str) -> Value {
        self.call(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
    }
}

impl Stock {
    /// Connects to the server.
    pub(super) fn connect() -> Self {
        let (mut client, mut subscriber) = (Client::connect(), Client::connect());
        client.command("CONFIG SET notify-keyspace-events EA");
        client.command("DEBUG SET-ACTIVE-EXPIRE 0");
        subscriber.command("PSUBSCRIBE __keyevent@*__:* marker");
        subscriber.read();
        Self { client, subscriber, waiting: Vec::new() }
    }

    /// Lets nobody wait, and removes all keys.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.until_blocked(0);
        self.client.command("FLUSHALL");
        self.client.command("SELECT 0");
        self.events();
    }

    /// Waits until so many clients are blocked.
    fn until_blocked(&mut self, count: usize) {
        while self.blocked() != count {}
    }

    fn blocked(&mut self) -> usize {
        let Value::Bulk(info) = self.client.command("INFO clients") else { panic!("INFO answers a text") };
        let info = String::from_utf8_lossy(&info).into_owned();
        let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
        line.and_then(|count| count.parse().ok()).expect("INFO tells how many clients are blocked")
    }

    /// Does what the step says. Returns the events of it.
    pub(super) fn take(&mut self, step: &Step) -> Vec<String> {
        match step {
            Step::Run(words) => {
                self.client.call(words);
            }
            Step::RunWaiting(words) => {
                let mut client = Client::connect();
                let database = self.database();
                client.command(&format!("SELECT {database}"));
                let Value::Integer(id) = client.command("CLIENT ID") else { panic!("a client has a number") };
                client.send(words);
                // Either it has got its reply, or it is shown as blocked.
                client.stream.set_nonblocking(true).expect("a socket can be made not to block");
                let is_blocked = loop {
                    let list = self.client.command(&format!("CLIENT LIST ID {id}"));
                    let Value::Bulk(line) = list else { panic!("CLIENT LIST answers a text") };
                    if String::from_utf8_lossy(&line).contains(" flags=b") {
                        break true;
                    }
                    if client.stream.peek(&mut [0]).is_ok() {
                        break false;
                    }
                };
                if is_blocked {
                    self.waiting.push(client);
                }
            }
            Step::Wait(milliseconds) => sleep(Duration::from_millis(*milliseconds)),
            Step::Expire => {
                /// Enough for some cycles of expiry.
                const CYCLES: Duration = Duration::from_millis(400);
                self.client.command("DEBUG SET-ACTIVE-EXPIRE 1");
                sleep(CYCLES);
                self.client.command("DEBUG SET-ACTIVE-EXPIRE 0");
            }
        }
        self.events()
    }

    /// The database that the client has selected.
    fn database(&mut self) -> String {
        let Value::Bulk(info) = self.client.command("CLIENT INFO") else {
            panic!("CLIENT INFO answers a text")
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        let word = info.split(' ').find_map(|word| word.strip_prefix("db="));
        word.expect("CLIENT INFO tells the database").to_owned()
    }

    /// The events since this was last asked for.
    fn events(&mut self) -> Vec<String> {
        self.client.command("PUBLISH marker end");
        let mut events = Vec::new();
        loop {
            let Value::Array(message) = self.subscriber.read() else { panic!("messages are arrays") };
            let [_, _, Value::Bulk(channel), Value::Bulk(key)] = &message[..] else {
                panic!("unknown message {message:?}")
            };
            if channel == b"marker" {
                return events;
            }
            let channel = String::from_utf8_lossy(channel).into_owned();
            let (place, event) = channel.split_once(':').expect("a channel of events names the event");
            let database = place.trim_matches(|letter: char| !letter.is_ascii_digit());
            events.push(shown(event, database.parse().expect("a number of a database"), key));
        }
    }
}
