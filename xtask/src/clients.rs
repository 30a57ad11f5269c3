//! Client libraries of other languages against the server.
//!
//! They come from their registries, in the versions that the lists beside the scripts name. Where a
//! registry or a language is out of reach, its clients are skipped, which the output says.

use anyhow::Result;
use nuthatch_testkit::server::Server;
use xshell::{Shell, cmd};

use crate::suites;

/// Runs the scripts of `tests/clients`.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let program = suites::build_checked(shell)?;
    let server = Server::start(&program, &[]);
    let port = server.port().to_string();
    python(shell, &port)?;
    node(shell, &port)
}

fn skipped(what: &str, error: &xshell::Error) {
    println!("skipped: {what}: {error}");
}

fn python(shell: &Shell, port: &str) -> Result<()> {
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
    Ok(cmd!(shell, "{environment}/bin/python -W ignore tests/clients/python/smoke.py {port}").run()?)
}

fn node(shell: &Shell, port: &str) -> Result<()> {
    let folder = "target/clients/node";
    shell.create_dir(folder)?;
    for file in ["package.json", "package-lock.json", "smoke.mjs"] {
        shell.copy_file(format!("tests/clients/node/{file}"), folder)?;
    }
    let prepared = cmd!(shell, "npm ci --prefix {folder} --no-audit --no-fund --loglevel error").run();
    if let Err(error) = prepared {
        skipped("the Node.js clients cannot be installed", &error);
        return Ok(());
    }
    Ok(cmd!(shell, "node {folder}/smoke.mjs {port}").run()?)
}
