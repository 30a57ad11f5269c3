//! Clients that keep what they have read, while others change it: in the end nobody keeps what is not so.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::server::{Server, wait_until};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::cache::{Cache, Mode, PREFIXES};
use crate::start;

const READERS: usize = 4;

const WRITERS: usize = 3;

/// Keys of each type.
const KEYS: usize = 12;

fn key(random: &mut Pcg64) -> String {
    let prefix = PREFIXES.choose(random).copied().unwrap_or_default();
    format!("{prefix}{}", random.random_range(0..KEYS))
}

/// A change of a key's value.
fn change(random: &mut Pcg64) -> Vec<String> {
    let key = key(random);
    let number = random.random_range(0..1000);
    let line = match key.split(':').next() {
        _ if random.random_ratio(1, 10) => format!("DEL {key}"),
        _ if random.random_ratio(1, 10) => format!("PEXPIRE {key} {}", number % 20 + 1),
        _ if random.random_ratio(1, 20) => format!("PEXPIREAT {key} 1"),
        Some("hash") => format!("HSET {key} field {number}"),
        Some("list") if number < 800 => format!("LPUSH {key} {number}"),
        Some("list") => format!("LTRIM {key} 0 3"),
        _ => match number % 4 {
            0 => format!("SET {key} {number} PX {}", number % 20 + 1),
            1 => format!("MSET string:0 {number} string:1 {number} {key} {number}"),
            2 => format!("RENAME {key} string:2"),
            _ => format!("SET {key} {number}"),
        },
    };
    line.split(' ').map(str::to_owned).collect()
}

fn write(client: &mut Client, random: &mut Pcg64) -> io::Result<()> {
    match random.random_range(0..400) {
        0 => drop(client.try_call(["FLUSHALL"])?),
        1 => drop(client.try_call(["FLUSHDB", "ASYNC"])?),
        2..80 => {
            client.try_call(["MULTI"])?;
            for _ in 0..random.random_range(1..4) {
                client.try_call(change(random))?;
            }
            client.try_call(["EXEC"])?;
        }
        _ => drop(client.try_call(change(random))?),
    }
    Ok(())
}

/// What a reader keeps that is not so, if anything.
fn read_until(done: &AtomicBool, cache: &mut Cache, random: &mut Pcg64) -> io::Result<Vec<String>> {
    while !done.load(Ordering::SeqCst) {
        let keys: Vec<String> = (0..random.random_range(1..4)).map(|_| key(random)).collect();
        cache.read(&keys)?;
        thread::yield_now();
    }
    cache.listen_to_all()?;
    let kept: Vec<_> = cache.values().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut faults = Vec::new();
    for (key, value) in kept {
        let fresh = cache.fresh(&key)?;
        if value != fresh {
            faults.push(format!("{key} is kept as {value:?}, and is {fresh:?}"));
        }
    }
    Ok(faults)
}

/// Whether keys have deadlines.
fn expiring(control: &mut Client) -> io::Result<bool> {
    let info = control.try_call(["INFO", "keyspace"])?.text();
    Ok(info.lines().filter(|line| line.starts_with("db")).any(|line| !line.contains(",expires=0,")))
}

/// Runs readers and writers, and returns what readers keep in the end that is not so.
fn check(server: &Server, modes: &[Mode], ignores_one_in: Option<usize>) -> io::Result<Vec<String>> {
    let extent = Extent::from_environment();
    let changes = extent.commands / (2 * WRITERS);
    let done = AtomicBool::new(false);
    let mut caches: Vec<Cache> = (0..READERS)
        .map(|number| Cache::open(server, modes[number % modes.len()], ignores_one_in))
        .collect::<io::Result<_>>()?;
    let mut control = server.try_connect()?;
    let faults = thread::scope(|scope| {
        let readers: Vec<_> = caches
            .iter_mut()
            .zip(0..)
            .map(|(cache, number)| {
                let done = &done;
                let mut random = Pcg64::seed_from_u64(extent.seed.wrapping_add(number));
                scope.spawn(move || read_until(done, cache, &mut random))
            })
            .collect();
        let writers: Vec<_> = (0..WRITERS as u64)
            .map(|number| {
                let mut random = Pcg64::seed_from_u64(extent.seed.wrapping_add(1000 + number));
                scope.spawn(move || -> io::Result<()> {
                    let mut client = server.try_connect()?;
                    (0..changes).try_for_each(|_| write(&mut client, &mut random))
                })
            })
            .collect();
        let written: io::Result<()> =
            writers.into_iter().try_for_each(|writer| writer.join().expect("no writer panics"));
        // What is still about to expire changes, too.
        let settled = wait_until(|| expiring(&mut control).is_ok_and(|expiring| !expiring));
        done.store(true, Ordering::SeqCst);
        let mut faults = Vec::new();
        for reader in readers {
            faults.extend(reader.join().expect("no reader panics")?);
        }
        written?;
        assert!(settled, "keys do not expire");
        io::Result::Ok(faults)
    })?;
    assert!(caches.iter().all(|cache| cache.invalidations > 0), "nothing was out of date");
    Ok(faults)
}

#[track_caller]
fn assert_current(arguments: &[&str], modes: &[Mode]) {
    let server = start(arguments);
    let faults = check(&server, modes, None).expect("the server answers");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn tracking_clients_keep_nothing_that_is_out_of_date() {
    assert_current(&[], &[Mode::Tracking, Mode::OptIn, Mode::OptOut, Mode::Redirected]);
}

#[test]
fn clients_that_hear_of_all_keys_keep_nothing_that_is_out_of_date() {
    assert_current(&[], &[Mode::Broadcast, Mode::RedirectedBroadcast]);
}

#[test]
fn clients_keep_nothing_that_is_out_of_date_when_the_server_tracks_few_keys() {
    let modes = [Mode::Tracking, Mode::Redirected, Mode::OptIn, Mode::Broadcast];
    assert_current(&["--tracking-table-max-keys", "5"], &modes);
}

#[test]
fn a_cache_that_misses_an_invalidation_is_found() {
    let server = start(&[]);
    let faults = check(&server, &[Mode::Tracking], Some(3)).expect("the server answers");
    assert!(!faults.is_empty(), "nothing was found");
}
