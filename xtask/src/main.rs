//! Every development task as one command, the same on a laptop and in continuous integration.

mod ci;
mod clients;
mod compatibility;
mod fuzz;
mod suites;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;
use xshell::Shell;

const USAGE: &str = "\
Usage: cargo xtask <task>

  ci                                      everything that must hold before a change is merged
  test                                    all tests, against a freshly built server
  differential [--commands N] [--seed S]  compare with stock servers, N commands per suite (default
                                          1,000,000) from the seed S (default: a new one each time);
                                          PEER_REDIS8 and PEER_VALKEY9 may name further servers
  clients [--jobs N]                      client libraries, and workers that finish N jobs (default 1000),
                                          against the server
  compat [--check]                        write docs/compatibility.md, or check that it is up to date
  compat --stock                          write the lists of stock commands that it compares with
  fuzz [--seconds N]                      fuzz every target (default 60 seconds each)
";

enum Task {
    Ci,
    Test,
    Differential { commands: u64, seed: Option<u64> },
    Clients { jobs: u64 },
    Compatibility(compatibility::Action),
    Fuzz { seconds: u64 },
    Help,
}

fn parse(mut arguments: lexopt::Parser) -> Result<Task> {
    let Some(Value(name)) = arguments.next()? else { return Ok(Task::Help) };
    let mut task = match name.string()?.as_str() {
        "ci" => Task::Ci,
        "test" => Task::Test,
        "differential" => Task::Differential { commands: 1_000_000, seed: None },
        "clients" => Task::Clients { jobs: clients::JOBS },
        "compat" => Task::Compatibility(compatibility::Action::Write),
        "fuzz" => Task::Fuzz { seconds: 60 },
        "help" => Task::Help,
        other => bail!("there is no task {other}\n\n{USAGE}"),
    };
    while let Some(option) = arguments.next()? {
        match (&mut task, option) {
            (Task::Differential { commands, .. }, Long("commands")) => {
                *commands = arguments.value()?.parse()?
            }
            (Task::Differential { seed, .. }, Long("seed")) => *seed = Some(arguments.value()?.parse()?),
            (Task::Clients { jobs }, Long("jobs")) => *jobs = arguments.value()?.parse()?,
            (Task::Compatibility(action), Long("check")) => *action = compatibility::Action::Check,
            (Task::Compatibility(action), Long("stock")) => *action = compatibility::Action::WriteStock,
            (Task::Fuzz { seconds }, Long("seconds")) => *seconds = arguments.value()?.parse()?,
            (_, other) => return Err(other.unexpected().into()),
        }
    }
    Ok(task)
}

fn run() -> Result<()> {
    let shell = Shell::new()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace has a root")?;
    shell.change_dir(root);
    match parse(lexopt::Parser::from_env())? {
        Task::Ci => ci::run(&shell),
        Task::Test => suites::test(&shell),
        Task::Differential { commands, seed } => suites::differential(&shell, commands, seed),
        Task::Clients { jobs } => clients::run(&shell, jobs),
        Task::Compatibility(action) => compatibility::run(&shell, action),
        Task::Fuzz { seconds } => fuzz::run(&shell, seconds),
        Task::Help => {
            print!("{USAGE}");
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
