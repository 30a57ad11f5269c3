//! The tests, and the server that they run against.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use nuthatch_testkit::program::Program;
use xshell::{Shell, cmd};

/// Cargo's directory for what it builds.
fn target(shell: &Shell) -> PathBuf {
    let configured = shell.var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    shell.current_dir().join(configured.unwrap_or_else(|| "target".into()))
}

/// Builds the server in `profile` and returns it.
fn build(shell: &Shell, profile: &str) -> Result<Program> {
    cmd!(shell, "cargo build --package nuthatch-server --profile {profile}").run()?;
    let directory = if profile == "dev" { "debug" } else { profile };
    Ok(Program::at("nuthatch", target(shell).join(directory).join("nuthatch")))
}

/// Builds the server with its assertions.
pub(crate) fn build_checked(shell: &Shell) -> Result<Program> {
    build(shell, "dev")
}

/// All tests, the suites against a server with assertions among them.
pub(crate) fn test(shell: &Shell) -> Result<()> {
    let server = build_checked(shell)?;
    cmd!(shell, "cargo test --workspace").env("NUTHATCH_BIN", server.path).run()?;
    Ok(())
}

/// The differential suites, on many commands.
pub(crate) fn differential(shell: &Shell, commands: u64, seed: Option<u64>) -> Result<()> {
    let server = build(shell, "quick")?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = seed.unwrap_or(since_epoch.as_secs());
    println!("seed {seed}");
    cmd!(shell, "cargo test --package nuthatch-tests --test differential -- --nocapture")
        .env("NUTHATCH_BIN", server.path)
        .env("NUTHATCH_COMMANDS", commands.to_string())
        .env("NUTHATCH_SEED", seed.to_string())
        .run()?;
    Ok(())
}
