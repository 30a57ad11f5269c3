//! Coverage-guided fuzzing with cargo-fuzz.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

/// Whether what fuzzing needs is there.
pub(crate) fn is_installed(shell: &Shell) -> bool {
    cmd!(shell, "cargo +nightly fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// Fuzzes every target for `seconds`, from what was found before and the inputs that are there to begin with.
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
            let corpus = Path::new("fuzz/corpus").join(target);
            shell.create_dir(&corpus)?;
            let seeds = Some(Path::new("fuzz/seeds").join(target)).filter(|seeds| shell.path_exists(seeds));
            cmd!(shell, "cargo +nightly fuzz run {target} {corpus} {seeds...}")
                .args(["--", &limit, "-verbosity=0", "-print_final_stats=1"])
                .run()?;
        }
    }
    Ok(())
}
