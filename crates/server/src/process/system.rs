//! `--check-system`: whether the machine is set up such that the server runs well.

use std::fs;
use std::process::ExitCode;

/// A check by the name it is printed under, and what is wrong, if anything.
type Check = (&'static str, fn() -> Option<String>);

const CHECKS: &[Check] =
    &[("clocksource", clock_source), ("THP", transparent_huge_pages), ("backlog", backlog)];

/// Prints the result of every check; the status tells whether all are well.
pub(super) fn check() -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for (name, check) in CHECKS {
        match check() {
            None => println!("[{name}]...OK"),
            Some(problem) => {
                println!("[{name}]...WARNING:\n{problem}\n");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn clock_source() -> Option<String> {
    let current = read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?;
    let slow = matches!(current.as_str(), "acpi_pm" | "hpet" | "refined-jiffies" | "jiffies" | "xen");
    slow.then(|| {
        format!("The clock source '{current}' is slow to read. Prefer tsc, kvm-clock or the one of your hypervisor.")
    })
}

fn transparent_huge_pages() -> Option<String> {
    let setting = read("/sys/kernel/mm/transparent_hugepage/enabled")?;
    setting.contains("[always]").then(|| {
        "Transparent huge pages are always on, which costs memory and latency. Write madvise to \
         /sys/kernel/mm/transparent_hugepage/enabled."
            .to_owned()
    })
}

fn backlog() -> Option<String> {
    let limit: u32 = read("/proc/sys/net/core/somaxconn")?.parse().ok()?;
    (limit < 511).then(|| {
        format!(
            "/proc/sys/net/core/somaxconn is {limit}: bursts of new connections are refused. Set it to 511."
        )
    })
}
