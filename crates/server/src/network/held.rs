//! The connections whose commands are held back, in the order in which their times come.

use std::collections::BTreeSet;

use slab::Slab;

use super::connection::Connection;

/// Held connections by the time until which they are held, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeSet<(u64, usize)>);

impl Held {
    /// Adds a connection, which says itself until when.
    pub(super) fn add(&mut self, token: usize, connection: &Connection) {
        self.0.extend(connection.held_until.map(|until| (until, token)));
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, token: usize, connection: &Connection) {
        if let Some(until) = connection.held_until {
            self.0.remove(&(until, token));
        }
    }

    /// Holds a connection until another time; one that is not held stays so.
    pub(super) fn hold_until(&mut self, token: usize, connection: &mut Connection, until: u64) {
        if connection.held_until.is_some() {
            self.remove(token, connection);
            connection.held_until = Some(until);
            self.add(token, connection);
        }
    }

    /// The first time that comes.
    pub(super) fn next(&self) -> Option<u64> {
        self.0.first().map(|(until, _)| *until)
    }

    /// Takes out all connections whose time has come.
    pub(super) fn take_due(&mut self, now_ms: u64, connections: &mut Slab<Connection>) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some((until, token)) = self.0.first().copied()
            && until <= now_ms
        {
            self.0.pop_first();
            if let Some(connection) = connections.get_mut(token) {
                connection.held_until = None;
                due.push(token);
            }
        }
        due
    }
}
