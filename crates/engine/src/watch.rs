//! Whether a key that a client watches has changed.

use std::sync::atomic::{AtomicBool, Ordering};

/// What a client's watched keys have in common: whether one of them has changed. Whoever changes a key breaks the watch
/// under the key's lock; it is mended when no key is watched any more.
#[derive(Debug, Default)]
pub struct Watch(AtomicBool);

impl Watch {
    /// Whether a key has changed.
    pub fn is_broken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Notes that a key has changed.
    pub fn break_off(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Begins anew.
    pub fn mend(&self) {
        self.0.store(false, Ordering::Release);
    }
}
