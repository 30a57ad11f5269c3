//! A hash table of entries that never stops to grow: extendible hashing.
//!
//! A directory of pointers is indexed by the top bits of a hash. Each pointer leads to a segment of 16 to 28 KiB, 256 to 448
//! buckets of one cache line with seven entries each. The bits below those that choose the segment choose an
//! entry's home bucket; when that is full, the entry goes to one of the seven buckets behind it, and the home
//! bucket notes how far. When all eight are full, and moving others on does not help, the segment gets 4 KiB more, or becomes two
//! of 16 KiB. That moves at most some three thousand entries and takes some tens of microseconds, instead of moving the whole
//! table. In such small steps no more than a fifth of the slots is ever won at once, so that a table takes 11 to 12 bytes for
//! each entry, however many there are, up to half a billion. Where entries have become few, segments become smaller, down to 1 KiB, and two become one. A slot
//! keeps sixteen bits of the hash beside the pointer, so that none of this has to look at the entries, until a table has
//! more than a hundred million of them.
//!
//! A lookup touches the directory, one cache line of the bucket and the entry. Eight tag bits for each entry in
//! the bucket's line make it rare that a wrong entry is looked at.
//!
//! When hashes are so skewed that splitting does not help, entries go to a stash, a plain vector. This keeps the
//! table correct, but slow: the hash function has to be good, and unknown to whoever chooses the keys.
//!
//! # Invariants
//!
//! * All entries whose hashes agree in a segment's local depth of top bits are in that segment or in the stash.
//! * An entry lives at most `segment::DISTANCE_MAX` buckets behind its home, and its home's
//!   overflow map tells that distance.
//! * The words of the directory, the tags and the slots are changed by the owner alone, through `&mut Table`, and
//!   read by prefetchers at any time. Prefetchers follow no pointer to an entry, so that entries are freed at
//!   once; segments and directories are freed when no prefetcher can look at them any more.

mod bucket;
mod directory;
mod occupied;
mod prefetch;
mod relocate;
mod resize;
mod segment;
#[cfg(test)]
mod tests;
mod walk;

use std::ptr::NonNull;
use std::sync::Arc;

use crate::entry::{Entry, RecordRef};
use bucket::tag;
use directory::{Directory, Located, Root};
pub use occupied::Occupied;
pub use prefetch::{Pin, Prefetcher, pin};
use segment::{Block, SIZES, Slot};

/// How the table gets the hash of a key, which it does not store, when it moves an entry.
pub trait KeyHasher: Clone + Send + 'static {
    /// The hash of a key: always the same, and all 64 bits good.
    fn hash(&self, key: &[u8]) -> u64;
}

/// An entry for which its segment had no room.
struct Stashed {
    hash: u64,
    entry: Entry,
}

/// Where an entry is.
#[derive(Clone, Copy)]
enum Place {
    Segment(Located, Slot),
    Stash(usize),
}

/// A hash table of entries, by key.
///
/// The caller computes the hashes, with the table's [`hasher`](Self::hasher), so that it can do so ahead of time.
pub struct Table<H: KeyHasher> {
    hasher: H,
    /// The same as what `root` publishes; kept here because it saves a cache miss.
    directory: Directory,
    len: usize,
    /// Entries that no segment has room for; empty with any good hash.
    stash: Vec<Stashed>,
    /// How many blocks the segments have together.
    blocks: usize,
    /// How many segments have the directory's depth. Without any, the directory can be halved.
    deepest: usize,
    root: Arc<Root>,
}

impl<H: KeyHasher> Table<H> {
    /// An empty table, which allocates nothing for entries until the first is inserted.
    pub fn new(hasher: H) -> Table<H> {
        Table {
            hasher,
            directory: Directory::EMPTY,
            len: 0,
            stash: Vec::new(),
            blocks: 0,
            deepest: 0,
            root: Arc::new(Root::new(Directory::EMPTY)),
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hash function.
    pub fn hasher(&self) -> &H {
        &self.hasher
    }

    /// What the table itself takes, without the entries, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.directory.len() * size_of::<usize>()
            + self.blocks * size_of::<Block>()
            + self.stash.capacity() * size_of::<Stashed>()
    }

    /// What prefetches for this table, also after [`take`](Self::take).
    pub fn prefetcher(&self) -> Prefetcher {
        Prefetcher::new(Arc::clone(&self.root))
    }

    /// The entry with this key.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<RecordRef<'_>> {
        let (_, head) = self.locate(hash, key)?;
        // SAFETY: the table owns the entry and does not change while it is borrowed.
        Some(unsafe { RecordRef::new(head) })
    }

