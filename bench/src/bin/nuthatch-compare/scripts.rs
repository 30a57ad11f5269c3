//! Processor time of scripts that clients call by their digest.

use anyhow::{Context, Result, bail};
use clap::Args;
use nuthatch_bench::{KeyDistribution, KeySpace, Load, Mix, Pacing, RequestShape, Stop, Summary, Traffic};

use crate::Setup;
use crate::report::Report;
use crate::server::Server;
use crate::statistics::median;
use crate::table::{Table, compared_row};

/// Keys that the scripts use.
const KEYS: u64 = 100_000;

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
    /// Requests that a connection has outstanding
    #[arg(long, default_value_t = 16)]
    pipeline: usize,
    /// Number of connections
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Requests in a round
    #[arg(long, default_value_t = 500_000)]
    requests: u64,
}

/// A script, and how it is called.
struct Operation {
    name: &'static str,
    script: &'static str,
    /// What follows the digest.
    arguments: &'static str,
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "one INCR",
        script: "return redis.call('INCR', KEYS[1])",
        arguments: "1 counter:__key__",
    },
    Operation {
        name: "limit by INCR and EXPIRE",
        script: "local count = redis.call('INCR', KEYS[1]) \
                 if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end \
                 if count > tonumber(ARGV[2]) then return 0 end return 1",
        arguments: "1 limit:__key__ 60 1000000",
    },
];

pub(crate) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::new(
        "Scripts",
        format!(
            "Processor time of the server for each EVALSHA, in microseconds, {} connections with pipelines of {}, \
             {KEYS} keys; medians over {} interleaved rounds.",
            options.connections, options.pipeline, options.rounds
        ),
    );
    let names = options.setup.servers.iter().map(|spec| &*spec.name);
    let mut table = Table::new(["script"].into_iter().chain(names).chain(["of the best other"]));
    for operation in OPERATIONS.iter().filter(|operation| operation.name.contains(&options.only)) {
        let medians = measure(options, operation).with_context(|| operation.name)?;
        eprintln!("{}: {medians:?}", operation.name);
        table.push(compared_row(operation.name, &medians, 3));
    }
    report.section("Processor time", table);
    Ok(report)
}

/// The processor time for each call, in microseconds, by server.
fn measure(options: &Options, operation: &Operation) -> Result<Vec<f64>> {
    let setup = &options.setup;
    let servers = (0..setup.servers.len()).map(|index| setup.start(index)).collect::<Result<Vec<_>>>()?;
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..options.rounds {
        for step in 0..servers.len() {
            let index = (round + step) % servers.len();
            samples[index].push(measure_once(options, operation, &servers[index])?);
        }
    }
    Ok(samples.into_iter().map(median).collect())
}

fn measure_once(options: &Options, operation: &Operation, server: &Server) -> Result<f64> {
    let digest = server.client()?.text(&format!("SCRIPT LOAD \"{}\"", operation.script))?;
    let digest = digest.context("the server does not load the script")?;
    let request = format!("EVALSHA {digest} {}", operation.arguments);
    let traffic = Traffic {
        mix: Mix::templates(&[&request], &RequestShape { key_size: 7, value_size: 16 })?,
        keys: KeySpace { count: KEYS, distribution: KeyDistribution::Uniform },
        connections: options.connections,
        pipeline: options.pipeline,
        pacing: Pacing::Batches,
    };
    let mut load = Load::connect(&options.setup.target(server), &[traffic])?;
    load.run(Stop::Requests(options.requests / 5))?;
    let before = server.statistics()?.processor_time;
    let outcomes = load.run(Stop::Requests(options.requests))?;
    let used = server.statistics()?.processor_time.saturating_sub(before);
    let summary = Summary::from(outcomes.first().context("the load had no traffic")?);
    if let Some(text) = summary.error_texts.keys().next() {
        bail!("{} of {} replies were errors: {text}", summary.errors, summary.replies);
    }
    Ok(used.as_secs_f64() * 1e6 / summary.replies as f64)
}
