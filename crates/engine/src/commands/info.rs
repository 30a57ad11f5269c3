//! INFO: the state of the server as lines of text, in sections.

mod activity;
mod commands;
mod data;
mod process;
mod resources;

use std::fmt::Display;
use std::fmt::Write as _;

use crate::Engine;
use crate::arguments::is_word;
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Group};
use crate::error::Outcome;
use crate::host::ProcessFacts;
use crate::keyspace::locked::Keys;
use crate::statistics::Counters;

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::other("INFO", -1, info)
    .visits_shards()
    .also_in(Categories::DANGEROUS)
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .docs(
        Group::Server,
        "1.0.0",
        "O(1)",
        "[section [section ...]]",
        "Tells how the server is and what it does.",
    )];

/// One section of INFO.
struct Section {
    /// The name, as its headline has it.
    name: &'static str,
    /// Whether it is shown when no section is asked for.
    by_default: bool,
    /// Writes its lines.
    write: fn(&mut Lines, &Facts<'_>),
}

/// In the order in which they are shown, however they are asked for.
const SECTIONS: &[Section] = &[
    Section { name: "Server", by_default: true, write: process::server },
    Section { name: "Clients", by_default: true, write: activity::clients },
    Section { name: "Memory", by_default: true, write: resources::memory },
    Section { name: "Persistence", by_default: true, write: data::persistence },
    Section { name: "Threads", by_default: true, write: activity::threads },
    Section { name: "Stats", by_default: true, write: activity::stats },
    Section { name: "Replication", by_default: true, write: data::replication },
    Section { name: "CPU", by_default: true, write: resources::processor },
    Section { name: "Modules", by_default: true, write: no_lines },
    Section { name: "Commandstats", by_default: false, write: commands::counts },
    Section { name: "Errorstats", by_default: true, write: commands::errors },
    Section { name: "Latencystats", by_default: false, write: commands::latencies },
    Section { name: "Cluster", by_default: true, write: data::cluster },
    Section { name: "Keyspace", by_default: true, write: data::keyspace },
    // How values of each size are distributed is not counted.
    Section { name: "Keysizes", by_default: true, write: no_lines },
];

/// What the sections are about, collected once for all of them.
struct Facts<'a> {
    engine: &'a Engine,
    keys: &'a Keys<'a>,
    process: ProcessFacts,
    counters: Counters,
    now_us: u64,
}

impl Facts<'_> {
    /// The value of a directive.
    fn directive(&self, name: &str) -> String {
        let found = self.engine.host.config_get(&[name.as_bytes()]);
        found.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }
}

/// The lines of a reply.
#[derive(Debug, Default)]
struct Lines(String);

impl Lines {
    fn headline(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        self.line(format_args!("# {name}"));
    }

    fn field(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// Fields for what this server does not have, or never does.
    fn none_of(&mut self, names: &[&str]) {
        for name in names {
            self.field(name, 0);
        }
    }

    /// A number of bytes, and again in a unit that people read easily.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human_bytes(bytes));
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{line}\r\n");
    }
}

fn no_lines(_: &mut Lines, _: &Facts<'_>) {}

fn info(call: &mut Call<'_, '_>) -> Outcome {
    let facts = Facts {
        engine: call.engine,
        keys: call.keys,
        process: call.engine.host.facts(),
        counters: call.engine.statistics.total(),
        now_us: call.engine.host.now_us(),
    };
    let mut lines = Lines::default();
    let selected = |section: &&Section| {
        let asked_for = |word: &[u8]| {
            is_word(word, section.name)
                || is_word(word, "ALL")
                || is_word(word, "EVERYTHING")
                || (section.by_default && is_word(word, "DEFAULT"))
        };
        match call.arguments.len() {
            1 => section.by_default,
            _ => call.arguments.from(1).any(asked_for),
        }
    };
    for section in SECTIONS.iter().filter(selected) {
        lines.headline(section.name);
        (section.write)(&mut lines, &facts);
    }
    call.reply.verbatim("txt", lines.0.as_bytes());
    Ok(())
}

fn human_bytes(bytes: u64) -> String {
    const UNITS: &[(u64, char)] = &[(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')];
    match UNITS.iter().find(|(power, _)| bytes >= 1 << power) {
        Some((power, unit)) => format!("{:.2}{unit}", bytes as f64 / (1_u64 << power) as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_they_fill() {
        let shown: Vec<String> =
            [0, 1023, 1024, 702_864, 1 << 20, 25_276_514_304, 3 << 40].map(human_bytes).into();
        assert_eq!(shown, ["0B", "1023B", "1.00K", "686.39K", "1.00M", "23.54G", "3.00T"]);
    }
}
