//! A disk that forgets what was not synced, tears what is written, and fails at any step: what was promised is there
//! after the power has come back, and an error is mended or told.
//!
//! Debug builds of the server simulate it (crates/server/src/disk/simulated.rs). `NUTHATCH_COMMANDS` says how many rounds
//! there are, one for every thousand, and `NUTHATCH_SEED` from which seed. In one round after the other another step fails.

mod writer;

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rustix::process::Signal;

use writer::{History, Promise, Writer};

/// What the server ends with when the power fails.
const POWER_FAILED: i32 = 86;

/// Steps of the writer in a round, if the power does not fail before.
const STEPS: u64 = 40;

/// From one round to the next, the step that fails is so many steps later: no divisor of what they come to.
const STRIDE: u64 = 53;

/// The most steps that a start takes, about.
const STEPS_OF_START: u64 = 16;

/// How the data set is kept.
struct Mode {
    name: &'static str,
    promise: Promise,
    arguments: &'static [&'static str],
}

const MODES: [Mode; 5] = [
    Mode {
        name: "always",
        promise: Promise::Acknowledged,
        arguments: &["--appendonly", "yes", "--appendfsync", "always"],
    },
    Mode {
        name: "always, base of commands",
        promise: Promise::Acknowledged,
        arguments: &["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"],
    },
    Mode {
        name: "every second",
        promise: Promise::Waited,
        arguments: &["--appendonly", "yes", "--appendfsync", "everysec"],
    },
    Mode {
        name: "no",
        promise: Promise::Nothing,
        arguments: &["--appendonly", "yes", "--appendfsync", "no"],
    },
    Mode { name: "snapshots", promise: Promise::Saved, arguments: &["--appendonly", "no"] },
];