    /// The entry with this key, for changing or removing it.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<Occupied<'_, H>> {
        let (place, _) = self.locate(hash, key)?;
        Some(Occupied::new(self, hash, place))
    }

    /// Adds an entry. No entry with its key may be there: if there is one, either may be found afterwards.
    pub fn insert(&mut self, hash: u64, entry: Entry) {
        debug_assert_eq!(hash, self.hasher.hash(entry.as_ref().key()), "the hash is not that of the key");
        debug_assert!(self.find(hash, entry.as_ref().key()).is_none(), "the key is there already");
        if self.directory.is_empty() {
            self.publish(Directory::with_segment(Located::allocate(SIZES[0], 0)));
            self.blocks = SIZES[0];
            self.deepest = 1;
        }
        self.len += 1;
        self.place(hash, entry.into_raw());
    }

    /// Stores an entry that has no owner.
    fn place(&mut self, hash: u64, head: NonNull<u64>) {
        loop {
            // SAFETY: the directory is not empty, and the table keeps what it points to.
            let located = unsafe { self.directory.locate(hash) };
            // SAFETY: as above.
            let segment = unsafe { located.segment() };
            if segment.insert(located.home(hash), hash, head) {
                return;
            }
            if !self.make_room(hash, located) {
                // SAFETY: the entry has no owner yet.
                self.stash.push(Stashed { hash, entry: unsafe { Entry::from_raw(head) } });
                return;
            }
        }
    }

    /// Takes the entry with this key out.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        self.find_mut(hash, key).map(Occupied::remove)
    }

    /// Takes the whole content out, in constant time, as a table of its own, which can be dropped on another
    /// thread. Prefetchers stay with this table.
    #[must_use]
    pub fn take(&mut self) -> Table<H> {
        let content = Table {
            hasher: self.hasher.clone(),
            directory: self.directory,
            len: std::mem::take(&mut self.len),
            stash: std::mem::take(&mut self.stash),
            blocks: std::mem::take(&mut self.blocks),
            deepest: std::mem::take(&mut self.deepest),
            root: Arc::new(Root::new(self.directory)),
        };
        self.publish(Directory::EMPTY);
        content
    }

    /// Makes a directory the current one; the caller sees to the old one.
    fn publish(&mut self, directory: Directory) {
        self.directory = directory;
        self.root.store(directory);
    }

    #[inline]
    fn locate(&self, hash: u64, key: &[u8]) -> Option<(Place, NonNull<u64>)> {
        if self.directory.is_empty() {
            return None;
        }
        // SAFETY: the directory is not empty, and the table keeps what it points to.
        let located = unsafe { self.directory.locate(hash) };
        // SAFETY: as above.
        let segment = unsafe { located.segment() };
        let found = segment.find(located.home(hash), tag(hash), |head| {
            // SAFETY: the table owns the entry and does not change while it is borrowed.
            unsafe { RecordRef::new(head) }.key() == key
        });
        match found {
            Some((slot, head)) => Some((Place::Segment(located, slot), head)),
            None if self.stash.is_empty() => None,
            None => self.locate_in_stash(hash, key),
        }
    }

    #[cold]
    fn locate_in_stash(&self, hash: u64, key: &[u8]) -> Option<(Place, NonNull<u64>)> {
        let is_wanted = |stashed: &Stashed| stashed.hash == hash && stashed.entry.as_ref().key() == key;
        let index = self.stash.iter().position(is_wanted)?;
        Some((Place::Stash(index), self.stash[index].entry.head()))
    }
}

impl<H: KeyHasher> Table<H> {
    /// Frees what the table takes, if it has no entries.
    pub fn release_if_empty(&mut self) {
        if !self.is_empty() || self.directory.is_empty() {
            return;
        }
        let directory = self.directory;
        self.publish(Directory::EMPTY);
        (self.blocks, self.deepest) = (0, 0);
        self.stash = Vec::new();
        let pin = pin();
        // SAFETY: the table kept the directory, which is not published any more, and the segments, which are retired once.
        unsafe {
            directory.segments().for_each(|located| located.retire(&pin));
            directory.retire(&pin);
        }
    }
}

impl<H: KeyHasher> Drop for Table<H> {
    fn drop(&mut self) {
        self.dismantle(&mut || ());
    }
}

impl<H: KeyHasher> Table<H> {
    /// Frees the entries in steps of some microseconds, between which it calls `pause`, and the segments when no
    /// prefetcher looks at them any more. Leaves the table empty.
    pub fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        /// How many segments to retire between two attempts to free what was retired before.
        const SEGMENTS_PER_PIN: usize = 64;
        self.stash = Vec::new();
        self.len = 0;
        if self.directory.is_empty() {
            return;
        }
        let directory = self.directory;
        self.publish(Directory::EMPTY);
        (self.blocks, self.deepest) = (0, 0);
        // SAFETY: the table kept the directory, which is not published any more but not retired yet either.
        let mut segments = unsafe { directory.segments() }.peekable();
        while segments.peek().is_some() {
            let pin = pin();
            for located in segments.by_ref().take(SEGMENTS_PER_PIN) {
                // SAFETY: the table kept the segment, and only retires it below.
                let segment = unsafe { located.segment() };
                segment.occupied().for_each(|slot| drop(segment.remove(slot)));
                // SAFETY: the directory that holds the segment is not published any more.
                unsafe { located.retire(&pin) };
                pause();
            }
            pin.flush();
        }
        let pin = pin();
        // SAFETY: the directory is not published any more.
        unsafe { directory.retire(&pin) };
        pin.flush();
    }
}
