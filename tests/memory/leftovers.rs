//! Memory that is taken by what is gone: emptied databases, scripts, watches, subscriptions, deadlines that were taken back.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use crate::{info, number_in, run, set, start, used, which_exist};

const MIB: u64 = 1 << 20;

/// Waits until no more memory is used than `most`, in bytes.
#[track_caller]
fn await_used(client: &mut Client, most: u64) {
    let is_released = wait_until(|| used(client) <= most);
    assert!(is_released, "{} bytes of memory are used instead of {most}", used(client));
}

/// Sets keys in each of so many databases.
fn fill_databases(client: &mut Client, databases: usize, keys: usize) {
    let value = "v".repeat(500);
    for database in 0..databases {
        let sets = (0..keys).map(|number| format!("SET {database}:{number} {value}"));
        run(client, std::iter::once(format!("SELECT {database}")).chain(sets));
    }
}

#[test]
fn databases_whose_keys_are_removed_take_no_memory() {
    let server = start(&["--io-threads", "4", "--databases", "64"]);
    let mut client = server.connect();
    let before = used(&mut client);
    fill_databases(&mut client, 64, 500);
    for database in 0..64 {
        let removals = (0..500).map(|number| format!("DEL {database}:{number}"));
        run(&mut client, std::iter::once(format!("SELECT {database}")).chain(removals));
    }
    await_used(&mut client, before + 2 * MIB);
}

#[test]
fn databases_whose_keys_are_evicted_leave_their_memory_to_others() {
    let arguments = ["--io-threads", "4", "--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru"];
    let server = start(&arguments);
    let mut client = server.connect();
    // None of the writes is refused.
    fill_databases(&mut client, 16, 6000);
    assert!(which_exist(&mut client, (5800..6000).map(|number| format!("15:{number}"))).contains(&true));
    client.command("FLUSHALL");
    let startup = info(&mut client, "used_memory_startup");
    await_used(&mut client, startup + 3 * MIB);
}

#[test]
fn what_an_adaptive_policy_knows_of_keys_that_went_goes_with_the_rest() {
    let arguments = ["--io-threads", "1", "--maxmemory", "10mb", "--maxmemory-policy", "allkeys-adaptive"];
    let server = start(&arguments);
    let mut client = server.connect();
    let before = used(&mut client);
    // There is room for half of them, and two bytes are kept of each.
    run(&mut client, (0..500_000).map(|number| format!("SET {number} v")));
    assert!(info(&mut client, "evicted_keys") > 100_000);
    client.command("FLUSHALL");
    await_used(&mut client, before + MIB / 4);
}

#[test]
fn scripts_and_functions_that_are_flushed_take_no_memory() {
    let server = start(&["--io-threads", "2"]);
    // One for each thread.
    let mut clients = [server.connect(), server.connect()];
    let long = "x".repeat(50_000);
    clients.iter_mut().for_each(|client| assert_eq!(client.call(["EVAL", "return 'a'", "0"]).text(), "a"));
    let before = used(&mut clients[0]);
    for number in 0..200 {
        let script = format!("local text = '{long}' return {number}");
        for client in &mut clients {
            assert_eq!(client.call(["EVAL", &script, "0"]).integer(), Some(number));
        }
        let library = format!(
            "#!lua name=l{number}\nlocal text = '{long}' redis.register_function('f{number}', function() return #text end)"
        );
        assert_eq!(clients[0].call(["FUNCTION", "LOAD", &library]).text(), format!("l{number}"));
    }
    assert!(used(&mut clients[0]) > before + 20 * MIB, "nothing is kept");
    assert_eq!(clients[0].command("SCRIPT FLUSH").text(), "OK");
    assert_eq!(clients[0].command("FUNCTION FLUSH").text(), "OK");
    await_used(&mut clients[0], before + 2 * MIB);
    assert_eq!(clients[1].call(["EVAL", "return 'b'", "0"]).text(), "b");
}

