//! The end of a wait, which comes once: whoever is first writes the reply.
//!
//! `tests/exploration.rs` explores the interleavings of those who may end it and the one who waits.

use super::synchronization::{AtomicBool, Mutex, Ordering};

/// Whether a wait has ended, and the reply that it ended with.
#[derive(Debug)]
pub(crate) struct Ending<R> {
    /// Whether somebody has ended the wait, or is about to.
    ended: AtomicBool,
    reply: Mutex<Option<R>>,
}

impl<R> Ending<R> {
    /// That of a wait that goes on.
    pub(crate) fn new() -> Self {
        Self { ended: AtomicBool::new(false), reply: Mutex::new(None) }
    }

    /// Whether the wait has ended, or is about to.
    pub(crate) fn is_claimed(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether the caller is the one who ends the wait, and has to [`give`](Self::give) a reply.
    pub(crate) fn claim(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    /// Leaves the reply for the one who waits.
    pub(crate) fn give(&self, reply: R) {
        *self.reply.lock() = Some(reply);
    }

    /// The reply, if it is there and was not taken yet.
    pub(crate) fn take(&self) -> Option<R> {
        self.reply.lock().take()
    }
}
