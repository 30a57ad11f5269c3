//! The events that effects name, and their order, are those that Redis 8.0 publishes.
//!
//! `events.txt` holds what it was seen to publish. With a running server, whose data is overwritten, the same can be
//! asked again, and random commands can be compared:
//!
//! `NUTHATCH_STOCK_SERVER=127.0.0.1:6379 cargo test -p nuthatch-engine --test keyspace events -- --ignored`

mod stock;

use std::env;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use nuthatch_engine::effect::{Effect, EffectLog};

use self::stock::Stock;
use crate::replay::commands::{Context, TEMPLATES, fill};
use crate::support::{Server, bulk};

/// A step of a scenario.
#[derive(Debug, Clone)]
enum Step {
    /// The client sends a command.
    Run(Vec<Vec<u8>>),
    /// A client of its own sends a command, and waits for its keys if need be.
    RunWaiting(Vec<Vec<u8>>),
    /// Time passes, and nothing is removed because of that alone.
    Wait(u64),
    /// What is due is removed.
    Expire,
}

impl Step {
    fn parse(line: &str) -> Self {
        let line = line.split(" -> ").next().unwrap_or_default();
        let words = |text: &str| text.split_ascii_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        match line.split_once(' ') {
            Some(("&", command)) => Self::RunWaiting(words(command)),
            Some(("WAIT-MS", time)) => Self::Wait(time.parse().expect("milliseconds")),
            _ if line == "EXPIRE-DUE" => Self::Expire,
            _ => Self::Run(words(line)),
        }
    }
}

/// The scenarios of a text: in each line a step and the events that are expected.
fn scenarios(text: &str) -> Vec<Vec<(&str, Vec<String>)>> {
    let parse_line = |line| match str::split_once(line, " -> ") {
        Some((step, events)) => (step, events.split(", ").map(str::to_owned).collect()),
        None => (line, Vec::new()),
    };
    text.split("\n\n")
        .map(|block| block.lines().filter(|line| !line.starts_with('#')).map(parse_line).collect())
        .collect()
}

/// An event as the scenarios show it.
fn shown(event: &str, database: u32, key: &[u8]) -> String {
    let key = key.escape_ascii();
    if database == 0 { format!("{event} {key}") } else { format!("{event} {database}:{key}") }
}

/// A log that keeps the events.
#[derive(Debug, Default, Clone)]
struct Events(Arc<Mutex<Vec<String>>>);

impl EffectLog for Events {
    fn append(&self, effect: &Effect<'_>) {
        if !effect.event.is_empty() {
            let event = shown(effect.event, effect.database, effect.key);
            self.0.lock().expect("no test panics while it holds the lock").push(event);
        }
    }

    fn begin_unit(&self) {}

    fn end_unit(&self) {}
}

/// An engine whose events are kept.
struct Observed {
    server: Server,
    events: Events,
}

impl Observed {
    fn new() -> Self {
        let events = Events::default();
        Self { server: Server::new(Some(Box::new(events.clone()))), events }
    }

    /// Does what the step says. Returns the events of it.
    fn take(&mut self, step: &Step) -> Vec<String> {
        let borrowed = |words| -> Vec<&[u8]> { <[Vec<u8>]>::iter(words).map(Vec::as_slice).collect() };
        match step {
            Step::Run(words) => {
                self.server.call(&borrowed(words));
            }
            Step::RunWaiting(words) => self.server.call_waiting(&borrowed(words)),
            Step::Wait(milliseconds) => self.server.set_clock(self.server.now_ms() + milliseconds),
            Step::Expire => self.server.expire(),
        }
        self.server.dismiss_served();
        std::mem::take(&mut *self.events.0.lock().expect("no test panics while it holds the lock"))
    }
}

