//! Runs rounds of operations on many connections at once and notes down what happens.

use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;

use crate::history::{History, Operation};
use crate::model::{Command, Key, Output};

/// What a client is to do as one operation, or as two that belong together.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// A command on its own.
    One(Command),
    /// `BLPOP`, of an element that somebody pushes in the same round.
    BlockingPop(Key),
    /// `MGET`
    GetAll(Vec<Key>),
    /// `MSET`
    SetAll(Vec<(Key, i64)>),
    /// `MULTI`, the commands and `EXEC`: sent at once, or one after the other.
    Together { commands: Vec<Command>, at_once: bool },
    /// `WATCH` and `MGET` of the keys, then `MULTI`, `SET` of one of them and `EXEC`.
    Exchange { watched: Vec<Key>, key: Key, new: i64 },
}

/// What each client does in one round.
pub(crate) type Round = Vec<Vec<Plan>>;

/// Runs the rounds one after the other, and in each its clients at the same time.
pub(crate) fn run(address: SocketAddr, rounds: &[Round]) -> io::Result<Vec<History>> {
    let clients = rounds.iter().map(Vec::len).max().unwrap_or_default();
    let barrier = Barrier::new(clients);
    let began = Instant::now();
    let of_client = |client: usize| {
        let mut runner = Runner::connect(address, began);
        let of_round = |(number, round): (usize, &Round)| {
            // All must come here each time, also after a failure.
            barrier.wait();
            let runner = runner.as_mut().map_err(|error| io::Error::other(error.to_string()))?;
            let plans = round.get(client).map_or(&[][..], Vec::as_slice);
            runner.run(number, plans)
        };
        rounds.iter().enumerate().map(of_round).collect::<Vec<_>>()
    };
    let by_client: Vec<Vec<io::Result<Vec<Operation>>>> = thread::scope(|scope| {
        let of_client = &of_client;
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || of_client(client))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no client fails")).collect()
    });
    let mut histories = vec![History::new(); rounds.len()];
    for rounds in by_client {
        for (history, operations) in histories.iter_mut().zip(rounds) {
            history.push(operations?);
        }
    }
    Ok(histories)
}

/// A client at work.
struct Runner {
    client: Client,
    began: Instant,
    round: usize,
    done: Vec<Operation>,
}

impl Runner {
    fn connect(address: SocketAddr, began: Instant) -> io::Result<Self> {
        Ok(Self { client: Client::connect(address)?, began, round: 0, done: Vec::new() })
    }

    fn run(&mut self, round: usize, plans: &[Plan]) -> io::Result<Vec<Operation>> {
        self.round = round;
        for plan in plans {
            self.follow(plan)?;
        }
        Ok(std::mem::take(&mut self.done))
    }

    fn follow(&mut self, plan: &Plan) -> io::Result<()> {
        let invoked = self.now();
        match plan {
            Plan::One(command) => {
                let reply = self.client.try_call(self.request(command).0)?;
                self.note(invoked, vec![(command.clone(), output(&reply)?)]);
            }
            Plan::BlockingPop(key) => {
                let reply = self.client.try_call(["BLPOP", &self.list(*key), "0"])?;
                let element = reply.into_elements().pop().unwrap_or(Reply::Null);
                self.note(invoked, vec![(Command::Pop(*key), output(&element)?)]);
            }
            Plan::GetAll(keys) => {
                self.get_all(keys)?;
            }
            Plan::SetAll(pairs) => {
                let mut words = vec!["MSET".to_owned()];
                words.extend(pairs.iter().flat_map(|(key, value)| [self.number(*key), value.to_string()]));
                let done = output(&self.client.try_call(words)?)?;
                let commands = pairs.iter().map(|(key, value)| (Command::Set(*key, *value), done.clone()));
                self.note(invoked, commands.collect());
            }
            Plan::Together { commands, at_once } => {
                let replies = self.transact(commands, *at_once)?.ok_or_else(|| unexpected(&Reply::Null))?;
                self.note(invoked, commands.iter().cloned().zip(replies).collect());
            }
            Plan::Exchange { watched, key, new } => {
                let mut words = vec!["WATCH".to_owned()];
                words.extend(watched.iter().map(|key| self.number(*key)));
                output(&self.client.try_call(words)?)?;
                let seen = self.get_all(watched)?;
                let invoked = self.now();
                let set = Command::Set(*key, *new);
                // Where EXEC has done nothing, there is nothing to find an order for.
                if let Some(mut replies) = self.transact(std::slice::from_ref(&set), false)? {
                    let expect = |(key, seen)| (Command::Expect(key, seen), Output::Done);
                    let mut commands: Vec<_> = watched.iter().copied().zip(seen).map(expect).collect();
                    commands.extend(replies.pop().map(|reply| (set, reply)));
                    self.note(invoked, commands);
                }
            }
        }
        Ok(())
    }

