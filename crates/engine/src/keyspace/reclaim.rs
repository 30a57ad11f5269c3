//! Memory whose release takes long enough to be kept off the data path.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nuthatch_collections::allocator;
use nuthatch_collections::entry::{Entry, Payload};
use nuthatch_collections::table::Table;

use super::deadlines::DeadlineIndex;
use super::{KeyHash, Keyspace};

/// Releases [`Garbage`] later and elsewhere.
pub type Reclaim = Box<dyn Fn(Garbage) + Send + Sync>;

/// What is being released, and what was.
#[derive(Debug, Default)]
pub(super) struct Reclaiming {
    /// Values that were handed over and are not released yet, flushed keys included.
    pending: AtomicU64,
    /// What the single values of these take, in bytes.
    bytes: AtomicU64,
    /// How many of these are all keys of a database in a shard.
    contents: AtomicU64,
    /// What was allocated when the last of these was handed over, in bytes.
    level: AtomicU64,
    /// Values that were released.
    released: AtomicU64,
}

enum Content {
    /// A big value.
    Entry(Entry),
    /// All keys of one database in one shard, and their index by deadline.
    Keys(Box<(Table<KeyHash>, DeadlineIndex)>),
}

/// The share of a piece of garbage in the figures, until it is released.
struct Share {
    reclaiming: Arc<Reclaiming>,
    values: u64,
    bytes: u64,
    contents: u64,
}

impl Share {
    fn new(reclaiming: &Arc<Reclaiming>, values: u64, bytes: u64, contents: u64) -> Self {
        reclaiming.pending.fetch_add(values, Ordering::Relaxed);
        reclaiming.bytes.fetch_add(bytes, Ordering::Relaxed);
        reclaiming.contents.fetch_add(contents, Ordering::Relaxed);
        Self { reclaiming: reclaiming.clone(), values, bytes, contents }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // First the allocated memory is less, then what is about to be released: else too much would seem to be in use.
        allocator::allocated();
        self.reclaiming.pending.fetch_sub(self.values, Ordering::Relaxed);
        self.reclaiming.bytes.fetch_sub(self.bytes, Ordering::Release);
        self.reclaiming.contents.fetch_sub(self.contents, Ordering::Release);
        self.reclaiming.released.fetch_add(self.values, Ordering::Relaxed);
    }
}

/// Memory that is to be released.
pub struct Garbage {
    content: Content,
    /// Behind the content, which is dropped first.
    _share: Share,
}

impl Garbage {
    /// Releases it, and calls `pause` now and then, so that the thread can give way to others.
    pub fn release(mut self, pause: &mut dyn FnMut()) {
        match &mut self.content {
            Content::Entry(entry) => {
                if let Some(collection) = entry.as_mut().into_collection_mut() {
                    collection.dismantle(pause);
                }
            }
            Content::Keys(keys) => keys.0.dismantle(pause),
        }
    }
}

/// Figures about memory that is being released.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReclaimFigures {
    /// Values that are to be released.
    pub pending: u64,
    /// Values that were released.
    pub released: u64,
}

impl Keyspace {
    /// Releases an entry, elsewhere if it is big.
    #[inline]
    pub(super) fn discard(&self, entry: Entry) {
        /// Releasing less than this is quicker than handing it over: of many allocations, and of one, which goes back to
        /// the system only where it is far bigger.
        const HAND_OVER_BYTES: usize = 64 * 1024;
        const HAND_OVER_BYTES_WHOLE: usize = 4 * 1024 * 1024;
        let bytes = entry.as_ref().allocated_bytes();
        let is_whole = !matches!(entry.as_ref().payload(), Payload::Collection(_));
        if bytes >= if is_whole { HAND_OVER_BYTES_WHOLE } else { HAND_OVER_BYTES } {
            let share = Share::new(&self.reclaiming, 1, bytes as u64, 0);
            (self.reclaim)(Garbage { content: Content::Entry(entry), _share: share });
        }
    }

    /// Releases all keys of a database in a shard elsewhere.
    pub(super) fn discard_content(&self, content: (Table<KeyHash>, DeadlineIndex)) {
        self.reclaiming.level.store(allocator::allocated(), Ordering::Relaxed);
        let share = Share::new(&self.reclaiming, content.0.len() as u64, 0, 1);
        (self.reclaim)(Garbage { content: Content::Keys(Box::new(content)), _share: share });
    }

    /// What single values take that are about to be released, in bytes.
    pub(crate) fn reclaiming_bytes(&self) -> u64 {
        self.reclaiming.bytes.load(Ordering::Acquire)
    }

    /// Whether memory of keys that are gone is about to be released.
    pub(crate) fn is_reclaiming(&self) -> bool {
        self.reclaiming.pending.load(Ordering::Relaxed) > 0
    }

    /// While flushed databases are being released, of which nobody knows how much memory they take: how much was allocated
    /// when they began to be, in bytes.
    pub(crate) fn level_reclaimed(&self) -> Option<u64> {
        let is_reclaiming = self.reclaiming.contents.load(Ordering::Acquire) > 0;
        is_reclaiming.then(|| self.reclaiming.level.load(Ordering::Relaxed))
    }

    /// Figures for INFO.
    pub fn reclaim_figures(&self) -> ReclaimFigures {
        ReclaimFigures {
            pending: self.reclaiming.pending.load(Ordering::Relaxed),
            released: self.reclaiming.released.load(Ordering::Relaxed),
        }
    }

    /// Counts what was released anew: CONFIG RESETSTAT.
    pub fn reset_reclaim_figures(&self) {
        self.reclaiming.released.store(0, Ordering::Relaxed);
    }
}
