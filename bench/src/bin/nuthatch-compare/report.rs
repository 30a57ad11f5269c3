//! A report: what was measured, on which machine, with which commands, and the tables.

use std::fmt::Write;
use std::fs;

use crate::server::ServerSpec;
use crate::table::Table;

/// The outcome of a profile.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    title: String,
    method: String,
    sections: Vec<(String, Table)>,
}

impl Report {
    /// A report without tables; `method` says in a sentence or two what was done.
    pub(crate) fn new(title: &str, method: String) -> Self {
        Self { title: title.to_owned(), method, sections: Vec::new() }
    }

    /// Adds a table under a heading.
    pub(crate) fn section(&mut self, heading: &str, table: Table) {
        self.sections.push((heading.to_owned(), table));
    }

    /// The whole report as Markdown.
    pub(crate) fn render(&self, servers: &[ServerSpec]) -> String {
        let mut text = format!("# {}\n\n{}\n\nMachine: {}.\n\n", self.title, self.method, machine());
        for server in servers {
            let _ = writeln!(text, "- {}: `{}`", server.name, server.command);
        }
        for (heading, table) in &self.sections {
            let _ = write!(text, "\n## {heading}\n\n{table}");
        }
        text
    }
}

/// The processor, how many of them, and the kernel.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{processors} x {model}, Linux {}", kernel.trim())
}
