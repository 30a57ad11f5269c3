//! What the server counts: per thread, written by that thread only, added up when somebody asks.

mod rates;

pub use rates::Rates;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use crate::keyspace::locked::KeyCounters;
use rates::{RecentRates, Work};

/// Different error codes that are counted; a client cannot make the table grow without end.
const ERROR_CODES_MAX: usize = 128;

/// Counters of one command.
#[derive(Debug, Clone, Default)]
pub struct CommandCounters {
    /// How often it ran.
    pub calls: u64,
    /// How long it ran, in nanoseconds.
    pub nanoseconds: u64,
    /// How often it was refused before it ran.
    pub rejected: u64,
    /// How often it ran and answered an error.
    pub failed: u64,
    /// How long single runs took, in nanoseconds.
    latency: Option<Box<Histogram<u64>>>,
}

impl CommandCounters {
    fn record(&mut self, runs: u64, each: u64, keeps_latency: bool) {
        /// Between one nanosecond and a second, as `latency-tracking` has it; 2 digits are enough.
        const NANOSECONDS_MAX: u64 = 1_000_000_000;
        self.calls += runs;
        self.nanoseconds += each * runs;
        if !keeps_latency {
            return;
        }
        if self.latency.is_none() {
            self.latency = Histogram::new_with_bounds(1, NANOSECONDS_MAX, 2).ok().map(Box::new);
        }
        if let Some(latency) = &mut self.latency {
            latency.saturating_record_n(each.max(1), runs);
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.nanoseconds += other.nanoseconds;
        self.rejected += other.rejected;
        self.failed += other.failed;
    }
}

/// What one thread counted, or all of them together.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// By the command's number in the table of commands.
    pub commands: Vec<CommandCounters>,
    /// Error replies by code.
    pub errors: BTreeMap<String, u64>,
    /// Error replies.
    pub error_replies: u64,
    /// Lookups and expiries.
    pub keys: KeyCounters,
    /// Commands run.
    pub processed: u64,
    /// Batches of requests run.
    pub batches: u64,
    /// How long they took, parsing included and sockets not, in nanoseconds.
    pub batch_nanoseconds: u64,
    /// The longest turn of an event loop, from the moment it had something to do, in nanoseconds.
    pub longest_turn: u64,
    /// The most processor time that a turn of an event loop took, in nanoseconds.
    pub costliest_turn: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because there were too many.
    pub connections_rejected: u64,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Times that a thread read from a socket.
    pub reads: u64,
    /// Times that a thread wrote to a socket.
    pub writes: u64,
    /// Clients closed because their requests grew beyond `client-query-buffer-limit`.
    pub query_buffer_disconnections: u64,
    /// Clients closed because they did not read their replies.
    pub output_buffer_disconnections: u64,
    /// Clients closed because the buffers of all clients took too much memory.
    pub clients_evicted: u64,
}

impl Counters {
    fn new(commands: usize) -> Self {
        Self { commands: vec![CommandCounters::default(); commands], ..Self::default() }
    }

    /// Counts an error reply by its code.
    pub fn count_error(&mut self, code: &str) {
        self.error_replies += 1;
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.to_owned(), 1);
        }
    }

    fn work(&self) -> Work {
        Work {
            commands: self.processed,
            received: self.received,
            sent: self.sent,
            batches: self.batches,
            batch_nanoseconds: self.batch_nanoseconds,
        }
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.commands.iter_mut().zip(&other.commands) {
            mine.add(theirs);
        }
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
        self.error_replies += other.error_replies;
        self.keys.add(other.keys);
        self.processed += other.processed;
        self.batches += other.batches;
        self.batch_nanoseconds += other.batch_nanoseconds;
        self.longest_turn = self.longest_turn.max(other.longest_turn);
        self.costliest_turn = self.costliest_turn.max(other.costliest_turn);
        self.connections += other.connections;
        self.connections_rejected += other.connections_rejected;
        self.received += other.received;
        self.sent += other.sent;
        self.reads += other.reads;
        self.writes += other.writes;
        self.query_buffer_disconnections += other.query_buffer_disconnections;
        self.output_buffer_disconnections += other.output_buffer_disconnections;
        self.clients_evicted += other.clients_evicted;
    }
}

