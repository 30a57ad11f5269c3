//! Simulates replacement policies on the traces of `nuthatch_bench::traces`: classic ones, those of the
//! servers that Nuthatch is compared with as they document them, Nuthatch's own, and the optimum.
#![forbid(unsafe_code)]

mod cache;
mod parts;
mod policies;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use nuthatch_bench::traces::{self, Steps, optimum};
use report::{Outcome, Report};

/// What an entry takes beside its value, roughly.
const ENTRY_BYTES: u32 = 64;

/// Simulate replacement policies on traces of requests.
#[derive(Parser, Debug)]
#[command(version)]
struct Options {
    /// Traces to simulate; all of them by default
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    traces: Vec<String>,
    /// Policies to simulate; all of them by default
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    policies: Vec<String>,
    /// Sizes of the cache, in per cent of the keys of the trace
    #[arg(long, default_value = "1,5,10,25", value_delimiter = ',', value_name = "LIST")]
    sizes: Vec<f64>,
    /// Bound the bytes of the entries instead of the number of keys
    #[arg(long)]
    bytes: bool,
    /// Where bytes count, what an entry takes beside its value. Sizes of the cache remain those that they are
    /// by default
    #[arg(long, default_value_t = ENTRY_BYTES)]
    entry_bytes: u32,
    /// The part of each trace that is simulated
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Seed of the traces
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the report to this Markdown file, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuthatch-simulate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    for name in &options.traces {
        ensure!(traces::catalogue().iter().any(|trace| trace.name == *name), "there is no trace `{name}`");
    }
    for name in &options.policies {
        ensure!(policies::CATALOGUE.iter().any(|(known, _)| known == name), "there is no policy `{name}`");
    }
    let chosen = |list: &[String], name: &str| list.is_empty() || list.iter().any(|entry| entry == name);
    let mut report = Report::new(options.bytes);
    for trace in traces::catalogue().iter().filter(|trace| chosen(&options.traces, trace.name)) {
        let requests = (trace.requests as f64 * options.scale) as u64;
        let steps =
            Steps::of(trace.requests(options.seed, requests), options.bytes.then_some(options.entry_bytes));
        let default_entries = steps.keys() as u64 * u64::from(ENTRY_BYTES);
        let footprint = if options.bytes { steps.value_bytes() + default_entries } else { steps.footprint() };
        for &size in &options.sizes {
            let capacity = (footprint as f64 * size / 100.0) as u64;
            ensure!(capacity > 0, "a cache of {size} % of {} holds nothing", trace.name);
            let mut outcome =
                Outcome::new(trace.name, size, optimum::miss_ratio(&steps, capacity, options.bytes));
            for (name, make) in policies::CATALOGUE.iter().filter(|(name, _)| chosen(&options.policies, name))
            {
                let mut policy = make(&steps, capacity);
                outcome.add(name, cache::miss_ratio(&steps, capacity, &mut *policy));
            }
            eprintln!("{outcome}");
            report.add(outcome);
        }
    }
    let text = report.render();
    println!("{text}");
    if let Some(path) = &options.report {
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