#[test]
fn effects_name_the_events_that_a_stock_server_publishes() {
    let mut differences = String::new();
    for scenario in scenarios(include_str!("events.txt")) {
        let mut observed = Observed::new();
        for (line, expected) in &scenario {
            let events = observed.take(&Step::parse(line));
            if events != *expected {
                let steps: Vec<&str> = scenario.iter().map(|(line, _)| *line).collect();
                differences += &format!(
                    "{line}\n  of {}\n  expected {expected:?}\n  has      {events:?}\n",
                    steps.join("; ")
                );
            }
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
#[ignore = "needs a stock server"]
fn a_stock_server_publishes_the_same_events() {
    let mut stock = Stock::connect();
    compare_scenarios(&mut stock);
    compare_random_commands(&mut stock);
}

/// Compares what the server publishes with what it was seen to publish.
fn compare_scenarios(stock: &mut Stock) {
    let mut printed = String::new();
    for line in include_str!("events.txt").lines() {
        if line.is_empty() || printed.is_empty() {
            stock.clear();
        }
        printed += line.split(" -> ").next().unwrap_or_default();
        if !line.is_empty() && !line.starts_with('#') {
            let events = stock.take(&Step::parse(line));
            if !events.is_empty() {
                printed += " -> ";
                printed += &events.join(", ");
            }
        }
        printed.push('\n');
    }
    assert!(printed == include_str!("events.txt"), "what it publishes:\n{printed}");
}

/// Compares what the server publishes with what effects name.
fn compare_random_commands(stock: &mut Stock) {
    const COMMANDS: usize = 40;
    let cases: u64 = env::var("NUTHATCH_CASES").map_or(200, |count| count.parse().expect("a number"));
    let seed: u64 = env::var("NUTHATCH_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut random = Rng::with_seed(seed);
    // What a server chooses by chance is another than what another server chooses. Clients that wait for a key of another
    // type are served here as soon as it is of theirs, and on stock servers not if it was overwritten.
    // The ids of streams' entries come from two clocks.
    let is_comparable =
        |line: &&str| !line.starts_with("SPOP") && !line.starts_with('&') && !line.contains("<t>");
    let templates: Vec<&str> = TEMPLATES.iter().copied().flatten().copied().filter(is_comparable).collect();
    for case in 0..cases {
        stock.clear();
        let mut observed = Observed::new();
        observed.server.set_clock(stock::now_ms());
        let (mut log, mut dumps) = (Vec::new(), Vec::new());
        for _ in 0..COMMANDS {
            let template = templates[random.usize(..templates.len())];
            let context =
                Context { now_ms: observed.server.now_ms(), lifetimes_ms: 1_000_000..2_000_000, dumps: &[] };
            let sent = fill(template, random.u64(..), &context);
            log.push(sent.words.join(&b' ').escape_ascii().to_string());
            if template.starts_with("DUMP") {
                dumps.extend(bulk(&observed.server.call(&[b"DUMP", &sent.words[1]])).map(<[u8]>::to_vec));
            }
            let step = Step::Run(sent.words);
            let (own, theirs) = (observed.take(&step), stock.take(&step));
            assert_eq!(own, theirs, "case {case} of seed {seed} (own, stock):\n{}", log.join("\n"));
        }
    }
}

/// Where stock servers treat a field or key that is past its deadline as if it were still there until they come to
/// remove it, it is gone here. What a command finds in its way is removed, and told of, before.
#[test]
fn what_had_expired_is_told_of_before_the_command() {
    let set = ["HSET h a 1 b 2 c 3", "HPEXPIRE h 10 FIELDS 2 a b", "WAIT-MS 30"];
    let cases: [(&[&str], &[&str], &[&str]); 7] = [
        (&set, &["HDEL h a"], &["hexpired h"]),
        (&set, &["HDEL h a b c"], &["hexpired h", "hdel h", "del h"]),
        (&set, &["HDEL h c", "HDEL h a", "HDEL h b"], &["hdel h", "hexpired h", "hexpired h", "del h"]),
        (&set, &["HEXPIRE h 100 FIELDS 2 a c"], &["hexpire h"]),
        (&set, &["HPERSIST h FIELDS 1 a", "HGETEX h EX 100 FIELDS 1 b", "HGETEX h PERSIST FIELDS 1 b"], &[]),
        (&["SADD s a", "PEXPIRE s 10", "WAIT-MS 30"], &["SUNIONSTORE s none"], &["expired s"]),
        (&["RPUSH l a", "PEXPIRE l 10", "WAIT-MS 30"], &["SORT none STORE l"], &["expired l"]),
    ];
    for (before, commands, expected) in cases {
        let mut observed = Observed::new();
        before.iter().for_each(|line| drop(observed.take(&Step::parse(line))));
        let events: Vec<String> =
            commands.iter().flat_map(|line| observed.take(&Step::parse(line))).collect();
        assert_eq!(events, expected, "{commands:?}");
    }
}
