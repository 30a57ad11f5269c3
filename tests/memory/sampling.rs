//! Keys that have to go are found wherever they are, however few, of whatever kind, and no more go than have to.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::wait_until;

use crate::{count, info, run, set, start, used, which_exist};

const VOLATILE_POLICIES: [&str; 5] =
    ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "volatile-lrm"];

/// Allows hardly more memory than is used: what the buffers take of those who ask.
fn tighten(client: &mut Client) {
    let limit = used(client) + 100_000;
    set(client, "maxmemory", limit);
}

/// Of so many keys some have deadlines: these go one after another, and then nothing more can be written.
fn check_few(policy: &str, keys: usize, with_deadline: usize) {
    const WRITES_MAX: usize = 10_000;
    let server = start(&["--maxmemory-policy", policy]);
    let mut client = server.connect();
    let step = keys / with_deadline;
    let has_deadline = |number: usize| number % step == step / 2 && number / step < with_deadline;
    run(
        &mut client,
        (0..keys).map(|number| {
            let options = if has_deadline(number) { "EX 100000" } else { "" };
            format!("SET key:{number} value:{number} {options}")
        }),
    );
    // Far more than what the buffers take of those who ask.
    let limit = used(&mut client) + 1_000_000;
    set(&mut client, "maxmemory", limit);
    let value = "n".repeat(1000);
    let mut written = 0;
    let refusal = loop {
        let reply = client.call(["SET", &format!("new:{written}"), &value]);
        if reply.is_error() {
            break reply.text();
        }
        written += 1;
        assert!(written < WRITES_MAX, "{policy}: nothing is refused");
    };
    assert!(refusal.starts_with("OOM command not allowed"), "{policy}: {refusal}");
    let there = which_exist(&mut client, (0..keys).map(|number| format!("key:{number}")));
    let wrong = (0..keys).filter(|number| there[*number] == has_deadline(*number)).count();
    assert_eq!(wrong, 0, "{policy}, {with_deadline} of {keys} keys with deadlines");
    assert_eq!(info(&mut client, "evicted_keys"), with_deadline as u64, "{policy}");
    let new = which_exist(&mut client, (0..written).map(|number| format!("new:{number}")));
    assert_eq!(count(&new, true), written, "{policy}: new keys have no deadlines");
    // Reading and deleting go on, and then writing does.
    assert_eq!(client.command("GET key:0").text(), "value:0");
    run(&mut client, (0..written).map(|number| format!("DEL new:{number}")));
    assert_eq!(client.command("SET again there").text(), "OK", "{policy}");
}

#[test]
fn one_key_in_a_thousand_with_a_deadline_goes_and_no_other() {
    for policy in VOLATILE_POLICIES {
        check_few(policy, 20_000, 20);
    }
}

#[test]
fn three_keys_with_deadlines_go_and_no_other() {
    for policy in VOLATILE_POLICIES {
        check_few(policy, 20_000, 3);
    }
}

#[test]
fn half_of_the_keys_with_deadlines_go_and_no_other() {
    for policy in VOLATILE_POLICIES {
        check_few(policy, 2000, 1000);
    }
}

/// Persisted keys, and such whose deadlines came with EXPIRE, and fields with deadlines.
#[test]
fn it_is_the_deadline_of_the_key_that_counts_and_as_it_is_now() {
    let server = start(&["--maxmemory-policy", "volatile-lru"]);
    let mut client = server.connect();
    run(
        &mut client,
        (0..300).flat_map(|number| {
            [
                format!("SET persisted:{number} value EX 100000"),
                format!("PERSIST persisted:{number}"),
                format!("HSET fields:{number} field value"),
                format!("HEXPIRE fields:{number} 100000 FIELDS 1 field"),
                format!("RPUSH expiring:{number} element"),
                format!("EXPIRE expiring:{number} 100000"),
            ]
        }),
    );
    tighten(&mut client);
    let value = "n".repeat(1000);
    let mut number = 0;
    while !client.call(["SET", &format!("new:{number}"), &value]).is_error() {
        number += 1;
        assert!(number < 10_000, "nothing is refused");
    }
    let mut left = |name: &str| {
        count(&which_exist(&mut client, (0..300).map(|number| format!("{name}:{number}"))), true)
    };
    assert_eq!((left("persisted"), left("fields"), left("expiring")), (300, 300, 0));
}

