//! Which keys go: nearly always those that the policy says.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::server::{Server, wait_until};

use crate::{count, info, run, set, start, used, which_exist};

const KEYS: usize = 10_000;

/// How many have to go.
const GOING: usize = KEYS / 3;

/// A server that holds keys and may hold no more.
struct Cache {
    server: Server,
    client: Client,
}

/// Half of all keys are used in another way than the others.
fn is_used(number: &usize) -> bool {
    number.is_multiple_of(2)
}

/// How many of the keys are gone that were used, and of the others.
#[derive(Debug)]
struct Gone {
    used: usize,
    others: usize,
}

impl Cache {
    /// Starts a server whose counters of use are exact, with keys for which `options` gives those of SET.
    fn start(policy: &str, options: impl Fn(usize) -> String) -> Self {
        let arguments = ["--maxmemory-policy", policy, "--lfu-log-factor", "0", "--lfu-decay-time", "0"];
        let server = start(&arguments);
        let mut client = server.connect();
        let value = "v".repeat(100);
        run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value} {}", options(number))));
        Self { server, client }
    }

    /// Waits until no key has been used in this second or the one before.
    #[track_caller]
    fn let_rest(&mut self) {
        let last = format!("OBJECT IDLETIME key:{}", KEYS - 1);
        let rested = wait_until(|| self.client.command(&last).integer() >= Some(2));
        assert!(rested, "{last} says {:?}", self.client.command(&last));
    }

    /// Runs a command on each key that is used, or on each other one.
    fn on_each(&mut self, used: bool, line: impl Fn(usize) -> String) {
        let numbers = (0..KEYS).filter(|number| is_used(number) == used);
        run(&mut self.client, numbers.map(line));
    }

    /// Allows no more memory than is used, and writes until so many keys are gone. Returns how many of which are.
    #[track_caller]
    fn evict(&mut self) -> Gone {
        self.evict_and_list().1
    }

    #[track_caller]
    fn evict_and_list(&mut self) -> (Vec<bool>, Gone) {
        let limit = used(&mut self.client);
        set(&mut self.client, "maxmemory", limit);
        // Much bigger than the others, so that few of them are written.
        let value = "n".repeat(2000);
        let mut written = 0;
        while info(&mut self.client, "evicted_keys") < GOING as u64 {
            assert!(written < KEYS, "{} are gone", info(&mut self.client, "evicted_keys"));
            run(&mut self.client, (written..written + 20).map(|number| format!("SET new:{number} {value}")));
            written += 20;
        }
        // Nothing more is to go for the buffers of what asks.
        set(&mut self.client, "maxmemory", 0);
        let there = which_exist(&mut self.client, (0..KEYS).map(|number| format!("key:{number}")));
        let (used, others): (Vec<_>, Vec<_>) =
            there.iter().enumerate().partition(|(number, _)| is_used(number));
        let gone = |some: Vec<(usize, &bool)>| some.iter().filter(|(_, there)| !**there).count();
        let gone = Gone { used: gone(used), others: gone(others) };
        assert!(gone.used + gone.others > GOING / 2, "{gone:?}: new keys went instead");
        (there, gone)
    }
}

/// Uses half of the keys in one way and the others in another one.
fn evict_after(policy: &str, options: &str, use_some: impl FnOnce(&mut Cache)) -> Gone {
    let mut cache = Cache::start(policy, |_| options.to_owned());
    if !policy.ends_with("lfu") {
        cache.let_rest();
    }
    use_some(&mut cache);
    let gone = cache.evict();
    assert!(!cache.server.log().contains("panicked"));
    gone
}

/// Those go that were not used, but for a few.
#[track_caller]
fn check_others_go(policy: &str, options: &str, use_some: impl FnOnce(&mut Cache)) {
    let gone = evict_after(policy, options, use_some);
    assert!(gone.used * 20 < gone.others, "{policy}: {gone:?}");
}

/// As many go of both halves as chance lets.
#[track_caller]
fn check_all_go(policy: &str, options: &str, use_some: impl FnOnce(&mut Cache)) {
    let gone = evict_after(policy, options, use_some);
    let total = (gone.used + gone.others) as f64;
    let deviation = gone.used.abs_diff(gone.others) as f64;
    assert!(deviation < 6.0 * total.sqrt(), "{policy}: {gone:?}");
}

