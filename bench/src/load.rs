//! A load: connections to one server and the traffic on them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::affinity::pin_current_thread;
use crate::connection::Connection;
use crate::keys::{KeySampler, part_of};
use crate::lane::Lane;
use crate::pacing::Pacing;
use crate::replies::ReplyScanner;
use crate::request::{Request, RequestShape};
use crate::server_clock::ServerClock;
use crate::tally::Tally;
use crate::traffic::Traffic;
use crate::worker::Worker;

/// Where to connect and who does it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server.
    pub address: SocketAddr,
    /// Commands that every connection sends first, such as `AUTH` or `HELLO 3`.
    pub prelude: Vec<String>,
    /// Threads of the generator, at least 1.
    pub threads: usize,
    /// Processors that the threads are bound to, in turn; empty leaves them to the scheduler.
    pub processors: Vec<usize>,
    /// The server's process, if waits are to be compared with its processor time.
    pub process: Option<u32>,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// When this much time has passed; what is outstanding is awaited.
    After(Duration),
    /// When this many requests of the first kind of traffic are answered. The others end with it.
    Requests(u64),
}

impl Stop {
    fn of_part(self, part: u64, parts: u64) -> Self {
        match self {
            Self::After(duration) => Self::After(duration),
            Self::Requests(requests) => {
                let share = part_of(requests, part, parts);
                Self::Requests(share.end - share.start)
            }
        }
    }
}

/// What one kind of traffic achieved in one run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The replies.
    pub tally: Tally,
    /// Latency in nanoseconds of every reply, from sending (in an open loop: from being due).
    pub latency_ns: Histogram<u64>,
    /// The most processor time that the server took while a reply was waited for, in nanoseconds, and no more than
    /// the wait. Known if the target names the server's process and whole pipelines are sent.
    pub costliest_wait_ns: u64,
    /// From the start of the run to the last reply.
    pub elapsed: Duration,
    /// Processor time that the generator's threads used, for all kinds of traffic together.
    pub generator_time: Duration,
}

impl Outcome {
    /// Replies in a second.
    pub fn throughput(&self) -> f64 {
        self.tally.replies as f64 / self.elapsed.as_secs_f64()
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.tally.merge(&other.tally);
        self.latency_ns.add(&other.latency_ns).context("merging histograms")?;
        self.costliest_wait_ns = self.costliest_wait_ns.max(other.costliest_wait_ns);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.generator_time += other.generator_time;
        Ok(())
    }
}

/// Open connections with their traffic, ready to run any number of times.
pub struct Load {
    workers: Vec<Worker>,
    processors: Vec<usize>,
}

impl Load {
    /// Opens the connections of all `traffic` and shares them out among the threads.
    pub fn connect(target: &Target, traffic: &[Traffic]) -> Result<Self> {
        ensure!(target.threads > 0, "there must be at least one thread");
        let workers = (0..target.threads).map(|number| {
            let lanes = traffic.iter().map(|traffic| lane(target, traffic, number as u64));
            // Runs shall differ from each other only by the server: the seeds are fixed.
            let clock = target.process.map(ServerClock::new).transpose()?;
            Worker::new(lanes.collect::<Result<_>>()?, clock, SmallRng::seed_from_u64(number as u64))
        });
        Ok(Self { workers: workers.collect::<Result<_>>()?, processors: target.processors.clone() })
    }

    /// Runs until `stop`; returns one outcome for each kind of traffic.
    ///
    /// Fails when a connection breaks or the server falls silent; error replies are no failure.
    pub fn run(&mut self, stop: Stop) -> Result<Vec<Outcome>> {
        let start = Instant::now();
        let threads = self.workers.len();
        let processors = &self.processors;
        let results: Vec<Result<Vec<Outcome>>> = thread::scope(|scope| {
            let workers = self.workers.iter_mut().enumerate();
            let running: Vec<_> = workers
                .map(|(number, worker)| {
                    let stop = stop.of_part(number as u64, threads as u64);
                    scope.spawn(move || {
                        if !processors.is_empty() {
                            pin_current_thread(&[processors[number % processors.len()]])?;
                        }
                        worker.run(start, stop)
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked"))))
                .collect()
        });
        let mut merged: Vec<Outcome> = Vec::new();
        for outcomes in results {
            for (index, outcome) in outcomes?.into_iter().enumerate() {
                match merged.get_mut(index) {
                    Some(sum) => sum.merge(&outcome)?,
                    None => merged.push(outcome),
                }
            }
        }
        Ok(merged)
    }
}

/// The share of thread `number` in one kind of traffic.
fn lane(target: &Target, traffic: &Traffic, number: u64) -> Result<(Lane, Vec<Connection>)> {
    let threads = target.threads as u64;
    ensure!(traffic.pipeline > 0, "the pipeline must be at least 1 deep");
    ensure!(
        traffic.connections >= target.threads,
        "{threads} threads cannot share {} connections",
        traffic.connections
    );
    let share = part_of(traffic.connections as u64, number, threads);
    let connections = share.map(|_| connect(target)).collect::<Result<Vec<_>>>()?;
    let pacing = match traffic.pacing {
        Pacing::Rate { per_second } => {
            ensure!(per_second.is_finite() && per_second > 0.0, "the rate must be positive");
            Pacing::Rate { per_second: per_second * connections.len() as f64 / traffic.connections as f64 }
        }
        closed => closed,
    };
    let sampler = KeySampler::new(traffic.keys, number, threads)?;
    Ok((Lane::new(traffic.mix.clone(), sampler, pacing, traffic.pipeline)?, connections))
}

fn connect(target: &Target) -> Result<Connection> {
    let mut stream =
        TcpStream::connect(target.address).with_context(|| format!("connecting to {}", target.address))?;
    for command in &target.prelude {
        send_first(&mut stream, command).with_context(|| format!("sending `{command}`"))?;
    }
    Connection::new(stream)
}

/// Sends one command and waits for its reply, which must be no error.
fn send_first(stream: &mut TcpStream, command: &str) -> Result<()> {
    let mut request = Vec::new();
    Request::from_template(command, &RequestShape { key_size: 1, value_size: 0 })?.render(&mut request, || 0);
    stream.write_all(&request)?;
    let (mut tally, mut scanner, mut buffer) = (Tally::default(), ReplyScanner::default(), [0; 4096]);
    while tally.replies == 0 {
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "the server closed the connection");
        scanner.feed(&buffer[..length], &mut tally)?;
    }
    if let Some(text) = tally.error_texts.keys().next() {
        return Err(anyhow!("{text}"));
    }
    Ok(())
}
