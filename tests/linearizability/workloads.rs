//! Rounds of different kinds, and the tests that run them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::history::describe;
use crate::model::{Command, Key};
use crate::rounds::{Plan, Round, run};
use crate::search::is_linearizable;

/// Keys of a round: few, so that operations meet.
pub(crate) const KEYS: usize = 3;

const CLIENTS: usize = 6;

/// Operations of a client in a round: few, so that the search is small.
const OPERATIONS: usize = 5;

/// Rounds that run before their histories are searched.
const ROUNDS_AT_ONCE: usize = 200;

/// Generates one round.
pub(crate) type Workload = fn(&mut Pcg64) -> Round;

fn key(random: &mut Pcg64) -> Key {
    random.random_range(0..KEYS)
}

/// Some keys, in any order.
fn keys(random: &mut Pcg64) -> Vec<Key> {
    let all: Vec<Key> = (0..KEYS).collect();
    let count = random.random_range(2..=KEYS);
    all.sample(random, count).copied().collect()
}

fn value(random: &mut Pcg64) -> i64 {
    // So few that values come back: who watches a key must not be content with its value.
    random.random_range(1..=50)
}

fn on_number(random: &mut Pcg64) -> Command {
    match random.random_range(0..4) {
        0 | 1 => Command::Get(key(random)),
        2 => Command::Set(key(random), value(random)),
        _ => Command::Increment(key(random)),
    }
}

fn round(random: &mut Pcg64, plan: fn(&mut Pcg64) -> Plan) -> Round {
    (0..CLIENTS).map(|_| (0..OPERATIONS).map(|_| plan(random)).collect()).collect()
}

/// Single commands.
pub(crate) fn single_commands(random: &mut Pcg64) -> Round {
    round(random, |random| Plan::One(on_number(random)))
}

/// Several keys at once, by transactions and by commands of several keys.
pub(crate) fn transactions(random: &mut Pcg64) -> Round {
    round(random, |random| match random.random_range(0..10) {
        0 | 1 => Plan::One(on_number(random)),
        2 | 3 => Plan::GetAll(keys(random)),
        4 => Plan::SetAll(keys(random).into_iter().map(|key| (key, value(random))).collect()),
        5 | 6 => Plan::Together {
            commands: keys(random).into_iter().map(|key| Command::Set(key, value(random))).collect(),
            at_once: random.random_bool(0.5),
        },
        7 => Plan::Together {
            commands: keys(random).into_iter().map(Command::Get).collect(),
            at_once: random.random_bool(0.5),
        },
        _ => Plan::Together {
            commands: (0..random.random_range(2..=4)).map(|_| on_number(random)).collect(),
            at_once: random.random_bool(0.5),
        },
    })
}

/// Values that are exchanged if they have not changed.
pub(crate) fn exchanges(random: &mut Pcg64) -> Round {
    round(random, |random| match random.random_range(0..6) {
        0 => Plan::One(on_number(random)),
        1 => Plan::GetAll(keys(random)),
        2 => Plan::Together {
            commands: keys(random).into_iter().map(|key| Command::Set(key, value(random))).collect(),
            at_once: true,
        },
        _ => {
            let watched = keys(random);
            Plan::Exchange { key: watched[0], watched, new: value(random) }
        }
    })
}

/// Elements that some push, alone or together, and others wait for.
pub(crate) fn queues(random: &mut Pcg64) -> Round {
    let mut pushed = Vec::new();
    let mut round = Round::new();
    for client in 0..CLIENTS / 2 {
        let mut plans = Vec::new();
        for number in 0..OPERATIONS {
            let element = (100 * client + number) as i64;
            let one = Command::Push(key(random), element);
            let commands = match random.random_range(0..3) {
                0 => vec![one, Command::Push(key(random), element + 50)],
                _ => vec![one],
            };
            pushed.extend(commands.iter().filter_map(|command| match command {
                Command::Push(key, _) => Some(*key),
                _ => None,
            }));
            plans.push(match <[Command; 1]>::try_from(commands) {
                Ok([command]) => Plan::One(command),
                Err(commands) => Plan::Together { commands, at_once: random.random_bool(0.5) },
            });
        }
        round.push(plans);
    }
    let mut takers = vec![Vec::new(); CLIENTS - CLIENTS / 2];
    // Who waits gets something: no more elements are taken than are pushed, and by those who do nothing else.
    for key in pushed {
        let taker = random.random_range(0..takers.len());
        takers[taker].push(Plan::BlockingPop(key));
    }
    round.extend(takers);
    round
}

/// Runs a workload over a server, and returns what cannot have happened one after the other.
pub(crate) fn check(address: SocketAddr, workload: Workload, extent: Extent) -> Result<(), String> {
    let mut random = Pcg64::seed_from_u64(extent.seed);
    let mut left = extent.commands.div_ceil(CLIENTS * OPERATIONS);
    while left > 0 {
        let count = left.min(ROUNDS_AT_ONCE);
        left -= count;
        let rounds: Vec<Round> = (0..count).map(|_| workload(&mut random)).collect();
        let histories = run(address, &rounds).map_err(|error| error.to_string())?;
        let faults: Vec<_> = histories.iter().filter(|history| !is_linearizable(history, KEYS)).collect();
        if let Some(first) = faults.first() {
            let mut text = format!("{} of {count} rounds cannot be put in order, such as:\n", faults.len());
            let _ = write!(text, "{}", describe(first));
            return Err(text);
        }
        // The next rounds use the same keys.
        nuthatch_testkit::client::Client::connect(address)
            .and_then(|mut client| client.try_call(["FLUSHALL"]))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Where a server listens.
pub(crate) fn address(server: &Server) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, server.port()).into()
}

#[track_caller]
fn check_nuthatch(workload: Workload) {
    let extent = Extent::from_environment();
    let server = Server::start(&Program::nuthatch(), &["--io-threads", "4"]);
    if let Err(fault) = check(address(&server), workload, extent) {
        panic!("NUTHATCH_SEED={}: {fault}", extent.seed);
    }
}

#[test]
fn single_commands_can_be_put_in_order() {
    check_nuthatch(single_commands);
}

#[test]
fn transactions_can_be_put_in_order() {
    check_nuthatch(transactions);
}

#[test]
fn exchanges_of_watched_values_can_be_put_in_order() {
    check_nuthatch(exchanges);
}

#[test]
fn elements_of_queues_can_be_put_in_order() {
    check_nuthatch(queues);
}
