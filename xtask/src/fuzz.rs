//! Coverage-guided fuzzing with cargo-fuzz.

use std::ffi::OsStr;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

/// Whether what fuzzing needs is there.
pub(crate) fn is_installed(shell: &Shell) -> bool {
    cmd!(shell, "cargo +nightly fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// Fuzzes every target for `seconds`.
pub(crate) fn run(shell: &Shell, seconds: u64) -> Result<()> {
    ensure!(
        is_installed(shell),
        "install the nightly toolchain and cargo-fuzz: rustup toolchain install nightly; cargo install cargo-fuzz"
    );
    let limit = format!("-max_total_time={seconds}");
    for file in shell.read_dir("fuzz/fuzz_targets")? {
        if file.extension() == Some(OsStr::new("rs"))
            && let Some(target) = file.file_stem()
        {
            cmd!(shell, "cargo +nightly fuzz run {target} -- {limit} -verbosity=0 -print_final_stats=1")
                .run()?;
        }
    }
    Ok(())
}