/// What was looked at is remembered from one eviction to the next.
#[test]
fn a_key_that_loses_its_deadline_after_it_was_looked_at_stays() {
    const KEYS: usize = 2000;
    for policy in VOLATILE_POLICIES.into_iter().chain(["volatile-adaptive"]) {
        let server = start(&["--io-threads", "1", "--maxmemory-policy", policy]);
        let mut client = server.connect();
        let value = "v".repeat(100);
        run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value} EX 100000")));
        tighten(&mut client);
        evict(&mut client, 100);
        let names = || (0..KEYS).map(|number| format!("key:{number}"));
        let before = which_exist(&mut client, names());
        run(&mut client, names().map(|name| format!("PERSIST {name}")));
        tighten(&mut client);
        let mut number = 0;
        while !client.call(["SET", &format!("more:{number}"), &value]).is_error() {
            number += 1;
            assert!(number < 20_000, "{policy}: nothing is refused");
        }
        assert!(which_exist(&mut client, names()) == before, "{policy}");
    }
}

/// Writes until so many keys are gone.
fn evict(client: &mut Client, keys: u64) {
    evict_for(client, keys, 2000);
}

/// Writes values of so many bytes until so many keys are gone.
fn evict_for(client: &mut Client, keys: u64, bytes: usize) {
    let value = "n".repeat(bytes);
    let mut written = 0;
    while info(client, "evicted_keys") < keys {
        assert!(written < 20_000, "{} are gone", info(client, "evicted_keys"));
        run(client, (written..written + 20).map(|number| format!("SET new:{number} {value}")));
        written += 20;
    }
    // Nothing more is to go for the buffers of what asks.
    set(client, "maxmemory", 0);
}

#[test]
fn keys_go_of_all_databases_in_proportion() {
    const DATABASES: usize = 16;
    const STEP: usize = 200;
    let server = start(&["--maxmemory-policy", "allkeys-random"]);
    let mut client = server.connect();
    let value = "v".repeat(100);
    for database in 0..DATABASES {
        run(&mut client, [format!("SELECT {database}")]);
        let keys = STEP * (database + 1);
        run(&mut client, (0..keys).map(|number| format!("SET key:{number} {value}")));
    }
    let total: usize = (1..=DATABASES).map(|database| database * STEP).sum();
    tighten(&mut client);
    // They are written into the last one.
    evict(&mut client, total as u64 / 3);
    let mut shares = Vec::new();
    for database in 0..DATABASES {
        run(&mut client, [format!("SELECT {database}")]);
        let keys = STEP * (database + 1);
        let there = which_exist(&mut client, (0..keys).map(|number| format!("key:{number}")));
        shares.push(count(&there, false) as f64 / keys as f64);
    }
    assert!(shares.iter().all(|share| (0.2..0.5).contains(share)), "{shares:.2?}");
}

#[test]
fn the_oldest_keys_go_in_whichever_database_they_are() {
    const KEYS: usize = 1000;
    let server = start(&["--maxmemory-policy", "allkeys-lru"]);
    let mut client = server.connect();
    let value = "v".repeat(100);
    let in_each = |line: &dyn Fn(usize) -> String| -> Vec<String> {
        let lines = |database| {
            let select = format!("SELECT {database}");
            [select].into_iter().chain((0..KEYS).map(line))
        };
        (0..8).flat_map(lines).collect()
    };
    run(&mut client, in_each(&|number| format!("SET key:{number} {value}")));
    let last = format!("OBJECT IDLETIME key:{}", KEYS - 1);
    assert!(wait_until(|| client.command(&last).integer() >= Some(2)));
    // In the second half all keys are used again.
    run(&mut client, in_each(&|number| format!("GET key:{number}")).split_off(4 * (KEYS + 1)));
    tighten(&mut client);
    evict(&mut client, 2000);
    let mut gone = Vec::new();
    for database in 0..8 {
        run(&mut client, [format!("SELECT {database}")]);
        let there = which_exist(&mut client, (0..KEYS).map(|number| format!("key:{number}")));
        gone.push(count(&there, false));
    }
    let [old, used] = [&gone[..4], &gone[4..]].map(|some| some.iter().sum::<usize>());
    assert!(old > 1500 && used * 50 < old, "{gone:?}");
}

#[test]
fn the_last_key_of_any_database_goes() {
    let server = start(&["--maxmemory-policy", "allkeys-lru"]);
    let mut client = server.connect();
    for database in [3, 7, 15] {
        run(&mut client, [format!("SELECT {database}"), format!("SET alone {}", "v".repeat(100_000))]);
    }
    set(&mut client, "maxmemory", 1);
    // Nothing is left for it.
    assert!(client.command("SET key value").text().starts_with("OOM"), "a limit of a byte is kept");
    assert_eq!(info(&mut client, "evicted_keys"), 3);
    let keyspace = client.command("INFO keyspace").text();
    assert!(!keyspace.contains("db"), "{keyspace}");
}

