//! The only way in which a write leaves the engine.
//!
//! Every change of the keyspace makes one effect, appended while its shards are locked, so that whoever
//! reads the log (the append-only file, replicas, notifications, invalidations) sees an order that agrees
//! with execution. Applying effects again to the state before gives the state after, whatever the time or the
//! random numbers were: most are physical, and those of collections end with a request that is to be run again.
//! Without a log an effect costs one branch.

use nuthatch_collections::entry::RecordRef;

use crate::arguments::Arguments;

/// One change of one key, or of a whole database.
#[derive(Debug, Clone, Copy)]
pub struct Effect<'a> {
    /// The database's number, as clients know it.
    pub database: u32,
    /// The key that changed; empty for changes of a whole database.
    pub key: &'a [u8],
    /// The name of the event, as keyspace notifications give it: `set`, `expire`, `del`, …; empty for what they do not
    /// tell, such as a change of the encoding or of a whole database.
    pub event: &'static str,
    /// What became of it.
    pub change: Change<'a>,
}

/// What a write did.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// The key now holds this record, deadline included.
    Put(RecordRef<'a>),
    /// These bytes of the string were written at this offset; a gap before it was filled with zeros.
    Splice {
        /// In bytes from the start of the string.
        offset: usize,
        /// What stands there now.
        bytes: &'a [u8],
    },
    /// The deadline is now this, in milliseconds since 1970, or none.
    Deadline(Option<u64>),
    /// The key is gone.
    Remove,
    /// The key is now under this name, in this database; what was there is gone. An [`Event`](Self::Event) of the new
    /// name follows.
    Rename {
        /// The database's number.
        database: u32,
        /// The new name.
        key: &'a [u8],
    },
    /// Every key of the database is gone.
    Flush,
    /// The database and this one have exchanged their contents.
    Swap(u32),
    /// Nothing more than what the effect before has told: only the event is another one, or of another key.
    Event,
    /// The key is one of those that a request has changed, which follows under the same locks.
    Part,
    /// What makes the changes that were announced by [`Part`](Self::Part): the request that a client sent.
    Request(Arguments<'a>),
    /// As [`Request`](Self::Request), but other words, because those of the client depend on the moment or on chance.
    Equivalent(&'a [Vec<u8>]),
}

/// Takes effects in the order of execution. Called with shards locked: it must not block or lock shards.
pub trait EffectLog: Send + Sync {
    /// Appends one effect.
    fn append(&self, effect: &Effect<'_>);

    /// What the calling thread appends from now on until [`Self::end_unit`] is one unit, a transaction: whoever keeps the
    /// log keeps all of it or nothing. Other threads may append effects on other keys meanwhile.
    fn begin_unit(&self);

    /// The unit is complete.
    fn end_unit(&self);

    /// A command is done, and the locks that it holds are about to be given back: what the calling thread has appended is
    /// complete, unless it is within a unit.
    fn end_command(&self) {}
}
