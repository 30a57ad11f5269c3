//! One run of a command: all that its handler may reach.

use nuthatch_protocol::reply::Reply;

use crate::Engine;
use crate::arguments::Arguments;
use crate::command::Flags;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::session::Session;
use crate::table::Registered;

/// One run of a command.
pub struct Call<'a, 'k> {
    /// The command.
    pub command: &'static Registered,
    /// Its arguments.
    pub arguments: Arguments<'a>,
    /// The keys that its row names, locked.
    pub keys: &'a mut Keys<'k>,
    /// The client that sent it.
    pub session: &'a mut Session,
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// The server.
    pub engine: &'a Engine,
    /// The hash of the first key, computed when the batch was prepared.
    pub(crate) first_hash: Option<(u16, u64)>,
}

impl<'a> Call<'a, '_> {
    /// The key at an argument index that the arity guarantees, in the client's database.
    #[inline]
    pub fn key(&self, index: usize) -> Key<'a> {
        let bytes = self.arguments.at(index);
        let hash = match self.first_hash {
            Some((first, hash)) if usize::from(first) == index => hash,
            _ => self.engine.keyspace.hash(bytes),
        };
        Key { bytes, hash, database: self.session.database }
    }

    /// Removes those of the command's keys whose deadlines have passed: for commands that change one key by what others
    /// hold. So they find the same when they are run again at another time.
    pub fn remove_expired_keys(&mut self) {
        for index in self.command.key_positions(&self.arguments) {
            let key = self.key(index);
            self.keys.remove_if_expired(&key);
        }
    }

    /// Notes which keys the client has read, if it wants to be told of their changes; and forgets what CLIENT CACHING
    /// has said of this command, unless it is of the whole transaction.
    #[cold]
    pub(crate) fn note_reads(&mut self, outcome: &Outcome) {
        let is_noted = self.session.tracking.as_ref().is_some_and(|tracking| tracking.is_noted());
        let flags = self.command.row.flags;
        // Which keys a request names that is malformed cannot always be told.
        let is_malformed = matches!(outcome, Err(error) if *error != CommandError::WRONG_TYPE);
        let names_keys = !(is_malformed && flags.contains(Flags::MOVABLE_KEYS));
        if is_noted && names_keys && flags.contains(Flags::READONLY) {
            for index in self.command.key_positions(&self.arguments) {
                let key = self.key(index);
                self.keys.track(&key, self.session.record.id);
            }
        }
        let is_alone = self.session.transaction.is_none() && !self.session.is_executing;
        if is_alone && !self.command.full_name.starts_with("client|") {
            self.session.tracking.iter_mut().for_each(|tracking| tracking.next = None);
        }
    }

    /// The time of the command in milliseconds since 1970.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.keys.now_ms
    }

    /// The time that a command notes, in milliseconds since 1970. It is that of the command, but for one that is run again:
    /// to it, no deadline has passed.
    pub fn clock_ms(&self) -> u64 {
        if self.session.is_replayed { self.engine.now_ms() } else { self.keys.now_ms }
    }
}
