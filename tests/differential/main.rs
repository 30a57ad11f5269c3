//! The same commands to Nuthatch and to stock servers, whose answers must agree byte by byte.
//!
//! `NUTHATCH_COMMANDS` and `NUTHATCH_SEED` say how many commands each suite sends and from which
//! seed; `PEER_REDIS8` and `PEER_VALKEY9` name further stock servers to compare with.

#![allow(missing_docs, reason = "a test binary has no users of its items")]

mod canary;
mod families;

use std::path::Path;

use nuthatch_testkit::differences::{KnownDifferences, read_table};
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

/// Makes values that no server stores small enough to send: the limit of a string is 512 MB by default.
const ARGUMENTS: &[&str] = &["--proto-max-bulk-len", "1mb"];

/// Runs `check` with Nuthatch and each stock server in turn.
fn with_each_reference(check: impl Fn(&nuthatch_testkit::differential::Pair<'_>)) {
    let table = read_table(&Path::new(env!("CARGO_MANIFEST_DIR")).join("differences.toml"));
    for program in Program::references() {
        let candidate = Server::start(&Program::nuthatch(), ARGUMENTS);
        let reference = Server::start(&program, ARGUMENTS);
        check(&nuthatch_testkit::differential::Pair {
            candidate: &candidate,
            reference: &reference,
            known: KnownDifferences::from(&table, program.name),
        });
    }
}
