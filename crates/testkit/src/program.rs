//! Which server programs the suites run, and where they are.

use std::env;
use std::path::{Path, PathBuf};

/// A server program, with the name by which reports and the table of known differences call it.
#[derive(Clone, Debug)]
pub struct Program {
    /// Such as `nuthatch` or `redis-7.0`.
    pub name: &'static str,
    /// The executable.
    pub path: PathBuf,
    /// Variables that are set in its environment besides those of the test.
    pub variables: Vec<(&'static str, String)>,
}

impl Program {
    /// A program at this path.
    pub fn at(name: &'static str, path: PathBuf) -> Self {
        Self { name, path, variables: Vec::new() }
    }

    /// The server under test: the executable named by `NUTHATCH_BIN`, else `nuthatch` in the target
    /// directory that the running test was built into.
    ///
    /// # Panics
    ///
    /// When there is no such file.
    pub fn nuthatch() -> Self {
        let path = match env::var_os("NUTHATCH_BIN") {
            Some(path) => PathBuf::from(path),
            None => {
                let executable = env::current_exe().expect("the running test has a path");
                // target/<profile>/deps/<test> stands two levels below target/<profile>/nuthatch.
                executable.ancestors().nth(2).unwrap_or(Path::new(".")).join("nuthatch")
            }
        };
        assert!(
            path.is_file(),
            "{} does not exist: build it with `cargo build -p nuthatch-server`, or name another with NUTHATCH_BIN",
            path.display()
        );
        Self::at("nuthatch", path)
    }

    /// Debian's Redis 7.0, which every continuous-integration machine has.
    ///
    /// # Panics
    ///
    /// When it is not installed.
    pub fn redis_7() -> Self {
        let path = env::var_os("PATH")
            .and_then(|path| {
                env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|file| file.is_file())
            })
            .expect("redis-server is not on the PATH: install it with `apt-get install redis-server`");
        Self::at("redis-7.0", path)
    }

    /// The stock servers to compare with: Redis 7.0 always, Redis 8.0 where `PEER_REDIS8` names its
    /// executable, and Valkey 9.1 where `PEER_VALKEY9` does.
    pub fn references() -> Vec<Self> {
        let mut programs = vec![Self::redis_7()];
        programs.extend(Self::named_by("PEER_REDIS8", "redis-8.0"));
        programs.extend(Self::named_by("PEER_VALKEY9", "valkey-9.1"));
        programs
    }

    fn named_by(variable: &str, name: &'static str) -> Option<Self> {
        let path = PathBuf::from(env::var_os(variable).filter(|value| !value.is_empty())?);
        assert!(path.is_file(), "{variable} names {}, which does not exist", path.display());
        Some(Self::at(name, path))
    }
}
