//! What is refused where no key may go and too much memory is used: what stock servers refuse, and nothing else.

use std::path::Path;

use nuthatch_testkit::differences::{KnownDifferences, read_table};
use nuthatch_testkit::differential::{Extent, Pair, Report};
use nuthatch_testkit::families::{self, LIMITS};
use nuthatch_testkit::generator::Family;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

/// As the differential suites.
const ARGUMENTS: &[&str] = &["--proto-max-bulk-len", "1mb", "--enable-debug-command", "yes"];

/// Of so many commands one switches the limit on or off.
const SWITCHES: u32 = 12;

/// A family whose commands are sometimes allowed to use more memory and sometimes not.
fn limited(family: &Family) -> Family {
    let total: u32 = family.rows.iter().map(|(weight, _)| weight).sum();
    let weighted = |scale: u32| move |(weight, line): &(u32, &'static str)| (weight * scale, *line);
    // So that what is added has a weight of at least one.
    let rows = family.rows.iter().map(weighted(2 * SWITCHES));
    let rows = rows.chain(LIMITS.rows.iter().map(weighted(total))).collect::<Vec<_>>();
    Family { rows: rows.leak(), ..*family }
}

/// Compares Nuthatch with each stock server in turn but those `without`.
#[track_caller]
fn compare(family: &Family, without: &[&str]) {
    let table = read_table(&Path::new(env!("CARGO_MANIFEST_DIR")).join("differences.toml"));
    let mut extent = Extent::from_environment();
    extent.commands /= 3;
    let mut failures = String::new();
    for program in Program::references() {
        if without.contains(&program.name) {
            continue;
        }
        let report = compare_programs(&program, &table, &limited(family), extent);
        println!("{}", report.heading);
        if !report.findings.is_empty() {
            failures += &report.text();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn compare_programs(
    reference: &Program,
    table: &[nuthatch_testkit::differences::Difference],
    family: &Family,
    extent: Extent,
) -> Report {
    let candidate = Server::start(&Program::nuthatch(), ARGUMENTS);
    let known = KnownDifferences::from(table, reference.name);
    let reference = Server::start(reference, ARGUMENTS);
    Pair { candidate: &candidate, reference: &reference, known }.run(family, extent)
}

#[test]
fn strings_are_refused_as_by_stock_servers() {
    compare(&families::STRINGS, &[]);
    compare(&families::LARGE_STRINGS, &[]);
    compare(&families::BITMAPS, &[]);
    compare(&families::HYPERLOGLOG, &[]);
}

#[test]
fn collections_are_refused_as_by_stock_servers() {
    compare(&families::HASHES, &[]);
    compare(&families::LISTS, &[]);
    compare(&families::SETS, &[]);
    compare(&families::SORTED_SETS, &[]);
    compare(&families::GEO, &[]);
    compare(&families::SORT, &[]);
}

#[test]
fn streams_are_refused_as_by_stock_servers() {
    compare(&families::STREAMS, &[]);
}

#[test]
fn what_concerns_any_key_is_refused_as_by_stock_servers() {
    compare(&families::KEYS, &[]);
    compare(&families::CONNECTION, &[]);
}

#[test]
fn newer_commands_are_refused_as_by_the_servers_that_have_them() {
    compare(&families::CONDITIONAL_STRINGS, &["redis-7.0", "redis-8.0"]);
    compare(&families::CONDITIONAL_HASHES, &["redis-7.0", "redis-8.0"]);
    compare(&families::FIELD_DEADLINES, &["redis-7.0", "valkey-9.1"]);
}

#[test]
fn transactions_are_refused_as_by_stock_servers() {
    compare(&families::TRANSACTIONS, &[]);
}

#[test]
fn scripts_are_refused_as_by_stock_servers() {
    // Valkey words errors otherwise.
    compare(&families::WRITING_SCRIPTS, &["valkey-9.1"]);
}

/// Nothing would be found if nothing were refused.
#[test]
fn a_server_that_refuses_otherwise_is_found() {
    let extent = Extent { commands: 2000, seed: 1 };
    let program = Program::redis_7();
    let reference = Server::start(&program, &[]);
    let candidate = Server::start(&program, &["--maxmemory-policy", "allkeys-lru"]);
    let known = KnownDifferences::from(&[], program.name);
    let pair = Pair { candidate: &candidate, reference: &reference, known };
    let report = pair.run(&limited(&families::STRINGS), extent);
    // Keys go, so that the data differ.
    assert!(!report.findings.is_empty(), "{}", report.heading);
}

/// Errors that scripts and transactions end with, and what INFO counts of them.
#[test]
fn errors_are_counted_as_by_stock_servers() {
    const DECLARED: &str = "#!lua\nreturn redis.call('set','a','b')";
    let counted: [&[&[&str]]; 13] = [
        &[&["SET", "a", "b"]],
        &[&["EVAL", "return redis.call('set','a','b')", "0"]],
        &[&["EVAL", DECLARED, "0"]],
        &[&["EVAL", DECLARED, "1"]],
        &[&["EVAL_RO", DECLARED, "0"]],
        &[&["EVAL", "redis.pcall('set','a','b') return 1", "0"]],
        &[&["EVAL", "return redis.pcall('set','a','b')", "0"]],
        &[&["EVAL", "error(redis.pcall('set','a','b'))", "0"]],
        &[&["EVAL", "return {err=redis.pcall('set','a','b').err}", "0"]],
        &[&["EVAL", "return redis.call('get')", "0"]],
        &[&["MULTI"], &["SET", "a", "b"], &["EXEC"]],
        // Refused when it is to run what was queued before.
        &[&["CONFIG", "SET", "maxmemory", "0"], &["MULTI"], &["SET", "a", "b"], &["LIMIT"], &["EXEC"]],
        &[&["CONFIG", "SET", "maxmemory", "0"], &["MULTI"], &["EVAL", DECLARED, "0"], &["LIMIT"], &["EXEC"]],
    ];
    let ask = |program: &Program| -> Vec<(Vec<Vec<u8>>, String)> {
        let server = Server::start(program, &[]);
        let (mut client, mut other) = (server.connect(), server.connect());
        counted
            .map(|requests| {
                crate::set(&mut other, "maxmemory", 1);
                other.command("CONFIG RESETSTAT");
                let replies = requests.iter().map(|words| match words {
                    ["LIMIT"] => format!("{:?}", other.command("CONFIG SET maxmemory 1")).into_bytes(),
                    words => format!("{:?}", client.call(*words)).into_bytes(),
                });
                (replies.collect(), other.command("INFO errorstats").text())
            })
            .into()
    };
    let ours = ask(&Program::nuthatch());
    // Valkey words what scripts end with otherwise.
    for program in Program::references().iter().filter(|program| program.name != "valkey-9.1") {
        for ((ours, theirs), requests) in ours.iter().zip(ask(program)).zip(counted) {
            assert_eq!(*ours, theirs, "{requests:?} by {}", program.name);
        }
    }
}