/// How often a thread read from and wrote to sockets.
#[derive(Debug, Clone, Copy, Default)]
pub struct SocketTurns {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

/// The counters of every thread.
#[derive(Debug)]
pub struct Statistics {
    threads: Mutex<Vec<Arc<Mutex<Counters>>>>,
    commands: usize,
    recent: Mutex<RecentRates>,
}

impl Statistics {
    /// Counters for a table of `commands` commands.
    pub fn new(commands: usize) -> Self {
        Self { threads: Mutex::default(), commands, recent: Mutex::default() }
    }

    /// A new thread's own counters.
    pub fn register(&self) -> Arc<Mutex<Counters>> {
        let counters = Arc::new(Mutex::new(self.counters()));
        self.threads.lock().push(counters.clone());
        counters
    }

    /// Counters that nobody reads.
    pub(crate) fn counters(&self) -> Counters {
        Counters::new(self.commands)
    }

    /// How long single runs of a command took, by its number in the table of commands, in nanoseconds.
    /// Each thread's counters are held only while one histogram is copied from them.
    pub fn latency(&self, command: u16) -> Option<Histogram<u64>> {
        let mut total: Option<Histogram<u64>> = None;
        for counters in self.threads.lock().iter() {
            let of_thread = counters.lock().commands.get(usize::from(command))?.latency.clone();
            match (&mut total, of_thread) {
                (Some(total), Some(of_thread)) => {
                    // All have the same bounds, so nothing can be out of range.
                    let _ = total.add(of_thread.as_ref());
                }
                (total @ None, of_thread) => *total = of_thread.map(|histogram| *histogram),
                (Some(_), None) => {}
            }
        }
        total
    }

    /// What all threads counted together, without the latencies of single runs: see [`Statistics::latency`].
    pub fn total(&self) -> Counters {
        let mut total = Counters::new(self.commands);
        for counters in self.threads.lock().iter() {
            total.add(&counters.lock());
        }
        total
    }

    /// How often each thread read from and wrote to sockets.
    pub fn socket_turns(&self) -> Vec<SocketTurns> {
        let of_thread = |counters: &Arc<Mutex<Counters>>| {
            let counters = counters.lock();
            SocketTurns { reads: counters.reads, writes: counters.writes }
        };
        self.threads.lock().iter().map(of_thread).collect()
    }

    /// Notes how much was done until `now_ms` (milliseconds since 1970), for [`Statistics::rates`]. To be
    /// called about twice a second.
    pub fn sample(&self, now_ms: u64) {
        let mut work = Work::default();
        for counters in self.threads.lock().iter() {
            work.add(counters.lock().work());
        }
        self.recent.lock().sample(now_ms, work);
    }

    /// What was done per second lately.
    pub fn rates(&self) -> Rates {
        self.recent.lock().mean()
    }

    /// Starts again from nothing: CONFIG RESETSTAT.
    pub fn reset(&self) {
        *self.recent.lock() = RecentRates::default();
        for counters in self.threads.lock().iter() {
            *counters.lock() = Counters::new(self.commands);
        }
    }
}

/// Runs of fast commands that share one measurement of time.
///
/// Reading the clock twice around a command of 50 nanoseconds would cost as much as the command, so the
/// fast commands of a batch are timed together and each is given the mean; a slow command is timed alone.
#[derive(Debug, Default)]
pub struct Runs {
    /// The commands' numbers, with how often each ran.
    runs: Vec<(u16, u32)>,
    total: u32,
    /// What they looked up.
    pub keys: KeyCounters,
}

impl Runs {
    /// Counts a run of a command.
    #[inline]
    pub fn add(&mut self, command: u16) {
        self.total += 1;
        match self.runs.iter_mut().find(|(id, _)| *id == command) {
            Some((_, count)) => *count += 1,
            None => self.runs.push((command, 1)),
        }
    }

    /// Whether none ran.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Writes the runs down, which took `elapsed` together, and forgets them. Whether `keeps_latency` or not,
    /// the time is added to the commands' totals.
    pub fn record(&mut self, elapsed: Duration, keeps_latency: bool, counters: &mut Counters) {
        if self.total == 0 {
            return;
        }
        let each = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX) / u64::from(self.total);
        counters.processed += u64::from(self.total);
        counters.keys.add(std::mem::take(&mut self.keys));
        for (command, runs) in self.runs.drain(..) {
            if let Some(of_command) = counters.commands.get_mut(usize::from(command)) {
                of_command.record(u64::from(runs), each, keeps_latency);
            }
        }
        self.total = 0;
    }
}