/// What CLIENT LIST tells of the memory of a client with this name, in bytes.
fn memory_of(observer: &mut Client, name: &str) -> u64 {
    let list = observer.command("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains(&format!("name={name} "))).expect("it is there");
    number_in(&line.replace(' ', "\n").replace('=', ":"), "tot-mem")
}

#[test]
fn what_a_client_watches_and_subscribes_to_counts_as_its_memory_and_is_released() {
    let server = start(&["--io-threads", "2"]);
    let mut observer = server.connect();
    for (name, command) in [("watching", "WATCH"), ("listening", "SUBSCRIBE"), ("matching", "PSUBSCRIBE")] {
        let mut client = server.connect();
        client.call(["CLIENT", "SETNAME", name]);
        let before = used(&mut observer);
        let (none, long) = (memory_of(&mut observer, name), "x".repeat(100));
        for first in (0..20_000).step_by(1000) {
            let words = (first..first + 1000).map(|number| format!("{long}:{number}"));
            let request = std::iter::once(command.to_owned()).chain(words);
            client.send(&Request::encode_all(&[Request::new(request)])).expect("it is read");
            let replies = if name == "watching" { 1 } else { 1000 };
            (0..replies).for_each(|_| drop(client.read_reply().expect("a reply")));
        }
        let (all, taken) = (memory_of(&mut observer, name) - none, used(&mut observer) - before);
        assert!((taken / 2..2 * taken).contains(&all), "{name}: {all} bytes are told, {taken} are taken");
        set(&mut observer, "maxmemory-clients", "2mb");
        assert!(client.read_to_end().is_ok(), "{name}: the connection ends");
        await_used(&mut observer, before + MIB);
        set(&mut observer, "maxmemory-clients", "0");
    }
}

#[test]
fn deadlines_that_were_taken_back_take_no_memory_and_do_not_hide_others() {
    let server = start(&["--io-threads", "1"]);
    let mut client = server.connect();
    run(&mut client, (0..50_000).map(|number| format!("SET {number} v")));
    let without = used(&mut client);
    for seconds in [5000, 4000, 3000, 2000] {
        run(&mut client, (0..50_000).map(|number| format!("EXPIRE {number} {seconds}")));
    }
    run(&mut client, (0..50_000).map(|number| format!("PERSIST {number}")));
    await_used(&mut client, without + MIB / 2);
    // A few keys with deadlines among many without are found.
    for policy in ["volatile-lru", "volatile-adaptive"] {
        set(&mut client, "maxmemory", 0);
        let value = "v".repeat(1000);
        run(&mut client, (0..300).map(|number| format!("SET deadline:{number} {value} EX 1000")));
        let (limit, before) = (used(&mut client), info(&mut client, "evicted_keys"));
        set(&mut client, "maxmemory-policy", policy);
        set(&mut client, "maxmemory", limit);
        // None is refused.
        run(&mut client, (0..200).map(|number| format!("SET {policy}:{number} {value}")));
        let evicted = info(&mut client, "evicted_keys") - before;
        assert!((100..=300).contains(&evicted), "{policy}: {evicted} keys are evicted");
    }
}

/// Fills a cache with small values, and then by half with big ones. Returns its limit, and what the allocator's pages take,
/// in bytes.
fn shift_sizes(client: &mut Client) -> (u64, u64) {
    let small = "v".repeat(100);
    run(client, (0..300_000).map(|number| format!("SET small:{number} {small}")));
    let big = "v".repeat(3000);
    run(client, (0..7_000).map(|number| format!("SET big:{number} {big}")));
    (info(client, "maxmemory"), info(client, "allocator_active"))
}

#[test]
fn gaps_are_closed_where_memory_is_limited_however_few_they_are() {
    let arguments = ["--maxmemory", "40mb", "--maxmemory-policy", "allkeys-random", "--io-threads", "1"];
    let server = start(&[&arguments[..], &["--activedefrag", "no"]].concat());
    let mut client = server.connect();
    let (limit, active) = shift_sizes(&mut client);
    assert!(active > limit / 5 * 6, "there are hardly any gaps: {active} bytes of {limit}");
    set(&mut client, "activedefrag", "yes");
    let is_closed = wait_until(|| info(&mut client, "allocator_active") < limit / 20 * 21);
    assert!(is_closed, "{} bytes of {limit}", info(&mut client, "allocator_active"));
}

/// Whether the system may make huge pages for a server.
fn may_have_huge_pages(server: &Server) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).expect("it runs");
    status.lines().any(|line| line.split_whitespace().eq(["THP_enabled:", "1"]))
}

#[test]
fn the_system_does_not_fill_gaps_with_huge_pages_where_memory_is_limited() {
    let server = start(&["--maxmemory", "30mb", "--maxmemory-policy", "allkeys-lru", "--io-threads", "1"]);
    let mut client = server.connect();
    assert!(may_have_huge_pages(&server), "the test needs a system that tells so");
    let value = "v".repeat(1000);
    run(&mut client, (0..40_000).map(|number| format!("SET {number} {value}")));
    assert!(wait_until(|| !may_have_huge_pages(&server)), "it may when the limit is reached");
    set(&mut client, "maxmemory", 0);
    assert!(wait_until(|| may_have_huge_pages(&server)), "it may not when there is no limit");
}
