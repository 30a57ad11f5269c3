//! A handle to an entry in the table.

use std::ops::Range;

use crate::collection::Collection;
use crate::entry::{Entry, NewPayload, RecordMut, RecordRef};

use super::{KeyHasher, Place, Table};

/// An entry in the table. The table's slot stays its owner: nobody gets a reference to the slot itself, which
/// prefetchers read at any time.
pub struct Occupied<'a, H: KeyHasher> {
    table: &'a mut Table<H>,
    hash: u64,
    place: Place,
    /// Whether a removal may be followed by a merge, which would move other entries.
    may_merge: bool,
}

impl<'a, H: KeyHasher> Occupied<'a, H> {
    #[inline]
    pub(super) fn new(table: &'a mut Table<H>, hash: u64, place: Place) -> Occupied<'a, H> {
        Occupied { table, hash, place, may_merge: true }
    }

    /// A handle that leaves all other entries where they are.
    pub(super) fn without_merge(table: &'a mut Table<H>, hash: u64, place: Place) -> Occupied<'a, H> {
        Occupied { table, hash, place, may_merge: false }
    }

    /// The hash of the entry's key.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The shared view.
    #[inline]
    pub fn get(&self) -> RecordRef<'_> {
        self.table.record(self.place)
    }

    /// The shared view, for as long as the table is borrowed.
    #[inline]
    pub fn into_ref(self) -> RecordRef<'a> {
        self.table.record(self.place)
    }

    /// The exclusive view.
    #[inline]
    pub fn get_mut(&mut self) -> RecordMut<'_> {
        self.table.record_mut(self.place)
    }

    /// The exclusive view, for as long as the table is borrowed.
    #[inline]
    pub fn into_mut(self) -> RecordMut<'a> {
        self.table.record_mut(self.place)
    }

    /// Puts another entry with the same key in the place of this one, which is returned.
    pub fn replace(&mut self, entry: Entry) -> Entry {
        debug_assert_eq!(entry.as_ref().key(), self.get().key(), "the new entry has another key");
        match self.place {
            Place::Segment(located, slot) => {
                // SAFETY: the table keeps its segments while it is borrowed.
                unsafe { located.segment() }.replace(slot, entry)
            }
            Place::Stash(index) => std::mem::replace(&mut self.table.stash[index].entry, entry),
        }
    }

    /// Takes the entry out of the table.
    pub fn remove(self) -> Entry {
        self.table.len -= 1;
        match self.place {
            Place::Segment(located, slot) => {
                // SAFETY: the table keeps its segments while it is borrowed.
                let segment = unsafe { located.segment() };
                let entry = segment.remove(slot);
                if self.may_merge && segment.may_be_sparse(slot.bucket) {
                    self.table.give_back(self.hash);
                }
                entry
            }
            Place::Stash(index) => self.table.stash.swap_remove(index).entry,
        }
    }

    /// Gives the entry a stamp, another one, or none. Only adding and taking away reallocate.
    pub fn with_stamp(&mut self, stamp: Option<u64>) {
        if let Some(stamp) = stamp
            && self.get_mut().set_stamp(stamp)
        {
            return;
        }
        if self.get().stamp() != stamp {
            let taken = self.get_mut().take_payload();
            let old = self.get();
            let payload = taken.unwrap_or_else(|| old.payload().into());
            let new = Entry::rebuild(old, old.key(), old.kind(), stamp, payload);
            self.replace(new);
        }
    }

    /// Replaces `range` of a payload of bytes by `with`, in place if that is possible. Key, stamp, access and mark stay.
    ///
    /// # Panics
    /// If the payload is no bytes, or the range is not within them.
    pub fn splice(&mut self, kind: u8, range: Range<usize>, with: &[u8]) {
        if !self.get_mut().splice(kind, range.clone(), with) {
            let new = Entry::spliced(self.get(), kind, range, with);
            self.replace(new);
        }
    }

    /// The collection.
    pub fn collection_mut(&mut self) -> Option<&mut Collection> {
        self.table.record_mut(self.place).into_collection_mut()
    }

    /// Gives the entry another value, in place if that is possible. If not, the entry is reallocated and the old
    /// one returned, so that the caller decides where a big value is freed. Key, stamp, access and mark stay.
    pub fn with_payload(&mut self, kind: u8, payload: NewPayload<'_>) -> Option<Entry> {
        if self.get_mut().overwrite(kind, &payload) {
            return None;
        }
        let old = self.get();
        let new = Entry::rebuild(old, old.key(), kind, old.stamp(), payload);
        Some(self.replace(new))
    }
}

impl<H: KeyHasher> Table<H> {
    #[inline]
    fn record(&self, place: Place) -> RecordRef<'_> {
        match place {
            Place::Segment(located, slot) => {
                // SAFETY: the table keeps its segments while it is borrowed.
                let head = unsafe { located.segment() }.entry(slot);
                // SAFETY: the slot owns the entry, which does not change while the table is borrowed.
                unsafe { RecordRef::new(head) }
            }
            Place::Stash(index) => self.stash[index].entry.as_ref(),
        }
    }

    #[inline]
    fn record_mut(&mut self, place: Place) -> RecordMut<'_> {
        match place {
            Place::Segment(located, slot) => {
                // SAFETY: the table keeps its segments while it is borrowed.
                let head = unsafe { located.segment() }.entry(slot);
                // SAFETY: the slot owns the entry, and the table is borrowed exclusively.
                unsafe { RecordMut::new(head) }
            }
            Place::Stash(index) => self.stash[index].entry.as_mut(),
        }
    }
}
