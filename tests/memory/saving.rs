//! Keys that go while the data set is saved, and files of servers of which keys have gone.

use std::fs;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};

use crate::{info, number_in, run, set, start, used, which_exist};

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

fn digest(client: &mut Client) -> String {
    client.command("DEBUG DIGEST").text()
}

/// Keys of all types and some databases.
fn fill(client: &mut Client, keys: usize) {
    let value = "v".repeat(100);
    for database in 0..3 {
        let lines = (0..keys).map(|number| match number % 7 {
            0 => format!("RPUSH list:{number} {value} {number} element"),
            1 => format!("HSET hash:{number} field {value} other {number}"),
            2 => format!("ZADD zset:{number} {number} {value} 2 member"),
            3 => format!("SADD set:{number} {value} {number}"),
            4 => format!("XADD stream:{number} 1-1 field {value}"),
            _ => format!("SET string:{number} {value} EX {}", 100_000 + number),
        });
        run(client, [format!("SELECT {database}")].into_iter().chain(lines));
    }
}

/// Starts a server that loads the files of another one.
fn start_with_file_of(server: &Server, arguments: &[&str]) -> Server {
    let file = fs::read(server.directory().join("dump.rdb")).expect("a file was saved");
    let put = |directory: &std::path::Path| {
        fs::write(directory.join("dump.rdb"), file).expect("a file can be written");
    };
    let other = Server::start_with(&Program::nuthatch(), arguments, put);
    let is_loaded = || info(&mut other.connect(), "loading") == 0;
    assert!(wait_until(is_loaded), "it goes on loading");
    other
}

/// Keys that go are in the file, but for those that went before the moment of which it is.
#[test]
fn a_file_has_the_keys_that_go_while_it_is_written() {
    const KEYS: usize = 7000;
    for policy in ["allkeys-random", "volatile-ttl", "allkeys-lru"] {
        // With one event loop keys go in the order in which that is told.
        let arguments = ["--maxmemory-policy", policy, "--io-threads", "1", "--rdb-key-save-delay", "50"];
        let server = start(&[&arguments[..], &["--notify-keyspace-events", "Ee"]].concat());
        let (mut client, mut listener) = (server.connect(), server.connect());
        let before = used(&mut client);
        fill(&mut client, KEYS);
        // Tables keep what they have.
        let limit = before + (used(&mut client) - before) * 3 / 4;
        listener.command("PSUBSCRIBE __keyevent@*__:evicted");
        run(&mut client, ["BGSAVE".to_owned(), format!("CONFIG SET maxmemory {limit}")]);
        let gone_meanwhile = wait_until(|| {
            // Any command makes room, as far as it may.
            let text = client.command("INFO").text();
            let goes_on = number_in(&text, "rdb_bgsave_in_progress") == 1;
            assert!(goes_on, "{policy}: {} have gone while it was saved", number_in(&text, "evicted_keys"));
            number_in(&text, "evicted_keys") > 1000
        });
        assert!(gone_meanwhile, "{policy}: nothing goes while it is saved");
        set(&mut client, "rdb-key-save-delay", 0);
        assert!(wait_until(|| info(&mut client, "rdb_bgsave_in_progress") == 0), "{policy}");
        set(&mut client, "maxmemory", 0);
        assert_eq!(info(&mut client, "mem_not_counted_for_evict"), 0, "{policy}");
        let other = start_with_file_of(&server, &[]);
        let mut loaded = other.connect();
        let evicted = info(&mut client, "evicted_keys");
        let mut lost = Vec::new();
        for _ in 0..evicted {
            let mut parts = listener.read_reply().expect("a message").into_elements();
            let key = parts.pop().map(|key| key.text()).unwrap_or_default();
            let channel = parts.pop().map(|channel| channel.text()).unwrap_or_default();
            let database = channel.trim_start_matches("__keyevent@").split('_').next().unwrap_or_default();
            run(&mut loaded, [format!("SELECT {database}")]);
            lost.push(which_exist(&mut loaded, [key]) == [false]);
        }
        // The moment comes soon after the command was answered.
        let first = lost.iter().take_while(|lost| **lost).count();
        assert!(first < lost.len() / 2, "{policy}: {first} of {} are lost", lost.len());
        assert!(lost[first..].iter().all(|lost| !lost), "{policy}: the file is of no moment");
        let text = loaded.command("INFO keyspace").text();
        let keys =
            text.split("keys=").skip(1).filter_map(|rest| rest.split(',').next()?.parse::<usize>().ok());
        assert_eq!(keys.sum::<usize>(), 3 * KEYS - first, "{policy}");
    }
}

/// What an append-only file says has to be what the server held when it ended.
#[test]
fn keys_that_have_gone_do_not_come_back_from_the_append_only_file() {
    const KEYS: usize = 3500;
    for policy in ["allkeys-random", "volatile-lru", "allkeys-lfu"] {
        for fsync in ["always", "everysec"] {
            let arguments = ["--appendonly", "yes", "--appendfsync", fsync, "--io-threads", "2"];
            let arguments = [&arguments[..], &DEBUG].concat();
            let server = start(&[&arguments[..], &["--maxmemory-policy", policy]].concat());
            let mut client = server.connect();
            fill(&mut client, KEYS);
            let limit = used(&mut client) / 2;
            set(&mut client, "maxmemory", limit);
            std::thread::scope(|scope| {
                for writer in 0..3 {
                    let mut client = server.connect();
                    scope.spawn(move || {
                        for number in 0..200 {
                            // May be refused where only keys with deadlines go.
                            let key = format!("new:{writer}:{number}");
                            client.call(["SET", &key, &"n".repeat(500), "EX", "200000"]);
                            client.command(&format!("RENAME {key} renamed:{writer}:{number}"));
                        }
                    });
                }
            });
            let evicted = info(&mut client, "evicted_keys");
            assert!(evicted > 1000, "{policy}: {evicted} have gone");
            set(&mut client, "maxmemory", 0);
            let before = digest(&mut client);
            let server = server.crash_and_restart(&Program::nuthatch(), &arguments);
            let is_loaded = || info(&mut server.connect(), "loading") == 0;
            assert!(wait_until(is_loaded), "it goes on loading");
            assert_eq!(digest(&mut server.connect()), before, "{policy}, {fsync}");
        }
    }
}

/// Nothing goes while a file is loaded, and then as much as has to.
#[test]
fn more_keys_than_are_allowed_can_be_loaded() {
    const KEYS: usize = 20_000;
    let server = start(&DEBUG);
    let mut client = server.connect();
    let value = "v".repeat(300);
    run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value}")));
    assert_eq!(client.command("SAVE").text(), "OK");
    let limit = used(&mut client) / 2;
    for (policy, goes) in [("noeviction", false), ("volatile-lru", false), ("allkeys-lru", true)] {
        let arguments = ["--maxmemory-policy", policy, "--maxmemory", &limit.to_string()];
        let other = start_with_file_of(&server, &arguments);
        let mut client = other.connect();
        let refusal = client.command("SET another key");
        assert_eq!(refusal.is_error(), !goes, "{policy}: {}", refusal.text());
        if goes {
            assert!(wait_until(|| used(&mut client) <= limit + 64 * 1024), "{policy}");
            assert!(client.command("DBSIZE").integer() > Some(KEYS as i64 / 4), "{policy}");
        } else {
            let there = which_exist(&mut client, (0..KEYS).map(|number| format!("key:{number}")));
            assert!(there.iter().all(|there| *there), "{policy}: some have gone");
        }
    }
}