#[test]
fn keys_of_all_types_go() {
    const KEYS: usize = 600;
    const ADD: [(&str, &str); 6] =
        [("SET", ""), ("RPUSH", ""), ("SADD", ""), ("HSET", "field"), ("ZADD", "1"), ("XADD", "1-1 field")];
    let server = start(&["--maxmemory-policy", "allkeys-random"]);
    let mut client = server.connect();
    let value = "v".repeat(100);
    for (command, before) in ADD {
        let line = |number| format!("{command} {command}:{number} {before} {value}");
        run(&mut client, (0..KEYS).map(line));
    }
    tighten(&mut client);
    evict(&mut client, (ADD.len() * KEYS) as u64 / 2);
    for (command, _) in ADD {
        let there = which_exist(&mut client, (0..KEYS).map(|number| format!("{command}:{number}")));
        let share = count(&there, false) as f64 / KEYS as f64;
        assert!((0.25..0.65).contains(&share), "{command}: {share:.2} are gone");
        let line = |number| format!("TYPE {command}:{number}");
        let kinds = run(&mut client, (0..KEYS).filter(|number| there[*number]).map(line));
        assert!(kinds.iter().all(|kind| kind == &kinds[0] && kind != b"+none\r\n"), "{command}");
    }
}

#[test]
fn keys_with_long_names_go() {
    const KEYS: usize = 600;
    let name = |number: usize| format!("{}:{number}", "name".repeat(5000));
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"] {
        let server = start(&["--maxmemory-policy", policy]);
        let mut client = server.connect();
        run(&mut client, (0..KEYS).map(|number| format!("SET {} value EX 10000", name(number))));
        tighten(&mut client);
        let value = "n".repeat(20_000);
        run(&mut client, (0..200).map(|number| format!("SET new:{number} {value} EX 20000")));
        let there = which_exist(&mut client, (0..KEYS).map(name));
        assert!((100..=260).contains(&count(&there, false)), "{policy}: {}", count(&there, false));
    }
}

/// A cache of pages has few keys: here ten in each shard, of which all are looked at. With half as many the order is left to chance
/// too often.
#[test]
fn few_big_keys_go_in_the_right_order() {
    const KEYS: usize = 640;
    let server = start(&["--maxmemory-policy", "allkeys-lru", "--maxmemory-samples", "16"]);
    let mut client = server.connect();
    let value = "v".repeat(10_000);
    run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value}")));
    let last = format!("OBJECT IDLETIME key:{}", KEYS - 1);
    assert!(wait_until(|| client.command(&last).integer() >= Some(2)));
    run(&mut client, (0..KEYS / 2).map(|number| format!("GET key:{number}")));
    tighten(&mut client);
    evict_for(&mut client, KEYS as u64 / 3, 30_000);
    let there = which_exist(&mut client, (0..KEYS).map(|number| format!("key:{number}")));
    let (used, others) = there.split_at(KEYS / 2);
    let gone = (count(used, false), count(others, false));
    assert!(gone.1 > KEYS / 6 && gone.0 * 8 < gone.1, "{gone:?} of those that were used and the others");
}

/// What is being released elsewhere is no reason for more keys to go.
#[test]
fn for_a_big_value_one_goes_of_the_same_size() {
    const KEYS: usize = 200;
    let string = |number: usize| vec!["SET".to_owned(), format!("key:{number}"), "v".repeat(200_000)];
    let list = |number: usize| {
        let elements = (0..3000).map(|element| format!("element:{number}:{element}:{}", "e".repeat(60)));
        ["RPUSH".to_owned(), format!("key:{number}")].into_iter().chain(elements).collect()
    };
    let writes: [&dyn Fn(usize) -> Vec<String>; 2] = [&string, &list];
    for write in writes {
        let server = start(&["--maxmemory-policy", "allkeys-random"]);
        let mut client = server.connect();
        let write_some = |client: &mut Client, numbers: std::ops::Range<usize>| {
            for number in numbers {
                let reply = client.pipeline(&[Request::new(write(number))]).expect("a reply");
                assert!(!reply[0].starts_with(b"-"), "{}", reply[0].escape_ascii());
            }
        };
        write_some(&mut client, 0..KEYS);
        tighten(&mut client);
        write_some(&mut client, KEYS..KEYS + 50);
        let evicted = info(&mut client, "evicted_keys");
        assert!((45..=60).contains(&evicted), "{evicted} went for 50");
    }
}
