//! What the replays come to: miss ratios, what they mean together, and the memory that they were reached
//! with.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use nuthatch_bench::traces::{Steps, optimum};

use super::replay::Replayed;
use crate::plot::{self, Panel};
use crate::report::Report;
use crate::server::ServerSpec;
use crate::table::Table;

/// A trace in one size of memory, with what each server made of it.
pub(crate) struct Case {
    trace: &'static str,
    size: f64,
    wanted_bytes: u64,
    servers: Vec<Replayed>,
    /// Of each server, the miss ratio of the best replacement of as many keys as it had.
    optima: Vec<f64>,
}

impl Case {
    pub(crate) fn new(trace: &'static str, size: f64, wanted_bytes: u64, servers: Vec<Replayed>) -> Case {
        Case { trace, size, wanted_bytes, servers, optima: Vec::new() }
    }

    pub(crate) fn with_optimum(mut self, steps: &Steps) -> Case {
        let optimum = |server: &Replayed| optimum::miss_ratio(steps, server.keys.max(1), false);
        self.optima = self.servers.iter().map(optimum).collect();
        self
    }

    fn name(&self) -> String {
        format!("{}, {} %", self.trace, self.size)
    }

    fn ratios(&self) -> Vec<f64> {
        self.servers.iter().map(|server| server.miss_ratio).collect()
    }

    /// The least miss ratio of the servers but for one.
    fn best_but(&self, except: usize) -> f64 {
        let others = self.servers.iter().enumerate().filter(|(number, _)| *number != except);
        others.map(|(_, server)| server.miss_ratio).fold(f64::INFINITY, f64::min)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.name())?;
        self.ratios().iter().try_for_each(|ratio| write!(formatter, " {ratio:.4}"))
    }
}

/// All cases.
pub(crate) struct Results {
    names: Vec<String>,
    cases: Vec<Case>,
}

impl Results {
    pub(crate) fn new(servers: &[ServerSpec]) -> Results {
        Results { names: servers.iter().map(|spec| spec.name.clone()).collect(), cases: Vec::new() }
    }

    pub(crate) fn add(&mut self, case: Case) {
        self.cases.push(case);
    }

    pub(crate) fn report(&self, rate: u64) -> Report {
        let method = format!(
            "Traces replayed cache-aside (GET, and SET after a miss) on one connection, {rate} requests in a \
             second, in batches; the first quarter of each trace fills the cache and does not count. The limit \
             of each server is such that its resident memory grows by as much as that of the others."
        );
        let mut report = Report::new("Hit ratio", method);
        let of_servers = |figure: fn(&Replayed, &Case) -> String| {
            let mut table = Table::new(["trace"].into_iter().chain(self.names.iter().map(|name| &**name)));
            for case in &self.cases {
                let figures = case.servers.iter().map(|server| figure(server, case));
                table.push([case.name()].into_iter().chain(figures));
            }
            table
        };
        report.section(
            "Parts of reads that missed",
            of_servers(|server, _| format!("{:.4}", server.miss_ratio)),
        );
        report.section("Summary", self.summary());
        report.section("Keys at the end", of_servers(|server, _| server.keys.to_string()));
        report.section(
            "Resident bytes that were added, as a part of what all should have",
            of_servers(|server, case| format!("{:.3}", server.added_bytes as f64 / case.wanted_bytes as f64)),
        );
        report.section("Requests in a second", of_servers(|server, _| format!("{:.0}", server.rate)));
        report
    }

    /// Of each server: its misses as a part of the least that any other one had, in the geometric mean and at
    /// worst, and as a multiple of those that the best replacement of as many keys has.
    fn summary(&self) -> Table {
        let mut table =
            Table::new(["server", "misses / best other", "at worst", "where", "misses / optimum"]);
        let mean = |logarithms: f64| format!("{:.3}", (logarithms / self.cases.len().max(1) as f64).exp());
        for (number, name) in self.names.iter().enumerate() {
            let (mut to_others, mut to_optimum, mut worst) = (0.0, 0.0, (0.0, String::new()));
            for case in &self.cases {
                let ratio = case.servers[number].miss_ratio;
                let to_best = ratio / case.best_but(number);
                to_others += to_best.ln();
                to_optimum += (ratio / case.optima[number]).ln();
                if to_best > worst.0 {
                    worst = (to_best, case.name());
                }
            }
            table.push([name.clone(), mean(to_others), format!("{:.3}", worst.0), worst.1, mean(to_optimum)]);
        }
        table
    }

    /// A panel for each case.
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        let panels = self.cases.iter().map(|case| Panel {
            title: case.name(),
            bars: self.names.iter().cloned().zip(case.ratios()).collect(),
        });
        plot::draw(path, "Part of reads that miss, at equal memory", &panels.collect::<Vec<_>>())
    }
}
