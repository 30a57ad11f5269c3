//! Tables of miss ratios, and what they come to.

use std::fmt;
use std::fmt::Write;

/// The policies that the others are measured against: what the servers do that Nuthatch takes the place of.
const SERVERS: [&str; 3] = ["redis-lru", "redis-lfu", "memcached"];

/// What came out of a trace with one size of the cache.
pub(crate) struct Outcome {
    trace: &'static str,
    size: f64,
    optimum: f64,
    ratios: Vec<(&'static str, f64)>,
}

impl Outcome {
    pub(crate) fn new(trace: &'static str, size: f64, optimum: f64) -> Outcome {
        Outcome { trace, size, optimum, ratios: Vec::new() }
    }

    pub(crate) fn add(&mut self, policy: &'static str, ratio: f64) {
        self.ratios.push((policy, ratio));
    }

    /// The lowest miss ratio of the servers.
    fn best_server(&self) -> Option<f64> {
        let servers = self.ratios.iter().filter(|(policy, _)| SERVERS.contains(policy));
        servers.map(|(_, ratio)| *ratio).reduce(f64::min)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} %: min {:.4}", self.trace, self.size, self.optimum)?;
        self.ratios.iter().try_for_each(|(policy, ratio)| write!(formatter, ", {policy} {ratio:.4}"))
    }
}

/// All outcomes.
pub(crate) struct Report {
    bytes: bool,
    outcomes: Vec<Outcome>,
}

impl Report {
    pub(crate) fn new(bytes: bool) -> Report {
        Report { bytes, outcomes: Vec::new() }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    pub(crate) fn render(&self) -> String {
        let Some(first) = self.outcomes.first() else { return String::new() };
        let what = if self.bytes { "bytes" } else { "keys" };
        let mut text = format!("# Miss ratios, capacity in {what}\n\n| trace | size | optimum |");
        let names: Vec<_> = first.ratios.iter().map(|(policy, _)| *policy).collect();
        names.iter().for_each(|name| text.push_str(&format!(" {name} |")));
        let _ = writeln!(text, "\n|---|--:|--:|{}", "--:|".repeat(names.len()));
        for outcome in &self.outcomes {
            let _ = write!(text, "| {} | {} % | {:.4} |", outcome.trace, outcome.size, outcome.optimum);
            outcome.ratios.iter().for_each(|(_, ratio)| text.push_str(&format!(" {ratio:.4} |")));
            text.push('\n');
        }
        self.render_summary(&mut text, &names);
        text
    }

    /// Against the best of the servers, each case by itself.
    fn render_summary(&self, text: &mut String, names: &[&str]) {
        text.push_str(
            "\nMisses as a part of those of the best server: geometric mean over all cases, the worst case, and the \
             part of the way from the best server to the optimum, in the mean.\n\n\
             | policy | mean | worst | where | of the way |\n|---|--:|--:|---|--:|\n",
        );
        for (number, name) in names.iter().enumerate() {
            let mut logarithms = 0.0;
            let mut way = 0.0;
            let mut worst = (0.0, String::new());
            for outcome in &self.outcomes {
                let Some(best) = outcome.best_server() else { return };
                let ratio = outcome.ratios[number].1;
                logarithms += (ratio / best).ln();
                way += (best - ratio) / (best - outcome.optimum).max(1e-9);
                if ratio / best > worst.0 {
                    worst = (ratio / best, format!("{} {} %", outcome.trace, outcome.size));
                }
            }
            let cases = self.outcomes.len() as f64;
            let _ = writeln!(
                text,
                "| {name} | {:.3} | {:.3} | {} | {:.2} |",
                (logarithms / cases).exp(),
                worst.0,
                worst.1,
                way / cases
            );
        }
    }
}
