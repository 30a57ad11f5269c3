//! What is told of memory is so.

use std::fs;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use crate::{given_out, info, run, set, start, used};

const MIB: u64 = 1 << 20;

/// What is kept for what is asked for next: by each thread, and for each size of entries.
const CACHED: u64 = 24 * MIB;

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

#[track_caller]
fn check_allocator_agrees(client: &mut Client) {
    let (used, given_out) = (used(client), given_out(client));
    let agrees = given_out + MIB / 4 > used && given_out < used + CACHED;
    assert!(agrees, "{used} used, {given_out} given out");
}

/// Populates with about so many small keys. Returns how much more memory is used then.
fn populate(client: &mut Client, keys: usize) -> u64 {
    let before = used(client);
    assert_eq!(client.command(&format!("DEBUG POPULATE {keys} key 20")).text(), "OK");
    used(client) - before
}

#[test]
fn all_threads_count() {
    for threads in ["1", "2", "4"] {
        let server = start(&["--io-threads", threads]);
        let mut observer = server.connect();
        let value = vec![b'v'; MIB as usize];
        for client in 0..8 {
            let before = used(&mut observer);
            // It may be served by the same thread or by another one.
            let mut writer = server.connect();
            for number in 0..4 {
                writer.call([&b"SET"[..], format!("key:{client}:{number}").as_bytes(), &value]);
            }
            let grown = used(&mut observer) - before;
            assert!(
                // What answers and questions take is a little less or more.
                (4 * MIB - MIB / 8..6 * MIB).contains(&grown),
                "{threads} threads: {grown} bytes for four of a mebibyte"
            );
            // What one thread has allocated another one releases.
            run(&mut observer, [format!("UNLINK key:{client}:0"), format!("SET key:{client}:1 small")]);
            let is_less = wait_until(|| used(&mut observer) < before + 3 * MIB);
            assert!(
                is_less,
                "{threads} threads: {} bytes for two of a mebibyte",
                used(&mut observer) - before
            );
        }
        check_allocator_agrees(&mut observer);
    }
}

#[test]
fn keys_and_values_take_about_what_memory_usage_tells() {
    const KEYS: usize = 20_000;
    let server = start(&DEBUG);
    let mut client = server.connect();
    // So that the table of keys need not grow.
    populate(&mut client, 50_000);
    let before = used(&mut client);
    let value = "v".repeat(50);
    let line = |number: usize| match number % 6 {
        0 => format!("SET own:{number} {value}{}", value.repeat(number % 50)),
        1 => format!("RPUSH own:{number} {value} b c d"),
        2 => format!("HSET own:{number} field {value} other {number}"),
        3 => format!("ZADD own:{number} 1 {value} 2 other"),
        4 => format!("SADD own:{number} {value} other {number}"),
        _ => format!("XADD own:{number} 1-1 field {value}"),
    };
    run(&mut client, (0..KEYS).map(line));
    let grown = used(&mut client) - before;
    let replies = run(&mut client, (0..KEYS).map(|number| format!("MEMORY USAGE own:{number} SAMPLES 0")));
    let number =
        |reply: &Vec<u8>| String::from_utf8_lossy(&reply[1..]).trim().parse::<u64>().unwrap_or_default();
    let told: u64 = replies.iter().map(number).sum();
    let ratio = told as f64 / grown as f64;
    assert!((0.85..1.15).contains(&ratio), "told {told}, grown by {grown}");
    check_allocator_agrees(&mut client);
}

/// A million where there is time for it.
fn many() -> usize {
    nuthatch_testkit::differential::Extent::from_environment().commands * 10
}

