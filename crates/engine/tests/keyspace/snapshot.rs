//! A snapshot is the data of its moment, whatever is done while it is made.

use std::ops::ControlFlow;
use std::time::Duration;

use fastrand::Rng;
use nuthatch_engine::Engine;
use nuthatch_engine::keyspace::snapshot::{EntryForm, Help};
use nuthatch_engine::rdb::file::{FileWriter, Version};

use crate::files::load;
use crate::replay::commands::{Context, Sent, TEMPLATES, fill};
use crate::replay::content::{Data, Value, data};
use crate::support::Server;

/// Keys beside those of the templates, so that shards have several ranges.
const KEYS: u64 = 4000;

const BIG_KEYS: u64 = 5;

/// The data without what has ended by this time.
fn live(data: Data, now_ms: u64) -> Data {
    let is_live = |deadline: &Option<u64>| deadline.is_none_or(|deadline| deadline > now_ms);
    let live_fields = |value: Value| match value {
        Value::Hash(mut fields) => {
            fields.retain(|_, (_, deadline)| is_live(deadline));
            (!fields.is_empty()).then_some(Value::Hash(fields))
        }
        value => Some(value),
    };
    data.into_iter()
        .filter(|(_, (_, deadline))| is_live(deadline))
        .filter_map(|(place, (value, deadline))| Some((place, (live_fields(value)?, deadline))))
        .collect()
}

/// Makes a snapshot, and calls `between` before each of its steps with how many there were. If one who serves clients
/// `helps`, that is done between the steps, too. Returns the file.
fn snapshot(
    engine: &Engine,
    helps: bool,
    mut between: impl FnMut(usize) -> ControlFlow<()>,
) -> Option<Vec<u8>> {
    let form = EntryForm {
        compresses: true,
        with_last_use: false,
        policy: engine.settings.access_policy(engine.now_ms()),
    };
    let mut file = Vec::new();
    let mut writer = FileWriter::new(&mut file, Version::FIELD_DEADLINES, true);
    let mut snapshot = engine.keyspace.begin_snapshot(form, &mut || ()).expect("no script runs");
    snapshot.ask_for_help(|| helps);
    let mut helped = 0;
    for step in 0.. {
        if between(step).is_break() {
            return None;
        }
        if engine.keyspace.help_snapshot(Duration::ZERO) == Help::More {
            helped += 1;
        }
        if !snapshot
            .step(&mut |database, entries| writer.entries(database, entries))
            .expect("memory takes it")
        {
            break;
        }
    }
    drop(snapshot);
    assert_eq!(helped > 10, helps, "there was help {helped} times");
    assert_eq!(engine.keyspace.help_snapshot(Duration::ZERO), Help::None, "it is over");
    writer.finish().expect("memory takes it");
    Some(file)
}

fn filled() -> Server {
    let mut server = Server::new(None);
    for number in 0..KEYS {
        let deadline = if number % 7 == 0 { "PX 700" } else { "" };
        server.run(&format!("SET many{number} value{number} {deadline}"));
    }
    // Who serves clients leaves such to others.
    for number in 0..BIG_KEYS {
        server.run(&format!("SET big{number} {}", "x".repeat(100_000)));
    }
    server
}

/// A command of any kind, or of those on the many keys.
pub(crate) fn command(rng: &mut Rng, now_ms: u64) -> Vec<Vec<u8>> {
    if rng.bool() {
        let (one, other) = (rng.u64(..KEYS), rng.u64(..KEYS));
        let text = match rng.u32(..8) {
            0 => format!("DEL many{one}"),
            1 => format!("RENAME many{one} many{other}"),
            2 => format!("COPY many{one} many{other} DB {} REPLACE", rng.u32(..3)),
            3 => format!("MOVE many{one} 1"),
            4 => format!("PEXPIRE many{one} {}", rng.u32(1..2000)),
            5 => format!("APPEND many{one} more"),
            _ => format!("SET many{one} changed{other}"),
        };
        return text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    }
    loop {
        let group = TEMPLATES[rng.usize(..TEMPLATES.len())];
        let template = group[rng.usize(..group.len())];
        let context = Context { now_ms, lifetimes_ms: 1..3_000, dumps: &[] };
        let Sent { waits, words } = fill(template, rng.u64(..), &context);
        if !waits {
            return words;
        }
    }
}

#[test]
fn a_snapshot_is_the_data_of_its_moment() {
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let mut server = filled();
        for _ in 0..300 {
            let words = command(&mut rng, server.now_ms());
            server.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        let moment = server.now_ms();
        let expected = live(data(&server), moment);
        let mut client = server.client();
        let mut changed = 0;
        let file = snapshot(&server.engine, seed % 2 == 1, |_| {
            for _ in 0..rng.usize(..8) {
                changed += 1;
                let words = match rng.u32(..400) {
                    0 => vec![b"FLUSHALL".to_vec()],
                    1 => vec![b"FLUSHDB".to_vec(), b"SYNC".to_vec()],
                    2 => ["SWAPDB", "0", "1"].map(|word| word.as_bytes().to_vec()).to_vec(),
                    _ => command(&mut rng, server.now_ms()),
                };
                client.call(&server.engine, &words);
            }
            if rng.u32(..50) == 0 {
                server.defragment(10, &mut |_| rng.bool());
            }
            if rng.u32(..10) == 0 {
                server.set_clock(server.now_ms() + 100);
                server.expire();
            }
            ControlFlow::Continue(())
        })
        .expect("it goes on");
        assert!(changed > 100, "the snapshot has taken {changed} changes only");
        assert_ne!(live(data(&server), moment), expected, "nothing has changed");
        let again = Server::new(None);
        again.set_clock(moment);
        load(&again, &file).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        // What has expired meanwhile may be there or not.
        let now_ms = server.now_ms();
        let (expected, found) = (live(expected, now_ms), live(data(&again), now_ms));
        for (place, value) in &expected {
            assert_eq!(found.get(place), Some(value), "seed {seed}: {place:?}");
        }
        assert_eq!(found.len(), expected.len(), "seed {seed}");
    }
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing_behind() {
    let mut server = filled();
    for given_up in [0, 1, 30] {
        let mut client = server.client();
        let file = snapshot(&server.engine, given_up == 30, |step| {
            client.call(&server.engine, &["SET", "many1", "x"].map(|word| word.as_bytes().to_vec()));
            if step == given_up { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(file.is_none(), "given up after {given_up}");
        server.run("FLUSHDB");
        server.run("SET many1 y");
    }
    let moment = live(data(&server), server.now_ms());
    let file = snapshot(&server.engine, false, |_| ControlFlow::Continue(())).expect("it goes on");
    let again = Server::new(None);
    load(&again, &file).expect("the file is right");
    assert_eq!(data(&again), moment);
}
