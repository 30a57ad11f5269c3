//! Saving all keys while clients write: how long it takes, what clients notice, and the memory that it takes. Then how long
//! the server needs to load them again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use nuthatch_bench::{KeyDistribution, KeySpace, Load, Mix, Pacing, Stop, Traffic};

use crate::Setup;
use crate::fill::fill;
use crate::process::proportional_bytes;
use crate::report::Report;
use crate::server::{Client, Server};
use crate::statistics::median;
use crate::table::Table;

/// How often it is looked at whether saving is done, and at the memory.
const STEP: Duration = Duration::from_millis(200);
/// Requests of a connection that wait for their replies at once, with a rate.
const RATE_PIPELINE: usize = 64;
/// Longest wait that is told apart.
const WAIT_NS_MAX: u64 = 60_000_000_000;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The servers' commands say in which directories they keep their files, and that they do not save by themselves
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// What is measured
    #[arg(long, value_enum, default_value_t = File::Snapshot)]
    file: File,
    /// Number of keys
    #[arg(long, default_value_t = 5_000_000)]
    keys: u64,
    /// Connections that set keys meanwhile, one request after the other
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Requests in a second that they send, whether or not those before are answered; waits count from the moment at which
    /// a request is due
    #[arg(long)]
    rate: Option<f64>,
    /// How long clients are watched before
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds; the table shows medians over them
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// A file that holds all keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum File {
    /// By BGSAVE
    Snapshot,
    /// By BGREWRITEAOF
    AppendOnly,
}

impl File {
    fn command(self) -> &'static str {
        match self {
            Self::Snapshot => "BGSAVE",
            Self::AppendOnly => "BGREWRITEAOF",
        }
    }

    /// The field of INFO that says whether the command still goes on.
    fn progress(self) -> &'static str {
        match self {
            Self::Snapshot => "rdb_bgsave_in_progress",
            Self::AppendOnly => "aof_rewrite_in_progress",
        }
    }
}

/// What clients noticed during a time.
#[derive(Debug, Clone, Copy)]
struct Notice {
    p99_9_us: f64,
    requests_per_second: f64,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    before: Notice,
    during: Notice,
    saving_s: f64,
    /// Bytes of the server and its children before, and the most while it saved.
    bytes_before: f64,
    bytes_peak: f64,
    loading_s: f64,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let servers = &options.setup.servers;
    let mut rounds = vec![Vec::new(); servers.len()];
    for number in 0..options.rounds {
        for (index, spec) in servers.iter().enumerate() {
            let round = measure(options, index).with_context(|| spec.name.clone())?;
            eprintln!("round {}, {}: {round:?}", number + 1, spec.name);
            rounds[index].push(round);
        }
    }
    let mut report = Report::new(
        "Saving",
        format!(
            "{} of {} keys while {} connections set random ones of them, {}; medians over {} rounds. Memory is \
             that of the server and its children, shared pages counted once.",
            options.file.command(),
            options.keys,
            options.connections,
            match options.rate {
                Some(rate) => format!("{rate} requests in a second"),
                None => "one request after the other".to_owned(),
            },
            options.rounds
        ),
    );
    let mut table = Table::new([
        "server",
        "saving, s",
        "p99.9 before, µs",
        "p99.9 meanwhile, µs",
        "requests/s before",
        "meanwhile",
        "memory, MB",
        "rise, MB",
        "loading, s",
    ]);
    for (spec, rounds) in servers.iter().zip(&rounds) {
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        table.push([
            spec.name.clone(),
            format!("{:.2}", of(|round| round.saving_s)),
            format!("{:.0}", of(|round| round.before.p99_9_us)),
            format!("{:.0}", of(|round| round.during.p99_9_us)),
            format!("{:.0}", of(|round| round.before.requests_per_second)),
            format!("{:.0}", of(|round| round.during.requests_per_second)),
            format!("{:.0}", of(|round| round.bytes_before) / 1e6),
            format!("{:.0}", of(|round| round.bytes_peak - round.bytes_before) / 1e6),
            format!("{:.2}", of(|round| round.loading_s)),
        ]);
    }
    report.section("Saving and loading", table);
    Ok(report)
}

fn measure(options: &Options, index: usize) -> Result<Round> {
    let shape = options.setup.shape(options.keys)?;
    let server = options.setup.start(index)?;
    let mut client = server.client()?;
    // What an earlier round has left.
    client.call("FLUSHALL")?;
    let target = options.setup.target(&server);
    fill(&target, "SET __key__ __data__", &shape, options.keys)?;
    await_end(options.file, &mut client)?;
    let traffic = Traffic {
        mix: Mix::parse("set", &shape)?,
        keys: KeySpace { count: options.keys, distribution: KeyDistribution::Uniform },
        connections: options.connections,
        pipeline: if options.rate.is_some() { RATE_PIPELINE } else { 1 },
        pacing: options.rate.map_or(Pacing::Batches, |per_second| Pacing::Rate { per_second }),
    };
    let mut load = Load::connect(&target, &[traffic])?;
    let begun = Instant::now();
    let before = watch(&mut load, || Ok(begun.elapsed().as_secs_f64() < options.seconds))?;
    let bytes_before = proportional_bytes(server.process())? as f64;
    let mut bytes_peak = bytes_before;
    let begun = Instant::now();
    let reply = client.call(options.file.command())?;
    ensure!(reply.starts_with('+'), "{} is answered by {reply}", options.file.command());
    let during = watch(&mut load, || {
        bytes_peak = bytes_peak.max(proportional_bytes(server.process())? as f64);
        goes_on(options.file, &mut client)
    })?;
    let saving_s = begun.elapsed().as_secs_f64();
    drop((load, client, server));
    let loading_s = load_again(options, index)?;
    Ok(Round { before, during, saving_s, bytes_before, bytes_peak, loading_s })
}

/// Lets the load run as long as `goes_on` says so.
fn watch(load: &mut Load, mut goes_on: impl FnMut() -> Result<bool>) -> Result<Notice> {
    let mut latency = Histogram::<u64>::new_with_max(WAIT_NS_MAX, 3)?;
    let mut seconds = 0.0;
    loop {
        let begun = Instant::now();
        let outcome = load.run(Stop::After(STEP))?.into_iter().next().context("there is no load")?;
        seconds += begun.elapsed().as_secs_f64();
        if let Some(text) = outcome.tally.error_texts.keys().next() {
            bail!("{} replies were errors: {text}", outcome.tally.errors);
        }
        latency.add(&outcome.latency_ns)?;
        if !goes_on()? {
            break;
        }
    }
    Ok(Notice {
        p99_9_us: latency.value_at_quantile(0.999) as f64 / 1e3,
        requests_per_second: latency.len() as f64 / seconds,
    })
}

fn goes_on(file: File, client: &mut Client) -> Result<bool> {
    let progress = client.info("persistence", file.progress())?;
    Ok(progress.with_context(|| format!("INFO has no {}", file.progress()))? > 0)
}

fn await_end(file: File, client: &mut Client) -> Result<()> {
    while goes_on(file, client)? {
        std::thread::sleep(STEP);
    }
    Ok(())
}

/// Starts the server on its files, and returns how long it took until all keys were there.
fn load_again(options: &Options, index: usize) -> Result<f64> {
    let begun = Instant::now();
    let server: Server = options.setup.start(index)?;
    let loading_s = begun.elapsed().as_secs_f64();
    let keys = server.client()?.key_count()?;
    ensure!(keys == Some(options.keys), "{keys:?} keys were loaded");
    Ok(loading_s)
}
