//! The comparison itself must find a fault that was put in on purpose.

use nuthatch_testkit::conversation::Topic;
use nuthatch_testkit::differences::KnownDifferences;
use nuthatch_testkit::differential::{Extent, Pair, Report};
use nuthatch_testkit::families::{KEYS, STRINGS, TRACKING};
use nuthatch_testkit::generator::Family;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

const EXTENT: Extent = Extent { commands: 5000, seed: 1 };

/// Compares a stock server with the same one started with `fault`.
fn compare_with_fault(fault: &[&str], family: &Family) -> Report {
    with_fault(fault, |pair| pair.run(family, EXTENT))
}

fn with_fault(fault: &[&str], compare: impl Fn(&Pair<'_>) -> Report) -> Report {
    let program = Program::redis_7();
    let candidate = Server::start(&program, fault);
    let reference = Server::start(&program, &[]);
    let pair = Pair {
        candidate: &candidate,
        reference: &reference,
        known: KnownDifferences::from(&[], program.name),
    };
    compare(&pair)
}

#[test]
fn a_server_without_a_fault_passes() {
    let report = compare_with_fault(&[], &STRINGS);
    assert!(report.findings.is_empty(), "{}", report.text());
}

#[test]
fn a_wrong_reply_is_found_and_its_history_made_short() {
    // What is called INCRBY subtracts.
    let fault = ["--rename-command", "INCRBY", "", "--rename-command", "DECRBY", "INCRBY"];
    let report = compare_with_fault(&fault, &STRINGS);
    let finding = report.findings.iter().find(|finding| finding.kind.starts_with("INCRBY: : instead of :"));
    let finding = finding.unwrap_or_else(|| panic!("not found: {}", report.text()));
    assert_eq!(finding.history.len(), 1, "{}", report.text());
}

#[test]
fn data_that_differ_behind_equal_replies_are_found() {
    let report = compare_with_fault(&["--hash-max-listpack-entries", "1"], &KEYS);
    let finding = report.findings.iter().find(|finding| finding.kind == "the data afterwards");
    let finding = finding.unwrap_or_else(|| panic!("not found: {}", report.text()));
    assert!(finding.history.len() <= 2, "{}", report.text());
    assert!(finding.answers.contains("hash as hashtable"), "{}", report.text());
}

#[test]
fn a_message_too_many_is_found() {
    let topic = Topic { family: TRACKING, others: &[], percent_of_others: 0, leaves_out: &[] };
    let report = with_fault(&[], |pair| pair.converse(&topic, EXTENT));
    assert!(report.findings.is_empty(), "{}", report.text());
    // A server that keeps track of a single key tells clients that another is out of date although it is not.
    let fault = ["--tracking-table-max-keys", "1"];
    let report = with_fault(&fault, |pair| pair.converse(&topic, EXTENT));
    let heard = |kind: &str| kind.ends_with("heard by another: > instead of nothing");
    let finding = report.findings.iter().find(|finding| heard(&finding.kind));
    let finding = finding.unwrap_or_else(|| panic!("not found: {}", report.text()));
    assert!(finding.answers.contains("invalidate"), "{}", report.text());
}
