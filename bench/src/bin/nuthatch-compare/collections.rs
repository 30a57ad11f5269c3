//! Processor time of commands on collections, and the memory that collections take.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use nuthatch_bench::{
    KeyDistribution, KeySpace, Load, Mix, Pacing, RequestShape, Stop, Summary, Target, Traffic,
};

use crate::Setup;
use crate::fill::fill;
use crate::report::Report;
use crate::scenarios::{CONTENTS, Content, OPERATIONS, Operation};
use crate::server::Server;
use crate::statistics::median;
use crate::table::{Table, compared_row};

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Measure only operations and contents whose names contain this
    #[arg(long, default_value = "", value_name = "TEXT")]
    only: String,
    /// Rounds; the tables show medians over them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests that a connection has outstanding
    #[arg(long, default_value_t = 16)]
    pipeline: usize,
    /// Number of connections
    #[arg(long, default_value_t = 50)]
    connections: usize,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::new(
        "Collections",
        format!(
            "Processor time of the server for each request, in microseconds, {} connections with pipelines of {}; \
             medians over {} interleaved rounds, the least and the most in brackets. Memory: resident bytes \
             that the data add to a fresh server.",
            options.connections, options.pipeline, options.rounds
        ),
    );
    let names: Vec<&str> = options.setup.servers.iter().map(|spec| &*spec.name).collect();
    let mut table =
        Table::new(["operation"].into_iter().chain(names.iter().copied()).chain(["of the best other"]));
    for operation in OPERATIONS.iter().filter(|operation| operation.name.contains(&options.only)) {
        let medians = measure(options, operation).with_context(|| operation.name)?;
        eprintln!("{}: {medians:?}", operation.name);
        table.push(compared_row(operation.name, &medians, 3));
    }
    report.section("Processor time", table);
    let mut table = Table::new(["content"].into_iter().chain(names).chain(["of the best other"]));
    for content in CONTENTS.iter().filter(|content| content.name.contains(&options.only)) {
        let bytes = measure_memory(options, content).with_context(|| content.name)?;
        eprintln!("{}: {bytes:?}", content.name);
        table.push(compared_row(content.name, &bytes, 1));
    }
    report.section("Resident bytes for each element", table);
    Ok(report)
}

/// The processor time for each request of an operation, in microseconds, by server.
fn measure(options: &Options, operation: &Operation) -> Result<Vec<f64>> {
    let setup = &options.setup;
    let servers = (0..setup.servers.len()).map(|index| setup.start(index)).collect::<Result<Vec<_>>>()?;
    for server in &servers {
        fill_all(&setup.target(server), operation.content)?;
    }
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
    let target = options.setup.target(server);
    fill_all(&target, operation.refill)?;
    let traffic = Traffic {
        mix: Mix::templates(&[operation.request], &shape())?,
        keys: KeySpace { count: operation.keys, distribution: KeyDistribution::Uniform },
        connections: options.connections,
        pipeline: options.pipeline,
        pacing: Pacing::Batches,
    };
    let mut load = Load::connect(&target, &[traffic])?;
    load.run(Stop::Requests(operation.requests / 10))?;
    let before = server.statistics()?.processor_time;
    let outcomes = load.run(Stop::Requests(operation.requests))?;
    let used = server.statistics()?.processor_time.saturating_sub(before);
    let summary = Summary::from(outcomes.first().context("the load had no traffic")?);
    if let Some(text) = summary.error_texts.keys().next() {
        bail!("{} of {} replies were errors: {text}", summary.errors, summary.replies);
    }
    ensure!(summary.nulls == 0, "{} of {} replies were null", summary.nulls, summary.replies);
    Ok(used.as_secs_f64() * 1e6 / summary.replies as f64)
}

/// The resident bytes that each element of a content adds, by server.
fn measure_memory(options: &Options, content: &Content) -> Result<Vec<f64>> {
    let setup = &options.setup;
    let measure = |index| {
        let server = setup.start(index)?;
        let before = server.statistics()?.resident_bytes;
        fill_all(&setup.target(&server), content.fill)?;
        let added = server.statistics()?.resident_bytes.saturating_sub(before);
        Ok(added as f64 / content.elements as f64)
    };
    (0..setup.servers.len()).map(measure).collect()
}

fn fill_all(target: &Target, fills: &[(&str, u64)]) -> Result<()> {
    fills.iter().try_for_each(|(template, count)| fill(target, template, &shape(), *count))
}

/// Numbers of seven digits; the templates hold everything else.
fn shape() -> RequestShape {
    RequestShape { key_size: 7, value_size: 16 }
}
