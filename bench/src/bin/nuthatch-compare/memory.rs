//! Resident bytes for each key, with and without a deadline.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use nuthatch_bench::RequestShape;

use crate::Setup;
use crate::fill::fill;
use crate::report::Report;
use crate::table::Table;

/// What the keys are set with: the name of the column and the command.
const VARIANTS: [&str; 2] = ["SET __key__ __data__", "SET __key__ __data__ EX 86400"];

/// Allocators give back what was freed some seconds later.
const REST: Duration = Duration::from_secs(15);

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Number of keys
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let setup = &options.setup;
    let shape = setup.shape(options.keys)?;
    let method = format!(
        "Resident bytes that {} keys of {} bytes with values of {} bytes add to a fresh server, for each key, after {} seconds \
         at rest.",
        options.keys,
        setup.key_size,
        setup.value_size,
        REST.as_secs()
    );
    let mut table = Table::new(["server", "bytes for a key", "with a deadline"]);
    for (index, spec) in setup.servers.iter().enumerate() {
        let mut figures = [0.0; VARIANTS.len()];
        for (figure, template) in figures.iter_mut().zip(VARIANTS) {
            *figure = bytes_per_key(options, &shape, index, template).with_context(|| spec.name.clone())?;
            eprintln!("{}, `{template}`: {figure:.1} bytes for a key", spec.name);
        }
        table.push([spec.name.clone(), format!("{:.1}", figures[0]), format!("{:.1}", figures[1])]);
    }
    let mut report = Report::new("Memory", method);
    report.section("Resident bytes", table);
    Ok(report)
}

fn bytes_per_key(options: &Options, shape: &RequestShape, index: usize, template: &str) -> Result<f64> {
    let server = options.setup.start(index)?;
    let before = server.statistics()?.resident_bytes;
    fill(&options.setup.target(&server), template, shape, options.keys)?;
    let present = server.client()?.key_count()?;
    ensure!(present == Some(options.keys), "the server has {present:?} keys in place of {}", options.keys);
    thread::sleep(REST);
    let added = server.statistics()?.resident_bytes.saturating_sub(before);
    Ok(added as f64 / options.keys as f64)
}