#[test]
fn what_is_loaded_counts_whichever_thread_loads_it() {
    let keys = many();
    for arguments in [&["--appendonly", "no"][..], &["--appendonly", "yes"]] {
        let arguments = [arguments, &DEBUG, &["--io-threads", "4"]].concat();
        let server = start(&arguments);
        let mut client = server.connect();
        let grown = populate(&mut client, keys);
        // What DEBUG POPULATE writes is not appended.
        run(&mut client, (0..keys / 20).map(|number| format!("SET appended:{number} {number} EX 100000")));
        let saved = if arguments[1] == "no" { "SAVE" } else { "BGREWRITEAOF" };
        assert!(!client.command(saved).is_error());
        assert!(wait_until(|| info(&mut client, "aof_rewrite_in_progress") == 0));
        // The rest of the file is commands.
        run(&mut client, (0..keys / 20).map(|number| format!("SET again:{number} {number}")));
        let before = used(&mut client);
        let server = server.crash_and_restart(&Program::nuthatch(), &arguments);
        let mut client = server.connect();
        assert!(wait_until(|| info(&mut client, "loading") == 0), "it goes on loading");
        let after = used(&mut client);
        let is_same = after.abs_diff(before) < grown / 10 + 2 * MIB;
        assert!(is_same, "{arguments:?}: {before} before, {after} after it was loaded");
        check_allocator_agrees(&mut client);
        assert_eq!(client.command("DEBUG RELOAD").text(), "OK");
        let is_same = wait_until(|| used(&mut client).abs_diff(after) < grown / 10 + 2 * MIB);
        assert!(is_same, "DEBUG RELOAD: {after} before, {} after", used(&mut client));
        check_allocator_agrees(&mut client);
    }
}

#[test]
fn nothing_is_left_of_what_is_flushed() {
    for line in ["FLUSHALL", "FLUSHALL SYNC", "FLUSHALL ASYNC", "FLUSHDB ASYNC"] {
        let server = start(&[&DEBUG[..], &["--io-threads", "2"]].concat());
        let mut client = server.connect();
        let elements = (0..50_000).map(|number| format!("element:{number}")).collect::<Vec<_>>().join(" ");
        let big = || ["RPUSH", "SADD"].map(|command| format!("{command} {command} {elements}"));
        // What commands need once.
        run(&mut client, big().into_iter().chain(["SAVE", "FLUSHALL"].map(str::to_owned)));
        assert!(wait_until(|| info(&mut client, "lazyfree_pending_objects") == 0));
        let before = used(&mut client);
        let grown = populate(&mut client, many());
        run(&mut client, (0..20_000).map(|number| format!("SET volatile:{number} value EX 10000")));
        run(&mut client, big());
        assert!(grown > 10 * MIB);
        assert_eq!(client.command(line).text(), "OK");
        let is_as_before = wait_until(|| used(&mut client) < before + MIB);
        assert!(is_as_before, "{line}: {before} before, {} after", used(&mut client));
        check_allocator_agrees(&mut client);
    }
}

#[test]
fn what_is_released_elsewhere_is_told() {
    const KEYS: u64 = 20;
    let server = start(&[]);
    let mut client = server.connect();
    let before = used(&mut client);
    for number in 0..KEYS {
        let elements = (0..1000).map(|_| "v".repeat(200));
        let list = ["RPUSH".to_owned(), format!("key:{number}")].into_iter().chain(elements);
        assert_eq!(client.call(list).integer(), Some(1000));
    }
    // A string that goes back to the allocator as a whole is released at once.
    client.call([&b"SET"[..], b"long", &vec![b'v'; 200_000]]);
    run(&mut client, ["UNLINK long".to_owned()]);
    run(&mut client, (0..100).map(|number| format!("SET small:{number} value")));
    run(&mut client, (0..KEYS).map(|number| format!("UNLINK key:{number}")));
    assert!(wait_until(|| info(&mut client, "lazyfree_pending_objects") == 0));
    assert_eq!(info(&mut client, "lazyfreed_objects"), KEYS);
    assert!(wait_until(|| used(&mut client) < before + MIB));
    assert_eq!(client.command("FLUSHALL ASYNC").text(), "OK");
    assert!(wait_until(|| info(&mut client, "lazyfree_pending_objects") == 0));
    assert_eq!(info(&mut client, "lazyfreed_objects"), KEYS + 100);
    assert_eq!(client.command("CONFIG RESETSTAT").text(), "OK");
    assert_eq!(info(&mut client, "lazyfreed_objects"), 0);
}

