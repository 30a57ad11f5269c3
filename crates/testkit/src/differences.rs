//! The table of known differences between a stock server and what Nuthatch promises.

use std::path::Path;

use regex::bytes::Regex;
use serde::Deserialize;

use crate::request::Request;

/// One known difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The stock servers that answer otherwise, by the names of [`crate::program::Program`].
    pub servers: Vec<String>,
    /// A regular expression for the command, as reports write it; must match all of it.
    pub command: String,
    /// A regular expression for the server's reply under test, in its first line; must match all of it.
    pub ours: String,
    /// As `ours`, for the stock server's reply.
    pub theirs: String,
    /// Why it is right to differ.
    pub reason: String,
    /// Whether the two servers then also hold different data, so that what follows cannot be compared.
    #[serde(default)]
    pub diverges: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    difference: Vec<Difference>,
}

struct Pattern {
    command: Regex,
    ours: Regex,
    theirs: Regex,
    diverges: bool,
}

/// The known differences from one stock server.
pub struct KnownDifferences(Vec<Pattern>);

/// Reads the whole table.
///
/// # Panics
///
/// When the file is missing or malformed: it belongs to the program.
pub fn read_table(path: &Path) -> Vec<Difference> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let table: Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    table.difference
}

impl KnownDifferences {
    /// The known differences from the stock server called `server`.
    ///
    /// # Panics
    ///
    /// When an entry's expression is malformed.
    pub fn from(table: &[Difference], server: &str) -> Self {
        let regex = |pattern: &str| {
            Regex::new(&format!("(?is-u)^(?:{pattern})$")).unwrap_or_else(|error| panic!("{error}"))
        };
        let applies = |difference: &&Difference| difference.servers.iter().any(|name| name == server);
        let pattern = |difference: &Difference| Pattern {
            command: regex(&difference.command),
            ours: regex(&difference.ours),
            theirs: regex(&difference.theirs),
            diverges: difference.diverges,
        };
        Self(table.iter().filter(applies).map(pattern).collect())
    }

    /// Whether this difference is known, and if so, whether the servers' data diverge with it.
    pub(crate) fn find(&self, request: &Request, candidate: &[u8], reference: &[u8]) -> Option<bool> {
        let command = request.to_string();
        let [candidate, reference] = [candidate, reference].map(|frame| frame.trim_ascii_end());
        self.0
            .iter()
            .find(|pattern| {
                pattern.command.is_match(command.as_bytes())
                    && pattern.ours.is_match(candidate)
                    && pattern.theirs.is_match(reference)
            })
            .map(|pattern| pattern.diverges)
    }
}
