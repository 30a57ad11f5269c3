//! Very many connections: what each costs while idle, and what a request costs while all are active.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use nuthatch_bench::{KeyDistribution, KeySpace, Load, Mix, Pacing, Stop, Summary, Target, Traffic};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Setup;
use crate::fill::fill;
use crate::report::Report;
use crate::table::Table;

/// Keys that the active connections read.
const KEYS: u64 = 100_000;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Number of connections; the servers must allow a few more
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Length of the measurement with all connections active
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    allow_many_files()?;
    let method = format!(
        "{} connections: the resident bytes that each adds while idle and after all have been active, and the \
         cost of unpipelined GETs on all of them at once.",
        options.connections
    );
    let mut table = Table::new([
        "server",
        "bytes for an idle connection",
        "after activity",
        "CPU µs",
        "requests/s",
        "p50 µs",
        "p99 µs",
        "longest µs",
    ]);
    for (index, spec) in options.setup.servers.iter().enumerate() {
        table.push(measure(options, index).with_context(|| spec.name.clone())?);
    }
    let mut report = Report::new("Connections", method);
    report.section(&format!("{} connections", options.connections), table);
    Ok(report)
}

fn measure(options: &Options, index: usize) -> Result<[String; 8]> {
    let shape = options.setup.shape(KEYS)?;
    let server = options.setup.start(index)?;
    let target = options.setup.target(&server);
    fill(&target, "SET __key__ __data__", &shape, KEYS)?;
    let traffic = Traffic {
        mix: Mix::parse("get", &shape)?,
        keys: KeySpace { count: KEYS, distribution: KeyDistribution::Uniform },
        connections: options.connections,
        pipeline: 1,
        pacing: Pacing::Batches,
    };
    let before = server.statistics()?;
    // The answer to the PING shows that the server has accepted the connection.
    let target = Target { prelude: vec!["PING".to_owned()], ..target };
    let mut load = Load::connect(&target, &[traffic])?;
    let idle = server.statistics()?;
    let seconds = Duration::try_from_secs_f64(options.seconds).context("--seconds")?;
    let outcomes = load.run(Stop::After(seconds))?;
    let active = server.statistics()?;
    let summary = Summary::from(outcomes.first().context("the load had no traffic")?);
    if let Some(text) = summary.error_texts.keys().next() {
        bail!("{} of {} replies were errors: {text}", summary.errors, summary.replies);
    }
    let used = active.processor_time.saturating_sub(idle.processor_time);
    let for_each =
        |bytes: u64| bytes.saturating_sub(before.resident_bytes) as f64 / options.connections as f64;
    Ok([
        server.name.clone(),
        format!("{:.0}", for_each(idle.resident_bytes)),
        format!("{:.0}", for_each(active.resident_bytes)),
        format!("{:.3}", used.as_secs_f64() * 1e6 / summary.replies as f64),
        format!("{:.0}", summary.throughput),
        format!("{:.0}", summary.latency_us.p50),
        format!("{:.0}", summary.latency_us.p99),
        format!("{:.0}", summary.latency_us.max),
    ])
}

/// Raises the limit of open files, which servers inherit, as far as it goes without privileges.
fn allow_many_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}
