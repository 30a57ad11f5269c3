//! Writing far more than fits into the memory that a server may use, for as long as one likes, with values whose sizes grow
//! and shrink: whether the memory stays where it should, and whether clients notice anything.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use hdrhistogram::Histogram;
use nuthatch_bench::{KeyDistribution, KeySpace, Load, Mix, Outcome, Pacing, RequestShape, Stop, Traffic};

use crate::Setup;
use crate::report::Report;
use crate::server::{Client, Server};
use crate::table::Table;

/// The sizes of values, in bytes: each step of the load goes on to the next, and from the last to the first.
const SIZES: [usize; 14] = [24, 64, 100, 180, 300, 700, 2_000, 9_000, 40_000, 9_000, 2_000, 700, 180, 64];
/// How long one size is written.
const STEP: Duration = Duration::from_secs(5);
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Requests of a connection that wait for their replies at once.
const PIPELINE: usize = 16;
/// Keys of a step are drawn of so many.
const KEYS: u64 = 1_000_000;
/// Longest wait that is told apart.
const WAIT_NS_MAX: u64 = 60_000_000_000;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The servers' commands say how much memory they may use, and what goes when it is short
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// For how long each server is written to
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Rows of the table: the time is divided into so many parts
    #[arg(long, default_value_t = 12)]
    parts: u32,
    /// Connections
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Requests in a second
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
}

/// What was seen in a part of the time.
struct Part {
    latency: Histogram<u64>,
    requests: u64,
    errors: u64,
    seconds: f64,
    resident: Extremes,
    used: Extremes,
}

/// The lowest and the highest of some figures.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    low: u64,
    high: u64,
}

impl Extremes {
    const NONE: Self = Self { low: u64::MAX, high: 0 };

    fn add(&mut self, figure: u64) {
        self.low = self.low.min(figure);
        self.high = self.high.max(figure);
    }

    fn to_text(self, of: u64) -> String {
        let share = |figure: u64| figure as f64 / of.max(1) as f64;
        format!("{:.3} to {:.3}", share(self.low), share(self.high))
    }
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::new(
        "Soak",
        format!(
            "{} minutes of {} requests in a second on {} connections, fewer where values are large: 60 % SET of new keys, \
             10 % with a deadline, 10 % HSET of new keys, 20 % SET of the same keys again, with values of {SIZES:?} bytes in turn, for {} s each. Memory as a share of maxmemory, the \
             least and the most that was seen.",
            options.minutes,
            options.rate,
            options.connections,
            STEP.as_secs()
        ),
    );
    for (index, spec) in options.setup.servers.iter().enumerate() {
        let server = options.setup.start(index)?;
        let table = soak(options, &server).with_context(|| spec.name.clone())?;
        report.section(&spec.name, table);
    }
    Ok(report)
}

fn soak(options: &Options, server: &Server) -> Result<Table> {
    let mut client = server.client()?;
    let limit = client.info("memory", "maxmemory")?.context("INFO has no maxmemory")?;
    let mut table = Table::new([
        "minutes",
        "requests/s",
        "p99, µs",
        "p99.9, µs",
        "longest, ms",
        "resident",
        "used_memory",
        "errors",
        "evicted keys",
    ]);
    let part_time = Duration::from_secs_f64(options.minutes * 60.0 / f64::from(options.parts.max(1)));
    let mut steps = SIZES.into_iter().cycle().enumerate();
    for number in 1..=options.parts {
        let part = observe(options, server, &mut client, &mut steps, part_time)?;
        let microseconds = |quantile| part.latency.value_at_quantile(quantile) as f64 / 1e3;
        let row = [
            format!("{:.1}", part_time.as_secs_f64() / 60.0 * f64::from(number)),
            format!("{:.0}", part.requests as f64 / part.seconds),
            format!("{:.0}", microseconds(0.99)),
            format!("{:.0}", microseconds(0.999)),
            format!("{:.1}", part.latency.max() as f64 / 1e6),
            part.resident.to_text(limit),
            part.used.to_text(limit),
            part.errors.to_string(),
            client.info("stats", "evicted_keys")?.unwrap_or(0).to_string(),
        ];
        eprintln!("{}: {}", server.name, row.join(" | "));
        table.push(row);
    }
    Ok(table)
}

fn observe(
    options: &Options,
    server: &Server,
    client: &mut Client,
    steps: &mut impl Iterator<Item = (usize, usize)>,
    time: Duration,
) -> Result<Part> {
    let mut part = Part {
        latency: Histogram::new_with_max(WAIT_NS_MAX, 3)?,
        requests: 0,
        errors: 0,
        seconds: 0.0,
        resident: Extremes::NONE,
        used: Extremes::NONE,
    };
    let begun = Instant::now();
    while begun.elapsed() < time {
        let (number, size) = steps.next().context("there is a step")?;
        let mut load = Load::connect(&options.setup.target(server), &[traffic(options, number, size)?])?;
        let step = Instant::now();
        while step.elapsed() < STEP {
            let outcome = load.run(Stop::After(LOOK))?.into_iter().next().context("there is no load")?;
            part.add(&outcome)?;
            part.resident.add(server.statistics()?.resident_bytes);
            part.used.add(client.info("memory", "used_memory")?.context("INFO has no used_memory")?);
        }
    }
    Ok(part)
}

impl Part {
    fn add(&mut self, outcome: &Outcome) -> Result<()> {
        self.latency.add(&outcome.latency_ns)?;
        self.requests += outcome.tally.replies;
        self.errors += outcome.tally.errors;
        self.seconds += outcome.elapsed.as_secs_f64();
        Ok(())
    }
}

/// Most keys are new in each step, since each begins with the same random numbers; the others are written in each of them.
fn traffic(options: &Options, step: usize, value_size: usize) -> Result<Traffic> {
    let shape = RequestShape { value_size, ..options.setup.shape(KEYS)? };
    let new = [
        format!("SET {step}:__key__ __data__"),
        format!("SET {step}:__key__ __data__ EX 30"),
        format!("HSET {step}:hash:__key__ field __data__"),
    ];
    let again = "SET __key__ __data__".to_owned();
    let templates = [&[&new[0]; 6][..], &[&new[1], &new[2]], &[&again; 2]].concat();
    // The bigger the values, the fewer: it is the memory that is to be busy, not the wire.
    let rate = options.rate * (2_000.0 / value_size as f64).min(1.0);
    Ok(Traffic {
        mix: Mix::templates(&templates, &shape)?,
        keys: KeySpace { count: KEYS, distribution: KeyDistribution::Uniform },
        connections: options.connections,
        pipeline: PIPELINE,
        pacing: Pacing::Rate { per_second: rate },
    })
}
