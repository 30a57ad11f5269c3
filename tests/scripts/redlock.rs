//! Redlock: a lock is held by who has it on most of several servers.

use std::io;

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::reply::Reply;

use crate::caller::Caller;
use crate::locks::{RELEASE, Section};
use crate::{crowd, start};

const SERVERS: usize = 3;

/// Connections of one client to the servers, as far as they are there.
struct Redlock(Vec<Option<Caller>>);

impl Redlock {
    /// Clients ask the servers in different orders, so that none of them decides alone.
    fn connect(ports: &[u16], number: usize) -> Self {
        let order = ports.iter().cycle().skip(number % SERVERS).take(SERVERS);
        Self(order.map(|port| Caller::connect(*port, number).ok()).collect())
    }

    /// How many servers say yes. One that does not answer is not asked again.
    fn ask(&mut self, question: impl Fn(&mut Caller) -> io::Result<bool>) -> usize {
        let mut yes = 0;
        for server in &mut self.0 {
            match server.as_mut().map(&question) {
                Some(Ok(answer)) => yes += usize::from(answer),
                Some(Err(_)) => *server = None,
                None => {}
            }
        }
        yes
    }

    fn acquire(&mut self, token: &str) -> usize {
        self.ask(|server| Ok(server.command(&["SET", "lock", token, "NX", "PX", "3600000"])? != Reply::Null))
    }

    fn release(&mut self, token: &str) -> usize {
        self.ask(|server| Ok(server.number(RELEASE, &["lock"], &[token])? == 1))
    }
}

/// Has all clients acquire and release the lock, while one of the servers ends; says what is wrong with who held it.
fn check(quorum: usize, extent: Extent) -> Result<(), String> {
    let servers: Vec<_> = (0..SERVERS).map(|_| start()).collect();
    let ports: Vec<u16> = servers.iter().map(nuthatch_testkit::server::Server::port).collect();
    let section = Section::default();
    let attempts = extent.commands / crowd::CLIENTS / SERVERS;
    crowd::all(ports[0], extent.seed, |number, _, _| {
        let mut redlock = Redlock::connect(&ports, number);
        for attempt in 0..attempts {
            if number == 0 && attempt == attempts / 2 {
                // Nobody answers to that.
                redlock.0[SERVERS - 1].take().map(|mut server| server.command(&["SHUTDOWN", "NOSAVE"]));
            }
            let token = format!("{number}:{attempt}");
            if redlock.acquire(&token) >= quorum {
                section.enter(|| redlock.ask(|server| server.command(&["PING"]).map(|_| true)));
            }
            redlock.release(&token);
        }
        Ok(())
    });
    let left = servers[0].connect().call(["EXISTS", "lock"]);
    if left.integer() != Some(0) {
        return Err("somebody still holds the lock".into());
    }
    match section.entered()? {
        0 => Err("nobody ever held the lock".into()),
        _ => Ok(()),
    }
}

#[test]
fn one_client_at_a_time_holds_the_lock_of_three_servers() {
    assert_eq!(check(SERVERS / 2 + 1, Extent::from_environment()), Ok(()));
}

#[test]
fn two_holders_of_the_lock_are_found() {
    let extent = Extent { commands: 10_000, ..Extent::from_environment() };
    let found = check(1, extent).unwrap_err();
    assert!(found.contains("two held the lock"), "{found}");
}
