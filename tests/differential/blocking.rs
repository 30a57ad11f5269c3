//! Blocking commands on several connections: who is served, with what, in which order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::{Extent, Finding, Pair, Report};
use nuthatch_testkit::families::{BLOCKING, BLOCKING_ON_SEVERAL_KEYS, BLOCKING_STREAMS};
use nuthatch_testkit::generator::{Family, Generator};
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

const CONNECTIONS: usize = 6;

/// Steps from empty databases on.
const SESSION_STEPS: usize = 60;

/// The connections to one server, and which of them wait for a reply.
struct Players {
    control: Client,
    clients: Vec<Client>,
    waiting: Vec<bool>,
}

impl Players {
    fn new(server: &Server) -> Self {
        let mut control = server.connect();
        control.command("FLUSHALL ASYNC");
        let clients: Vec<Client> = (0..CONNECTIONS).map(|_| server.connect()).collect();
        let mut players = Self { control, clients, waiting: vec![false; CONNECTIONS] };
        // Those of the session before may still be counted, and one that runs a command would pass for blocked.
        assert!(wait_until(|| players.blocked() == 0), "clients that are gone are still blocked");
        players
    }

    /// Sends a request and returns all replies that come from it, by connection: until every connection has either
    /// been answered or is counted as blocked by the server.
    fn step(&mut self, player: usize, request: &Request) -> BTreeMap<usize, Vec<u8>> {
        self.clients[player]
            .send(&Request::encode_all(std::slice::from_ref(request)))
            .expect("the server reads");
        self.waiting[player] = true;
        let mut replies = BTreeMap::new();
        let settled = wait_until(|| {
            for (number, client) in self.clients.iter_mut().enumerate() {
                if self.waiting[number]
                    && let Some(reply) = client.poll_frame().expect("the server answers")
                {
                    replies.insert(number, reply);
                    self.waiting[number] = false;
                }
            }
            // Only now: a client that is served meanwhile must not count as blocked any more.
            let blocked = self.blocked();
            self.waiting.iter().filter(|waits| **waits).count() == blocked
        });
        assert!(settled, "{request}: some connections are neither answered nor blocked");
        replies
    }

    fn blocked(&mut self) -> usize {
        let info = self.control.command("INFO clients").text();
        let count = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
        count.and_then(|count| count.trim().parse().ok()).expect("INFO tells how many clients are blocked")
    }
}

fn play(pair: &Pair<'_>, generator: &mut Generator) -> Option<Finding> {
    let mut candidate = Players::new(pair.candidate);
    let mut reference = Players::new(pair.reference);
    let mut history = Vec::new();
    for _ in 0..SESSION_STEPS {
        let idle: Vec<usize> = (0..CONNECTIONS).filter(|player| !reference.waiting[*player]).collect();
        if idle.is_empty() {
            break;
        }
        let player = idle[generator.number(0..idle.len())];
        let request = generator.request();
        history.push(Request::from_line(&format!("{player}: {request}")));
        let ours = candidate.step(player, &request);
        let theirs = reference.step(player, &request);
        if ours != theirs {
            let mut answers = String::new();
            for (name, replies) in [("candidate", &ours), ("reference", &theirs)] {
                for (number, reply) in replies {
                    let _ = writeln!(answers, "{name}, connection {number}: {}", reply.escape_ascii());
                }
            }
            return Some(Finding { kind: request.upper(0), history, answers });
        }
    }
    None
}

/// Compares with those stock servers that `includes` accepts by their names.
#[track_caller]
fn compare(family: &Family, includes: impl Fn(&str) -> bool) {
    let mut extent = Extent::from_environment();
    // Each step waits for all connections.
    extent.commands /= 20;
    crate::compare_with_each(|pair| {
        let heading = format!(
            "{} against {}, {} commands of the family \"{}\", NUTHATCH_SEED={}",
            pair.candidate.name(),
            pair.reference.name(),
            extent.commands,
            family.name,
            extent.seed
        );
        if !includes(pair.reference.name()) {
            return Report { heading: format!("{heading}: left out"), findings: Vec::new() };
        }
        let mut generator = Generator::new(family, extent.seed, |_| true);
        let sessions = extent.commands.div_ceil(SESSION_STEPS);
        let finding = (0..sessions).find_map(|_| play(pair, &mut generator));
        Report { heading, findings: finding.into_iter().collect() }
    });
}

#[test]
fn blocked_clients_are_served_as_by_the_stock_servers() {
    compare(&BLOCKING, |_| true);
}

#[test]
fn clients_blocked_on_several_keys_are_served_as_by_recent_stock_servers() {
    compare(&BLOCKING_ON_SEVERAL_KEYS, |name| name != "redis-7.0");
}

#[test]
fn readers_of_streams_are_served_as_by_recent_stock_servers() {
    compare(&BLOCKING_STREAMS, |name| name != "redis-7.0");
}
