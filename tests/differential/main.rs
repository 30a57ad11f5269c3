//! The same commands to Nuthatch and to stock servers, whose answers must agree byte by byte.
//!
//! `NUTHATCH_COMMANDS` and `NUTHATCH_SEED` say how many commands each suite sends and from which
//! seed; `PEER_REDIS8` and `PEER_VALKEY9` name further stock servers to compare with.

mod blocking;
mod canary;
mod command_table;
mod families;
mod messages;
mod protocol;

use std::path::Path;

use nuthatch_testkit::differences::{KnownDifferences, read_table};
use nuthatch_testkit::differential::{Pair, Report};
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

/// Makes values that no server stores small enough to send: the limit of a string is 512 MB by default. And lets the
/// suites ask for the structure of values.
const ARGUMENTS: &[&str] = &["--proto-max-bulk-len", "1mb", "--enable-debug-command", "yes"];

/// Compares Nuthatch with each stock server in turn.
///
/// # Panics
///
/// When it differs from one.
#[track_caller]
fn compare_with_each(compare: impl Fn(&Pair<'_>) -> Report) {
    let table = read_table(&Path::new(env!("CARGO_MANIFEST_DIR")).join("differences.toml"));
    let mut failures = String::new();
    for program in Program::references() {
        let candidate = Server::start(&Program::nuthatch(), ARGUMENTS);
        let reference = Server::start(&program, ARGUMENTS);
        let known = KnownDifferences::from(&table, program.name);
        let report = compare(&Pair { candidate: &candidate, reference: &reference, known });
        println!("{}", report.heading);
        if !report.findings.is_empty() {
            failures += &report.text();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
