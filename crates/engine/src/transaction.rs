//! A client's transaction: what it has queued, and which keys it watches.

use std::collections::HashMap;

use nuthatch_protocol::Span;

use crate::arguments::Arguments;
use crate::command::Flags;
use crate::keyspace::Key;

/// Commands that wait for EXEC.
#[derive(Debug, Default)]
pub struct Transaction {
    queued: Vec<Queued>,
    /// The arguments of all of them.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// The flags of all of them together.
    pub flags: Flags,
    /// Whether one was refused, so that none is going to run.
    pub is_aborted: bool,
}

/// A command that waits for EXEC.
#[derive(Debug, Clone, Copy)]
pub struct Queued {
    /// Its number in the table of commands.
    pub command: u16,
    /// The hash of its key, if it locks one key only.
    pub hash: u64,
    first_span: usize,
    spans: usize,
}

impl Transaction {
    /// Adds a command, of which `hash` is the hash of its key if it has only one.
    ///
    /// # Errors
    /// All arguments together are beyond 4 GiB.
    pub fn queue(
        &mut self,
        command: u16,
        flags: Flags,
        hash: u64,
        arguments: &Arguments<'_>,
    ) -> Result<(), TooLarge> {
        let first_span = self.spans.len();
        for argument in arguments.from(0) {
            let start = u32::try_from(self.bytes.len()).map_err(|_| TooLarge)?;
            let end = u32::try_from(self.bytes.len() + argument.len()).map_err(|_| TooLarge)?;
            self.bytes.extend_from_slice(argument);
            self.spans.push(Span { start, end });
        }
        self.flags |= flags;
        self.queued.push(Queued { command, hash, first_span, spans: arguments.len() });
        Ok(())
    }

    /// The commands, in their order.
    pub fn queued(&self) -> &[Queued] {
        &self.queued
    }

    /// The arguments of one of them.
    pub fn arguments(&self, queued: &Queued) -> Arguments<'_> {
        Arguments::new(&self.bytes, &self.spans[queued.first_span..queued.first_span + queued.spans])
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.queued.capacity() * size_of::<Queued>()
    }
}

/// A transaction's arguments are too many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// The keys that a client watches.
#[derive(Debug, Default)]
pub struct WatchedKeys {
    /// Their hashes, by database and key.
    hashes: HashMap<(u32, Box<[u8]>), u64>,
    key_bytes: usize,
}

impl WatchedKeys {
    /// Adds a key. Says whether it was not there.
    pub fn add(&mut self, key: &Key<'_>) -> bool {
        let is_new = self.hashes.insert((key.database, key.bytes.into()), key.hash).is_none();
        self.key_bytes += if is_new { key.bytes.len() } else { 0 };
        is_new
    }

    /// About how much memory they take, in bytes, here and with the keys.
    pub fn memory(&self) -> usize {
        /// What a key takes besides its own bytes, which are here and with the key.
        const KEY_BYTES: usize = 256;
        self.len() * KEY_BYTES + 2 * self.key_bytes
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// All of them.
    pub fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        self.hashes.iter().map(|((database, bytes), hash)| Key { bytes, hash: *hash, database: *database })
    }
}
