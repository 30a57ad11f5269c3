//! The comparison as a whole, with the limit server in every role.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

/// A port that nothing else is likely to take meanwhile.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Runs a profile on one server; returns whether it succeeded, its report and its messages.
fn compare(arguments: &[&str], server: &str) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_nuthatch-compare"))
        .args(arguments)
        .args(["--server-cpus", "0", "--load-cpus", "0", "--port", &free_port().to_string()])
        .arg(format!("only={server}"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn limit() -> String {
    format!("{} --port {{port}}", env!("CARGO_BIN_EXE_nuthatch-limit"))
}

#[test]
fn throughput_reports_every_workload() {
    let arguments = [
        "throughput",
        "--rounds=1",
        "--seconds=0.05",
        "--keys=1000",
        "--workload=get:16",
        "--workload=get=1,set=1:1:zipf",
    ];
    let (success, report, messages) = compare(&arguments, &limit());
    assert!(success, "{messages}");
    for part in ["## `get:16`", "## `get=1,set=1:1:zipf`", "| only "] {
        assert!(report.contains(part), "`{part}` is missing in:\n{report}");
    }
}

#[test]
fn connections_reports_the_server() {
    let (success, report, messages) =
        compare(&["connections", "--connections=50", "--seconds=0.05"], &limit());
    assert!(success, "{messages}");
    assert!(report.contains("| only "), "{report}");
}

#[test]
fn memory_refuses_a_server_that_lost_keys() {
    let (success, _, messages) = compare(&["memory", "--keys=10"], &limit());
    assert!(!success && messages.contains("in place of 10"), "{messages}");
}

#[test]
fn a_server_that_does_not_start_is_an_error_and_no_hang() {
    let (success, _, messages) = compare(&["memory"], "sh -c 'exit 3' {port}");
    assert!(!success && messages.contains("ended with exit status: 3"), "{messages}");
}

#[test]
fn hit_ratio_refuses_a_server_without_a_limit_and_a_trace_that_is_not_there() {
    let (success, _, messages) = compare(&["hit-ratio", "--traces=loop"], &limit());
    assert!(!success && messages.contains("neither {limit} nor {limit_mb}"), "{messages}");
    let bounded = format!("{} {{limit}}", limit());
    let (success, _, messages) = compare(&["hit-ratio", "--traces=none"], &bounded);
    assert!(!success && messages.contains("no trace `none`"), "{messages}");
}
