//! A queue from many threads to one, which sleeps while it is empty.
//!
//! `tests/exploration.rs` explores the interleavings of those who leave something and the one who takes it.

use super::synchronization::{AtomicBool, Mutex, Ordering};

/// What was left for a thread and not taken yet.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    items: Mutex<Vec<T>>,
    /// Whether there are any, for a look without the lock.
    has_items: AtomicBool,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        Self { items: Mutex::new(Vec::new()), has_items: AtomicBool::new(false) }
    }

    /// Leaves an item. Says whether it is the first: then the thread that takes them may be asleep, and must be woken. It
    /// was woken for earlier ones, and takes all at once.
    pub(crate) fn leave(&self, item: T) -> bool {
        let mut items = self.items.lock();
        items.push(item);
        self.has_items.store(true, Ordering::Release);
        items.len() == 1
    }

    /// Whether there are items. The thread that takes them asks before it sleeps, unless whoever leaves the first wakes it.
    #[inline]
    pub(crate) fn has_items(&self) -> bool {
        self.has_items.load(Ordering::Acquire)
    }

    /// Takes all items, in their order.
    pub(crate) fn take(&self) -> Vec<T> {
        let mut items = self.items.lock();
        self.has_items.store(false, Ordering::Release);
        std::mem::take(&mut *items)
    }
}
