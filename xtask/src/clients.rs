//! Client libraries of other languages, and programs that use them, against the server.
//!
//! They come from their registries, in the versions that the lists beside the scripts name. Where a
//! registry or a language is out of reach, its clients are skipped, which the output says.

use anyhow::Result;
use nuthatch_testkit::server::Server;
use xshell::{Shell, cmd};

use crate::suites;

/// Jobs that the workers of each program finish, unless told otherwise: few, because most of the time is their own.
pub(crate) const JOBS: u64 = 1000;

/// Runs the scripts of `tests/clients`; those of workers with so many jobs.
pub(crate) fn run(shell: &Shell, jobs: u64) -> Result<()> {
    let program = suites::build_checked(shell)?;
    let server = Server::start(&program, &[]);
    let port = server.port().to_string();
    let jobs = jobs.to_string();
    python(shell, &port, &jobs)?;
    node(shell, &port, &jobs)
}

fn skipped(what: &str, error: &xshell::Error) {
    println!("skipped: {what}: {error}");
}

fn python(shell: &Shell, port: &str, jobs: &str) -> Result<()> {
    let environment = "target/clients/python";
    let prepared = cmd!(shell, "python3 -m venv {environment}").run().and_then(|()| {
        cmd!(
            shell,
            "{environment}/bin/pip install --quiet --requirement tests/clients/python/requirements.txt"
        )
        .run()
    });
    if let Err(error) = prepared {
        skipped("the Python clients cannot be installed", &error);
        return Ok(());
    }
    for (script, arguments) in [
        ("smoke.py", &[][..]),
        ("caching.py", &[]),
        ("locks.py", &[]),
        ("rq_worker.py", &[jobs]),
        ("celery_worker.py", &[jobs]),
    ] {
        // Without what Python compiles, which would lie beside the sources.
        cmd!(
            shell,
            "{environment}/bin/python -B -W ignore tests/clients/python/{script} {port} {arguments...}"
        )
        .run()?;
    }
    Ok(())
}

fn node(shell: &Shell, port: &str, jobs: &str) -> Result<()> {
    let scripts =
        [("smoke.mjs", &[][..]), ("socketio.mjs", &[]), ("limits.mjs", &[]), ("bullmq.mjs", &[jobs])];
    let folder = "target/clients/node";
    shell.create_dir(folder)?;
    for file in ["package.json", "package-lock.json"].into_iter().chain(scripts.map(|(script, _)| script)) {
        shell.copy_file(format!("tests/clients/node/{file}"), folder)?;
    }
    let prepared = cmd!(shell, "npm ci --prefix {folder} --no-audit --no-fund --loglevel error").run();
    if let Err(error) = prepared {
        skipped("the Node.js clients cannot be installed", &error);
        return Ok(());
    }
    for (script, arguments) in scripts {
        cmd!(shell, "node {folder}/{script} {port} {arguments...}").run()?;
    }
    Ok(())
}
