//! Drives load at a server that speaks the Redis protocol and reports throughput and latency.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{ArgGroup, Parser};
use nuthatch_bench::{
    KeyDistribution, KeySpace, Load, Mix, Outcome, Pacing, RequestShape, Stop, Summary, Target, Traffic,
};

/// Connections that fill the keys.
const FILL_CONNECTIONS: usize = 4;
/// Pipeline that fills the keys.
const FILL_PIPELINE: usize = 100;

/// Drive load at a server that speaks the Redis protocol.
#[derive(Parser, Debug)]
#[command(version, group(ArgGroup::new("stop").args(["duration", "requests"])))]
struct Options {
    /// Server to connect to
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Its port
    #[arg(short, long, default_value_t = 6379)]
    port: u16,
    /// A command that every connection sends first (repeatable), such as 'AUTH secret' or 'HELLO 3'
    #[arg(long, value_name = "COMMAND")]
    prelude: Vec<String>,

    /// Connections in all
    #[arg(short, long, default_value_t = 50)]
    connections: usize,
    /// Requests that a connection has outstanding
    #[arg(short = 'P', long, default_value_t = 1)]
    pipeline: usize,
    /// Replace every answered request at once, instead of sending whole pipelines
    #[arg(long, conflicts_with = "rate")]
    sliding: bool,
    /// Open loop: send this many requests a second and measure from when each was due, until all
    /// that was due is answered. The generator does not sleep; give it a processor of its own
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Threads of the generator
    #[arg(short, long, default_value_t = 1)]
    threads: usize,
    /// Bind the threads to these processors, in turn
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    cpus: Vec<usize>,

    /// Built-in commands and their shares: get, set, setex, incr, mget, ping
    #[arg(short, long, default_value = "get", value_name = "NAME=SHARE,...")]
    mix: String,
    /// Any command instead of the mix (repeatable): '__key__' and '__data__' are replaced
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "mix")]
    command: Vec<String>,
    /// Number of keys [default: as many as --load, or 1000000]
    #[arg(short, long)]
    keys: Option<u64>,
    /// Bytes of a key
    #[arg(long, default_value_t = 16, value_name = "BYTES")]
    key_size: usize,
    /// Bytes of a value
    #[arg(short = 'd', long, default_value_t = 64, value_name = "BYTES")]
    value_size: usize,
    /// Draw keys by popularity with this exponent (0.99 is customary), instead of uniformly
    #[arg(long, value_name = "EXPONENT")]
    zipf: Option<f64>,

    /// First set keys 0 to N-1, each once
    #[arg(long, value_name = "N")]
    load: Option<u64>,
    /// Give the keys of --load this time to live
    #[arg(long, value_name = "SECONDS", requires = "load")]
    ttl: Option<u64>,

    /// Run for this long
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
    /// Run this many requests
    #[arg(short = 'n', long, value_name = "N")]
    requests: Option<u64>,
    /// Run this long before, without counting
    #[arg(long, value_name = "SECONDS", requires = "stop")]
    warmup: Option<f64>,
    /// Print one JSON object for each phase
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("nuthatch-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all phases; false when there were error replies.
fn run(options: &Options) -> Result<bool> {
    let shape = RequestShape { key_size: options.key_size, value_size: options.value_size };
    let key_count = options.keys.or(options.load).unwrap_or(1_000_000);
    ensure!(
        key_count.max(options.load.unwrap_or(0)) <= shape.distinct_keys(),
        "keys of {} bytes cannot tell {key_count} keys apart",
        options.key_size
    );
    let mut clean = true;
    if let Some(count) = options.load {
        let outcomes = fill(options, &shape, count)?;
        clean &= report("load", &outcomes, options.json)?;
    }
    let stop = match (options.duration, options.requests) {
        (Some(seconds), _) => Stop::After(seconds_duration(seconds)?),
        (None, Some(requests)) => Stop::Requests(requests),
        (None, None) if options.load.is_some() => return Ok(clean),
        (None, None) => Stop::After(Duration::from_secs(10)),
    };
    let traffic = Traffic {
        mix: match &options.command[..] {
            [] => Mix::parse(&options.mix, &shape)?,
            templates => Mix::templates(templates, &shape)?,
        },
        keys: KeySpace {
            count: key_count,
            distribution: options
                .zipf
                .map_or(KeyDistribution::Uniform, |exponent| KeyDistribution::Zipfian { exponent }),
        },
        connections: options.connections,
        pipeline: options.pipeline,
        pacing: match options.rate {
            Some(per_second) => Pacing::Rate { per_second },
            None if options.sliding => Pacing::Sliding,
            None => Pacing::Batches,
        },
    };
    let mut load = Load::connect(&target(options)?, &[traffic])?;
    if let Some(seconds) = options.warmup {
        load.run(Stop::After(seconds_duration(seconds)?))?;
    }
    clean &= report("run", &load.run(stop)?, options.json)?;
    Ok(clean)
}

fn fill(options: &Options, shape: &RequestShape, count: u64) -> Result<Vec<Outcome>> {
    let template = match options.ttl {
        None => "SET __key__ __data__".to_owned(),
        Some(seconds) => format!("SET __key__ __data__ EX {seconds}"),
    };
    let traffic = Traffic {
        mix: Mix::templates(&[template], shape)?,
        keys: KeySpace { count, distribution: KeyDistribution::Sequential },
        connections: FILL_CONNECTIONS.max(options.threads),
        pipeline: FILL_PIPELINE,
        pacing: Pacing::Batches,
    };
    Load::connect(&target(options)?, &[traffic])?.run(Stop::Requests(count))
}

fn target(options: &Options) -> Result<Target> {
    Ok(Target {
        address: resolve(&options.host, options.port)?,
        prelude: options.prelude.clone(),
        threads: options.threads,
        processors: options.cpus.clone(),
        process: None,
    })
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr> {
    let mut addresses = (host, port).to_socket_addrs().with_context(|| format!("resolving {host}"))?;
    addresses.next().with_context(|| format!("{host} has no address"))
}

fn seconds_duration(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).with_context(|| format!("{seconds} seconds"))
}

/// Prints the outcome of a phase; false when there were error replies.
fn report(phase: &str, outcomes: &[Outcome], json: bool) -> Result<bool> {
    let mut clean = true;
    for outcome in outcomes {
        let summary = Summary::from(outcome);
        clean &= summary.errors == 0;
        if json {
            println!("{}", serde_json::json!({ "phase": phase, "summary": summary }));
        } else {
            println!("{phase}: {summary}");
        }
    }
    Ok(clean)
}
