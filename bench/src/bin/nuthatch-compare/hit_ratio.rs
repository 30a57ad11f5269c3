//! Which part of reads a cache misses when traces are replayed through it, at equal memory.
//!
//! Servers bound different things: what they believe to have allocated, or pages of values. So the limit of
//! each is sought until its resident memory is what all of them are to have. What a fresh server has is not
//! counted: it is as much for a small cache as for a big one, and the caches here are small.

mod cache;
mod replay;
mod results;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use nuthatch_bench::traces::{self, Request, Steps, Trace};
use replay::{Pace, Replayed};
use results::{Case, Results};

use crate::Setup;
use crate::report::Report;
use crate::server::{Server, ServerSpec};

/// What an entry takes beside its key and value, roughly: sizes of caches are given in per cent of the keys
/// with their values and this.
const ENTRY_BYTES: u64 = 64;
/// The limit with which it is found out what a server takes for itself.
const FRESH_LIMIT: u64 = 64 << 20;
/// A megabyte, as memcached counts its limit.
const MEGABYTE: u64 = 1 << 20;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Traces to replay; all of them by default
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    traces: Vec<String>,
    /// Memory, in per cent of what all keys of a trace take
    #[arg(long, default_value = "5,10,25", value_delimiter = ',', value_name = "LIST")]
    sizes: Vec<f64>,
    /// The part of each trace that is replayed
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Values are so many times as long as in the traces, so that what a server takes for itself matters less
    #[arg(long, default_value_t = 1)]
    enlarge: u32,
    /// Seed of the traces
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests in a second to each server; deadlines are as much shorter as this is faster than the trace
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Servers that are measured at the same time
    #[arg(long, default_value_t = 6)]
    parallel: usize,
    /// How far the resident memory may be from what it is to be
    #[arg(long, default_value_t = 0.02)]
    tolerance: f64,
    /// How often a trace is replayed at most to find a server's limit
    #[arg(long, default_value_t = 5)]
    attempts: usize,
    /// Write a chart of the miss ratios to this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    for spec in &options.setup.servers {
        let bounded = spec.command.contains("{limit}") || spec.command.contains("{limit_mb}");
        ensure!(bounded, "the command of `{}` contains neither {{limit}} nor {{limit_mb}}", spec.name);
    }
    for name in &options.traces {
        ensure!(traces::catalogue().iter().any(|trace| trace.name == *name), "there is no trace `{name}`");
    }
    let chosen =
        |trace: &&Trace| options.traces.is_empty() || options.traces.iter().any(|name| *name == trace.name);
    let mut results = Results::new(&options.setup.servers);
    // One after the other: what a server makes ready for itself takes long where processors are busy.
    let fresh = (0..options.setup.servers.len())
        .map(|server| settled_bytes(&start(&options.setup, server, server, FRESH_LIMIT)?))
        .collect::<Result<Vec<u64>>>()?;
    // Of each server, the limit for each byte of resident memory, as found so far.
    let ratios = Mutex::new(vec![1.0; options.setup.servers.len()]);
    for trace in traces::catalogue().iter().filter(chosen) {
        for case in measure(options, trace, &ratios, &fresh)? {
            eprintln!("{case}");
            results.add(case);
        }
    }
    if let Some(path) = &options.plot {
        results.draw(path)?;
    }
    Ok(results.report(options.rate))
}