fn read_some(cache: &mut Cache) {
    cache.on_each(true, |number| format!("GET key:{number}"));
}

fn read_some_often(cache: &mut Cache) {
    for _ in 0..3 {
        read_some(cache);
    }
}

fn change_some_and_read_others(cache: &mut Cache) {
    cache.on_each(true, |number| format!("SETRANGE key:{number} 5 c"));
    cache.on_each(false, |number| format!("GET key:{number}"));
}

const VOLATILE: &str = "EX 100000";

#[test]
fn keys_that_were_not_used_go_first() {
    check_others_go("allkeys-lru", "", read_some);
    check_others_go("volatile-lru", VOLATILE, read_some);
}

/// Reads some keys again and again, and between each time writes more new ones than there is room for. Returns which part of
/// the last reads missed.
fn misses_beside_scans(policy: &str, options: &str) -> f64 {
    const READ: usize = 2_000;
    const SCANNED: usize = 12_000;
    const ROUNDS: usize = 30;
    let server = crate::start(&["--maxmemory-policy", policy]);
    let mut client = server.connect();
    let value = "v".repeat(150);
    let line = |name: &str, number| format!("SET {name}:{number} {value} {options}");
    run(&mut client, (0..READ).map(|number| line("read", number)));
    let limit = used(&mut client) + (1 << 20);
    set(&mut client, "maxmemory", limit);
    let mut missed = 0;
    for round in 0..ROUNDS {
        let there = which_exist(&mut client, (0..READ).map(|number| format!("read:{number}")));
        run(&mut client, (0..READ).map(|number| format!("GET read:{number}")));
        let absent = (0..READ).filter(|number| !there[*number]);
        missed += if round >= ROUNDS / 2 { absent.clone().count() } else { 0 };
        run(&mut client, absent.map(|number| line("read", number)));
        run(&mut client, (0..SCANNED).map(|number| line(&format!("scan:{round}"), number)));
    }
    missed as f64 / (READ * (ROUNDS - ROUNDS / 2)) as f64
}

#[test]
fn what_is_read_again_and_again_outlives_scans() {
    for (policy, options) in [("allkeys-adaptive", ""), ("volatile-adaptive", VOLATILE)] {
        let missed = misses_beside_scans(policy, options);
        assert!(missed < 0.1, "{policy}: {missed}");
    }
    let missed = misses_beside_scans("allkeys-lru", "");
    assert!(missed > 0.5, "there was room for all: {missed}");
}

#[test]
fn nobody_can_ask_an_adaptive_policy_for_times_or_frequencies() {
    let server = crate::start(&["--maxmemory-policy", "allkeys-adaptive"]);
    let mut client = server.connect();
    client.command("SET key value");
    for (subcommand, reason) in [("IDLETIME", "An adaptive"), ("FREQ", "An LFU")] {
        let reply = client.command(&format!("OBJECT {subcommand} key")).text();
        assert!(reply.starts_with(&format!("ERR {reason} maxmemory policy is")), "{reply}");
    }
}

#[test]
fn keys_that_are_seldom_used_go_first() {
    check_others_go("allkeys-lfu", "", read_some_often);
    check_others_go("volatile-lfu", VOLATILE, read_some_often);
}

/// As Redis 8.0 does.
#[test]
fn a_counter_of_uses_goes_on_when_the_value_is_overwritten_whatever_its_length() {
    let arguments = ["--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor", "0", "--lfu-decay-time", "0"];
    let server = start(&arguments);
    let mut client = server.connect();
    run(&mut client, ["SET key a".to_owned()]);
    run(&mut client, (0..10).map(|_| "GET key".to_owned()));
    for (expected, length) in (16..).zip([1, 1, 100, 5000, 50_000, 3, 600]) {
        run(&mut client, [format!("SET key {}", "v".repeat(length))]);
        assert_eq!(client.command("OBJECT FREQ key").integer(), Some(expected), "{length}");
    }
}

#[test]
fn keys_that_were_not_changed_go_first() {
    check_others_go("allkeys-lrm", "", change_some_and_read_others);
    check_others_go("volatile-lrm", VOLATILE, change_some_and_read_others);
}

