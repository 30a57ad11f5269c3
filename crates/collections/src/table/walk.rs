//! Reaching entries without their keys: scanning, sampling, and by fragment of the hash.

use std::ptr::NonNull;

use crate::entry::RecordRef;
use crate::prefetch::prefetch;

use super::bucket::{SLOTS, tag};
use super::segment::{BLOCK_BUCKETS, BLOCKS_MAX, Slot};
use super::{KeyHasher, Occupied, Place, Stashed, Table};

/// After so many free slots a sample is taken from the next segment that has an entry.
const SAMPLE_ATTEMPTS_MAX: usize = 128;
/// A sample is one of so many buckets, of which a segment has the first ones.
const SAMPLED_BUCKETS: usize = (BLOCKS_MAX * BLOCK_BUCKETS).next_power_of_two();

impl<H: KeyHasher> Table<H> {
    /// Visits all entries whose home bucket is the one at `position`, and returns the next position, or `None` at
    /// the end. The first position is 0.
    ///
    /// A position is a fraction of the hash space, which no change of segments' sizes changes: an entry that is there from
    /// the first call to the last is visited at least once. Entries with the same hash are visited together, and
    /// in the order of the hashes' top bits. Positions are multiples of 2^32.
    pub fn scan(&self, position: u64, visit: &mut dyn FnMut(RecordRef<'_>)) -> Option<u64> {
        if self.directory.is_empty() {
            return None;
        }
        // SAFETY: the directory is not empty, and the table keeps what it points to.
        let located = unsafe { self.directory.locate(position) };
        // SAFETY: as above.
        let segment = unsafe { located.segment() };
        for slot in segment.at_home(located.home(position)) {
            // SAFETY: the table owns the entry and does not change while it is borrowed.
            visit(unsafe { RecordRef::new(segment.entry(slot)) });
        }
        let is_here = |stashed: &&Stashed| located.is_home_of_both(position, stashed.hash);
        self.stash.iter().filter(is_here).for_each(|stashed| visit(stashed.entry.as_ref()));
        located.next_position(position)
    }

    /// A random entry, each with nearly the same probability; `None` only if there is none.
    pub fn sample(&self, random: &mut dyn FnMut() -> u64) -> Option<RecordRef<'_>> {
        if self.is_empty() {
            return None;
        }
        if !self.stash.is_empty() {
            let index = (random() % self.len as u64) as usize;
            if let Some(stashed) = self.stash.get(index) {
                return Some(stashed.entry.as_ref());
            }
        }
        for _ in 0..SAMPLE_ATTEMPTS_MAX {
            // The top bits choose the segment and the lowest the slot.
            let number = random();
            let (bucket, slot) =
                (number as usize % SAMPLED_BUCKETS, number as usize / SAMPLED_BUCKETS % (SLOTS + 1));
            // SAFETY: the directory is not empty, and the table keeps what it points to.
            let located = unsafe { self.directory.locate(number) };
            // A segment that has several words in the directory is chosen as often; make it as rare as the others.
            let surplus = (1 << (self.directory.depth() - located.depth())) - 1;
            let scarcity = number / (SAMPLED_BUCKETS * (SLOTS + 1)) as u64;
            // SAFETY: as above.
            let segment = unsafe { located.segment() };
            if slot == SLOTS || bucket >= segment.buckets() || scarcity & surplus != 0 {
                continue;
            }
            if segment.bucket(bucket).occupied().any(|occupied| occupied == slot) {
                // SAFETY: the table owns the entry and does not change while it is borrowed.
                return Some(unsafe { RecordRef::new(segment.entry(Slot { bucket, slot })) });
            }
        }
        self.sample_sparse(random)
    }

    /// Visits the entries of the bucket at `position` and of the next one, about eight, as long as `visit` says to go on. Returns
    /// the position of the bucket behind these. Entries that a segment had no room for are left out.
    ///
    /// The memory of all of them is asked for at once, which makes this far cheaper than as many random entries.
    pub fn visit_pair(&self, position: u64, visit: &mut dyn FnMut(RecordRef<'_>) -> bool) -> u64 {
        if self.directory.is_empty() {
            return position;
        }
        let mut position = position;
        let mut pair = [NonNull::dangling(); 2 * SLOTS];
        let mut len = 0;
        for _ in 0..2 {
            // SAFETY: the directory is not empty, and the table keeps what it points to.
            let located = unsafe { self.directory.locate(position) };
            // SAFETY: as above.
            let bucket = unsafe { located.segment() }.bucket(located.home(position));
            for slot in bucket.occupied() {
                pair[len] = bucket.entry(slot);
                prefetch(bucket.address(slot));
                len += 1;
            }
            position = located.next_position(position).unwrap_or(0);
        }
        // SAFETY: the table owns the entries and does not change while it is borrowed.
        let mut records = pair[..len].iter().map(|head| unsafe { RecordRef::new(*head) });
        // Not to the end if the visitor does not want that.
        let _ = records.all(visit);
        position
    }

    /// A random entry of the first segment that has any, from a random one on.
    fn sample_sparse(&self, random: &mut dyn FnMut() -> u64) -> Option<RecordRef<'_>> {
        // SAFETY: the directory is not empty, and the table keeps it.
        let located = unsafe { self.directory.locate(random()) };
        // SAFETY: as above; the table does not change while it is borrowed.
        let (from, to) = unsafe { (self.directory.segments(), self.directory.segments()) };
        let around =
            from.skip_while(|other| *other != located).chain(to.take_while(|other| *other != located));
        for located in around {
            // SAFETY: the table keeps its segments.
            let segment = unsafe { located.segment() };
            let len = segment.len();
            if len > 0 {
                let slot = segment.occupied().nth((random() % len as u64) as usize)?;
                // SAFETY: the table owns the entry and does not change while it is borrowed.
                return Some(unsafe { RecordRef::new(segment.entry(slot)) });
            }
        }
        self.stash.first().map(|stashed| stashed.entry.as_ref())
    }

    /// Visits every entry whose hash has these upper 32 bits; the visitor may remove it.
    pub fn visit_fragment(&mut self, fragment: u32, visit: &mut dyn FnMut(Occupied<'_, H>)) {
        if self.directory.is_empty() {
            return;
        }
        let prefix = u64::from(fragment) << 32;
        // SAFETY: the directory is not empty, and the table keeps what it points to.
        let located = unsafe { self.directory.locate(prefix) };
        // SAFETY: as above; segments are not merged until the loop is over.
        let segment = unsafe { located.segment() };
        let len = self.len;
        for slot in segment.with_tag(located.home(prefix), tag(prefix)) {
            // SAFETY: the table owns the entry and does not change here.
            let key = unsafe { RecordRef::new(segment.entry(slot)) }.key();
            let hash = self.hasher.hash(key);
            if (hash >> 32) as u32 == fragment {
                visit(Occupied::without_merge(self, hash, Place::Segment(located, slot)));
            }
        }
        // From the last to the first, because a removal moves the last into the gap.
        for index in (0..self.stash.len()).rev() {
            let hash = self.stash[index].hash;
            if (hash >> 32) as u32 == fragment {
                visit(Occupied::without_merge(self, hash, Place::Stash(index)));
            }
        }
        // As after a single removal: a segment is only counted where it may well have become sparse.
        if self.len < len && segment.may_be_sparse(located.home(prefix)) {
            self.give_back(prefix);
        }
    }
}