/// Replays a trace through each server with each size.
fn measure(options: &Options, trace: &Trace, ratios: &Mutex<Vec<f64>>, fresh: &[u64]) -> Result<Vec<Case>> {
    let requests = (trace.requests as f64 * options.scale) as u64;
    let enlarged = |request: Request| {
        let value_bytes = request.value_bytes.saturating_mul(options.enlarge);
        Request { value_bytes, ..request }
    };
    let steps = Steps::of(trace.requests(options.seed, requests).map(enlarged), None);
    let servers = options.setup.servers.len();
    let all = steps.value_bytes() + steps.keys() as u64 * (options.setup.key_size as u64 + ENTRY_BYTES);
    let wanted = |job: usize| (all as f64 * options.sizes[job / servers] / 100.0) as u64;
    let outcomes = in_parallel(options.parallel, options.sizes.len() * servers, |job| {
        let search = Search { options, server: job % servers, job, wanted: wanted(job), ratios, fresh };
        search.run(&steps).with_context(|| options.setup.servers[job % servers].name.clone())
    })?;
    let mut cases = Vec::new();
    for (number, outcomes) in outcomes.chunks(servers).enumerate() {
        let case = Case::new(trace.name, options.sizes[number], wanted(number * servers), outcomes.to_vec());
        cases.push(case.with_optimum(&steps));
    }
    Ok(cases)
}

/// Runs jobs, so many at a time, and returns what they return in their order.
fn in_parallel<T: Send>(
    parallel: usize,
    jobs: usize,
    run: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return Ok(done);
            }
            match run(job) {
                Ok(outcome) => done.push((job, outcome)),
                Err(error) => {
                    // The others need not begin anything more.
                    next.store(jobs, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let outcomes = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..parallel.clamp(1, jobs.max(1))).map(|_| scope.spawn(worker)).collect();
        let joined = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(anyhow!("a thread that replays a trace panicked")))
        });
        joined.collect::<Result<Vec<_>>>()
    })?;
    let mut outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    outcomes.sort_by_key(|(job, _)| *job);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Whether a server has what it has whatever its limit is: memcached's limit is in megabytes, and each class
/// of sizes gets one megabyte at least.
fn is_stuck(one: &Replayed, other: &Replayed) -> bool {
    let change = one.added_bytes as f64 / other.added_bytes.max(1) as f64 - 1.0;
    one.limit == other.limit || change.abs() < 0.002 && one.limit.abs_diff(other.limit) > other.limit / 20
}

/// The search for the limit with which a server has the memory that is wanted.
struct Search<'a> {
    options: &'a Options,
    server: usize,
    job: usize,
    wanted: u64,
    ratios: &'a Mutex<Vec<f64>>,
    /// The resident bytes of each server without keys.
    fresh: &'a [u64],
}

impl Search<'_> {
    /// The replay that came nearest.
    fn run(&self, steps: &Steps) -> Result<Replayed> {
        let mut limit = self.wanted as f64 * self.ratio();
        let mut tried: Vec<Replayed> = Vec::new();
        loop {
            let replayed = self.replay(limit as u64, steps)?;
            let near = self.error(&replayed) <= self.options.tolerance;
            let stuck = tried.iter().any(|other| is_stuck(other, &replayed));
            tried.push(replayed);
            if near || stuck || tried.len() >= self.options.attempts {
                break;
            }
            limit = self.next_limit(&tried);
        }
        let nearest = tried.into_iter().min_by(|one, other| self.error(one).total_cmp(&self.error(other)));
        let nearest = nearest.context("no attempt is allowed")?;
        self.set_ratio(nearest.limit as f64 / nearest.added_bytes.max(1) as f64);
        Ok(nearest)
    }

    fn error(&self, replayed: &Replayed) -> f64 {
        (replayed.added_bytes as f64 / self.wanted as f64 - 1.0).abs()
    }

    /// On the line through the last two attempts, or through the last one and nothing.
    fn next_limit(&self, tried: &[Replayed]) -> f64 {
        let [.., last] = tried else { return self.wanted as f64 };
        let point = |replayed: &Replayed| (replayed.limit as f64, replayed.added_bytes as f64);
        let (limit, added) = point(last);
        let proportional = limit * self.wanted as f64 / added.max(1.0);
        let [.., before, _] = tried else { return proportional };
        let (limit_before, added_before) = point(before);
        let slope = (limit - limit_before) / (added - added_before);
        let on_line = limit + slope * (self.wanted as f64 - added);
        // Noise may turn the line round.
        if slope.is_finite() && slope > 0.2 && slope < 5.0 { on_line } else { proportional }
    }

    fn replay(&self, limit: u64, steps: &Steps) -> Result<Replayed> {
        let setup = &self.options.setup;
        let spec = &setup.servers[self.server];
        let whole = spec.command.contains("{limit_mb}");
        let limit = if whole { megabytes(limit) * MEGABYTE } else { limit };
        let server = start(setup, self.server, self.job, limit)?;
        let pace = Pace { rate: self.options.rate, key_size: setup.key_size };
        let outcome = replay::replay(server.address, server.dialect, steps, pace)?;
        let added_bytes = server.statistics()?.resident_bytes.saturating_sub(self.fresh[self.server]);
        let wanted = self.wanted;
        eprintln!(
            "  {}: limit {limit}, {added_bytes} bytes of {wanted}, {} keys, misses {:.4}, {:.0} requests/s",
            spec.name, outcome.keys, outcome.miss_ratio, outcome.rate
        );
        Ok(Replayed { limit, added_bytes, ..outcome })
    }

    fn ratio(&self) -> f64 {
        self.ratios.lock().map_or(1.0, |ratios| ratios[self.server])
    }

    fn set_ratio(&self, ratio: f64) {
        if let Ok(mut ratios) = self.ratios.lock() {
            ratios[self.server] = ratio;
        }
    }
}

