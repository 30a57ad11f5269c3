//! Keys as they come from a file: nobody is told of them.

use nuthatch_collections::entry::{Entry, NewPayload};

use super::deadlines::{Dues, fragment};
use super::{Key, Keyspace};
use crate::value::Kind;

impl Keyspace {
    /// Gives a new key its value, its deadline, and what is kept of when it was used. Says whether the key is new; if it
    /// is not, it stays as it is.
    pub(crate) fn load(
        &self,
        key: &Key<'_>,
        kind: Kind,
        payload: NewPayload<'_>,
        deadline: Option<u64>,
        access: u32,
        now_ms: u64,
    ) -> bool {
        let mut entry = Entry::new(key.bytes, kind as u8, deadline, payload);
        entry.as_mut().set_access(access);
        let dues = Dues::of(entry.as_ref());
        let mut state = self.shards[self.shard_of(key.hash)].state.lock();
        let database = &mut state.databases[self.place(key.database)];
        if database.table.find(key.hash, key.bytes).is_some() {
            return false;
        }
        database.table.insert(key.hash, entry);
        database.count_deadlines(Dues::default(), dues);
        if let Some(due) = dues.earliest() {
            database.deadlines.file(fragment(key.hash), due, now_ms);
        }
        true
    }
}