#[test]
fn the_peak_is_known_though_nobody_has_asked_then() {
    const BYTES: usize = 50 << 20;
    let server = start(&[]);
    let mut client = server.connect();
    client.call([&b"SET"[..], b"key", &vec![b'v'; BYTES]]);
    client.command("DEL key");
    assert!(wait_until(|| given_out(&mut client) < BYTES as u64), "it is not released");
    assert!(info(&mut client, "used_memory_peak") > BYTES as u64);
}

#[test]
fn memory_stats_tells_what_scripts_take() {
    let server = start(&[]);
    let mut client = server.connect();
    client.call(["EVAL", "return 1", "0"]);
    let library = "#!lua name=library\nredis.register_function('f', function() return 1 end)";
    client.call(["FUNCTION", "LOAD", library]);
    let figures = client.command("MEMORY STATS").into_elements();
    let told = |name: &str| {
        let place = figures.iter().position(|figure| figure.text() == name).expect(name);
        figures[place + 1].integer().expect(name)
    };
    let of_scripts = ["lua.caches", "functions.caches", "script.VMs"].map(told);
    assert!(of_scripts.iter().all(|bytes| *bytes > 0), "{of_scripts:?}");
    let others = ["startup.allocated", "clients.normal", "aof.buffer", "overhead.db.hashtable.lut"].map(told);
    let parts: i64 = of_scripts.iter().chain(&others).sum();
    assert_eq!(told("overhead.total"), parts);
}

#[test]
fn the_time_beyond_the_limit_is_told() {
    let server = start(&["--maxmemory", "1"]);
    let mut client = server.connect();
    let current = "current_eviction_exceeded_time";
    let total = "total_eviction_exceeded_time";
    assert!(client.command("SET key value").is_error());
    assert!(wait_until(|| info(&mut client, current) > 50), "no time goes by");
    set(&mut client, "maxmemory", 0);
    assert!(wait_until(|| info(&mut client, current) == 0), "it goes on");
    let so_far = info(&mut client, total);
    assert!(so_far > 50, "{so_far}");
    assert_eq!(client.command("SET key value").text(), "OK");
    assert_eq!(info(&mut client, total), so_far, "time goes by although nothing is exceeded");
    set(&mut client, "maxmemory", 1);
    assert!(wait_until(|| info(&mut client, current) > 50), "no time goes by");
    assert!(info(&mut client, total) > so_far + 50);
    set(&mut client, "maxmemory", 0);
    assert!(wait_until(|| info(&mut client, current) == 0));
    assert_eq!(client.command("CONFIG RESETSTAT").text(), "OK");
    assert_eq!(info(&mut client, total), 0);
}

#[test]
fn buffers_that_go_to_files_do_not_count() {
    let server = start(&["--appendonly", "yes", "--appendfsync", "everysec", "--io-threads", "2"]);
    let mut client = server.connect();
    let value = vec![b'v'; MIB as usize];
    let requests: Vec<Request> = (0..20)
        .map(|number| Request::new([&b"SET"[..], format!("key:{}", number % 4).as_bytes(), &value]))
        .collect();
    let replies = client.pipeline(&requests).expect("replies");
    assert!(replies.iter().all(|reply| reply == b"+OK\r\n"));
    let waits =
        |client: &mut Client| ["mem_not_counted_for_evict", "mem_aof_buffer"].map(|name| info(client, name));
    assert!(wait_until(|| waits(&mut client) == [0, 0]), "{:?} wait", waits(&mut client));
    let bytes: u64 = fs::read_dir(server.directory().join("appendonlydir"))
        .expect("there is a directory")
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    assert!(bytes > 20 * MIB, "{bytes} bytes are written");
    assert!(wait_until(|| used(&mut client) < 12 * MIB), "{} for four mebibytes", used(&mut client));
}

/// What a server uses that holds nothing.
#[test]
fn a_server_that_holds_nothing_tells_so() {
    let server: Server = start(&[]);
    let mut client = server.connect();
    let text = client.command("INFO memory").text();
    let [used, start, overhead] = ["used_memory", "used_memory_startup", "used_memory_overhead"]
        .map(|name| crate::number_in(&text, name));
    assert!(
        start > 0 && overhead >= start && used >= start,
        "{used} used, {start} at start, {overhead} overhead"
    );
    assert!(used < start + 2 * MIB, "{used} used, {start} at start");
}
