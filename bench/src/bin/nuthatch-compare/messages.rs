//! Processor time of transactions and of messages to many subscribers.
//!
//! What is received has a known length, so that the generator only counts bytes: whole pipelines are sent on all
//! connections, and then all that they lead to is read on all connections.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use clap::Args;
use nuthatch_bench::{Request, RequestShape, pin_current_thread};

use crate::Setup;
use crate::report::Report;
use crate::server::Server;
use crate::statistics::median;
use crate::table::{Table, compared_row};

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Measure only operations whose names contain this
    #[arg(long, default_value = "", value_name = "TEXT")]
    only: String,
    /// Rounds; the table shows medians over them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests, or transactions, that a connection has outstanding
    #[arg(long, default_value_t = 16)]
    pipeline: usize,
    /// Number of connections that send
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Number of connections that receive messages
    #[arg(long, default_value_t = 100)]
    subscribers: usize,
}

/// What is sent, and what comes of it.
struct Operation {
    name: &'static str,
    /// The commands that are sent together.
    requests: &'static [&'static str],
    /// What they are answered with.
    reply: fn(subscribers: usize) -> String,
    /// What each subscriber receives.
    message: &'static str,
    /// How often each connection sends its pipeline in a round.
    turns: usize,
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "MULTI, 5 SET, EXEC",
        requests: &[
            "MULTI",
            "SET account:__key__ balance-0123456789",
            "SET user:__key__ name-0123456789",
            "SET session:__key__ token-0123456789",
            "SET visits:__key__ time-0123456789",
            "SET basket:__key__ content-0123456789",
            "EXEC",
        ],
        reply: |_| format!("+OK\r\n{}*5\r\n{}", "+QUEUED\r\n".repeat(5), "+OK\r\n".repeat(5)),
        message: "",
        turns: 200,
    },
    Operation {
        name: "PUBLISH to a hundred, each message delivered",
        requests: &["PUBLISH news message-0123456789"],
        reply: |subscribers| format!(":{subscribers}\r\n"),
        message: "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$18\r\nmessage-0123456789\r\n",
        turns: 40,
    },
];

pub(crate) fn run(options: &Options) -> Result<Report> {
    pin_current_thread(&options.setup.load_cpus)?;
    let mut report = Report::new(
        "Messages",
        format!(
            "Processor time of the server for each transaction or delivered message, in microseconds, {} connections \
             with pipelines of {}, {} subscribers; medians over {} interleaved rounds.",
            options.connections, options.pipeline, options.subscribers, options.rounds
        ),
    );
    let names: Vec<&str> = options.setup.servers.iter().map(|spec| &*spec.name).collect();
    let mut table = Table::new(["operation"].into_iter().chain(names).chain(["of the best other"]));
    for operation in OPERATIONS.iter().filter(|operation| operation.name.contains(&options.only)) {
        let medians = measure(options, operation).with_context(|| operation.name)?;
        eprintln!("{}: {medians:?}", operation.name);
        table.push(compared_row(operation.name, &medians, 3));
    }
    report.section("Processor time", table);
    Ok(report)
}

/// The processor time for each transaction or delivered message, in microseconds, by server.
fn measure(options: &Options, operation: &Operation) -> Result<Vec<f64>> {
    let setup = &options.setup;
    let servers = (0..setup.servers.len()).map(|index| setup.start(index)).collect::<Result<Vec<_>>>()?;
    let parties = servers.iter().map(|server| Party::new(options, operation, server));
    let mut parties = parties.collect::<Result<Vec<_>>>()?;
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..options.rounds {
        for step in 0..servers.len() {
            let index = (round + step) % servers.len();
            parties[index].play(operation.turns / 10)?;
            let before = servers[index].statistics()?.processor_time;
            let count = parties[index].play(operation.turns)?;
            let used = servers[index].statistics()?.processor_time.saturating_sub(before);
            samples[index].push(used.as_secs_f64() * 1e6 / count as f64);
        }
    }
    Ok(samples.into_iter().map(median).collect())
}

/// The connections to one server.
struct Party {
    senders: Vec<TcpStream>,
    subscribers: Vec<TcpStream>,
    /// One connection's pipeline.
    pipeline: usize,
    requests: Vec<Request>,
    /// The number that the next keys are made from.
    next_key: u64,
    reply: Vec<u8>,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl Party {
    fn new(options: &Options, operation: &Operation, server: &Server) -> Result<Self> {
        let shape = RequestShape { key_size: 7, value_size: 16 };
        let connect = || -> Result<TcpStream> {
            let stream = TcpStream::connect(server.address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let subscribers = if operation.message.is_empty() { 0 } else { options.subscribers };
        let subscribers = (0..subscribers).map(|_| {
            let mut stream = connect()?;
            stream.write_all(b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n")?;
            expect(&mut stream, b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n", 1, &mut Vec::new())?;
            Ok(stream)
        });
        let requests = operation.requests.iter().map(|request| Request::from_template(request, &shape));
        Ok(Self {
            senders: (0..options.connections).map(|_| connect()).collect::<Result<_>>()?,
            subscribers: subscribers.collect::<Result<_>>()?,
            pipeline: options.pipeline,
            requests: requests.collect::<Result<_>>()?,
            next_key: 0,
            reply: (operation.reply)(options.subscribers).into_bytes(),
            message: operation.message.as_bytes().to_vec(),
            buffer: Vec::new(),
        })
    }

    /// Has every connection send its pipeline so often. Returns how many replies, or messages, were received.
    fn play(&mut self, turns: usize) -> Result<usize> {
        /// Keys come again after so many.
        const KEYS: u64 = 200_000;
        let mut count = 0;
        let mut bytes = Vec::new();
        for _ in 0..turns {
            for sender in &mut self.senders {
                bytes.clear();
                for _ in 0..self.pipeline {
                    self.next_key = (self.next_key + 7919) % KEYS;
                    for request in &self.requests {
                        request.render(&mut bytes, || self.next_key);
                    }
                }
                sender.write_all(&bytes)?;
            }
            for sender in &mut self.senders {
                expect(sender, &self.reply, self.pipeline, &mut self.buffer)?;
            }
            let sent = self.senders.len() * self.pipeline;
            for subscriber in &mut self.subscribers {
                expect(subscriber, &self.message, sent, &mut self.buffer)?;
            }
            count += sent * self.subscribers.len().max(1);
        }
        Ok(count)
    }
}

/// Reads `text`, `count` times.
fn expect(stream: &mut TcpStream, text: &[u8], count: usize, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.resize(text.len() * count, 0);
    stream.read_exact(buffer)?;
    let ends = buffer.starts_with(text) && buffer.ends_with(text);
    ensure!(ends, "another reply than expected: {}", buffer[..text.len()].escape_ascii());
    Ok(())
}