    fn get_all(&mut self, keys: &[Key]) -> io::Result<Vec<Output>> {
        let invoked = self.now();
        let mut words = vec!["MGET".to_owned()];
        words.extend(keys.iter().map(|key| self.number(*key)));
        let replies = self.client.try_call(words)?.into_elements();
        let values = replies.iter().map(output).collect::<io::Result<Vec<Output>>>()?;
        let command = |(key, value): (&Key, &Output)| (Command::Get(*key), value.clone());
        self.note(invoked, keys.iter().zip(&values).map(command).collect());
        Ok(values)
    }

    /// What the commands of a transaction return; `None` when EXEC has refused because a watched key has changed.
    fn transact(&mut self, commands: &[Command], at_once: bool) -> io::Result<Option<Vec<Output>>> {
        let mut requests = vec![Request::from_line("MULTI")];
        requests.extend(commands.iter().map(|command| self.request(command)));
        requests.push(Request::from_line("EXEC"));
        let mut replies = Vec::new();
        for batch in requests.chunks(if at_once { requests.len() } else { 1 }) {
            replies.extend(self.client.pipeline(batch)?);
        }
        let last = replies.pop().unwrap_or_default();
        match Reply::decode(&last).map_err(io::Error::other)? {
            Reply::Array(replies) if replies.len() == commands.len() => {
                replies.iter().map(output).collect::<io::Result<_>>().map(Some)
            }
            Reply::Null | Reply::NullArray => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    fn request(&self, command: &Command) -> Request {
        match command {
            Command::Get(key) | Command::Expect(key, _) => Request::new(["GET", &self.number(*key)]),
            Command::Set(key, value) => Request::new(["SET", &self.number(*key), &value.to_string()]),
            Command::Increment(key) => Request::new(["INCR", &self.number(*key)]),
            Command::Push(key, element) => Request::new(["RPUSH", &self.list(*key), &element.to_string()]),
            Command::Pop(key) => Request::new(["LPOP", &self.list(*key)]),
        }
    }

    fn number(&self, key: Key) -> String {
        format!("round:{}:number:{key}", self.round)
    }

    fn list(&self, key: Key) -> String {
        format!("round:{}:list:{key}", self.round)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn note(&mut self, invoked: u64, commands: Vec<(Command, Output)>) {
        self.done.push(Operation { invoked, returned: self.now(), commands });
    }
}

fn unexpected(reply: &Reply) -> io::Error {
    io::Error::other(format!("unexpected reply: {reply:?}"))
}

fn output(reply: &Reply) -> io::Result<Output> {
    match reply {
        Reply::Null | Reply::NullArray => Ok(Output::Nothing),
        Reply::Integer(number) => Ok(Output::Number(*number)),
        Reply::Simple(text) if text == b"OK" => Ok(Output::Done),
        Reply::Bulk(_) => reply.text().parse().map(Output::Number).map_err(|_| unexpected(reply)),
        other => Err(unexpected(other)),
    }
}
