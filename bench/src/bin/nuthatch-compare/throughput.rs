//! Processor time for each request, throughput and latency: interleaved rounds of named workloads.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use nuthatch_bench::{Load, Pacing, RequestShape, Stop, Summary};

use crate::Setup;
use crate::fill::fill;
use crate::plot::{self, Panel};
use crate::report::Report;
use crate::server::Server;
use crate::statistics::median;
use crate::table::Table;
use crate::workload::{self, Workload};

/// Before each measurement the workload runs for this part of its time.
const WARMUP_PART: f64 = 0.2;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// A workload (repeatable): commands with shares, pipeline depth, and perhaps skewed keys
    #[arg(long = "workload", value_name = "MIX:PIPELINE[:zipf]", default_values = workload::DEFAULT)]
    workloads: Vec<Workload>,
    /// Rounds; the tables show medians over them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of a measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Number of keys
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Number of connections
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Open loop: requests in a second, the same for every server
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// The server that the others are related to [default: the first one]
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Draw the processor time for each request as an SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// One measurement of one workload on one server.
#[derive(Debug, Clone)]
struct Sample {
    /// Processor time of the server for each request, in microseconds.
    server_us: f64,
    summary: Summary,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let setup = &options.setup;
    let shape = setup.shape(options.keys)?;
    let names: Vec<&str> = setup.servers.iter().map(|spec| &*spec.name).collect();
    let baseline = match &options.baseline {
        None => 0,
        Some(name) => names.iter().position(|other| other == name).context("the baseline is no server")?,
    };

    let mut servers = Vec::new();
    let mut memory = Table::new(["server", "resident bytes for each key"]);
    for index in 0..setup.servers.len() {
        let (server, bytes_per_key) = start_filled(options, &shape, index)?;
        memory.push([server.name.clone(), format!("{bytes_per_key:.1}")]);
        servers.push(server);
    }

    // Indexed by workload, then server, then round.
    let mut samples = vec![vec![Vec::new(); servers.len()]; options.workloads.len()];
    for round in 0..options.rounds {
        for (workload, samples) in options.workloads.iter().zip(&mut samples) {
            for step in 0..servers.len() {
                // Nobody is always the first, nor always behind the same neighbour's heat.
                let index = (round + step) % servers.len();
                let sample = measure(options, &shape, workload, &servers[index])
                    .with_context(|| format!("{workload} on {}", servers[index].name))?;
                eprintln!(
                    "round {}, {workload}, {}: {:.3} µs, {:.0} requests a second",
                    round + 1,
                    servers[index].name,
                    sample.server_us,
                    sample.summary.throughput
                );
                samples[index].push(sample);
            }
        }
    }

    let mut report = Report::new("Processor time, throughput and latency", method(options));
    let mut panels = Vec::new();
    for (workload, samples) in options.workloads.iter().zip(&samples) {
        report.section(&format!("`{workload}`"), workload_table(&names, samples, baseline));
        panels.push(Panel {
            title: workload.to_string(),
            bars: names
                .iter()
                .zip(samples)
                .map(|(name, samples)| (name.to_string(), server_us(samples)))
                .collect(),
        });
    }
    report.section("Memory", memory);
    if let Some(path) = &options.plot {
        plot::draw(path, "Server processor time for each request (µs, less is better)", &panels)?;
    }
    Ok(report)
}

fn method(options: &Options) -> String {
    let loop_kind = match options.rate {
        None => "closed loop".to_owned(),
        Some(rate) => format!("open loop with {rate} requests a second, latency from when each was due"),
    };
    format!(
        "{} keys of {} bytes with values of {} bytes, {} connections, {loop_kind}; medians over {} interleaved \
         rounds of {} s. `get:16` is GET with pipelines of 16; `zipf` draws keys with exponent 0.99, all else \
         uniformly. CPU is the server's own processor time for each request, in user and kernel mode; servers \
         ran on processors {:?}, the generator on {:?}.",
        options.keys,
        options.setup.key_size,
        options.setup.value_size,
        options.connections,
        options.rounds,
        options.seconds,
        options.setup.server_cpus,
        options.setup.load_cpus,
    )
}

/// Starts a server and fills it; also returns the resident bytes that each key has added.
fn start_filled(options: &Options, shape: &RequestShape, index: usize) -> Result<(Server, f64)> {
    let server = options.setup.start(index)?;
    let before = server.statistics()?.resident_bytes;
    fill(&options.setup.target(&server), "SET __key__ __data__", shape, options.keys)
        .with_context(|| format!("filling {}", server.name))?;
    let added = server.statistics()?.resident_bytes.saturating_sub(before);
    Ok((server, added as f64 / options.keys as f64))
}

fn measure(options: &Options, shape: &RequestShape, workload: &Workload, server: &Server) -> Result<Sample> {
    let pacing = options.rate.map_or(Pacing::Batches, |per_second| Pacing::Rate { per_second });
    let traffic = workload.traffic(shape, options.keys, options.connections, pacing)?;
    let mut load = Load::connect(&options.setup.target(server), &[traffic])?;
    let seconds = Duration::try_from_secs_f64(options.seconds).context("--seconds")?;
    load.run(Stop::After(seconds.mul_f64(WARMUP_PART)))?;
    let before = server.statistics()?.processor_time;
    let outcomes = load.run(Stop::After(seconds))?;
    let used = server.statistics()?.processor_time.saturating_sub(before);
    let summary = Summary::from(outcomes.first().context("the load had no traffic")?);
    ensure!(summary.replies > 0, "there was no reply");
    if let Some(text) = summary.error_texts.keys().next() {
        bail!("{} of {} replies were errors: {text}", summary.errors, summary.replies);
    }
    ensure!(summary.nulls == 0, "{} of {} replies were null", summary.nulls, summary.replies);
    Ok(Sample { server_us: used.as_secs_f64() * 1e6 / summary.replies as f64, summary })
}

fn server_us(samples: &[Sample]) -> f64 {
    median(samples.iter().map(|sample| sample.server_us))
}

fn workload_table(names: &[&str], samples: &[Vec<Sample>], baseline: usize) -> Table {
    let baseline_us = server_us(&samples[baseline]);
    let relation = format!("of {}", names[baseline]);
    let mut table = Table::new([
        "server",
        "CPU µs",
        "least",
        "most",
        &relation,
        "requests/s",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "generator busy",
    ]);
    for (name, samples) in names.iter().zip(samples) {
        let middle =
            |figure: fn(&Summary) -> f64| median(samples.iter().map(|sample| figure(&sample.summary)));
        let us = || samples.iter().map(|sample| sample.server_us);
        table.push([
            name.to_string(),
            format!("{:.3}", server_us(samples)),
            format!("{:.3}", us().fold(f64::INFINITY, f64::min)),
            format!("{:.3}", us().fold(0.0, f64::max)),
            format!("{:.2}", server_us(samples) / baseline_us),
            format!("{:.0}", middle(|summary| summary.throughput)),
            format!("{:.0}", middle(|summary| summary.latency_us.p50)),
            format!("{:.0}", middle(|summary| summary.latency_us.p99)),
            format!("{:.0}", middle(|summary| summary.latency_us.p99_9)),
            format!("{:.0} %", middle(|summary| summary.generator_busy) * 100.0),
        ]);
    }
    table
}
