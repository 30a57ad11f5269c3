//! Everything that must hold before a change is merged.

use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

use crate::{clients, compatibility, fuzz, suites};

/// Seconds for each target: enough to find what is broken outright.
const FUZZ_SECONDS: u64 = 20;

fn format(shell: &Shell) -> Result<()> {
    Ok(cmd!(shell, "cargo fmt --all --check").run()?)
}

fn lint(shell: &Shell) -> Result<()> {
    Ok(cmd!(shell, "cargo clippy --workspace --all-targets -- --deny warnings").run()?)
}

fn document(shell: &Shell) -> Result<()> {
    Ok(cmd!(shell, "cargo doc --workspace --no-deps").env("RUSTDOCFLAGS", "--deny warnings").run()?)
}

fn check_compatibility(shell: &Shell) -> Result<()> {
    compatibility::run(shell, compatibility::Action::Check)
}

fn run_clients(shell: &Shell) -> Result<()> {
    clients::run(shell, clients::JOBS)
}

fn smoke_fuzz(shell: &Shell) -> Result<()> {
    if fuzz::is_installed(shell) {
        return fuzz::run(shell, FUZZ_SECONDS);
    }
    println!(
        "skipped: cargo-fuzz or the nightly toolchain is not installed; the tests send garbled requests"
    );
    Ok(())
}

/// A step's name and what it does.
type Step = (&'static str, fn(&Shell) -> Result<()>);

const STEPS: &[Step] = &[
    ("format", format),
    ("lint", lint),
    ("test", suites::test),
    ("document", document),
    ("compatibility table", check_compatibility),
    ("client libraries", run_clients),
    ("fuzz", smoke_fuzz),
];

/// Runs every step, and stops at the first that fails.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    for (name, step) in STEPS {
        println!("\n== {name}");
        step(shell).with_context(|| format!("the step \"{name}\" failed"))?;
    }
    println!("\nAll {} steps passed.", STEPS.len());
    Ok(())
}