/// What happens to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Power,
    /// An error, the process goes on.
    Error(&'static str),
    /// An error, and the power fails some steps later.
    ErrorAndPower(&'static str),
}

const FAULTS: [Fault; 6] = [
    Fault::Power,
    Fault::Error("eio"),
    Fault::ErrorAndPower("eio"),
    Fault::Power,
    Fault::Error("enospc"),
    Fault::ErrorAndPower("enospc"),
];

/// What the rounds have met.
#[derive(Debug, Default)]
struct Met {
    power_failures: usize,
    failed_steps: usize,
    failed_starts: usize,
    repaired: usize,
}

/// The server on a disk that fails.
fn on_simulated_disk(plan: &str) -> Program {
    let mut program = Program::nuthatch();
    program.variables.push(("NUTHATCH_SIMULATED_DISK", plan.to_owned()));
    program
}

/// Lets rounds pass in one mode.
fn survive(mode: &Mode) {
    let extent = Extent::from_environment();
    let rounds = (extent.commands as u64 / 1000 / MODES.len() as u64).max(FAULTS.len() as u64);
    let mut random = Pcg64::seed_from_u64(extent.seed);
    let mut met = Met::default();
    let Some(steps) = steps_without_fault(mode, &mut random) else { return };
    for round in 0..rounds {
        let fault = FAULTS[(round % FAULTS.len() as u64) as usize];
        let step = 1 + (extent.seed + round / FAULTS.len() as u64 * STRIDE + round) % steps;
        println!("{}, round {round}: {fault:?} at step {step}, seed {}", mode.name, extent.seed);
        pass(mode, fault, step, &mut random, &mut met);
    }
    println!("{}: {rounds} rounds of {steps} steps, {met:?}", mode.name);
    assert!(met.power_failures > 0 && met.failed_steps > 0, "nothing has failed: {met:?}");
}

/// How many steps a round takes when nothing fails. Nothing for a build without a simulated disk.
fn steps_without_fault(mode: &Mode, random: &mut Pcg64) -> Option<u64> {
    let mut server = Server::start(&on_simulated_disk("1"), mode.arguments);
    let mut history = History::new(mode.promise);
    Writer::new(&mut history).run(&mut server, STEPS, random);
    let steps = server.log().matches("simulated disk: step ").count() as u64;
    if steps == 0 {
        assert!(env::var_os("NUTHATCH_BIN").is_some(), "the server was not built with a simulated disk");
        println!("The server is a release build, which has no simulated disk.");
        return None;
    }
    Some(steps)
}

fn pass(mode: &Mode, fault: Fault, step: u64, random: &mut Pcg64, met: &mut Met) {
    let mut server = Server::start(&Program::nuthatch(), &["--appendonly", "no"]);
    assert!(server.end_with(Signal::KILL).is_some(), "a killed server ends");
    let plan = plan(fault, step, random);
    let mut history = History::new(mode.promise);
    match server.try_start_again(&on_simulated_disk(&plan), mode.arguments) {
        Ok(()) => {
            Writer::new(&mut history).run(&mut server, STEPS, random);
            if !server.has_ended() && matches!(fault, Fault::Error(_)) {
                assert!(writer::writes_again(&server), "an error at step {step} is not mended");
            }
        }
        Err(_) => met.failed_starts += 1,
    }
    let mut failures = 0;
    end(&mut server, &mut failures);
    met.failed_steps += usize::from(server.log().contains("simulated disk: fails"));
    // What is left may be met by another fault before it is whole again.
    while random.random_ratio(1, 3) {
        let plan = self::plan(Fault::Power, random.random_range(1..=STEPS_OF_START), random);
        if server.try_start_again(&on_simulated_disk(&plan), mode.arguments).is_ok() {
            let seen = writer::steps(&server);
            assert!(seen.is_none_or(|seen| history.may_be(seen)), "{seen:?} steps are there of {history:?}");
        }
        end(&mut server, &mut failures);
    }
    met.power_failures += failures;
    start_whole(&mut server, mode, met);
    writer::check(&server, &history);
    let names = names(server.directory());
    assert!(!names.iter().any(|name| name.starts_with("temp-")), "{names:?}");
}

fn plan(fault: Fault, step: u64, random: &mut Pcg64) -> String {
    let seed: u32 = random.random();
    match fault {
        Fault::Power => format!("{seed} power {step}"),
        Fault::Error(error) => format!("{seed} {error} {step}"),
        Fault::ErrorAndPower(error) => {
            format!("{seed} {error} {step} power {}", step + random.random_range(1..30))
        }
    }
}

/// Ends the server, unless the power does.
fn end(server: &mut Server, failures: &mut usize) {
    let seen = |server: &Server| server.log().matches("simulated disk: the power fails").count();
    if !server.has_ended() {
        // What it leaves when the power fails must be left whole.
        server.stop();
        let is_failing = seen(server) > *failures;
        if !server.has_ended() {
            server.signal(if is_failing { Signal::CONT } else { Signal::KILL });
        }
    }
    let status = server.wait_for_end().expect("a server ends");
    if status.code() == Some(POWER_FAILED) {
        *failures += 1;
    }
    assert_eq!(seen(server), *failures, "it has ended otherwise: {status}");
}

/// Starts the server on a disk that works. What was torn may have to be cut off first, as the log says.
fn start_whole(server: &mut Server, mode: &Mode, met: &mut Met) {
    let program = Program::nuthatch();
    if server.try_start_again(&program, mode.arguments).is_ok() && has_loaded(server) {
        return;
    }
    assert!(
        server.log().contains("use ./nuthatch check-aof --fix <filename.manifest>"),
        "it is not said what is to be done"
    );
    met.repaired += 1;
    let manifest = server.directory().join("appendonlydir/appendonly.aof.manifest");
    let mut repair = Command::new(&program.path);
    repair.args(["check-aof", "--fix"]).arg(manifest).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut repair = repair.spawn().expect("the program can be run");
    // It asks whether it may.
    writeln!(repair.stdin.take().expect("it is a pipe"), "y").expect("the program reads it");
    let repaired = repair.wait_with_output().expect("the program can be waited for");
    assert!(repaired.status.success(), "{}", String::from_utf8_lossy(&repaired.stdout));
    server.start_again(&program, mode.arguments);
    assert!(has_loaded(server), "it refuses what was repaired");
}

/// Waits until all is loaded, or the server has ended because it cannot be. Says whether it is loaded.
fn has_loaded(server: &mut Server) -> bool {
    let mut is_loaded = false;
    let is_over = wait_until(|| {
        is_loaded = writer::is_loaded(server);
        is_loaded || server.has_ended()
    });
    assert!(is_over, "it goes on loading");
    is_loaded
}

/// The names of all files.
fn names(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for directory in [directory.to_owned(), directory.join("appendonlydir")] {
        // The second may not be there.
        for entry in directory.read_dir().into_iter().flatten() {
            names.push(entry.expect("an entry can be read").file_name().to_string_lossy().into_owned());
        }
    }
    names
}

#[test]
fn what_is_acknowledged_with_fsync_always_outlives_the_power() {
    survive(&MODES[0]);
}

#[test]
fn what_is_acknowledged_with_a_base_of_commands_outlives_the_power() {
    survive(&MODES[1]);
}

#[test]
fn what_was_waited_for_with_fsync_every_second_outlives_the_power() {
    survive(&MODES[2]);
}

#[test]
fn nothing_is_torn_without_fsync() {
    survive(&MODES[3]);
}

#[test]
fn what_was_saved_outlives_the_power() {
    survive(&MODES[4]);
}
