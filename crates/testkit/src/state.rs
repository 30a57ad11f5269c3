//! Everything that a server holds, read over the wire, to compare two servers after the same commands.

use std::collections::BTreeMap;
use std::io;

use crate::client::Client;
use crate::differences::KnownDifferences;
use crate::reply::Reply;
use crate::request::Request;

/// The databases that generated commands use.
pub const DATABASES: usize = 4;

/// Deadlines may differ by so much, in milliseconds: relative ones start when the command is executed.
const DEADLINE_TOLERANCE: u64 = 2000;

/// What is known of one key.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: Reply,
    encoding: Reply,
    deadline: Reply,
    value: Reply,
}

/// All keys of all databases.
#[derive(Debug)]
pub struct State(BTreeMap<(usize, Vec<u8>), Entry>);

fn unexpected(request: &str, reply: &Reply) -> io::Error {
    io::Error::other(format!("{request} was answered with {reply:?}"))
}

impl State {
    /// Reads the state over a connection of its own, which speaks RESP2.
    pub fn read(client: &mut Client) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        for database in 0..DATABASES {
            let selected = client.try_call(["SELECT", &database.to_string()])?;
            if selected.is_error() {
                return Err(unexpected("SELECT", &selected));
            }
            let keys = match client.try_call(["KEYS", "*"])? {
                Reply::Array(keys) => keys,
                other => return Err(unexpected("KEYS *", &other)),
            };
            for key in keys {
                let key = key.bytes().unwrap_or_default();
                entries.insert((database, key.to_vec()), Entry::read(client, key)?);
            }
        }
        Ok(Self(entries))
    }

    /// Leaves out what may end before a time, in milliseconds since 1970.
    pub fn forget_before(&mut self, time: u64) {
        let ends = |entry: &Entry| {
            entry.deadline.integer().is_some_and(|deadline| deadline >= 0 && deadline.unsigned_abs() < time)
        };
        self.0.retain(|_, entry| !ends(entry));
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`Self::first_difference`], whatever the encodings are.
    pub fn first_difference_in_values(&self, other: &Self) -> Option<String> {
        let encodings = |state: &Self| -> BTreeMap<_, _> {
            let key = |(place, entry): (&(usize, Vec<u8>), &Entry)| (place.clone(), entry.encoding.clone());
            state.0.iter().map(key).collect()
        };
        let ours = encodings(self);
        let mut like = Self(BTreeMap::new());
        for (place, entry) in &other.0 {
            let encoding = ours.get(place).unwrap_or(&entry.encoding).clone();
            let (kind, deadline, value) = (entry.kind.clone(), entry.deadline.clone(), entry.value.clone());
            like.0.insert(place.clone(), Entry { kind, encoding, deadline, value });
        }
        self.first_difference(&like, &KnownDifferences::from(&[], ""))
    }

    /// The first key in which two servers differ, but for `known` differences of the encoding, with
    /// what each says of it.
    pub fn first_difference(&self, other: &Self, known: &KnownDifferences) -> Option<String> {
        let keys = self.0.keys().chain(other.0.keys());
        let differs = |key: &&(usize, Vec<u8>)| match (self.0.get(*key), other.0.get(*key)) {
            (Some(entry), Some(other)) => !entry.agrees(other, &key.1, known),
            _ => true,
        };
        keys.into_iter().find(differs).map(|key| {
            format!(
                "key \"{}\" of database {}:\n  candidate: {}\n  reference: {}",
                key.1.escape_ascii(),
                key.0,
                Entry::describe(self.0.get(key)),
                Entry::describe(other.0.get(key))
            )
        })
    }
}

/// Spells a score in one way: servers show different numbers of its digits, and zero with or without a sign.
fn as_number(score: &mut Reply) {
    if let Ok(number) = score.text().parse::<f64>() {
        // Which zeros keep their sign depends on the encoding.
        *score = Reply::Bulk((number + 0.0).to_string().into_bytes());
    }
}

impl Entry {
    fn read(client: &mut Client, key: &[u8]) -> io::Result<Self> {
        let requests: [&[&[u8]]; 3] =
            [&[b"TYPE", key], &[b"OBJECT", b"ENCODING", key], &[b"PEXPIRETIME", key]];
        let frames = client.pipeline(&requests.map(Request::new))?;
        let decode = |frame: &Vec<u8>| Reply::decode(frame).map_err(io::Error::other);
        let (kind, encoding, deadline) = (decode(&frames[0])?, decode(&frames[1])?, decode(&frames[2])?);
        let mut sorted = false;
        let request: &[&[u8]] = match kind.text().as_str() {
            "string" => &[b"GET", key],
            "list" => &[b"LRANGE", key, b"0", b"-1"],
            "hash" => {
                sorted = true;
                &[b"HGETALL", key]
            }
            "set" => {
                sorted = true;
                &[b"SMEMBERS", key]
            }
            "zset" => &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
            "stream" => &[b"XRANGE", key, b"-", b"+"],
            _ => &[b"EXISTS", key],
        };
        let mut value = client.try_call(request)?;
        if sorted && let Reply::Array(elements) = &mut value {
            elements.sort();
        }
        if kind.text() == "zset"
            && let Reply::Array(elements) = &mut value
        {
            elements.iter_mut().skip(1).step_by(2).for_each(as_number);
        }
        Ok(Self { kind, encoding, deadline, value })
    }

    fn agrees(&self, other: &Self, key: &[u8], known: &KnownDifferences) -> bool {
        let deadlines_agree = match (self.deadline.integer(), other.deadline.integer()) {
            (Some(deadline), Some(other)) if deadline >= 0 && other >= 0 => {
                deadline.abs_diff(other) <= DEADLINE_TOLERANCE
            }
            _ => self.deadline == other.deadline,
        };
        let encodings_agree = self.encoding == other.encoding || {
            let request = Request::new([&b"OBJECT"[..], b"ENCODING", key]);
            let [ours, theirs] = [&self.encoding, &other.encoding].map(|encoding| {
                let name = encoding.text();
                format!("${}\r\n{name}\r\n", name.len())
            });
            known.find(&request, ours.as_bytes(), theirs.as_bytes()).is_some()
        };
        deadlines_agree && encodings_agree && self.kind == other.kind && self.value == other.value
    }

    fn describe(entry: Option<&Self>) -> String {
        const VALUE_CHARACTERS_MAX: usize = 200;
        let Some(entry) = entry else { return "no such key".into() };
        let value = match entry.value.bytes() {
            Some(bytes) => bytes.escape_ascii().to_string(),
            None => format!("{:?}", entry.value),
        };
        let value: String = value.chars().take(VALUE_CHARACTERS_MAX).collect();
        let deadline = entry.deadline.integer().unwrap_or_default();
        format!("{} as {}, deadline {deadline}, value \"{value}\"", entry.kind.text(), entry.encoding.text())
    }
}
