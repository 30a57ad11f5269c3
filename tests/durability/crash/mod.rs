//! A server that is killed at any moment has after its next start what it had at the moment of a save: of the last one
//! that was completed, or of the one that went on.
//!
//! `NUTHATCH_COMMANDS` says how often it is killed, once for every thousand, and `NUTHATCH_SEED` from which seed.

mod saves;
mod state;
mod writers;

use std::fs;
use std::thread;
use std::time::Duration;

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rustix::process::Signal;

use saves::{Saves, info};
use state::{FILLERS, Progress, State, WRITERS};
use writers::{Written, set_up, write};

/// With it, saving takes a tenth of a second, so that it is often met.
const ARGUMENTS: [&str; 2] = ["--rdb-key-save-delay", "100"];

/// With it, so does loading.
const SLOW_LOADING: [&str; 2] = ["--key-load-delay", "500"];

/// How long a server lives.
const LIFE_MS: std::ops::Range<u64> = 0..300;

/// What the kills have met.
#[derive(Debug, Default)]
struct Met {
    saving: usize,
    loading: usize,
}

#[test]
fn a_killed_server_has_what_was_saved() {
    let extent = Extent::from_environment();
    let rounds = (extent.commands / 1000).max(1);
    let mut random = Pcg64::seed_from_u64(extent.seed);
    let program = Program::nuthatch();
    let mut server = Server::start(&program, &ARGUMENTS);
    set_up(&mut server.connect(), FILLERS).expect("the server takes the keys");
    assert_eq!(server.connect().command("SAVE").text(), "OK");
    let mut saves = Saves::only([0; WRITERS]);
    let mut met = Met::default();
    let mut round = 0;
    while round < rounds || met.saving == 0 || met.loading == 0 {
        assert!(round < 10 * rounds + 100, "no kill meets what it should: {met:?}");
        let progress = live(&server, &mut saves, &mut random);
        kill(&mut server);
        met.saving += usize::from(!temporaries(&server).is_empty());
        while random.random_ratio(1, 3) {
            server.start_again(&program, &[ARGUMENTS, SLOW_LOADING].concat());
            thread::sleep(Duration::from_millis(random.random_range(LIFE_MS)));
            let is_loading = info(&mut server.connect(), "loading").expect("the server answers") == 1;
            met.loading += usize::from(is_loading);
            kill(&mut server);
        }
        server.start_again(&program, &ARGUMENTS);
        let found = found(&server);
        assert!(
            saves.may_have(found),
            "round {round}, seed {}: {found:?} of {progress:?} is there after {saves:?}",
            extent.seed
        );
        assert_eq!(temporaries(&server), [""; 0], "they are left behind");
        saves = Saves::only(found);
        round += 1;
    }
    println!("{round} rounds, of which {} while it saved; {} kills while it loaded", met.saving, met.loading);
}

/// Has writers write and a client save for a while, until the server is killed. Returns how far the writers had come.
fn live(server: &Server, saves: &mut Saves, random: &mut Pcg64) -> Progress {
    let written = &Written::from(found(server));
    let seeds: [u64; WRITERS] = random.random();
    let mut saving = server.connect();
    let mut for_saver = Pcg64::seed_from_u64(random.random());
    let life = Duration::from_millis(random.random_range(LIFE_MS));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let client = server.connect();
                scope.spawn(move || write(client, writer, written, seeds[writer]))
            })
            .collect();
        let saver = scope.spawn(move || saves.save_repeatedly(&mut saving, written, &mut for_saver));
        thread::sleep(life);
        send_kill(server);
        saver.join().expect("the client that saves goes on to the end");
        for writer in writers {
            let outcome = writer.join().expect("a writer goes on to the end");
            assert_eq!(outcome, Ok(()), "it is refused");
        }
    });
    written.confirmed()
}

fn send_kill(server: &Server) {
    let process = i32::try_from(server.process_id()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(process.expect("a child has a process number"), Signal::KILL)
        .expect("a child can be signalled");
}

fn kill(server: &mut Server) {
    assert!(server.end_with(Signal::KILL).is_some(), "a killed server ends");
}

/// What is there when everything is loaded.
#[track_caller]
fn found(server: &Server) -> Progress {
    let mut client = server.connect();
    assert!(
        wait_until(|| info(&mut client, "loading").is_ok_and(|loading| loading == 0)),
        "it goes on loading"
    );
    let state = State::read(&mut client).expect("the server answers");
    state.progress().unwrap_or_else(|fault| panic!("{fault}: {state:?}"))
}

/// The names of files that were not finished.
fn temporaries(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.directory()).expect("a directory can be read");
    let names = entries.map(|entry| entry.expect("an entry can be read").file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with("temp-")).collect()
}
