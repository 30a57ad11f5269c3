//! Generated commands of all families, and what is loaded of their effects.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::families;
use nuthatch_testkit::generator::{Family, Generator};
use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;

use super::{arguments, await_loading, copy, crash, rewrite, state};
use crate::interchange::{assert_same, fill};

const FAMILIES: &[&Family] = &[
    &families::STRINGS,
    &families::BITMAPS,
    &families::KEYS,
    &families::HASHES,
    &families::LISTS,
    &families::SETS,
    &families::SORTED_SETS,
    &families::HYPERLOGLOG,
    &families::GEO,
    &families::STREAMS,
    &families::SORT,
    &families::TRANSACTIONS,
    &families::SCRIPTS,
];

/// The server that takes all that is a number here for one (tests/differences.toml has those of others).
const SAME_NUMBERS: &str = "redis-8.0";

/// Commands of a pipeline.
const PIPELINE: usize = 20;

/// Whether a server has a command, by a name such as `get` or `client|list`.
fn has_command(client: &mut Client, name: &str) -> bool {
    let reply = client.call(name.split('|'));
    !(reply.is_error() && reply.text().starts_with("ERR unknown"))
}

/// Sends commands of a family that every one of the servers knows.
fn play(server: &Server, others: &[&Server], family: &Family, seed: u64, count: usize) {
    let mut asked: Vec<Client> = [server].iter().chain(others).map(|server| server.connect()).collect();
    let mut generator =
        Generator::new(family, seed, |name| asked.iter_mut().all(|client| has_command(client, name)));
    let mut client = server.connect();
    let requests: Vec<Request> = (0..count).map(|_| generator.request()).collect();
    for batch in requests.chunks(PIPELINE) {
        if client.pipeline(batch).is_err() {
            // One of them has ended the connection.
            client = server.connect();
        }
    }
}

/// That no command of the files has failed: what is appended is what was done.
#[track_caller]
fn assert_no_errors(server: &Server, context: &str) {
    let log = server.log();
    let error = log.lines().find(|line| line.contains("sending an error to its AOF-loading-client"));
    assert_eq!(error, None, "{context}");
}

fn count() -> usize {
    (Extent::from_environment().commands / 4).max(200)
}

#[test]
fn what_commands_have_done_is_loaded_again() {
    for (number, family) in FAMILIES.iter().enumerate() {
        let seed = Extent::from_environment().seed.wrapping_add(number as u64);
        let mut server = Server::start(&Program::nuthatch(), &arguments(&[]));
        for round in 0..3 {
            play(&server, &[], family, seed.wrapping_add(1000 * round), count());
            if round == 1 {
                rewrite(&mut server.connect());
            }
            let before = state(&server);
            server = crash(server, &[]);
            let difference = state(&server).first_difference_in_values(&before);
            let context = format!("{} with seed {seed} in round {round}", family.name);
            assert_eq!(difference, None, "{context}");
            assert_no_errors(&server, &context);
        }
    }
}

#[test]
fn stock_servers_load_what_commands_have_done() {
    for program in Program::references().into_iter().filter(|program| program.name != "redis-7.0") {
        let stock = Server::start(&program, &[]);
        for (number, family) in FAMILIES.iter().enumerate() {
            let seed = Extent::from_environment().seed.wrapping_add(number as u64);
            let preamble = if number % 2 == 0 { "yes" } else { "no" };
            let ours = Server::start(&Program::nuthatch(), &arguments(&["--aof-use-rdb-preamble", preamble]));
            play(&ours, &[&stock], family, seed, count());
            if number % 3 != 2 {
                rewrite(&mut ours.connect());
                play(&ours, &[&stock], family, seed.wrapping_add(1000), count());
            }
            let theirs = Server::start_with(&program, &arguments(&[]), |directory| {
                copy(ours.directory(), directory);
            });
            await_loading(&theirs);
            let difference = state(&ours).first_difference_in_values(&state(&theirs));
            let context = format!("{} with seed {seed} to {}", family.name, program.name);
            assert_eq!(difference, None, "{context}");
            if program.name == SAME_NUMBERS {
                assert_no_errors(&theirs, &context);
            }
        }
    }
}

#[test]
fn what_stock_servers_have_appended_is_loaded() {
    for program in Program::references() {
        let known = Server::start(&Program::nuthatch(), &[]);
        for (number, family) in FAMILIES.iter().enumerate() {
            if family.name == families::SCRIPTS.name {
                // Redis 7.0 and 8.0 crash when they append what some of these scripts do.
                continue;
            }
            let seed = Extent::from_environment().seed.wrapping_add(number as u64);
            let preamble = if number % 2 == 0 { "yes" } else { "no" };
            let others = ["--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes"];
            let theirs = Server::start(&program, &arguments(&others));
            play(&theirs, &[&known], family, seed, count());
            if number % 3 != 2 {
                rewrite(&mut theirs.connect());
                play(&theirs, &[&known], family, seed.wrapping_add(1000), count());
            }
            // Some changes, such as of an encoding, stock servers do not append.
            let theirs = theirs.crash_and_restart(&program, &arguments(&others));
            await_loading(&theirs);
            let before = state(&theirs);
            let ours = Server::start_with(&Program::nuthatch(), &arguments(&[]), |directory| {
                copy(theirs.directory(), directory);
            });
            await_loading(&ours);
            let difference = state(&ours).first_difference_in_values(&before);
            assert_eq!(difference, None, "{} with seed {seed} from {}", family.name, program.name);
        }
    }
}

#[test]
fn deadlines_of_fields_and_libraries_are_kept() {
    for (seed, preamble) in [(1, "yes"), (2, "no")] {
        let others = ["--enable-debug-command", "yes", "--aof-use-rdb-preamble", preamble];
        let ours = Server::start(&Program::nuthatch(), &arguments(&others));
        fill(&mut ours.connect(), seed, true);
        let again = Server::start_with(&Program::nuthatch(), &arguments(&others), |directory| {
            copy(ours.directory(), directory);
        });
        await_loading(&again);
        assert_same(&ours, &again, "from the incremental file");
        rewrite(&mut ours.connect());
        let again = Server::start_with(&Program::nuthatch(), &arguments(&others), |directory| {
            copy(ours.directory(), directory);
        });
        await_loading(&again);
        assert_same(&ours, &again, "from the base");
        for program in Program::references().into_iter().filter(|program| program.name == "redis-8.0") {
            let theirs = Server::start_with(&program, &arguments(&others), |directory| {
                copy(ours.directory(), directory);
            });
            await_loading(&theirs);
            assert_same(&ours, &theirs, program.name);
        }
    }
}
