//! The checker must find a fault that was put in on purpose.

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use crate::proxy::{Fault, listen};
use crate::workloads::{Workload, address, check, exchanges, queues, single_commands, transactions};

const EXTENT: Extent = Extent { commands: 12_000, seed: 1 };

/// How often a workload is run at most until its fault is found: whether requests meet at the fault is a matter of chance,
/// and on a busy machine they meet less.
const ATTEMPTS_MAX: u64 = 8;

/// Runs a workload over a stock server, through a proxy with the fault.
fn check_with(fault: Fault, workload: Workload, extent: Extent) -> Result<(), String> {
    let server = Server::start(&Program::redis_7(), &[]);
    let proxy = listen(address(&server), fault).expect("a proxy can listen");
    check(proxy, workload, extent)
}

#[test]
fn a_server_without_a_fault_passes() {
    for workload in [single_commands, transactions, exchanges, queues] {
        assert_eq!(check_with(Fault::None, workload, EXTENT), Ok(()));
    }
}

/// Whether the rounds were run and one of them could not be put in order.
#[track_caller]
fn assert_found(fault: Fault, workload: Workload) {
    let attempt = |seed| check_with(fault, workload, Extent { seed, ..EXTENT }).err();
    let found = (1..=ATTEMPTS_MAX).find_map(attempt).expect("the fault is found");
    assert!(found.contains("cannot be put in order"), "{found}");
}

#[test]
fn stale_reads_are_found() {
    assert_found(Fault::StaleReads, single_commands);
}

#[test]
fn answers_that_come_before_the_write_are_found() {
    assert_found(Fault::EarlyAnswers, single_commands);
}

#[test]
fn transactions_that_others_come_in_between_are_found() {
    assert_found(Fault::SplitTransactions, transactions);
}

#[test]
fn watches_that_are_forgotten_are_found() {
    assert_found(Fault::ForgottenWatches, exchanges);
}
