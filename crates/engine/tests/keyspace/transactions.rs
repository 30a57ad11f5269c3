//! A transaction in the log: one unit.

use std::sync::{Arc, Mutex};

use nuthatch_engine::effect::{Effect, EffectLog};

use super::support::Server;

/// A log that keeps the events that it is told of, and where units begin and end.
#[derive(Debug, Default, Clone)]
struct Units(Arc<Mutex<Vec<String>>>);

impl Units {
    fn push(&self, what: &str) {
        self.0.lock().expect("no test panics while it holds the lock").push(what.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it holds the lock"))
    }
}

impl EffectLog for Units {
    fn append(&self, effect: &Effect<'_>) {
        if !effect.event.is_empty() {
            self.push(&format!("{} {}", effect.event, effect.key.escape_ascii()));
        }
    }

    fn begin_unit(&self) {
        self.push("begin");
    }

    fn end_unit(&self) {
        self.push("end");
    }
}

#[test]
fn what_a_transaction_does_is_one_unit_and_who_is_served_by_it_comes_after() {
    let units = Units::default();
    let mut server = Server::new(Some(Box::new(units.clone())));
    server.call_waiting(&[b"BLPOP", b"list", b"0"]);
    for command in ["MULTI", "SET a 1", "RPUSH list x", "INCR text", "DEL none"] {
        server.run(command);
    }
    assert_eq!(units.take(), [""; 0]);
    assert_eq!(server.run("EXEC"), "*4\r\n+OK\r\n:1\r\n:1\r\n:0\r\n");
    assert_eq!(units.take(), ["begin", "set a", "rpush list", "incrby text", "end", "lpop list", "del list"]);
    assert_eq!(server.dismiss_served(), 1);
}

#[test]
fn watched_keys_that_changed_or_expired_leave_nothing_in_the_log() {
    let units = Units::default();
    let mut server = Server::new(Some(Box::new(units.clone())));
    server.run("SET gone 1 PX 100");
    for change in ["SET a 2", "FLUSHALL", "SWAPDB 0 1", "RENAME a b", "PEXPIRE a 5"] {
        server.run("SET a 1");
        server.run("WATCH a none");
        server.run(change);
        server.run("MULTI");
        server.run("SET b 1");
        units.take();
        assert_eq!(server.run("EXEC"), "*-1\r\n", "{change}");
        assert_eq!(units.take(), [""; 0], "{change}");
    }
    server.run("SET gone 1 PX 100");
    server.run("WATCH gone");
    server.set_clock(server.now_ms() + 100);
    server.run("MULTI");
    assert_eq!(server.run("EXEC"), "*-1\r\n");
    // What had expired before cannot change by its removal.
    server.run("WATCH gone");
    server.expire();
    server.run("MULTI");
    assert_eq!(server.run("EXEC"), "*0\r\n");
}
