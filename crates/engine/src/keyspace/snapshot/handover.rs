//! From those who write entries down to the one who writes the file.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::rdb::file::EntryWriter;

/// The most bytes that wait for the file when an entry is about to be changed.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most buffers that are kept, and bytes of each: a shard in turn takes one.
const SPARE_MAX: usize = 16;
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Entries of a database, as they are in files.
pub(super) struct Piece {
    pub(super) database: u32,
    pub(super) bytes: Vec<u8>,
}

/// What was written down and not taken yet.
#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    /// Buffers that were written, to be used again.
    spare: Vec<Vec<u8>>,
    is_over: bool,
}

/// What all who take part in a snapshot share.
pub(super) struct Handover {
    waiting: Mutex<Waiting>,
    /// How many bytes wait.
    bytes: Arc<AtomicUsize>,
    given: Condvar,
    taken: Condvar,
}

impl Handover {
    /// A handover that counts what waits in `bytes`.
    pub(super) fn new(bytes: Arc<AtomicUsize>) -> Self {
        bytes.store(0, Ordering::Relaxed);
        Self { waiting: Mutex::default(), bytes, given: Condvar::new(), taken: Condvar::new() }
    }

    /// Hands over what was written down of a database.
    pub(super) fn give(&self, database: u32, entries: &mut EntryWriter) {
        if entries.bytes().is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        self.bytes.fetch_add(entries.bytes().len(), Ordering::Relaxed);
        let spare = waiting.spare.pop().unwrap_or_default();
        waiting.pieces.push_back(Piece { database, bytes: entries.replace(spare) });
        drop(waiting);
        self.given.notify_one();
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until not too much waits for the file: for those who change data, not for the one who writes the file.
    pub(super) fn wait_for_room(&self) {
        let mut waiting = self.waiting.lock();
        while self.waiting() > WAITING_BYTES_MAX && !waiting.is_over {
            self.taken.wait(&mut waiting);
        }
    }

    /// Takes all that waits, after having waited for some of it, but no longer than this.
    pub(super) fn take(&self, patience: Duration) -> VecDeque<Piece> {
        let mut waiting = self.waiting.lock();
        if waiting.pieces.is_empty() && !patience.is_zero() {
            self.given.wait_for(&mut waiting, patience);
        }
        self.bytes.store(0, Ordering::Relaxed);
        self.taken.notify_all();
        mem::take(&mut waiting.pieces)
    }

    /// Takes a buffer back that was written.
    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut waiting = self.waiting.lock();
        if waiting.spare.len() < SPARE_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            waiting.spare.push(buffer);
        }
    }

    /// Nobody takes anything any more.
    pub(super) fn end(&self) {
        self.waiting.lock().is_over = true;
        self.taken.notify_all();
    }
}