/// The nearest whole number of megabytes, at least one.
fn megabytes(bytes: u64) -> u64 {
    ((bytes + MEGABYTE / 2) / MEGABYTE).max(1)
}

/// Starts a server with a limit, on the port of a job.
fn start(setup: &Setup, server: usize, job: usize, limit: u64) -> Result<Server> {
    let spec = &setup.servers[server];
    let command = spec.command.replace("{limit}", &limit.to_string());
    let command = command.replace("{limit_mb}", &megabytes(limit).to_string());
    let port = u16::try_from(job).ok().and_then(|job| setup.port.checked_add(job));
    let spec = ServerSpec { name: spec.name.clone(), command };
    Server::start(&spec, port.context("there are not that many ports")?, &setup.server_cpus)
}

/// The resident memory of a server that has just been started, once it has what it takes for itself.
fn settled_bytes(server: &Server) -> Result<u64> {
    /// So long it has to stay as it is,
    const STILL: Duration = Duration::from_secs(2);
    /// and that is waited for no longer than this.
    const PATIENCE: Duration = Duration::from_secs(15);
    let begun = Instant::now();
    let (mut bytes, mut since) = (server.statistics()?.resident_bytes, begun);
    while since.elapsed() < STILL && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
        let now = server.statistics()?.resident_bytes;
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(limit: u64, added_bytes: u64) -> Replayed {
        Replayed { limit, added_bytes, miss_ratio: 0.0, keys: 0, rate: 0.0 }
    }

    #[test]
    fn jobs_return_in_their_order_and_an_error_ends_them() {
        let squares = in_parallel(3, 20, |job| Ok(job * job)).unwrap();
        assert_eq!(squares, (0..20).map(|job| job * job).collect::<Vec<_>>());
        let begun = AtomicUsize::new(0);
        let outcome = in_parallel(1, 20, |job| {
            begun.fetch_add(1, Ordering::Relaxed);
            ensure!(job != 4, "no");
            Ok(())
        });
        assert!(outcome.is_err());
        assert_eq!(begun.into_inner(), 5);
    }

    #[test]
    fn a_server_that_keeps_its_memory_whatever_its_limit_is_stuck() {
        assert!(is_stuck(&replayed(8 << 20, 19_640_320), &replayed(5 << 20, 19_640_000)));
        assert!(is_stuck(&replayed(5 << 20, 1), &replayed(5 << 20, 1)));
        assert!(!is_stuck(&replayed(8 << 20, 9 << 20), &replayed(5 << 20, 6 << 20)));
    }
}