/// What the checks above would say if the policies did not matter.
#[test]
fn random_keys_go() {
    check_all_go("allkeys-random", "", read_some);
    check_all_go("volatile-random", VOLATILE, change_some_and_read_others);
}

/// How the use of a key counts is forgotten with the policy that counts it.
#[test]
fn the_policy_can_change_while_keys_are_there() {
    let mut cache = Cache::start("allkeys-lfu", |_| String::new());
    set(&mut cache.client, "maxmemory-policy", "allkeys-lru");
    // All have been used by now, whatever was kept of it.
    cache.on_each(true, |number| format!("GET key:{number}"));
    cache.on_each(false, |number| format!("GET key:{number}"));
    cache.let_rest();
    read_some(&mut cache);
    let gone = cache.evict();
    assert!(gone.used * 50 < gone.others, "{gone:?}");
}

/// Which place a key has among all in the order of deadlines.
fn place(number: usize) -> usize {
    number * 7919 % KEYS
}

/// How many of the keys that are gone are of the half whose deadlines are nearer, and of the other one.
fn evict_by_deadline(policy: &str) -> (usize, usize) {
    let mut cache = Cache::start(policy, |number| format!("EX {}", 10_000 + 10 * place(number)));
    let (there, _) = cache.evict_and_list();
    let gone = there.iter().enumerate().filter(|(_, there)| !**there);
    let (near, far): (Vec<_>, Vec<_>) = gone.partition(|(number, _)| place(*number) < KEYS / 2);
    (near.len(), far.len())
}

#[test]
fn keys_whose_deadlines_are_nearest_go_first() {
    let (near, far) = evict_by_deadline("volatile-ttl");
    assert!(far * 50 < near, "{near} of the nearer half, {far} of the other");
    let (near, far) = evict_by_deadline("volatile-random");
    assert!(far * 2 > near, "{near} of the nearer half, {far} of the other, by chance");
}

/// One thread or several, the keys that go are the same.
#[test]
fn each_thread_finds_the_right_keys() {
    let server = start(&["--maxmemory-policy", "allkeys-lru", "--io-threads", "4"]);
    let mut client = server.connect();
    let value = "v".repeat(100);
    run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value}")));
    let mut cache = Cache { client, server };
    cache.let_rest();
    read_some(&mut cache);
    let writers: Vec<Client> = (0..8).map(|_| cache.server.connect()).collect();
    let limit = used(&mut cache.client);
    set(&mut cache.client, "maxmemory", limit);
    std::thread::scope(|scope| {
        for (writer, mut client) in writers.into_iter().enumerate() {
            let value = "n".repeat(2000);
            scope.spawn(move || {
                for number in 0..12 {
                    run(&mut client, [format!("SET new:{writer}:{number} {value}")]);
                }
            });
        }
    });
    set(&mut cache.client, "maxmemory", 0);
    let there = which_exist(&mut cache.client, (0..KEYS).map(|number| format!("key:{number}")));
    let of = |used| -> Vec<bool> {
        let numbers = (0..KEYS).filter(|number| is_used(number) == used);
        numbers.map(|number| there[number]).collect()
    };
    let gone = Gone { used: count(&of(true), false), others: count(&of(false), false) };
    assert!(gone.others > 1000 && gone.used * 50 < gone.others, "{gone:?}");
}

#[test]
fn keys_that_are_set_right_behind_a_change_of_policy_begin_as_the_new_one_wants() {
    let server = start(&["--maxmemory-policy", "allkeys-lru"]);
    let mut client = server.connect();
    let lines = ["CONFIG SET maxmemory-policy allkeys-lfu", "SET key value", "OBJECT FREQ key"];
    let lines = lines.map(str::to_owned);
    assert_eq!(run(&mut client, lines.clone())[2], b":5\r\n");
    run(&mut client, ["CONFIG SET maxmemory-policy allkeys-lru".to_owned(), "DEL key".to_owned()]);
    let queued = [&["MULTI".to_owned()][..], &lines, &["EXEC".to_owned()]].concat();
    assert_eq!(run(&mut client, queued)[4], b"*3\r\n+OK\r\n+OK\r\n:5\r\n");
}
